// Gateway and GatewayClass (gateway.networking.k8s.io/v1), as far as they are used.
import type { z } from 'zod';
import { integer, list, name, oneOf, pattern, strict, text, texts } from '../../schema/dialect.ts';
import { labelSelector } from '../../schema/label-selector.ts';

/** A host name, exact or with a leading wildcard label. */
export const hostname = () =>
  pattern(
    '^(\\*\\.)?[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?(\\.[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?)*$',
    'must be a host name, or one that begins with *.',
  );

const secretReference = strict({
  group: text(253, 0).optional().describe('Empty, the core group, when left out.'),
  kind: text(63).optional().describe('Secret when left out.'),
  name: name().describe('Name of the Secret.'),
  namespace: name().optional().describe('The object’s own when left out; another one needs a ReferenceGrant there.'),
});

/** The fields of a listener that say nothing of TLS; Gateways and ListenerSets have the same. */
export const listenerFields = {
  name: name().describe('Unique within the object; `sectionName` of routes and policies refers to it.'),
  hostname: hostname()
    .optional()
    .describe('Serves this host alone, or with a leading `*.` the hosts below it; every host when left out.'),
  port: integer(0, 65_535).describe('Where it listens; 0 takes any free port.'),
  allowedRoutes: strict({
    namespaces: strict({
      from: oneOf('Same', 'All', 'Selector', 'None')
        .default('Same')
        .describe('Same: those of the listener’s own namespace. Selector: those with the labels of `selector`.'),
      selector: labelSelector.optional().describe('Labels of the namespaces, with `from: Selector`.'),
    })
      .optional()
      .describe('Namespaces whose routes may attach.'),
    kinds: list(
      strict({
        group: text(253, 0).optional().describe('gateway.networking.k8s.io when left out.'),
        kind: text(63).describe('HTTPRoute, GRPCRoute, TLSRoute, TCPRoute or UDPRoute.'),
      }),
      8,
    )
      .optional()
      .describe('Kinds of routes that may attach; those that the protocol can serve when left out.'),
  })
    .optional()
    .describe('Which routes may attach; those of the same namespace when left out.'),
};

/** Name of a protocol. */
export const protocolText = text(255);

/** TLS of a listener. */
export const tlsFields = {
  mode: oneOf('Terminate', 'Passthrough')
    .optional()
    .describe('Whether TLS ends here; required for the protocol TLS, Terminate when left out elsewhere.'),
  certificateRefs: list(secretReference)
    .optional()
    .describe('Secrets of type kubernetes.io/tls; which of several is used, the client’s SNI decides.'),
  options: texts()
    .optional()
    .describe(
      '`agentgateway.dev/min-version` and `agentgateway.dev/max-version`: 1.2 or 1.3. `agentgateway.dev/cipher-suites`: names, separated by commas.',
    ),
};

/** A listener of a Gateway or a ListenerSet. */
export const listener = strict({
  ...listenerFields,
  protocol: protocolText
    .default('HTTP')
    .describe(
      'HTTP: HTTP/1.1, and HTTP/2 without TLS, on one port. HTTPS: both over TLS. TLS: TLS that ends here or passes. TCP. UDP.',
    ),
  tls: strict(tlsFields).optional().describe('TLS of the listener; HTTPS and TLS need it, the others have none.'),
});

/** References to certificates of authorities. */
export const caCertificateRefs = list(
  strict({
    group: text(253, 0).describe('Empty, the core group.'),
    kind: text(63).describe('ConfigMap.'),
    name: name().describe('Name of the ConfigMap, which holds certificates in PEM under `ca.crt`.'),
    namespace: name().optional().describe('The Gateway’s own when left out; another one needs a ReferenceGrant there.'),
  }),
  8,
).min(1);

/** What is done with clients. */
export const validationMode = oneOf('AllowValidOnly', 'AllowInsecureFallback')
  .default('AllowValidOnly')
  .describe('AllowInsecureFallback serves clients without a valid certificate too; it is for tests.');

