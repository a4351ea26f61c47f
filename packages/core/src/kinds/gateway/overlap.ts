// Listeners of a port whose TLS overlaps: a connection to one may be used for a host of another (Gateway API OverlappingTLSConfig).
import type { Condition } from '../../world.ts';
import { hostKeys } from '../../route/hostnames.ts';

/** What of a listener may overlap. */
export interface TlsNames {
  readonly port: number;
  /** Lower-case; empty for any. */
  readonly hostname: string;
  /** DNS names of its certificates. */
  readonly certificateNames: readonly string[];
}

/** The condition of each listener that overlaps with another of its port. */
export function findOverlaps<T extends TlsNames>(listeners: readonly T[]): ReadonlyMap<T, Condition> {
  const conditions = new Map<T, Condition>();
  for (const members of Map.groupBy(listeners, ({ port }) => port).values()) {
    if (members.length < 2) continue;
    for (const one of overlapping(members, ({ hostname }) => [hostname]))
      conditions.set(
        one,
        condition('OverlappingHostnames', 'its host name overlaps with that of another listener of the port'),
      );
    // Where both are so, the standard asks for this reason.
    for (const one of overlapping(members, ({ certificateNames }) => certificateNames))
      conditions.set(
        one,
        condition('OverlappingCertificates', 'its certificate is also for hosts of another listener of the port'),
      );
  }
  return conditions;
}

/** The listeners of which a name is that of another, or lies below a wildcard of another; linear in the names. */
function overlapping<T>(listeners: readonly T[], namesOf: (listener: T) => readonly string[]): Set<T> {
  const holders = new Map<string, Set<T>>();
  for (const listener of listeners)
    for (const name of namesOf(listener)) holders.set(name, (holders.get(name) ?? new Set()).add(listener));
  const found = new Set<T>();
  for (const [name, own] of holders)
    for (const wider of hostKeys(name)) {
      const both = new Set([...own, ...(holders.get(wider) ?? [])]);
      if (both.size > 1) for (const listener of both) found.add(listener);
    }
  return found;
}

function condition(reason: string, message: string): Condition {
  return { type: 'OverlappingTLSConfig', status: 'True', reason, message };
}
