// Listeners → binds: which share a socket, and which of them a connection or a request belongs to (Gateway API listener isolation).
import { hostKeys, plainHost, selectByHostname } from '@agentgateway/core/route/hostnames.ts';
import type { BindLane, BindPlan, ListenerPlan } from './snapshot.ts';

/** A listener with where it is bound. */
export interface BoundListener {
  readonly plan: ListenerPlan;
  /** IP addresses; empty for the default. */
  readonly addresses: readonly string[];
  readonly port: number;
}

const lanes: Readonly<Record<ListenerPlan['protocol'], BindLane>> = {
  HTTP: 'http',
  HTTPS: 'tls',
  TLS: 'tls',
  TCP: 'tcp',
  UDP: 'udp',
};

/** Listeners by socket, in the order of their keys, so that the history of updates does not show. */
export function toBinds(listeners: ReadonlyMap<string, BoundListener>): Map<string, BindPlan> {
  const places = [...listeners]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([key, { plan, addresses, port }]) =>
      (addresses.length > 0 ? addresses : ['']).map((address) => ({ key, plan, address, port })),
    );
  const groups = Map.groupBy(places, bindKey);
  return new Map(
    [...groups].map(([key, members]) => {
      const { address, port, plan } = members[0]!;
      const plans = members.map((member) => member.plan);
      return [key, toBind({ key, address, port, lane: lanes[plan.protocol] }, plans)];
    }),
  );
}

/**
 * Listeners with the same address, port and lane share a socket; what has no business on one, such as HTTP and TLS, does
 * not, so that the second to be opened fails and says so. Port 0 is any free port: another one for each listener.
 */
function bindKey(place: {
  readonly key: string;
  readonly plan: ListenerPlan;
  readonly address: string;
  readonly port: number;
}): string {
  const lane = lanes[place.plan.protocol];
  const socket = `${place.address}:${place.port}${lane === 'http' ? '' : `/${lane}`}`;
  return place.port === 0 ? `${socket} ${place.key}` : socket;
}

function toBind(
  head: Pick<BindPlan, 'key' | 'address' | 'port' | 'lane'>,
  listeners: readonly ListenerPlan[],
): BindPlan {
  // Behind TLS, only what ends it sees requests.
  const byHost = select(listeners.filter(({ protocol }) => protocol === 'HTTP' || protocol === 'HTTPS'));
  const bySni = select(listeners);
  return {
    ...head,
    listeners,
    select: byHost,
    selectBySni: (name) => bySni(toSni(name)),
    isMisdirected: (connection, authority) => {
      const listener = byHost(authority);
      return listener !== undefined && listener !== connection;
    },
  };
}

/** One listener for every host needs no look-up. */
function select(listeners: readonly ListenerPlan[]): (authority: string) => ListenerPlan | undefined {
  const only = listeners.length === 1 && listeners[0]!.hostname === '' ? listeners[0] : undefined;
  return only ? () => only : selectByHostname(listeners);
}

/** A server name as hosts are compared: lower-case, without a last dot; nothing where the client named none. */
function toSni(name: string | undefined): string {
  return (name ?? '').toLowerCase().replace(/\.$/, '');
}

/** What is known of a certificate when one is to be chosen. */
export interface CertificateNames {
  /** DNS names in lower case, wildcards as `*.suffix`. */
  readonly names: readonly string[];
}

/**
 * Which of a listener's certificates to show for a server name: those with the longest match, in the order of the user, so
 * that an RSA and an ECDSA certificate for one host are both offered; where none matches, the first of all and those for the
 * same names. A wildcard in a certificate stands for one label (RFC 6125 §6.4.3), not for several as in listeners.
 */
export function chooseCertificates<T extends CertificateNames>(
  certificates: readonly T[],
  sni: string | undefined,
): readonly T[] {
  const host = plainHost(toSni(sni));
  const dot = host.indexOf('.');
  const wildcard = dot > 0 ? `*${host.slice(dot)}` : undefined;
  for (const key of hostKeys(host)) {
    if (key === '' || (key !== host && key !== wildcard)) continue;
    const matching = certificates.filter(({ names }) => names.includes(key));
    if (matching.length > 0) return matching;
  }
  const first = certificates[0]?.names.join(' ');
  return certificates.filter(({ names }) => names.join(' ') === first);
}
