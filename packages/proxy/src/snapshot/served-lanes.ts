// Which binds there is a server for; the others fail their listeners, and say so, instead of being served in the clear.
import type { BindLane, BindPlan } from './snapshot.ts';

const served: Readonly<Record<BindLane, boolean>> = { http: true, tls: false, tcp: false, udp: false };

/** The binds that can be opened. */
export function servedBinds(binds: ReadonlyMap<string, BindPlan>): ReadonlyMap<string, BindPlan> {
  return new Map([...binds].filter(([, { lane }]) => served[lane]));
}

/** Listener key → why it is not served, for the listeners of all other binds. */
export function unservedListeners(binds: ReadonlyMap<string, BindPlan>): Map<string, string> {
  return new Map(
    [...binds.values()]
      .filter(({ lane }) => !served[lane])
      .flatMap(({ lane, listeners }) => listeners.map(({ key }) => [key, `${lane} is not served by this version`])),
  );
}
