// A Service: endpoints by port, chosen by a picker; the client's authority is kept (Gateway API).
import { type ServiceBackend, Transport } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import { fromKey, toEndpointsKey } from '@agentgateway/api/keys.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { Exchange } from '@agentgateway/core/exchange.ts';
import type { CallPlan, Target } from '@agentgateway/core/target.ts';
import { type HttpTarget, callHttp } from '../attempt.ts';
import { toProtocol } from '../protocol.ts';
import { openRoundRobin } from '../picker/round-robin.ts';
import type { BackendEnvironment } from '../registry.ts';
import { toTargetTls } from '../tls.ts';

/** Compiles a Service. Endpoints are looked up in the exchange's own snapshot at each try. */
export function compileServiceBackend(key: string, message: ServiceBackend, environment: BackendEnvironment): Target {
  const { namespace, name } = fromKey(key);
  const ports = new Map(
    // Datagrams are not requests.
    message.ports
      .filter(({ transport }) => transport !== Transport.UDP)
      .map(({ port, protocol, tls }) => [
        port,
        {
          endpointsKey: toEndpointsKey(key, port),
          tls,
          protocol: toProtocol(protocol),
          pick: openRoundRobin(environment, `${key} ${port}`),
        },
      ]),
  );
  const pick = (exchange: Exchange, { port: number, protocol = 'http1', settings }: CallPlan): HttpTarget => {
    const port = ports.get(number);
    const endpoint = port?.pick(exchange.snapshot.endpoints(port.endpointsKey) ?? [], exchange);
    if (!port || !endpoint)
      throw new GatewayError(
        'no-healthy-endpoint',
        `service ${namespace}/${name} has no ready endpoint on port ${number}`,
      );
    const tls = toTargetTls(port.tls, `${name}.${namespace}.svc`, settings.backendTLS);
    return { backend: key, endpoint, tls, protocol: port.protocol ?? protocol, authority: undefined };
  };
  return {
    key,
    call: (exchange, plan) => callHttp(exchange, plan, environment, () => pick(exchange, plan)),
    endpoints: ({ snapshot, port, transport }) => snapshot.endpoints(toEndpointsKey(key, port, transport)) ?? [],
  };
}
