// BackendTLSPolicy (gateway.networking.k8s.io/v1).
import type { z } from 'zod';
import { subjectAltName } from '../../policy/backend-tls.ts';
import { list, name, strict, text, texts } from '../../schema/dialect.ts';

/** BackendTLSPolicy.spec. */
export const backendTLSPolicySpec = strict({
  targetRefs: list(
    strict({
      group: text(253, 0).default('').describe('Empty, for Service.'),
      kind: text(63).default('Service').describe('Service.'),
      name: name().describe('Name of the Service, which is in the policy’s own namespace.'),
      sectionName: name().optional().describe('Name of one of its ports; all of them when left out.'),
    }),
    16,
  )
    .min(1)
    .describe('What TLS is spoken to; what names a port wins over what names the whole Service.'),
  validation: strict({
    caCertificateRefs: list(
      strict({
        group: text(253, 0).default('').describe('Empty, for ConfigMap.'),
        kind: text(63).default('ConfigMap').describe('ConfigMap.'),
        name: name().describe('Name of the ConfigMap, whose `ca.crt` holds certificates in PEM.'),
      }),
      8,
    )
      .optional()
      .describe('Certificates that are trusted; this or wellKnownCACertificates must be set, not both.'),
    wellKnownCACertificates: text(64).optional().describe('System: what the system trusts.'),
    hostname: text(253).describe('Sent as SNI, and verified where no subjectAltNames are given.'),
    subjectAltNames: list(subjectAltName, 5)
      .optional()
      .describe('One of these must be in the certificate, in place of the host name.'),
  }).describe('Whom the certificates of the Service must name, and who must have signed them.'),
  options: texts().optional().describe('There are none: with any set, nothing is sent to the Service.'),
});

/** BackendTLSPolicy.spec as parsed. */
export type BackendTLSPolicySpec = z.output<typeof backendTLSPolicySpec>;
