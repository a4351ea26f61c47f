// Gateway and GatewayClass (gateway.networking.k8s.io/v1), as far as they are used.
import type { z } from 'zod';
import { integer, list, name, oneOf, pattern, strict, text, texts } from '../../schema/dialect.ts';

/** A host name, exact or with a leading wildcard label. */
export const hostname = () =>
  pattern(
    '^(\\*\\.)?[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?(\\.[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?)*$',
    'must be a host name, or one that begins with *.',
  );

/** Gateway.spec. */
export const gatewaySpec = strict({
  gatewayClassName: name().default('agentgateway').describe('GatewayClass; in a file no class needs to exist.'),
  listeners: list(
    strict({
      name: name().describe('Unique within the Gateway; `sectionName` of routes and policies refers to it.'),
      hostname: hostname()
        .optional()
        .describe('Serves this host alone, or with a leading `*.` the hosts below it; every host when left out.'),
      port: integer(0, 65_535).describe('Where it listens; 0 takes any free port.'),
      protocol: text(64)
        .default('HTTP')
        .describe('HTTP: HTTP/1.1, and HTTP/2 without TLS, on one port. Nothing else is supported yet.'),
      allowedRoutes: strict({
        namespaces: strict({
          from: oneOf('Same', 'All', 'None').default('Same').describe('Same: those of the Gateway’s own namespace.'),
        })
          .optional()
          .describe('Namespaces whose routes may attach.'),
        kinds: list(
          strict({
            group: text(253, 0).optional().describe('gateway.networking.k8s.io when left out.'),
            kind: text(63).describe('HTTPRoute.'),
          }),
          8,
        )
          .optional()
          .describe('Kinds of routes that may attach; those that the protocol can serve when left out.'),
      })
        .optional()
        .describe('Which routes may attach; those of the same namespace when left out.'),
      tls: strict({
        mode: oneOf('Terminate', 'Passthrough').optional().describe('Whether TLS ends here.'),
        certificateRefs: list(
          strict({
            group: text(253, 0).optional().describe('Empty, the core group, when left out.'),
            kind: text(63).optional().describe('Secret when left out.'),
            name: name().describe('Name of the Secret.'),
            namespace: name().optional().describe('The Gateway’s own when left out.'),
          }),
        )
          .optional()
          .describe('Secrets with certificates.'),
        options: texts().optional().describe('Settings of the implementation.'),
      })
        .optional()
        .describe('TLS of the listener; not supported yet.'),
    }),
  )
    .min(1)
    .describe('Ports and hosts to serve.'),
  addresses: list(
    strict({
      type: text(64).default('IPAddress').describe('IPAddress; nothing else is supported.'),
      value: text(253).optional().describe('The address; the one of `--bind` when left out.'),
    }),
    16,
  )
    .optional()
    .describe('Where to bind: at most one address; the one of `--bind` when left out.'),
});

/** Gateway.spec as parsed. */
export type GatewaySpec = z.output<typeof gatewaySpec>;

/** GatewayClass.spec. */
export const gatewayClassSpec = strict({
  controllerName: text(253).describe('agentgateway.dev/controller for Gateways that are served here.'),
  description: text(64).optional().describe('For people.'),
  parametersRef: texts().optional().describe('Not used.'),
});
