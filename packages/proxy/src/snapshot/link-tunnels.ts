// Listeners of TCP, TLS and UDP with their routes and policies → what tunnels are opened from.
import { type Listener, Listener_Protocol } from '@agentgateway/api/gen/agentgateway/v1/listener_pb.ts';
import type { L4Route } from '@agentgateway/api/gen/agentgateway/v1/route_pb.ts';
import { selectByHostname } from '@agentgateway/core/route/hostnames.ts';
import { policies as definitions } from '@agentgateway/core/policy/registry.ts';
import { tunnelLimits } from '../tunnel/limits.ts';
import type { ListenerMode, TunnelBindPlan, TunnelChoice, TunnelListener, TunnelRoute } from '../tunnel/plan.ts';
import type { SocketEnd } from '../tunnel/proxy-protocol.ts';
import { bindKey } from './bind-key.ts';
import { compileChoice } from './choose.ts';
import { placesAbove, placesOf } from './places.ts';
import type { CompiledMerge, LinkedChain, PolicyIndex } from './policy-index.ts';
import type { StepPlan } from './snapshot.ts';
import type { PartChange } from './store.ts';

/** Links all of it anew when any of it, or a policy, has changed: there is little of it, and nothing is kept but whose turn it is. */
export class TunnelLinker {
  readonly #policies: PolicyIndex;
  readonly #listeners = new Map<string, Listener>();
  readonly #routes = new Map<string, L4Route>();
  #uses: readonly CompiledMerge[] = [];
  #binds: ReadonlyMap<string, TunnelBindPlan> = new Map();

  constructor(policies: PolicyIndex) {
    this.#policies = policies;
  }

