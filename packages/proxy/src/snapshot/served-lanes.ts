// Which sockets are opened for requests alone; all others are opened by tunnels, which hand over what ends in requests.
import type { BindPlan, Snapshot } from './snapshot.ts';

/** The binds on which nothing but requests arrives. */
export function requestBinds({ binds }: Pick<Snapshot, 'binds'>): ReadonlyMap<string, BindPlan> {
  return new Map([...binds].filter(([, { lane }]) => lane === 'http'));
}
