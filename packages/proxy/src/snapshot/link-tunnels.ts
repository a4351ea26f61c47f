// Listeners of TCP, TLS and UDP with their routes and policies → what tunnels are opened from.
import type { Listener } from '@agentgateway/api/gen/agentgateway/v1/listener_pb.ts';
import type { L4Route } from '@agentgateway/api/gen/agentgateway/v1/route_pb.ts';
import { policies as definitions } from '@agentgateway/core/policy/registry.ts';
import { selectByHostname } from '@agentgateway/core/route/hostnames.ts';
import { tunnelLimits } from '../tunnel/limits.ts';
import type { ListenerMode, TunnelBindPlan, TunnelChoice, TunnelListener, TunnelRoute } from '../tunnel/plan.ts';
import type { SocketEnd } from '../tunnel/proxy-protocol.ts';
import { compileChoice } from './choose.ts';
import { placesAbove, placesOf } from './places.ts';
import type { LinkedChain, PolicyIndex, Use } from './policy-index.ts';
import type { BindPlan, ListenerPlan, StepPlan } from './snapshot.ts';
import type { PartChange } from './store.ts';

/** A listener under way to its tunnels. */
interface Linking {
  readonly plan: ListenerPlan;
  readonly message: Listener;
  readonly mode: ListenerMode;
  readonly uses: Use[];
}

/** Links all of it anew when any of it, or a policy, has changed: there is little of it. */
export class TunnelLinker {
  readonly #policies: PolicyIndex;
  readonly #listeners = new Map<string, Listener>();
  readonly #routes = new Map<string, L4Route>();
  #uses: readonly Use[] = [];
  #binds: ReadonlyMap<string, TunnelBindPlan> = new Map();

  constructor(policies: PolicyIndex) {
    this.#policies = policies;
  }

  /**
   * What tunnels are opened from after these changes, which the policies know already, by the keys of binds; the same map
   * where nothing of it has changed.
   */
  link(changes: readonly PartChange[], binds: ReadonlyMap<string, BindPlan>): ReadonlyMap<string, TunnelBindPlan> {
    let isDirty = false;
    for (const { key, before, after } of changes) {
      for (const part of [before?.part, after?.part])
        isDirty ||=
          part?.kind === 'l4Route' ||
          part?.kind === 'policy' ||
          (part?.kind === 'listener' && part.protocol !== 'HTTP');
      this.#listeners.delete(key);
      this.#routes.delete(key);
      if (after?.part.kind === 'listener') this.#listeners.set(key, after.part.message);
      else if (after?.part.kind === 'l4Route') this.#routes.set(key, after.part.message);
    }
    const ours = [...binds].filter(([, bind]) => isTunnelled(bind));
    if (!isDirty || (ours.length === 0 && this.#binds.size === 0)) return this.#binds;
    const uses: Use[] = [];
    this.#binds = new Map(ours.map(([key, bind]) => [key, this.#toBind(bind, uses)]));
    // After the new ones, so that what both use stays.
    this.#policies.drop(this.#uses);
    this.#uses = uses;
    return this.#binds;
  }

  #toBind(bind: BindPlan, uses: Use[]): TunnelBindPlan {
    const { key, lane, address, port } = bind;
    const listeners = new Map(
      bind.listeners.map((plan) => {
        const message = this.#listeners.get(plan.key)!;
        return [plan, this.#toListener({ plan, message, mode: modeOf(plan), uses })];
      }),
    );
    const all = [...listeners.values()];
    return {
      key,
      transport: lane === 'udp' ? 'udp' : 'tcp',
      isTls: lane === 'tls',
      address,
      port,
      listeners: all,
      select:
        lane === 'tls'
          ? (name) => {
              const plan = bind.selectBySni(name);
              return plan && listeners.get(plan);
            }
          : () => all[0],
    };
  }

  #toListener(linking: Linking): TunnelListener {
    const { plan, message, mode, uses } = linking;
    const { key, gateway, hostname } = plan;
    const chain = this.#keep(this.#policies.plan(placesAbove(message)), uses);
    const attached = [...this.#routes]
      .filter(([, { parents }]) => parents.some(({ listener }) => listener === key))
      .sort(([a, one], [b, other]) => Number(one.createdMs - other.createdMs) || (a < b ? -1 : 1));
    // Of several that want the same name the first is found.
    const entries = attached.flatMap(([name, route]) => {
      const linked = this.#toRoute(name, route, linking);
      const { hostnames = [] } = route.parents.find(({ listener }) => listener === key) ?? {};
      return (hostnames.length > 0 ? hostnames : ['']).map((host) => ({ hostname: host, route: linked }));
    });
    const byName = selectByHostname(entries);
    const { proxyProtocol } = chain.settings;
    return {
      key,
      gateway,
      mode,
      hostname,
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

  #toRoute(key: string, route: L4Route, { message, mode, uses }: Linking): TunnelRoute {
    const chain = this.#keep(
      this.#policies.plan([...placesAbove(message), { level: 'route', target: key, section: '' }]),
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

  #keep(chain: LinkedChain, uses: Use[]): LinkedChain {
    uses.push(...chain.uses);
    return chain;
  }
}

/** Whether there is something on a socket that passes unread, or is not known to be requests before its TLS has ended. */
function isTunnelled({ lane }: BindPlan): boolean {
  return lane !== 'http';
}

/** What becomes of a listener's connections. */
function modeOf({ protocol, tls }: ListenerPlan): ListenerMode {
  switch (protocol) {
    case 'TCP':
      return 'tcp';
    case 'UDP':
      return 'udp';
    case 'TLS':
      return tls?.mode === 'passthrough' ? 'passthrough' : 'terminate';
    default:
      return 'http';
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
