// Parts → snapshot: attaches routes to listeners and policies to both, again only for what changed (contract 3).
import { typeUrls } from '@agentgateway/api/keys.ts';
import type { EndpointAddress } from '@agentgateway/core/exchange.ts';
import { compileRouter } from '@agentgateway/core/route/router.ts';
import type { Target } from '@agentgateway/core/target.ts';
import { type BoundListener, toBinds } from './bind-plan.ts';
import type { Part } from './compile.ts';
import { Generation } from './generation.ts';
import type { Scope } from './lifetimes.ts';
import { type LinkedRoute, type RouteInputs, linkRoute } from './link-rule.ts';
import { TunnelLinker } from './link-tunnels.ts';
import { placesAbove } from './places.ts';
import { type Level, PolicyIndex, type Use } from './policy-index.ts';
import { nameOf } from './resource-name.ts';
import type { ListenerPlan, RulePlan, Snapshot } from './snapshot.ts';
import type { HeldPart, PartChange, ScopedEnvironment } from './store.ts';

/** A listener as the last snapshot has it. */
interface LinkedListener extends BoundListener {
  /** The places above its routes that policies may be attached to, outermost first. */
  readonly levels: readonly Level[];
  readonly routes: ReadonlyMap<string, LinkedRoute>;
  /** What its own chain, for requests that match no rule, holds of the policy index. */
  readonly uses: readonly Use[];
}

/** What is held, by name. */
type ReadonlyParts = ReadonlyMap<string, HeldPart>;

/** What is to be linked again of a listener: everything, or some of its routes. */
type Dirt = 'all' | Set<string>;

type Held<K extends Part['kind']> = HeldPart & { readonly part: Extract<Part, { kind: K }> };

/** Builds snapshots, keeping what earlier ones were built from. After a throw it is not to be used any more. */
export class Linker {
  readonly #policies: PolicyIndex;
  readonly #tunnels: TunnelLinker;
  readonly #listeners = new Map<string, LinkedListener>();
  /** Listener key → keys of the routes that name it, whether it exists or not. */
  readonly #routesOf = new Map<string, Set<string>>();

  constructor(environment: ScopedEnvironment) {
    this.#policies = new PolicyIndex(environment);
    this.#tunnels = new TunnelLinker(this.#policies);
  }

