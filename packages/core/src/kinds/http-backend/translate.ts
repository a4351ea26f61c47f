// HTTPBackend → backend.
import { UpstreamProtocol } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import { create } from '@bufbuild/protobuf';
import { BackendSchema } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import { encodeResource } from '../../translate/encode.ts';
import { parseObject } from '../../translate/parse.ts';
import type { Scope } from '../../translate/scope.ts';
import { keyOf } from '../../translate/world-index.ts';
import type { Manifest } from '../../world.ts';
import type { BackendTranslated } from '../backend.ts';
import type { HttpBackendSpec } from './schema.ts';

const hostPattern = /^(\[?[0-9A-Fa-f:.]+\]?|[A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?)$/;

/** Translates an HTTPBackend. */
export function translateHttpBackend(object: Manifest, scope: Scope): BackendTranslated {
  const parsed = parseObject<HttpBackendSpec>(object);
  const invalid: BackendTranslated = { resources: [], backends: [], secrets: [], ports: undefined };
  if (!parsed.ok) {
    for (const fault of parsed.faults) scope.fault(fault);
    return invalid;
  }
  const { host, port, protocol, tls } = parsed.fields;
  if (!hostPattern.test(host)) {
    const message = 'must be a host name or an IP address, without scheme, port and path';
    scope.fault({ path: 'spec.host', condition: 'Accepted', reason: 'Invalid', message });
    return invalid;
  }
  const value = create(BackendSchema, {
    kind: {
      case: 'http',
      value: {
        host: host.replace(/^\[(.*)\]$/, '$1'),
        port: port ?? (tls ? 443 : 80),
        protocol: protocol === undefined ? UpstreamProtocol.UNSPECIFIED : UpstreamProtocol[protocol],
        ...(tls && { tls: { serverName: tls.serverName ?? '' } }),
      },
    },
  });
  return { ...invalid, resources: [encodeResource(keyOf(object), { case: 'backend', value })] };
}
