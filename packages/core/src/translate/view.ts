// What each Gateway's proxies hold: its listeners, and everything those reach by reference (contracts 4, 5).
import type { EncodedResource } from '@agentgateway/api/keys.ts';
import type { BackendTranslated } from '../kinds/backend.ts';
import type { GatewayTranslated } from '../kinds/gateway/translate.ts';
import type { RouteTranslated } from '../kinds/route/translate.ts';
import type { TargetFacts } from '../kinds/policy/targets.ts';
import { type PolicyPart, encodePolicy } from '../kinds/policy/translate.ts';

/** Everything translated, by key. */
export interface TranslatedWorld {
  readonly gateways: ReadonlyMap<string, GatewayTranslated>;
  readonly routes: ReadonlyMap<string, RouteTranslated>;
  readonly backends: ReadonlyMap<string, BackendTranslated>;
  readonly secrets: ReadonlyMap<string, EncodedResource>;
  /** Policies with the targets that no older policy took. */
  readonly policies: readonly { readonly part: PolicyPart; readonly targets: readonly TargetFacts[] }[];
}

/** Encodes a policy for the targets of a view, once for each set of targets. */
export class PolicyEncodings {
  readonly #held = new WeakMap<PolicyPart, Map<string, EncodedResource | undefined>>();

  /** The resource; undefined where nothing of the policy goes into the view. */
  encode(part: PolicyPart, targets: readonly TargetFacts[]): EncodedResource | undefined {
    const byTargets = this.#held.get(part) ?? new Map<string, EncodedResource | undefined>();
    this.#held.set(part, byTargets);
    const id = targets.map(({ index }) => index).join(' ');
    if (!byTargets.has(id)) byTargets.set(id, encodePolicy(part, targets));
    return byTargets.get(id);
  }
}

/** What a Gateway's proxies hold. */
export interface View {
  /** Sorted by type and key. */
  readonly resources: readonly EncodedResource[];
  /** Keys of the objects in it that policies may target. */
  readonly held: ReadonlySet<string>;
}

/** The view of a Gateway. */
export function assembleView(gateway: string, world: TranslatedWorld, encodings: PolicyEncodings): View {
  const {
    resources: listeners = new Map<string, EncodedResource>(),
    sets = [],
    secrets: own = [],
  } = world.gateways.get(gateway) ?? {};
  const view: EncodedResource[] = [...listeners.values()];
  const held = new Set<string>([gateway]);
  for (const { facts } of sets) if (!facts.refusal) held.add(facts.key);
  const secrets = new Set<string>(own);
  const reach = (key: string): void => {
    const backend = world.backends.get(key);
    if (!backend || held.has(key)) return;
    held.add(key);
    view.push(...backend.resources);
    for (const secret of backend.secrets) secrets.add(secret);
    for (const other of backend.backends) reach(other);
  };
  for (const [key, route] of world.routes) {
    const resource = route.resources.get(gateway);
    const isServed = route.parents.some((parent) => parent.listeners.some(({ facts }) => listeners.has(facts.key)));
    if (!resource || !isServed) continue;
    held.add(key);
    view.push(resource);
    for (const backend of route.backends) reach(backend);
    for (const secret of route.secrets) secrets.add(secret);
  }
  for (const { part, targets } of world.policies) {
    const resource = encodings.encode(
      part,
      targets.filter(({ key }) => held.has(key)),
    );
    if (!resource) continue;
    view.push(resource);
    for (const secret of part.secrets) secrets.add(secret);
  }
  for (const key of secrets) {
    const secret = world.secrets.get(key);
    if (secret) view.push(secret);
  }
  return { resources: view.sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1)), held };
}

function idOf({ typeUrl, key }: EncodedResource): string {
  return `${typeUrl} ${key}`;
}
