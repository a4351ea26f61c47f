// HTTPBackend: a host outside the cluster.
import type { z } from 'zod';
import { integer, oneOf, strict, text } from '../../schema/dialect.ts';

/** HTTPBackend.spec. */
export const httpBackendSpec = strict({
  host: text(253).describe('Host name or IP address.'),
  port: integer(1, 65_535).optional().describe('80, or 443 with tls, when left out.'),
  protocol: oneOf('HTTP1', 'HTTP2')
    .optional()
    .describe('HTTP2 without tls is spoken by prior knowledge; HTTP2 behind a GRPCRoute, else HTTP1, when left out.'),
  tls: strict({
    serverName: text(253).optional().describe('Verified in the certificate and sent as SNI; the host when left out.'),
  })
    .optional()
    .describe('Speaks TLS, by the certificates that the system trusts; `{}` will do.'),
});

/** HTTPBackend.spec as parsed. */
export type HttpBackendSpec = z.output<typeof httpBackendSpec>;