  /** The next snapshot after these changes, which `parts` has already. `replaced` is what only older snapshots hold. */
  link(
    parts: ReadonlyParts,
    changes: readonly PartChange[],
    previous: Snapshot,
  ): { readonly snapshot: Snapshot; readonly replaced: readonly Scope[] } {
    const dirty = this.#findDirt(parts, changes);
    for (const [key, dirt] of dirty) this.#relink(parts, key, dirt);
    const binds = dirty.size > 0 ? toBinds(this.#listeners) : previous.binds;
    const tunnels = this.#tunnels.link(changes, binds);
    const backends = withChanges<'backend', Target>(previous.backends, changes, 'backend', ({ target }) => target);
    const endpointSets = withChanges<'endpoints', readonly EndpointAddress[]>(
      previous.endpointSets,
      changes,
      'endpoints',
      ({ addresses }) => addresses,
    );
    const generation = previous.generation + 1;
    const snapshot: Snapshot = {
      binds,
      tunnels,
      backends,
      endpointSets,
      generation,
      use: new Generation(generation),
      backend: (key) => backends.get(key),
      endpoints: (key) => endpointSets.get(key),
    };
    return { snapshot, replaced: this.#policies.sweep() };
  }

  /** Everything that linked policies hold. */
  scopes(): Scope[] {
    return this.#policies.scopes();
  }

  /** Which listeners are to be linked again, and how much of each. */
  #findDirt(parts: ReadonlyParts, changes: readonly PartChange[]): Map<string, Dirt> {
    const dirty = new Map<string, Dirt>();
    const soil = (listener: string, route: string): void => {
      const dirt = dirty.get(listener);
      if (dirt === undefined) dirty.set(listener, new Set([route]));
      else if (dirt !== 'all') dirt.add(route);
    };
    for (const { key, before, after } of changes) {
      if (isHeld('listener', before) || isHeld('listener', after)) dirty.set(key, 'all');
      for (const listener of listenersOf(before)) {
        this.#routesOf.get(listener)?.delete(key);
        soil(listener, key);
      }
      for (const listener of listenersOf(after)) {
        const routes = this.#routesOf.get(listener) ?? new Set();
        this.#routesOf.set(listener, routes.add(key));
        soil(listener, key);
      }
    }
    for (const target of this.#policies.update(changes)) {
      // Backends are looked for where the target is nothing above them: every rule is asked.
      let isAbove = false;
      for (const [listener, { levels, routes }] of this.#listeners) {
        const isListener = levels.some((level) => level.target === target);
        if (isListener) dirty.set(listener, 'all');
        else if (routes.has(target)) soil(listener, target);
        isAbove ||= isListener || routes.has(target);
      }
      if (isAbove) continue;
      for (const [listener, { routes }] of this.#listeners)
        for (const [route, { rules }] of routes)
          if (rules.some((rule) => isReached(rule, target))) soil(listener, route);
    }
    return dirty;
  }

  #relink(parts: ReadonlyParts, key: string, dirt: Dirt): void {
    const before = this.#listeners.get(key);
    const held = parts.get(nameOf({ typeUrl: typeUrls.resource, key }));
    if (!isHeld('listener', held)) {
      for (const { uses } of before?.routes.values() ?? []) this.#policies.drop(uses);
      this.#policies.drop(before?.uses ?? []);
      this.#listeners.delete(key);
      if (this.#routesOf.get(key)?.size === 0) this.#routesOf.delete(key);
      return;
    }
    const { protocol, tls, backendCertificate } = held.part;
    const { gateway, listenerSet, name, hostname, addresses, port } = held.part.message;
    const levels = placesAbove(held.part.message);
    const routes = new Map(before?.routes);
    const known = this.#routesOf.get(key) ?? new Set();
    for (const route of dirt === 'all' ? new Set([...routes.keys(), ...known]) : dirt) {
      const old = routes.get(route);
      const part = parts.get(nameOf({ typeUrl: typeUrls.resource, key: route }));
      if (known.has(route) && isHeld('route', part))
        routes.set(route, this.#linkRoute(part, { listener: key, levels, backendCertificate, before: old }));
      else routes.delete(route);
      // After the new one, so that what both use stays.
      this.#policies.drop(old?.uses ?? []);
    }
    const chain = dirt === 'all' || !before ? this.#policies.plan(levels) : undefined;
    if (chain) this.#policies.drop(before?.uses ?? []);
    const plan: ListenerPlan = {
      key,
      gateway,
      listenerSet: listenerSet || undefined,
      name,
      protocol,
      hostname,
      tls,
      backendCertificate,
      router: compileRouter(
        routes
          .values()
          .toArray()
          .flatMap(({ entries }) => entries),
      ),
      proxyProtocol: chain ? chain.settings.proxyProtocol : before!.plan.proxyProtocol,
      unmatched: chain?.plan ?? before!.plan.unmatched,
      decisions: chain?.decisions ?? before!.plan.decisions,
    };
    this.#listeners.set(key, { plan, addresses, port, levels, routes, uses: chain?.uses ?? before!.uses });
  }

  #linkRoute(
    { key, part }: Held<'route'>,
    place: Pick<RouteInputs, 'listener' | 'levels' | 'backendCertificate' | 'before'>,
  ): LinkedRoute {
    return linkRoute({ key, route: part.message, parts: part.rules, policies: this.#policies, ...place });
  }
}

/** Whether requests of a rule, or copies of them, go to a backend. */
function isReached({ backends, mirrors, externalAuth }: RulePlan, backend: string): boolean {
  if (externalAuth === backend) return true;
  const reached = [...backends, ...mirrors, ...backends.flatMap((choice) => choice.mirrors)];
  return reached.some(({ key }) => key === backend);
}

function isHeld<K extends Part['kind']>(kind: K, held: HeldPart | undefined): held is Held<K> {
  return held?.part.kind === kind;
}

function listenersOf(held: HeldPart | undefined): Set<string> {
  return new Set(isHeld('route', held) ? held.part.message.parents.map(({ listener }) => listener) : []);
}

/** The same map where nothing of the kind has changed, else a copy with the changes. */
function withChanges<K extends Part['kind'], V>(
  previous: ReadonlyMap<string, V>,
  changes: readonly PartChange[],
  kind: K,
  valueOf: (part: Extract<Part, { kind: K }>) => V,
): ReadonlyMap<string, V> {
  let next: Map<string, V> | undefined;
  for (const { key, before, after } of changes) {
    if (isHeld(kind, after)) (next ??= new Map(previous)).set(key, valueOf(after.part));
    else if (isHeld(kind, before)) (next ??= new Map(previous)).delete(key);
  }
  return next ?? previous;
}
