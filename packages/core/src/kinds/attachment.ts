// To which listeners a route of any kind attaches, and why not to others (Gateway API §parentRefs).
import { intersectHost } from '../route/hostnames.ts';
import { type Scope, findGlobal } from '../translate/scope.ts';
import type { Manifest } from '../world.ts';
import { type GatewayFacts, type ListenerFacts, gatewayFacts, isOwnGateway } from './gateway/facts.ts';
import { gatewayOf } from './listener-set/parent.ts';
import { isNamespaceAllowed } from './namespace/labels.ts';
import { groupOf, kindNamed } from './registry.ts';

/** A parent as routes write it. */
export interface ParentReference {
  readonly group?: string | undefined;
  readonly kind?: string | undefined;
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly sectionName?: string | undefined;
  readonly port?: number | undefined;
}

/** What a route says of where it is served. Kinds without host names leave them out. */
export interface RouteClaims {
  readonly parentRefs?: readonly ParentReference[] | undefined;
  readonly hostnames?: readonly string[] | undefined;
  /** All: also every Gateway of `defaultScope: All`. */
  readonly useDefaultGateways?: 'All' | 'None' | undefined;
}

/** What a parent of a route came to. */
export interface ParentFacts {
  /** As the user wrote it; of a default Gateway, as it would be written. */
  readonly ref: ParentReference;
  /** Place in `spec.parentRefs`; undefined for a default Gateway. */
  readonly index: number | undefined;
  /** Key of our Gateway; undefined where there is none, and then no status is ours to write. */
  readonly gateway: string | undefined;
  /** Listeners that accepted the route, with the host names both share; empty means every host. */
  readonly listeners: readonly AttachedListener[];
  /** Why no listener did. */
  readonly problem: { readonly reason: string; readonly message: string } | undefined;
}

/** A listener that accepted a route. */
export interface AttachedListener {
  readonly facts: ListenerFacts;
  /** Host names both share, sorted; empty means every host. */
  readonly hostnames: readonly string[];
}

/** Resolves the parents of a route: its kind, namespace and claims against the listeners there are. Parents of other controllers are left out. */
export function attachRoute(route: Manifest, claims: RouteClaims, scope: Scope): ParentFacts[] {
  const { parentRefs = [], hostnames = [], useDefaultGateways } = claims;
  const parents = parentRefs.flatMap((ref, index) => resolve(route, { ref, index, hostnames }, scope) ?? []);
  if (useDefaultGateways !== 'All') return parents;
  const defaults = scope.defaultGateways().flatMap(({ metadata: { namespace, name } }) => {
    const ref = { namespace, name };
    // What the route names itself it has asked for in its own words.
    const isNamed = parents.some(({ gateway }) => gateway === `gateway/${namespace}/${name}`);
    return isNamed ? [] : (resolve(route, { ref, index: undefined, hostnames }, scope) ?? []);
  });
  return [...parents, ...defaults];
}

/** The path of a parent in the route that names it. */
export function toParentPath(index: number | undefined): string {
  return index === undefined ? 'spec.useDefaultGateways' : `spec.parentRefs[${index}]`;
}

/** The listeners that are to serve a route, by the key of their Gateway; listeners that cannot be served are left out. */
export function servedListeners(
  parents: readonly ParentFacts[],
): ReadonlyMap<string, readonly { readonly listener: string; readonly hostnames: string[] }[]> {
  const byGateway = new Map<string, Map<string, readonly string[]>>();
  for (const { gateway, listeners } of parents) {
    if (gateway === undefined) continue;
    for (const { facts, hostnames } of listeners) {
      if (!facts.isServed) continue;
      const attached = byGateway.get(gateway) ?? new Map<string, readonly string[]>();
      byGateway.set(gateway, attached.set(facts.key, hostnames));
    }
  }
  return new Map(
    [...byGateway].map(([gateway, attached]) => [
      gateway,
      [...attached]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([listener, hostnames]) => ({ listener, hostnames: [...hostnames] })),
    ]),
  );
}

interface Claim {
  readonly ref: ParentReference;
  readonly index: number | undefined;
  readonly hostnames: readonly string[];
}

