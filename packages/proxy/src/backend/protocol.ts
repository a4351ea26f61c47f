// What is spoken to a backend, where it says so itself.
import { UpstreamProtocol } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';

/** The protocol; undefined leaves it to whoever calls. */
export function toProtocol(protocol: UpstreamProtocol): 'http1' | 'http2' | undefined {
  switch (protocol) {
    case UpstreamProtocol.HTTP1:
      return 'http1';
    case UpstreamProtocol.HTTP2:
      return 'http2';
    default:
      return undefined;
  }
}
