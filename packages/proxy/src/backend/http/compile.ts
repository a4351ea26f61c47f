// A host outside the cluster: one endpoint, its own name as authority.
import type { HTTPBackend } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import type { CallPlan, Target } from '@agentgateway/core/target.ts';
import { type HttpTarget, callHttp } from '../attempt.ts';
import { toProtocol } from '../protocol.ts';
import type { BackendEnvironment } from '../registry.ts';
import { toTargetTls } from '../tls.ts';

/** Compiles an HTTPBackend. */
export function compileHttpBackend(key: string, message: HTTPBackend, environment: BackendEnvironment): Target {
  const own = message.tls && { serverName: message.tls.serverName || message.host };
  const spoken = toProtocol(message.protocol);
  const host = message.host.includes(':') ? `[${message.host}]` : message.host;
  const endpoint = { address: message.host, port: message.port };
  const pick = ({ settings, protocol = 'http1' }: CallPlan): HttpTarget => {
    const tls = toTargetTls(own, message.host, settings.backendTLS);
    const isDefaultPort = message.port === (tls ? 443 : 80);
    const authority = isDefaultPort ? host : `${host}:${message.port}`;
    return { backend: key, endpoint, tls, protocol: spoken ?? protocol, authority };
  };
  return {
    key,
    call: (exchange, plan) => callHttp(exchange, plan, environment, () => pick(plan)),
    // What speaks TLS is not sent bytes that somebody else would have to encrypt.
    endpoints: ({ transport }) => (transport === 'tcp' && !own ? [endpoint] : []),
  };
}