function resolve(route: Manifest, claim: Claim, scope: Scope): ParentFacts | undefined {
  const { ref, index } = claim;
  const { group = 'gateway.networking.k8s.io', kind = 'Gateway', name, namespace = route.metadata.namespace } = ref;
  const none = (reason: string, message: string, gateway?: string): ParentFacts => ({
    ref,
    index,
    gateway,
    listeners: [],
    problem: { reason, message },
  });
  const row = kindNamed(kind);
  if ((row?.role !== 'gateway' && row?.role !== 'listenerSet') || row.kind !== kind || groupOf(row) !== group)
    return none('NoMatchingParent', `kind ${kind} of group '${group}' cannot be a parent`);
  const parent = scope.find(kind, namespace, name);
  if (!parent) return none('NoMatchingParent', `${kind} ${namespace}/${name} does not exist`);
  const gateway = row.role === 'gateway' ? parent : gatewayOf(parent, scope);
  if (!gateway) return none('NoMatchingParent', `the Gateway of ${kind} ${namespace}/${name} does not exist`);
  if (!isOwnGateway(gateway, scope)) return undefined;
  const facts = gatewayFacts(gateway, scope);
  const offered = offeredBy(parent, facts);
  if (typeof offered === 'string') return none('NoMatchingParent', offered, facts.key);
  const found = chooseListeners(route, claim, offered, scope);
  return 'problem' in found
    ? none(found.problem.reason, found.problem.message, facts.key)
    : { ref, index, gateway: facts.key, listeners: found.listeners, problem: undefined };
}

/** The listeners that a parent has to offer; a text says why it has none. A Gateway does not offer those of its sets. */
function offeredBy(parent: Manifest, { listeners, sets }: GatewayFacts): readonly ListenerFacts[] | string {
  if (parent.kind === 'Gateway') return listeners;
  const set = sets.find((candidate) => candidate.set === parent);
  if (!set || set.refusal) return `the ListenerSet is not attached to its Gateway: ${set?.refusal?.message ?? ''}`;
  return set.listeners;
}

type Chosen =
  | Pick<ParentFacts, 'listeners'>
  | { readonly problem: { readonly reason: string; readonly message: string } };

/** Narrows the listeners step by step; the first step that leaves none gives the reason. */
function chooseListeners(
  route: Manifest,
  { ref, hostnames }: Claim,
  listeners: readonly ListenerFacts[],
  scope: Scope,
): Chosen {
  const { namespace } = route.metadata;
  const named = listeners.filter(
    ({ name, port }) =>
      (ref.sectionName === undefined || ref.sectionName === name) && (ref.port === undefined || ref.port === port),
  );
  if (named.length === 0) {
    const all = listeners.map(({ name, port }) => `${name}:${port}`).join(', ') || 'none';
    return refuse('NoMatchingParent', `the ${ref.kind ?? 'Gateway'} has no such listener; its listeners: ${all}`);
  }
  const open = named.filter(
    ({ allowed, owner, supportedKinds }) =>
      supportedKinds.some(({ kind }) => kind === route.kind) &&
      isNamespaceAllowed(allowed, { owner: owner.metadata.namespace, other: namespace }, (name) =>
        findGlobal(scope, 'Namespace', name),
      ),
  );
  if (open.length === 0)
    return refuse('NotAllowedByListeners', `no listener allows ${route.kind}s of namespace ${namespace}`);
  const shared = open.flatMap((facts) => {
    const both = sharedHosts(facts.hostname, hostnames);
    return both ? [{ facts, hostnames: both }] : [];
  });
  return shared.length > 0
    ? { listeners: shared }
    : refuse('NoMatchingListenerHostname', 'no listener has a host name in common with the route');
}

function refuse(reason: string, message: string): Chosen {
  return { problem: { reason, message } };
}

/** The host names both sides share, sorted, empty for every host; undefined when there is none. */
function sharedHosts(listener: string, route: readonly string[]): string[] | undefined {
  if (route.length === 0) return listener === '' ? [] : [listener];
  const shared = route.flatMap((host) => intersectHost(listener, host.toLowerCase()) ?? []);
  return shared.length > 0 ? [...new Set(shared)].sort() : undefined;
}
