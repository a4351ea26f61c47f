// The PROXY protocol: whether proxies in front say whose connections they pass on, and whether backends are told.
import { create } from '@bufbuild/protobuf';
import { ProxyProtocolSchema, ProxyProtocol_Client } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { isInRange, parseAddress, parseRange } from '../cidr.ts';
import { list, oneOf, strict, text } from '../schema/dialect.ts';
import type { ProxyProtocolSettings } from '../settings.ts';
import { definePolicy } from './define.ts';

const rangesMax = 256;

const clients = {
  Off: ProxyProtocol_Client.OFF,
  Optional: ProxyProtocol_Client.OPTIONAL,
  Required: ProxyProtocol_Client.REQUIRED,
} as const;

const versions = { V1: 1, V2: 2 } as const;

/** Both directions. */
export const proxyProtocol = definePolicy({
  kind: 'proxyProtocol',
  summary: 'Reads the PROXY protocol from proxies in front, and speaks it to backends of TCP and TLS routes.',
  phase: 'setting',
  attach: ['gateway', 'listener', 'l4Route', 'service', 'httpBackend'],
  merge: 'fields',
  schema: strict({
    client: oneOf('Off', 'Optional', 'Required')
      .optional()
      .describe(
        'On a Gateway or listener: whether connections begin with a header, version 1 or 2. Optional takes those without one, too, and should be had behind proxies alone. Off by default. Where listeners of one port differ, the strictest holds.',
      ),
    trusted: list(text(64), rangesMax)
      .optional()
      .describe(
        'Ranges such as 10.0.0.0/8 of the proxies that may send a header; others are refused where one is required, and not listened to where it is optional. All by default.',
      ),
    backend: oneOf('V1', 'V2')
      .optional()
      .describe('The header that backends of TCP and TLS routes are sent. None by default.'),
  }),
  translate({ client, trusted = [], backend }, references) {
    if (client === undefined && backend === undefined) references.problem('', 'one of client and backend must be set');
    if (trusted.length > 0 && client === undefined) references.problem('trusted', 'says nothing without client');
    return create(ProxyProtocolSchema, {
      client: client ? clients[client] : ProxyProtocol_Client.UNSPECIFIED,
      trusted: [...new Set(trusted)].sort(),
      backendVersion: backend ? versions[backend] : 0,
    });
  },
  check: ({ trusted }) =>
    trusted.flatMap((range) =>
      parseRange(range)
        ? []
        : [{ path: 'trusted', message: `'${range}' is not a range such as 10.0.0.0/8, or has bits beyond its prefix` }],
    ),
  compile({ client, trusted, backendVersion }): ProxyProtocolSettings {
    const ranges = trusted.flatMap((range) => parseRange(range) ?? []);
    return {
      client: toMode(client),
      trusts(address) {
        if (ranges.length === 0) return true;
        const parsed = parseAddress(address);
        return parsed !== undefined && ranges.some((range) => isInRange(parsed, range));
      },
      backendVersion: backendVersion === 1 || backendVersion === 2 ? backendVersion : undefined,
    };
  },
});

function toMode(client: ProxyProtocol_Client): ProxyProtocolSettings['client'] {
  switch (client) {
    case ProxyProtocol_Client.OPTIONAL:
      return 'optional';
    case ProxyProtocol_Client.REQUIRED:
      return 'required';
    default:
      return undefined;
  }
}
