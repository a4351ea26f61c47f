// A host outside the cluster: one endpoint, its own name as authority.
import type { HTTPBackend } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { EndpointAddress } from '@agentgateway/core/exchange.ts';
import type { BackendTlsSettings } from '@agentgateway/core/settings.ts';
import type { CallPlan, Target } from '@agentgateway/core/target.ts';
import { type HttpTarget, callHttp } from '../attempt.ts';
import { openEndpointPicker } from '../picker/endpoint-picker.ts';
import { toProtocol } from '../protocol.ts';
import type { BackendEnvironment } from '../registry.ts';
import { RetryBudget } from '../retry-budget.ts';
import { toTargetTls } from '../tls.ts';

/** Compiles an HTTPBackend. */
export function compileHttpBackend(key: string, message: HTTPBackend, environment: BackendEnvironment): Target {
  const own = message.tls && { serverName: message.tls.serverName || message.host };
  const spoken = toProtocol(message.protocol);
  const host = message.host.includes(':') ? `[${message.host}]` : message.host;
  const endpoints: readonly EndpointAddress[] = [{ address: message.host, port: message.port }];
  const picker = openEndpointPicker(environment, key, 0);
  const budget = environment.state(`retry-budget ${key}`, () => new RetryBudget());
  /** How the host is reached with what policies say of TLS. */
  const reached = (settings: BackendTlsSettings | undefined): Pick<HttpTarget, 'tls'> & { authority: string } => {
    const tls = toTargetTls(own, message.host, settings);
    const isDefaultPort = message.port === (tls ? 443 : 80);
    return { tls, authority: isDefaultPort ? host : `${host}:${message.port}` };
  };
  const pick = ({ settings, protocol = 'http1' }: CallPlan): HttpTarget => {
    const state = picker.pick(endpoints, { health: settings.health });
    if (!state) throw new GatewayError('no-healthy-endpoint', `${key} is left alone because it is not well`);
    return {
      backend: key,
      endpoint: endpoints[0]!,
      ...reached(settings.backendTLS),
      protocol: spoken ?? protocol,
      state,
      table: picker.table,
      budget,
    };
  };
  return {
    key,
    call: (exchange, plan) => callHttp(exchange, plan, environment, () => pick(plan)),
    // What speaks TLS is not sent bytes that somebody else would have to encrypt.
    endpoints: ({ transport }) => (transport === 'tcp' && !own ? endpoints : []),
    reach: (_snapshot, _port, tls) => ({ endpoints, protocol: spoken ?? 'http1', ...reached(tls) }),
    ports: () => [{ port: 0, endpoints: picker.table.describe(endpoints, environment.monotonicMs()) }],
  };
}
