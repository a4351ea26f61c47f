// Gateways and ListenerSets as config.yaml says them: certificates may stand in files, and TLS makes a listener HTTPS.
import type { z } from 'zod';
import { list, strict, text } from '../../schema/dialect.ts';
import { listenerSetFields } from '../listener-set/schema.ts';
import {
  caCertificateRefs,
  clientCertificateRef,
  gatewayFields,
  gatewayTls,
  listenerFields,
  protocolText,
  tlsFields,
  validationMode,
} from './schema.ts';

const path = () => text(4096).optional();

const pairFiles = {
  certificateFile: path().describe('File with the certificate and its chain in PEM; relative to this file.'),
  keyFile: path().describe('File with the private key in PEM; relative to this file.'),
};

const listener = strict({
  ...listenerFields,
  protocol: protocolText
    .optional()
    .describe('HTTP, HTTPS, TLS, TCP or UDP; HTTPS with `tls` and HTTP without when left out.'),
  tls: strict({ ...tlsFields, ...pairFiles })
    .optional()
    .describe('TLS of the listener; HTTPS and TLS need it, the others have none.'),
});

/** Gateway.spec as config.yaml says it. */
export const gatewayShort = strict({
  ...gatewayFields,
  tls: gatewayTls(
    strict({
      caCertificateRefs: caCertificateRefs.optional().describe('Whose certificates clients may show.'),
      caCertificateFile: path().describe('File with those certificates in PEM; relative to this file.'),
      mode: validationMode,
    }),
    strict({ clientCertificateRef, ...pairFiles }),
  )
    .optional()
    .describe('TLS of the whole Gateway.'),
  listeners: list(listener).min(1).describe('Ports and hosts to serve.'),
});

/** ListenerSet.spec as config.yaml says it. */
export const listenerSetShort = strict({
  ...listenerSetFields,
  listeners: list(listener).min(1).describe('Ports and hosts to serve, after those of the Gateway and of older sets.'),
});

/** Gateway.spec of config.yaml as parsed. */
export type GatewayShort = z.output<typeof gatewayShort>;
/** ListenerSet.spec of config.yaml as parsed. */
export type ListenerSetShort = z.output<typeof listenerSetShort>;
