// To which listeners a route attaches, and why not to others (Gateway API §parentRefs).
import { intersectHost } from '../../route/hostnames.ts';
import type { Scope } from '../../translate/scope.ts';
import type { Manifest } from '../../world.ts';
import { type GatewayFacts, type ListenerFacts, gatewayFacts, isOwnGateway } from '../gateway/translate.ts';
import { groupOf, kindNamed } from '../registry.ts';
import type { RouteSpec } from '../route/translate.ts';

type ParentRef = NonNullable<RouteSpec['parentRefs']>[number];

/** What a parentRef came to. */
export interface ParentFacts {
  /** As the user wrote it. */
  readonly ref: ParentRef;
  /** Place in `spec.parentRefs`. */
  readonly index: number;
  /** Key of our Gateway; undefined where there is none, and then no status is ours to write. */
  readonly gateway: string | undefined;
  /** Listeners that accepted the route, with the host names both share; empty means every host. */
  readonly listeners: readonly { readonly facts: ListenerFacts; readonly hostnames: readonly string[] }[];
  /** Why no listener did. */
  readonly problem: { readonly reason: string; readonly message: string } | undefined;
}

/** Resolves a parentRef; undefined where it is another controller's. */
export function attachTo(
  route: Manifest,
  { parentRefs = [], hostnames = [] }: RouteSpec,
  index: number,
  scope: Scope,
): ParentFacts | undefined {
  const ref = parentRefs[index]!;
  const { group = 'gateway.networking.k8s.io', kind = 'Gateway', name, namespace = route.metadata.namespace } = ref;
  const none = (reason: string, message: string, gateway?: string): ParentFacts => ({
    ref,
    index,
    gateway,
    listeners: [],
    problem: { reason, message },
  });
  const row = kindNamed(kind);
  if (row?.role !== 'gateway' || row.kind !== kind || groupOf(row) !== group)
    return none('NoMatchingParent', `parents of kind ${kind} of group '${group}' are not supported yet`);
  const gateway = scope.find(kind, namespace, name);
  if (!gateway) return none('NoMatchingParent', `Gateway ${namespace}/${name} does not exist`);
  if (!isOwnGateway(gateway, scope)) return undefined;
  const facts = gatewayFacts(gateway);
  const found = chooseListeners(route, { ref, hostnames }, facts);
  return 'problem' in found
    ? none(found.problem.reason, found.problem.message, facts.key)
    : { ref, index, gateway: facts.key, listeners: found.listeners, problem: undefined };
}

type Chosen =
  | Pick<ParentFacts, 'listeners'>
  | { readonly problem: { readonly reason: string; readonly message: string } };

/** Narrows the Gateway's listeners step by step; the first step that leaves none gives the reason. */
function chooseListeners(
  route: Manifest,
  { ref, hostnames }: { readonly ref: ParentRef; readonly hostnames: readonly string[] },
  { key, listeners }: GatewayFacts,
): Chosen {
  const named = listeners.filter(
    ({ name, port }) =>
      (ref.sectionName === undefined || ref.sectionName === name) && (ref.port === undefined || ref.port === port),
  );
  if (named.length === 0) {
    const known = listeners.map(({ name, port }) => `${name}:${port}`).join(', ') || 'none';
    return refuse('NoMatchingParent', `the Gateway has no such listener; its listeners: ${known}`);
  }
  const isSameNamespace = key === `gateway/${route.metadata.namespace}/${ref.name}`;
  const open = named.filter(
    ({ from, supportedKinds }) =>
      supportedKinds.some(({ kind }) => kind === route.kind) &&
      (from === 'All' || (from === 'Same' && isSameNamespace)),
  );
  if (open.length === 0) {
    const message = `no listener allows an ${route.kind} of namespace ${route.metadata.namespace}`;
    return refuse('NotAllowedByListeners', message);
  }
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
