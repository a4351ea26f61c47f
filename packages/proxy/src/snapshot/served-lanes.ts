// Which binds there is a server for; the others fail their listeners, and say so, instead of being served in the clear.
import type { BindLane, BindPlan, Snapshot } from './snapshot.ts';

/** What is served of requests; what passes unread is the tunnels'. */
const served: Readonly<Record<BindLane, boolean>> = { http: true, tls: false, tcp: false, udp: false };

/** The binds that are opened for requests. */
export function servedBinds({ binds, tunnels }: Pick<Snapshot, 'binds' | 'tunnels'>): ReadonlyMap<string, BindPlan> {
  return new Map([...binds].filter(([key, { lane }]) => served[lane] && !tunnels.has(key)));
}

/** Listener key → why it is not served. */
export function unservedListeners({ binds, tunnels }: Pick<Snapshot, 'binds' | 'tunnels'>): Map<string, string> {
  const unserved = [...binds.values()]
    .filter(({ lane }) => !served[lane])
    .flatMap(({ key, lane, listeners }) =>
      listeners
        .filter(({ tls }) => !tunnels.has(key) || (lane === 'tls' && tls?.mode !== 'passthrough'))
        .map((listener) => [listener.key, `${lane} is not served by this version`] as const),
    );
  return new Map(unserved);
}
