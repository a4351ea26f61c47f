// The order in which a name's targets are tried: priority, then exact weights, healthy ones first.
import { compileChoice } from '../../snapshot/choose.ts';
import type { TargetHealth } from '../ejection.ts';
import type { Provider } from './profile.ts';

/** A provider and model that may serve a name. */
export interface ModelTarget {
  readonly provider: Provider;
  /** The name sent upstream. */
  readonly model: string;
  readonly weight: number;
  /** Of the target, then of those it stands for; no zeros at the end. */
  readonly priorities: readonly number[];
  readonly health: TargetHealth;
}

/** A name that was resolved, with the state that weights need. */
export interface ModelRoute {
  /** The configured name, for labels; `other` where the name itself is not configured. */
  readonly label: string;
  readonly groups: readonly TargetGroup[];
}

interface TargetGroup {
  readonly targets: readonly ModelTarget[];
  /** The next by weight. */
  readonly choose: () => ModelTarget | undefined;
}

/** Groups targets by priority, lower first. A target whose weight is 0 serves nothing. */
export function toRoute(label: string, targets: readonly ModelTarget[]): ModelRoute {
  const byPriority = Map.groupBy(targets, ({ priorities }) => priorities.join('.'));
  const groups = [...byPriority]
    .toSorted(([, [a]], [, [b]]) => comparePriorities(a!.priorities, b!.priorities))
    .map(([, members]): TargetGroup => ({ targets: members, choose: compileChoice(members) }));
  return { label, groups };
}

/** Outer ones first; what is not given is 0. */
export function comparePriorities(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Every target of the route in the order of trying: the unhealthy of all priorities come last, because they are better than nothing. */
export function order(route: ModelRoute, nowMs: number): ModelTarget[] {
  const usable: ModelTarget[] = [];
  const resting: ModelTarget[] = [];
  for (const { targets, choose } of route.groups) {
    const first = choose();
    const others = targets
      .filter((target) => target !== first && target.weight > 0)
      .toSorted((a, b) => b.weight - a.weight);
    for (const target of first ? [first, ...others] : others)
      (target.health.isUsable(nowMs) ? usable : resting).push(target);
  }
  return [...usable, ...resting.toSorted((a, b) => a.health.waitMs(nowMs) - b.health.waitMs(nowMs))];
}
