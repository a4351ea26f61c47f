// A Service: endpoints by port, chosen by a picker; the client's authority is kept (Gateway API).
import type { ServiceBackend } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import { UpstreamProtocol } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import { fromKey, toKey } from '@agentgateway/api/keys.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { Exchange } from '@agentgateway/core/exchange.ts';
import type { Target } from '@agentgateway/core/target.ts';
import { type HttpTarget, callHttp } from '../attempt.ts';
import { openRoundRobin } from '../picker/round-robin.ts';
import type { BackendEnvironment } from '../registry.ts';

/** Compiles a Service. Endpoints are looked up in the exchange's own snapshot at each try. */
export function compileServiceBackend(key: string, message: ServiceBackend, environment: BackendEnvironment): Target {
  const { namespace, name } = fromKey(key);
  const ports = new Map(
    message.ports.map(({ port, protocol }) => [
      port,
      {
        endpointsKey: toKey('endpoints', namespace, name, String(port)),
        protocol: protocol === UpstreamProtocol.HTTP2 ? ('http2' as const) : ('http1' as const),
        pick: openRoundRobin(environment, `${key} ${port}`),
      },
    ]),
  );
  const pick = (exchange: Exchange, number: number): HttpTarget => {
    const port = ports.get(number);
    const endpoint = port?.pick(exchange.snapshot.endpoints(port.endpointsKey) ?? [], exchange);
    if (!port || !endpoint)
      throw new GatewayError(
        'no-healthy-endpoint',
        `service ${namespace}/${name} has no ready endpoint on port ${number}`,
      );
    return { backend: key, endpoint, tls: undefined, protocol: port.protocol, authority: undefined };
  };
  return { key, call: (exchange, plan) => callHttp(exchange, plan, environment, () => pick(exchange, plan.port)) };
}
