// A Service: endpoints by port, chosen by a picker; the client's authority is kept (Gateway API).
import { type ServiceBackend, Transport, type UpstreamTLS } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import { fromKey, toEndpointsKey } from '@agentgateway/api/keys.ts';
import { toHostPort } from '@agentgateway/core/authority.ts';
import { parseAddress } from '@agentgateway/core/cidr.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { EndpointAddress, Exchange, SnapshotView } from '@agentgateway/core/exchange.ts';
import type { CallPlan, Target } from '@agentgateway/core/target.ts';
import { type HttpTarget, callHttp } from '../attempt.ts';
import { type EndpointPicker, openEndpointPicker } from '../picker/endpoint-picker.ts';
import type { EndpointState } from '../picker/endpoint-table.ts';
import { toProtocol } from '../protocol.ts';
import type { BackendEnvironment } from '../registry.ts';
import { RetryBudget } from '../retry-budget.ts';
import { toTargetTls } from '../tls.ts';

interface Port {
  readonly endpointsKey: string;
  /** Undefined leaves it to whoever calls. */
  readonly protocol: HttpTarget['protocol'] | undefined;
  readonly tls: UpstreamTLS | undefined;
  readonly picker: EndpointPicker;
  /** What is told of each endpoint, made once. */
  readonly targets: WeakMap<EndpointState, HttpTarget>;
}

const none: readonly EndpointAddress[] = [];

/** Compiles a Service. Endpoints are looked up in the exchange's own snapshot at each try. */
export function compileServiceBackend(key: string, message: ServiceBackend, environment: BackendEnvironment): Target {
  const { namespace, name } = fromKey(key);
  const host = `${name}.${namespace}.svc`;
  const budget = environment.state(`retry-budget ${key}`, () => new RetryBudget());
  const ports = openPorts(key, message, environment);
  const toTarget = (state: EndpointState, number: number, port: Port): HttpTarget => {
    const { endpoint } = state;
    const { protocol = 'http1', picker, targets } = port;
    const isNamed = parseAddress(endpoint.address) === undefined;
    const ownName = isNamed ? toAuthority(endpoint) : toAuthority({ address: host, port: number });
    const { table } = picker;
    const target = {
      backend: key,
      endpoint,
      tls: toTargetTls(port.tls, host, undefined),
      protocol,
      authority: undefined,
      ownName,
      state,
      table,
      budget,
    };
    targets.set(state, target);
    return target;
  };
  const pick = (exchange: Exchange, plan: CallPlan, tried: readonly EndpointState[]): HttpTarget => {
    const { health, sessionAffinity } = plan.settings;
    const port = ports.get(plan.port);
    const state = port?.picker.pick(endpointsOf(exchange.snapshot, port), {
      health,
      tried,
      marked: plan.session?.endpointOf(key, plan.port),
      sessionKey: sessionAffinity?.kind === 'hash' ? sessionAffinity.keyOf(exchange) : undefined,
    });
    if (!port || !state)
      throw new GatewayError(
        'no-healthy-endpoint',
        `service ${namespace}/${name} has no ready endpoint on port ${plan.port}`,
      );
    const target = port.targets.get(state) ?? toTarget(state, plan.port, port);
    const { backendTLS } = plan.settings;
    const protocol = port.protocol ?? plan.protocol ?? 'http1';
    if (!backendTLS && protocol === target.protocol) return target;
    return { ...target, protocol, tls: toTargetTls(port.tls, host, backendTLS) };
  };
  return {
    key,
    call: (exchange, plan) => callHttp(exchange, plan, environment, (tried) => pick(exchange, plan, tried)),
    endpoints: ({ snapshot, port, transport }) => snapshot.endpoints(toEndpointsKey(key, port, transport)) ?? none,
    reach(snapshot, number, settings, unsaid = 'http1') {
      const port = ports.get(number);
      if (!port) return undefined;
      const authority = toAuthority({ address: host, port: number });
      const tls = toTargetTls(port.tls, host, settings);
      return { endpoints: endpointsOf(snapshot, port), protocol: port.protocol ?? unsaid, tls, authority };
    },
    ports: (snapshot) =>
      [...ports].map(([port, held]) => ({
        port,
        endpoints: held.picker.table.describe(endpointsOf(snapshot, held), environment.monotonicMs()),
      })),
  };
}

/** The TCP ports: datagrams are not requests. */
function openPorts(key: string, message: ServiceBackend, environment: BackendEnvironment): ReadonlyMap<number, Port> {
  return new Map(
    message.ports
      .filter(({ transport }) => transport !== Transport.UDP)
      .map(({ port, protocol, tls }): [number, Port] => [
        port,
        {
          endpointsKey: toEndpointsKey(key, port),
          protocol: toProtocol(protocol),
          tls,
          picker: openEndpointPicker(environment, key, port),
          targets: new WeakMap(),
        },
      ]),
  );
}

function endpointsOf(snapshot: SnapshotView, { endpointsKey }: Port): readonly EndpointAddress[] {
  return snapshot.endpoints(endpointsKey) ?? none;
}

/** As a URI writes it, the port of HTTP left out. */
function toAuthority(endpoint: EndpointAddress): string {
  return endpoint.port === 80 ? endpoint.address : toHostPort(endpoint);
}
