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
  gatewayClassName: name().default('agentgateway'),
  listeners: list(
    strict({
      name: name(),
      hostname: hostname().optional(),
      port: integer(0, 65_535),
      protocol: text(64).default('HTTP'),
      allowedRoutes: strict({
        namespaces: strict({ from: oneOf('Same', 'All', 'None').default('Same') }).optional(),
        kinds: list(strict({ group: text(253, 0).optional(), kind: text(63) }), 8).optional(),
      }).optional(),
      tls: strict({
        mode: oneOf('Terminate', 'Passthrough').optional(),
        certificateRefs: list(
          strict({
            group: text(253, 0).optional(),
            kind: text(63).optional(),
            name: name(),
            namespace: name().optional(),
          }),
        ).optional(),
        options: texts().optional(),
      }).optional(),
    }),
  ).min(1),
  addresses: list(strict({ type: text(64).default('IPAddress'), value: text(253).optional() }), 16).optional(),
});

/** Gateway.spec as parsed. */
export type GatewaySpec = z.output<typeof gatewaySpec>;

/** GatewayClass.spec. */
export const gatewayClassSpec = strict({
  controllerName: text(253),
  description: text(64).optional(),
  parametersRef: texts().optional(),
});
