// A Service: endpoints by port, chosen in turn; the client's authority is kept (Gateway API).
import type { ServiceBackend } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import { UpstreamProtocol } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import { fromKey, toKey } from '@agentgateway/api/keys.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { Exchange } from '@agentgateway/core/exchange.ts';
import type { Target } from '@agentgateway/core/target.ts';
import { type HttpTarget, callHttp } from '../attempt.ts';
import type { BackendEnvironment } from '../registry.ts';

/** Compiles a Service. Endpoints are looked up in the exchange's own snapshot at each try. */
export function compileServiceBackend(key: string, message: ServiceBackend, environment: BackendEnvironment): Target {
  const { namespace, name } = fromKey(key);
  const protocols = new Map(
    message.ports.map(({ port, protocol }) => [
      port,
      protocol === UpstreamProtocol.HTTP2 ? ('http2' as const) : ('http1' as const),
    ]),
  );
  let turn = 0;
  const pick = (exchange: Exchange, port: number): HttpTarget => {
    const endpoints = exchange.snapshot.endpoints(toKey('endpoints', namespace, name, String(port))) ?? [];
    const endpoint = endpoints[turn++ % Math.max(1, endpoints.length)];
    if (!endpoint)
      throw new GatewayError(
        'no-healthy-endpoint',
        `service ${namespace}/${name} has no ready endpoint on port ${port}`,
      );
    return { backend: key, endpoint, tls: undefined, protocol: protocols.get(port) ?? 'http1', authority: undefined };
  };
  return { key, call: (exchange, plan) => callHttp(exchange, plan, environment, () => pick(exchange, plan.port)) };
}
