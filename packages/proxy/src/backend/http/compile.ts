// A host outside the cluster: one endpoint, its own name as authority.
import type { HTTPBackend } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import { UpstreamProtocol } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import type { Target } from '@agentgateway/core/target.ts';
import { type HttpTarget, callHttp } from '../attempt.ts';
import type { BackendEnvironment } from '../registry.ts';

/** Compiles an HTTPBackend. */
export function compileHttpBackend(key: string, message: HTTPBackend, environment: BackendEnvironment): Target {
  const tls = message.tls && { serverName: message.tls.serverName || message.host };
  const isDefaultPort = message.port === (tls ? 443 : 80);
  const host = message.host.includes(':') ? `[${message.host}]` : message.host;
  const target: HttpTarget = {
    backend: key,
    endpoint: { address: message.host, port: message.port },
    tls,
    protocol: message.protocol === UpstreamProtocol.HTTP2 ? 'http2' : 'http1',
    authority: isDefaultPort ? host : `${host}:${message.port}`,
  };
  const pick = (): HttpTarget => target;
  return { key, call: (exchange, plan) => callHttp(exchange, plan, environment, pick) };
}
