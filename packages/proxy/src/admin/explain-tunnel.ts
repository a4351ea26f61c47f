// Why a connection or datagram would go where it goes: the same choices as tunnels make, told instead of made.
import { toHostPort } from '@agentgateway/core/authority.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { ListenerMode, TunnelBindPlan, TunnelRoute, TunnelTimeouts } from '../tunnel/plan.ts';

/** What is asked: `tcp://ADDRESS:PORT`, `tls://NAME:PORT` or `udp://ADDRESS:PORT`; address and name may be left out. */
export interface TunnelQuestion {
  readonly url: string;
  readonly scheme: 'tcp' | 'tls' | 'udp';
  /** Lower-case; empty where it was left out. */
  readonly host: string;
  readonly port: number;
}

/** The answer. */
export interface TunnelExplanation {
  readonly question: { readonly url: string };
  readonly bind: string | undefined;
  readonly listener: string | undefined;
  /** What the listener does with it. */
  readonly mode: ListenerMode | undefined;
  readonly route: string | undefined;
  readonly rule: string | undefined;
  /** Routes of the listener that want the same and get nothing, because they are younger. */
  readonly shadowed: readonly string[];
  readonly backends: readonly {
    readonly key: string;
    readonly port: number;
    readonly weight: number;
    readonly invalid: string | undefined;
    /** Version of the PROXY protocol it is told in. */
    readonly proxyVersion: number | undefined;
    /** Of them, the one with fewer open connections of two drawn at random gets the next. */
    readonly endpoints: readonly string[];
  }[];
  readonly timeouts: TunnelTimeouts | undefined;
  /** How connections begin, where the PROXY protocol is read. */
  readonly proxyHeader: string | undefined;
  /** Policies that apply, as `kind (key)`, outermost first. */
  readonly policies: readonly string[];
  readonly refusal: { readonly reason: string; readonly message: string } | undefined;
}

/** Reads a question; a text says what is wrong with it, undefined that it is about requests. */
export function readTunnelQuestion(url: string): TunnelQuestion | string | undefined {
  const scheme = /^(tcp|tls|udp):\/\//i.exec(url)?.[1]?.toLowerCase() as TunnelQuestion['scheme'] | undefined;
  if (!scheme) return undefined;
  const [, bracketed, plain, portText] =
    /^\w+:\/\/(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]*)):([0-9]{1,5})\/?$/i.exec(url) ?? [];
  const port = Number(portText);
  if (portText === undefined || port > 65_535)
    return `the URL is '${url}'; write one such as tcp://:9000, tls://db.example.com:8443 or udp://:53`;
  return { url, scheme, host: (bracketed ?? plain ?? '').toLowerCase(), port };
}

/** Explains a question that {@link readTunnelQuestion} has read. */
export function explainTunnel(snapshot: Snapshot, question: TunnelQuestion): TunnelExplanation {
  const { url, scheme, host, port } = question;
  const nothing = { bind: undefined, listener: undefined, mode: undefined, route: undefined, rule: undefined };
  const base = {
    question: { url },
    ...nothing,
    shadowed: [],
    backends: [],
    timeouts: undefined,
    proxyHeader: undefined,
    policies: [],
  };
  const bind = findBind(snapshot, question);
  if (!bind) {
    const known = [...snapshot.tunnels.values()].filter((one) => fits(one, scheme)).map(({ key }) => key);
    const message = `nothing takes ${scheme} on port ${port}; served: ${known.join(', ') || 'none'}`;
    return { ...base, refusal: { reason: 'connection refused', message } };
  }
  const name = scheme === 'tls' && host !== '' ? host : undefined;
  const listener = bind.select(name);
  if (!listener) {
    const names = bind.listeners.map(({ hostname }) => hostname || '*').join(', ');
    const message = `no listener on ${bind.key} serves this name; names served: ${names}`;
    return { ...base, bind: bind.key, refusal: { reason: 'listener-not-found', message } };
  }
  const { key, mode, proxyHeader } = listener;
  const place = { bind: bind.key, listener: key, mode, proxyHeader: proxyHeader?.mode };
  if (mode === 'http')
    return {
      ...base,
      ...place,
      refusal: { reason: 'requests', message: `${key} reads requests: ask with METHOD URL` },
    };
  const route = listener.route(name);
  if (!route) {
    const message = `no route of this listener wants ${name ?? 'it'}`;
    return { ...base, ...place, refusal: { reason: 'route-not-found', message } };
  }
  const backends = explainBackends(snapshot, route, scheme);
  const shadowed = scheme === 'tls' ? [] : listener.routes.filter((one) => one !== route).map((one) => one.key);
  return {
    ...base,
    ...place,
    route: route.key,
    rule: route.rule || 'rules[0]',
    shadowed,
    backends,
    timeouts: route.timeouts,
    policies: route.policies,
    refusal: refusalOf(route.key, backends),
  };
}

function explainBackends(
  snapshot: Snapshot,
  { backends }: TunnelRoute,
  scheme: TunnelQuestion['scheme'],
): TunnelExplanation['backends'] {
  const transport = scheme === 'udp' ? 'udp' : 'tcp';
  return backends.map(({ key, port, weight, invalid, proxyVersion }) => {
    const endpoints = snapshot.backend(key)?.endpoints?.({ snapshot, port, transport }) ?? [];
    return { key, port, weight, invalid, proxyVersion, endpoints: endpoints.map(toHostPort) };
  });
}

/** Set where every backend with weight would refuse. */
function refusalOf(route: string, backends: TunnelExplanation['backends']): TunnelExplanation['refusal'] {
  const chosen = backends.filter(({ weight }) => weight > 0);
  if (chosen.length === 0) return { reason: 'backend-invalid', message: `route ${route} has no backend with weight` };
  if (chosen.some(({ invalid, endpoints }) => invalid === undefined && endpoints.length > 0)) return undefined;
  const [first] = chosen;
  if (first!.invalid !== undefined) return { reason: 'backend-invalid', message: `${first!.key}: ${first!.invalid}` };
  return { reason: 'no-healthy-endpoint', message: `${first!.key} has no ready endpoint on port ${first!.port}` };
}

function findBind({ tunnels }: Snapshot, { scheme, host, port }: TunnelQuestion): TunnelBindPlan | undefined {
  const onPort = [...tunnels.values()].filter((bind) => bind.port === port && fits(bind, scheme));
  // A name in TLS is not where one connects to.
  return onPort.find(({ address }) => scheme !== 'tls' && address === host) ?? onPort[0];
}

function fits({ transport, isTls }: TunnelBindPlan, scheme: TunnelQuestion['scheme']): boolean {
  return scheme === 'udp' ? transport === 'udp' : transport === 'tcp' && isTls === (scheme === 'tls');
}
