// Parts → snapshot: attaches routes to listeners and policies to both, again only for what changed (contract 3).
import type { Listener } from '@agentgateway/api/gen/agentgateway/v1/listener_pb.ts';
import type { EndpointAddress } from '@agentgateway/core/exchange.ts';
import type { Route } from '@agentgateway/api/gen/agentgateway/v1/route_pb.ts';
import { compileRouter, type RouterEntry } from '@agentgateway/core/route/router.ts';
import { selectByHostname } from '@agentgateway/core/route/hostnames.ts';
import type { Target } from '@agentgateway/core/target.ts';
import type { Part, RulePart } from './compile.ts';
import { linkRules } from './link-rule.ts';
import { PolicyIndex } from './policy-index.ts';
import type { BindPlan, ListenerPlan, RulePlan, Snapshot } from './snapshot.ts';
import type { HeldPart, ScopedEnvironment } from './store.ts';
import { Generation } from './generation.ts';
import type { Scope } from './lifetimes.ts';

/** A route's rules as linked for one listener, and what they were linked from. */
interface LinkedRoute {
  readonly version: string;
  readonly policies: string;
  readonly rules: readonly RulePlan[];
}

/** A listener's plan and what it was linked from. */
interface LinkedListener {
  readonly inputs: readonly unknown[];
  readonly plan: ListenerPlan;
}

/** Builds snapshots, keeping what earlier ones were built from. */
export class Linker {
  #routes = new Map<string, LinkedRoute>();
  #listeners = new Map<string, LinkedListener>();
  readonly #policies: PolicyIndex;

  constructor(environment: ScopedEnvironment) {
    this.#policies = new PolicyIndex(environment);
  }

  /** The next snapshot; `touched` names the parts that changed since the previous one. `replaced` is what only older ones hold. */
  link(
    parts: ReadonlyMap<string, HeldPart>,
    touched: ReadonlySet<string>,
    previous: Snapshot,
  ): { readonly snapshot: Snapshot; readonly replaced: readonly Scope[] } {
    const kinds = kindsOf(parts);
    const replaced = this.#policies.update(parts, touched);
    const backends = new Map<string, Target>();
    for (const { key, part } of kinds.backend) backends.set(key, part.target);
    const endpointSets = new Map<string, readonly EndpointAddress[]>();
    for (const { key, part } of kinds.endpoints) endpointSets.set(key, part.addresses);
    const generation = previous.generation + 1;
    const snapshot: Snapshot = {
      binds: this.#linkBinds(kinds),
      backends,
      endpointSets,
      generation,
      use: new Generation(generation, false),
      backend: (key) => backends.get(key),
      endpoints: (key) => endpointSets.get(key),
    };
    return { snapshot, replaced };
  }

  #linkBinds(kinds: PartsByKind): Map<string, BindPlan> {
    const routesOf = groupByListener(kinds.route);
    const routes = new Map<string, LinkedRoute>();
    const listeners = new Map<string, LinkedListener>();
    const binds = new Map<string, ListenerPlan[]>();
    for (const { key, version, part } of kinds.listener) {
      const linked = this.#linkListener({ key, version, message: part.message }, routesOf.get(key) ?? [], routes);
      listeners.set(key, linked);
      const bind = `${part.message.address}:${part.message.port}`;
      binds.set(bind, [...(binds.get(bind) ?? []), linked.plan]);
    }
    this.#routes = routes;
    this.#listeners = listeners;
    return new Map([...binds].map(([key, plans]) => [key, toBind(key, plans)]));
  }

  #linkListener(
    listener: { key: string; version: string; message: Listener },
    routes: readonly HeldRoute[],
    kept: Map<string, LinkedRoute>,
  ): LinkedListener {
    const levels = [
      { level: 'gateway' as const, target: listener.message.gateway, section: '' },
      { level: 'listener' as const, target: listener.message.gateway, section: listener.message.name },
    ];
    const inputs: unknown[] = [listener.version, this.#policies.signature(levels)];
    const linked = routes.map((route) => {
      const id = `${listener.key} ${route.key}`;
      const signature = this.#policies.signature([...levels, { level: 'route', target: route.key, section: '*' }]);
      const before = this.#routes.get(id);
      const fresh =
        before?.version === route.version && before.policies === signature
          ? before
          : {
              version: route.version,
              policies: signature,
              rules: linkRules({
                key: route.key,
                route: route.message,
                parts: route.rules,
                levels,
                policies: this.#policies,
              }),
            };
      kept.set(id, fresh);
      inputs.push(fresh);
      return { route, rules: fresh.rules };
    });
    const before = this.#listeners.get(listener.key);
    if (before && before.inputs.length === inputs.length && before.inputs.every((input, i) => input === inputs[i]))
      return before;
    const unmatched = this.#policies.plan(levels);
    const plan: ListenerPlan = {
      key: listener.key,
      gateway: listener.message.gateway,
      hostname: listener.message.hostname,
      router: compileRouter(linked.flatMap(({ route, rules }) => toEntries(listener.key, route, rules))),
      unmatched: unmatched.plan,
      decisions: unmatched.decisions,
    };
    return { inputs, plan };
  }
}

interface HeldRoute {
  readonly key: string;
  readonly version: string;
  readonly message: Route;
  readonly rules: readonly RulePart[];
}

interface Held<K extends Part['kind']> {
  readonly key: string;
  readonly version: string;
  readonly part: Extract<Part, { kind: K }>;
}

type PartsByKind = { readonly [K in Part['kind']]: Held<K>[] };

function kindsOf(parts: ReadonlyMap<string, HeldPart>): PartsByKind {
  const kinds: PartsByKind = { listener: [], route: [], backend: [], policy: [], endpoints: [], secret: [] };
  for (const held of parts.values()) (kinds[held.part.kind] as HeldPart[]).push(held);
  return kinds;
}

function groupByListener(routes: readonly Held<'route'>[]): Map<string, HeldRoute[]> {
  const groups = new Map<string, HeldRoute[]>();
  for (const { key, version, part } of routes) {
    const held: HeldRoute = { key, version, message: part.message, rules: part.rules };
    for (const { listener } of part.message.parents) {
      const group = groups.get(listener);
      if (group) group.push(held);
      else groups.set(listener, [held]);
    }
  }
  return groups;
}

/** One entry per host name and match: the router orders them by Gateway API precedence. */
function toEntries(listenerKey: string, route: HeldRoute, rules: readonly RulePlan[]): RouterEntry<RulePlan>[] {
  const parents = route.message.parents.filter((parent) => parent.listener === listenerKey);
  const hostnames = [...new Set(parents.flatMap((parent) => (parent.hostnames.length > 0 ? parent.hostnames : [''])))];
  const entries: RouterEntry<RulePlan>[] = [];
  route.message.rules.forEach((rule, ruleIndex) => {
    const matches = rule.matches.length > 0 ? rule.matches : [undefined];
    matches.forEach((match, matchIndex) => {
      for (const hostname of hostnames) {
        entries.push({
          hostname,
          match,
          createdMs: Number(route.message.createdMs),
          routeKey: route.key,
          ruleIndex,
          matchIndex,
          value: rules[ruleIndex]!,
        });
      }
    });
  });
  return entries;
}

function toBind(key: string, listeners: readonly ListenerPlan[]): BindPlan {
  const separator = key.lastIndexOf(':');
  return {
    key,
    address: key.slice(0, separator),
    port: Number(key.slice(separator + 1)),
    listeners,
    select: listeners.length === 1 && listeners[0]!.hostname === '' ? () => listeners[0] : selectByHostname(listeners),
  };
}
