// HTTPRoutes and GRPCRoutes that want the same host of one listener: the oldest keeps it (Gateway API GRPCRouteSpec.hostnames).
import { intersectHost } from '../route/hostnames.ts';
import { type ParentFacts, toParentPath } from '../kinds/attachment.ts';
import type { RouteTranslated } from '../kinds/route/translate.ts';
import type { Manifest } from '../world.ts';
import type { Fault, Translated } from './scope.ts';
import { toEpochMs } from './time.ts';
import { nameOf } from './world-index.ts';

type Route = Translated<RouteTranslated>;

/** A route that keeps its place on a listener. */
interface Settled {
  readonly object: Manifest;
  readonly hostnames: readonly string[];
}

/** Kinds that are told apart by nothing but their host names. */
const contested = new Set(['HTTPRoute', 'GRPCRoute']);

/** The routes without the listeners that an older one of the other kind has; what is lost is added to `faults`. */
export function settleRoutes(routes: readonly Route[], faults: ReadonlyMap<Manifest, Fault[]>): readonly Route[] {
  const kindsOf = new Map<string, Set<string>>();
  for (const { object, value } of routes)
    if (contested.has(object.kind))
      for (const { listeners } of value.parents)
        for (const { facts } of listeners)
          kindsOf.set(facts.key, (kindsOf.get(facts.key) ?? new Set()).add(object.kind));
  const mixed = new Set([...kindsOf].filter(([, kinds]) => kinds.size > 1).map(([key]) => key));
  if (mixed.size === 0) return routes;
  const settled = new Map<string, Settled[]>();
  const changed = new Map<Route, Route>();
  for (const route of routes.filter(({ object }) => contested.has(object.kind)).toSorted(byAge)) {
    const parents = route.value.parents.map((parent) => settleParent(route, parent, mixed, settled));
    if (parents.every((parent, index) => parent === route.value.parents[index])) continue;
    for (const { index, problem } of parents)
      if (problem?.reason === 'Conflicted')
        faults.get(route.object)?.push({ path: toParentPath(index), condition: 'Accepted', ...problem });
    const value = { ...route.value, parents, resources: route.value.encode(parents) };
    changed.set(route, { ...route, value });
  }
  return routes.map((route) => changed.get(route) ?? route);
}

function settleParent(
  { object }: Route,
  parent: ParentFacts,
  mixed: ReadonlySet<string>,
  settled: Map<string, Settled[]>,
): ParentFacts {
  let winner: Manifest | undefined;
  const listeners = parent.listeners.filter(({ facts: { key }, hostnames }) => {
    if (!mixed.has(key)) return true;
    const others = settled.get(key) ?? [];
    const older = others.find((other) => other.object.kind !== object.kind && isShared(other.hostnames, hostnames));
    winner ??= older?.object;
    if (!older) settled.set(key, [...others, { object, hostnames }]);
    return older === undefined;
  });
  if (!winner) return parent;
  const message = `the older ${nameOf(winner)} is served for the same host names`;
  return { ...parent, listeners, problem: listeners.length > 0 ? undefined : { reason: 'Conflicted', message } };
}

/** Whether two lists have a host in common; an empty one stands for every host. */
function isShared(one: readonly string[], other: readonly string[]): boolean {
  if (one.length === 0 || other.length === 0) return true;
  return one.some((a) => other.some((b) => intersectHost(a, b) !== undefined));
}

function byAge(a: Route, b: Route): number {
  const age =
    (toEpochMs(a.object.metadata.creationTimestamp) ?? 0) - (toEpochMs(b.object.metadata.creationTimestamp) ?? 0);
  const nameOfRoute = ({ object: { metadata } }: Route): string => `${metadata.namespace}/${metadata.name}`;
  return age || (nameOfRoute(a) < nameOfRoute(b) ? -1 : 1);
}
