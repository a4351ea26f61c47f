// A host outside the cluster: one endpoint, its own name as authority.
import type { HTTPBackend } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import { UpstreamProtocol } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { EndpointAddress } from '@agentgateway/core/exchange.ts';
import type { CallPlan, Target } from '@agentgateway/core/target.ts';
import { type HttpTarget, callHttp } from '../attempt.ts';
import { openEndpointPicker } from '../picker/endpoint-picker.ts';
import type { BackendEnvironment } from '../registry.ts';
import { RetryBudget } from '../retry-budget.ts';

/** Compiles an HTTPBackend. */
export function compileHttpBackend(key: string, message: HTTPBackend, environment: BackendEnvironment): Target {
  const tls = message.tls && { serverName: message.tls.serverName || message.host };
  const isDefaultPort = message.port === (tls ? 443 : 80);
  const host = message.host.includes(':') ? `[${message.host}]` : message.host;
  const authority = isDefaultPort ? host : `${host}:${message.port}`;
  const endpoints: readonly EndpointAddress[] = [{ address: message.host, port: message.port }];
  const picker = openEndpointPicker(environment, key, 0);
  const protocol = message.protocol === UpstreamProtocol.HTTP2 ? ('http2' as const) : ('http1' as const);
  const target: HttpTarget = {
    backend: key,
    endpoint: endpoints[0]!,
    tls,
    protocol,
    authority,
    table: picker.table,
    budget: environment.state(`retry-budget ${key}`, () => new RetryBudget()),
  };
  const pick = ({ settings }: CallPlan): HttpTarget => {
    const state = picker.pick(endpoints, { health: settings.health });
    if (!state) throw new GatewayError('no-healthy-endpoint', `${key} is left alone because it is not well`);
    return { ...target, state };
  };
  return {
    key,
    call: (exchange, plan) => callHttp(exchange, plan, environment, () => pick(plan)),
    reach: () => ({ endpoints, protocol, tls, authority }),
    ports: () => [{ port: 0, endpoints: picker.table.describe(endpoints, environment.monotonicMs()) }],
  };
}