  /** The binds after these changes, which the policies know already; the same map where nothing of it has changed. */
  link(changes: readonly PartChange[]): ReadonlyMap<string, TunnelBindPlan> {
    let isDirty = false;
    for (const { key, before, after } of changes) {
      for (const part of [before?.part, after?.part]) {
        const isOurs = part?.kind === 'l4Route' || (part?.kind === 'listener' && modeOf(part.message) !== undefined);
        isDirty ||= isOurs || part?.kind === 'policy';
      }
      this.#listeners.delete(key);
      this.#routes.delete(key);
      const part = after?.part;
      if (part?.kind === 'listener' && modeOf(part.message)) this.#listeners.set(key, part.message);
      else if (part?.kind === 'l4Route') this.#routes.set(key, part.message);
    }
    if (!isDirty || (this.#listeners.size === 0 && this.#binds.size === 0)) return this.#binds;
    const uses: CompiledMerge[] = [];
    this.#binds = this.#toBinds(uses);
    // After the new ones, so that what both use stays.
    this.#policies.drop(this.#uses);
    this.#uses = uses;
    return this.#binds;
  }

  #toBinds(uses: CompiledMerge[]): Map<string, TunnelBindPlan> {
    const sorted = [...this.#listeners].sort(([a], [b]) => (a < b ? -1 : 1));
    const groups = Map.groupBy(sorted, ([key, listener]) => {
      const bind = bindKey(listener.address, listener.port, key);
      return listener.protocol === Listener_Protocol.UDP ? `udp ${bind}` : bind;
    });
    const binds = new Map<string, TunnelBindPlan>();
    for (const [key, members] of groups) {
      const modes = members.map(([, listener]) => modeOf(listener)!);
      // A port on which nothing but HTTPS is spoken needs no look at names.
      if (modes.every((mode) => mode === 'http')) continue;
      const { address, port } = members[0]![1];
      const listeners = members.map(([name, listener]) => this.#toListener(name, listener, uses));
      const isTls = modes.some((mode) => mode === 'passthrough' || mode === 'terminate');
      const byName = selectByHostname(listeners);
      const select = isTls ? (name = '') => byName(name) : () => listeners[0];
      binds.set(key, { key, transport: modes[0] === 'udp' ? 'udp' : 'tcp', isTls, address, port, listeners, select });
    }
    return binds;
  }

  #toListener(key: string, message: Listener, uses: CompiledMerge[]): TunnelListener {
    const mode = modeOf(message)!;
    const levels = placesAbove.map((place) => place(message));
    const chain = this.#keep(this.#policies.plan(levels), uses);
    const attached = [...this.#routes]
      .filter(([, { parents }]) => parents.some(({ listener }) => listener === key))
      .sort(([a, one], [b, other]) => Number(one.createdMs - other.createdMs) || (a < b ? -1 : 1));
    // Of several that want the same name the first is found.
    const entries = attached.flatMap(([name, route]) => {
      const linked = this.#toRoute(name, route, message, uses);
      const { hostnames = [] } = route.parents.find(({ listener }) => listener === key) ?? {};
      return (hostnames.length > 0 ? hostnames : ['']).map((hostname) => ({ hostname, route: linked }));
    });
    const byName = selectByHostname(entries);
    const { proxyProtocol } = chain.settings;
    return {
      key,
      gateway: message.gateway,
      mode,
      hostname: message.hostname,
      routes: [...new Set(entries.map(({ route }) => route))],
      proxyHeader: proxyProtocol?.client && {
        mode: proxyProtocol.client,
        trusts: (address) => proxyProtocol.trusts(address),
      },
      // Requests are judged by those who read them.
      refusal: mode === 'http' ? admitted : compileRefusal(chain.plan),
      route: (serverName = '') => byName(serverName)?.route,
    };
  }

  #toRoute(key: string, route: L4Route, listener: Listener, uses: CompiledMerge[]): TunnelRoute {
    const mode = modeOf(listener)!;
    const chain = this.#keep(
      this.#policies.plan([
        ...placesAbove.map((place) => place(listener)),
        { level: 'route', target: key, section: '' },
        ...(route.rule === '' ? [] : [{ level: 'rule', target: key, section: route.rule } as const]),
      ]),
      uses,
    );
    const backends = route.backends.map(({ backend, port, weight, invalid }): TunnelChoice => {
      const { settings } = this.#keep(this.#policies.planBackend(chain, placesOf(backend, port)), uses);
      const { backendTLS, proxyProtocol } = settings;
      // The client's own TLS passes; what is plain must not go on as it is where a policy asks for TLS.
      const needsTls = mode !== 'passthrough' && (backendTLS?.isSpoken === true || backendTLS?.invalid !== undefined);
      const refused = needsTls
        ? `a policy asks for TLS to ${backend}, which TCP and TLS routes do not speak`
        : undefined;
      return {
        key: backend,
        port,
        weight,
        invalid: invalid === '' ? refused : invalid,
        proxyVersion: mode === 'udp' ? undefined : proxyProtocol?.backendVersion,
      };
    });
    const { connectMs, idleMs } = chain.settings.timeouts;
    const isIdleSaid = chain.decisions.some(({ kind, winners }) => kind === 'timeouts' && 'idleMs' in winners);
    const idleDefault = mode === 'udp' ? tunnelLimits.flowIdleTimeoutMs : tunnelLimits.idleTimeoutMs;
    return {
      key,
      rule: route.rule,
      backends,
      timeouts: { connectMs, idleMs: isIdleSaid ? idleMs : idleDefault },
      policies: chain.decisions.flatMap(({ kind, policies }) => policies.map((policy) => `${kind} (${policy})`)),
      refusal: compileRefusal(chain.plan),
      choose: compileChoice(backends),
    };
  }

  #keep(chain: LinkedChain, uses: CompiledMerge[]): LinkedChain {
    uses.push(...chain.uses);
    return chain;
  }
}

/** What becomes of a listener's connections; undefined for those that hold plain HTTP. */
function modeOf({ protocol }: Listener): ListenerMode | undefined {
  switch (protocol) {
    case Listener_Protocol.TCP:
      return 'tcp';
    case Listener_Protocol.UDP:
      return 'udp';
    case Listener_Protocol.TLS:
      return 'passthrough';
    case Listener_Protocol.HTTPS:
      return 'http';
    default:
      return undefined;
  }
}

function admitted(): undefined {
  return undefined;
}

/**
 * Whom the steps of a chain refuse. What restricts requests and cannot judge a connection by itself lets none pass: there
 * is nothing here that it could be asked about, and to leave it out would open what somebody closed.
 */
function compileRefusal({ steps }: StepPlan): (client: SocketEnd) => string | undefined {
  const rules = steps.flatMap(({ policy, kind, step }) => {
    if (step.accept)
      return [(client: SocketEnd) => (step.accept!(client) ? undefined : `${policy} refuses ${client.address}`)];
    const { merge = 'all' } = (definitions as Readonly<Record<string, { merge: 'all' | 'fields' }>>)[kind] ?? {};
    if (merge !== 'all' && step.isMandatory !== true) return [];
    return [() => `${policy} (${kind}) restricts requests, and this is none: attach it to listeners of HTTP`];
  });
  if (rules.length === 0) return admitted;
  return (client) => {
    for (const rule of rules) {
      const refusal = rule(client);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  };
}
