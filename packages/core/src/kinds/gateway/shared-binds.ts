// Gateways that one process serves together: listeners of several on one address and port are one set (Gateway API §Distinct Listeners).
import { toEpochMs } from '../../translate/time.ts';
import type { Condition } from '../../world.ts';
import { findConflicts } from './conflict.ts';
import type { ListenerShape } from './listener.ts';
import type { GatewayTranslated } from './translate.ts';
import type { ListenerTranslated } from './translate-listener.ts';

/**
 * The listeners that another Gateway's, or one of its sets', keep from being served where all Gateways share the sockets of
 * a process: the oldest Gateway wins, then the first by name. Binds are shared where the addresses are written alike.
 */
export function findSharedConflicts(gateways: readonly GatewayTranslated[]): ReadonlyMap<string, Condition> {
  const byAge = gateways.toSorted((a, b) => ageOf(a) - ageOf(b) || (a.facts.key < b.facts.key ? -1 : 1));
  const byAddress = new Map<string, (readonly ListenerShape[])[]>();
  for (const { facts, listeners, sets } of byAge)
    for (const address of facts.addresses.length > 0 ? facts.addresses : ['']) {
      const objects = byAddress.get(address) ?? [];
      byAddress.set(address, objects);
      objects.push(...[listeners, ...sets.map((set) => set.listeners)].map(sentOf));
    }
  const conflicts = new Map<string, Condition>();
  for (const objects of byAddress.values())
    for (const [{ key }, condition] of findConflicts(objects)) conflicts.set(key, condition);
  return conflicts;
}

/** A Gateway without the listeners that conflict with another Gateway's. */
export function withConflicts(
  gateway: GatewayTranslated,
  conflicts: ReadonlyMap<string, Condition>,
): GatewayTranslated {
  const keys = [...gateway.resources.keys()].filter((key) => conflicts.has(key));
  if (keys.length === 0) return gateway;
  const settle = (listener: ListenerTranslated): ListenerTranslated => {
    const conflict = conflicts.get(listener.facts.key);
    return conflict ? withConflict(listener, conflict) : listener;
  };
  return {
    ...gateway,
    listeners: gateway.listeners.map(settle),
    sets: gateway.sets.map((set) => ({ ...set, listeners: set.listeners.map(settle) })),
    resources: new Map([...gateway.resources].filter(([key]) => !conflicts.has(key))),
  };
}

function withConflict(listener: ListenerTranslated, conflict: Condition): ListenerTranslated {
  const { message } = conflict;
  const fault = {
    path: `spec.listeners[${listener.facts.index}]`,
    condition: 'Conflicted',
    reason: conflict.reason,
    message,
  };
  return {
    ...listener,
    conditions: [
      { type: 'Accepted', status: 'False', reason: conflict.reason, message },
      listener.conditions[1]!,
      conflict,
    ],
    isValid: false,
    message: undefined,
    faults: [...listener.faults, fault],
  };
}

function sentOf(listeners: readonly ListenerTranslated[]): ListenerShape[] {
  return listeners.filter(({ message }) => message !== undefined).map(({ facts }) => facts);
}

function ageOf({ facts: { gateway } }: GatewayTranslated): number {
  return toEpochMs(gateway.metadata.creationTimestamp) ?? 0;
}