/** TLS of a whole Gateway, from how clients are validated and what is shown to backends. */
export function gatewayTls<Validation extends z.ZodType, Backend extends z.ZodType>(
  validation: Validation,
  backend: Backend,
) {
  const frontend = strict({ validation: validation.optional().describe('Asks clients for certificates.') });
  return strict({
    frontend: strict({
      default: frontend.describe('For every HTTPS listener whose port has nothing of its own.'),
      perPort: list(
        strict({
          port: integer(1, 65_535).describe('Port of the listeners.'),
          tls: frontend.describe('In place of the default.'),
        }),
      )
        .optional()
        .describe('Per port, in place of the default.'),
    })
      .optional()
      .describe('How clients of HTTPS listeners show who they are.'),
    backend: backend.optional().describe('How the Gateway shows backends who it is.'),
  });
}

/** What the Gateway shows to backends. */
export const clientCertificateRef = secretReference
  .optional()
  .describe('Secret of type kubernetes.io/tls that is shown to backends which are spoken to in TLS.');

/** The fields of Gateway.spec that the short form has too. */
export const gatewayFields = {
  gatewayClassName: name().default('agentgateway').describe('GatewayClass; in a file no class needs to exist.'),
  addresses: list(
    strict({
      type: text(253).default('IPAddress').describe('IPAddress; nothing else is supported.'),
      value: text(253, 0).optional().describe('The address; the one of `--bind` when left out.'),
    }),
    16,
  )
    .optional()
    .describe('Where to bind every listener; the one of `--bind` when left out.'),
  infrastructure: strict({
    labels: texts(63).optional().describe('Labels of what is created for the Gateway.'),
    annotations: texts().optional().describe('Annotations of what is created for the Gateway.'),
    parametersRef: strict({
      group: text(253, 0).describe('Group of the kind.'),
      kind: text(63).describe('No kind is supported yet.'),
      name: name().describe('Name of the object.'),
    })
      .optional()
      .describe('Parameters of what is created for the Gateway.'),
  })
    .optional()
    .describe('What is created for the Gateway in a cluster; a laptop creates nothing.'),
  allowedListeners: strict({
    namespaces: strict({
      from: oneOf('Same', 'All', 'Selector', 'None').default('None').describe('Namespaces of ListenerSets.'),
      selector: labelSelector.optional().describe('Labels of the namespaces, with `from: Selector`.'),
    })
      .optional()
      .describe('Namespaces whose ListenerSets may attach; none when left out.'),
  })
    .optional()
    .describe('Which ListenerSets may add listeners; none when left out.'),
  defaultScope: oneOf('All', 'None')
    .optional()
    .describe('All: takes the routes that say `useDefaultGateways: All` and name no Gateway.'),
};

/** Gateway.spec. */
export const gatewaySpec = strict({
  ...gatewayFields,
  tls: gatewayTls(
    strict({
      caCertificateRefs: caCertificateRefs.describe('Whose certificates clients may show.'),
      mode: validationMode,
    }),
    strict({ clientCertificateRef }),
  )
    .optional()
    .describe('TLS of the whole Gateway.'),
  listeners: list(listener).min(1).describe('Ports and hosts to serve.'),
});

/** Gateway.spec as parsed. */
export type GatewaySpec = z.output<typeof gatewaySpec>;
/** A listener as parsed. */
export type ListenerSpec = z.output<typeof listener>;
/** A reference to a Secret as parsed. */
export type SecretReference = z.output<typeof secretReference>;

/** GatewayClass.spec. */
export const gatewayClassSpec = strict({
  controllerName: text(253).describe('agentgateway.dev/controller for Gateways that are served here.'),
  description: text(64).optional().describe('For people.'),
  parametersRef: texts().optional().describe('Not supported yet; a class that has it is not accepted.'),
});
