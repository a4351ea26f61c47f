// Which bind and listener a URL would meet, and why none: the first half of an explanation.
import { plainHost } from '@agentgateway/core/route/hostnames.ts';
import type { BindPlan, ListenerPlan, Snapshot } from '../snapshot/snapshot.ts';

/** What was found, as far as the way goes. */
export interface FoundListener {
  readonly bind: BindPlan | undefined;
  readonly listener: ListenerPlan | undefined;
  /** Set where the request would get no further. */
  readonly refusal: { readonly reason: string; readonly message: string } | undefined;
}

/** Finds the bind of an authority's port and its listener for the host, which over TLS is the server name as well. */
export function findListener(snapshot: Snapshot, authority: string, isSecure: boolean): FoundListener {
  const bind = findBind(snapshot, authority, isSecure);
  const refuse = (reason: string, message: string, listener?: ListenerPlan): FoundListener => ({
    bind,
    listener,
    refusal: { reason, message },
  });
  if (!bind) {
    const known = [...snapshot.binds.keys()].join(', ') || 'none';
    return refuse('connection refused', `nothing listens on the port of ${authority}; ports served: ${known}`);
  }
  if (bind.lane === 'tcp' || bind.lane === 'udp')
    return refuse('no-http', `${bind.key} serves ${bind.lane.toUpperCase()}, whose content is not looked at`);
  if (bind.lane === 'tls' && !isSecure) return refuse('no-tls', `${bind.key} speaks TLS; ask with https://`);
  const listener = bind.lane === 'tls' ? bind.selectBySni(plainHost(authority)) : bind.select(authority);
  if (!listener) {
    const names = bind.listeners.map(({ hostname }) => hostname || '*').join(', ');
    return refuse('listener-not-found', `no listener on ${bind.key} serves this host; hosts served: ${names}`);
  }
  if (listener.protocol === 'TLS') {
    const how = listener.tls?.mode === 'passthrough' ? 'passes TLS on' : 'ends TLS and passes on what is in it';
    return refuse('no-http', `${listener.key} ${how}; requests are not looked at`, listener);
  }
  return { bind, listener, refusal: undefined };
}

/**
 * The bind of a port; without a port that of the scheme, or the only one there is. Of several the one of the address in the
 * URL, else that of the default address, and the one that speaks as the URL does.
 */
function findBind(snapshot: Snapshot, authority: string, isSecure: boolean): BindPlan | undefined {
  const binds = [...snapshot.binds.values()];
  const address = plainHost(authority).replace(/^\[|\]$/g, '');
  const lane: BindPlan['lane'] = isSecure ? 'tls' : 'http';
  const far = (bind: BindPlan): number =>
    (bind.address === address ? 0 : bind.address === '' ? 2 : 4) + (bind.lane === lane ? 0 : 1);
  const at = (number: number): BindPlan | undefined =>
    binds.filter((bind) => bind.port === number).toSorted((a, b) => far(a) - far(b))[0];
  const port = /:([0-9]+)$/.exec(authority)?.[1];
  if (port !== undefined) return at(Number(port));
  return at(isSecure ? 443 : 80) ?? (binds.length === 1 ? binds[0] : undefined);
}

/** A listener on one line: protocol, host, and how its clients are received. */
export function describeListener({ protocol, hostname, tls }: ListenerPlan): string {
  const words = [protocol, hostname === '' ? 'every host' : hostname];
  if (tls?.mode === 'terminate') {
    const { certificates, minVersion, maxVersion, clients } = tls;
    words.push(`${certificates.length} certificate${certificates.length === 1 ? '' : 's'}`);
    if (minVersion) words.push(`from ${minVersion}`);
    if (maxVersion) words.push(`up to ${maxVersion}`);
    if (clients?.invalid !== undefined) words.push(`lets nobody in: ${clients.invalid}`);
    else if (clients) words.push(`client certificates ${clients.mode === 'require' ? 'required' : 'asked for'}`);
  } else if (tls) words.push('TLS passes');
  return words.join(', ');
}
