// Service (v1) and EndpointSlice (discovery.k8s.io/v1), as far as they are used.
import type { z } from 'zod';
import { boolean, integer, list, name, oneOf, strict, text, texts } from '../../schema/dialect.ts';

/** Service.spec; `endpoints` is the short form of config.yaml for an EndpointSlice. */
export const serviceSpec = strict({
  type: oneOf('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName').default('ClusterIP'),
  clusterIP: text(64).optional(),
  externalName: text(253).optional(),
  selector: texts().optional(),
  ports: list(
    strict({
      name: name().optional(),
      port: integer(1, 65_535),
      targetPort: integer(1, 65_535).optional(),
      protocol: oneOf('TCP', 'UDP', 'SCTP').default('TCP'),
      appProtocol: text(64).optional(),
    }),
  ).optional(),
  endpoints: list(strict({ address: text(253), port: integer(1, 65_535).optional() }), 1000).optional(),
});

/** Service.spec as parsed. */
export type ServiceSpec = z.output<typeof serviceSpec>;

/** The fields of an EndpointSlice beside its metadata. */
export const endpointSliceFields = strict({
  addressType: text(16).default('IPv4'),
  ports: list(
    strict({
      name: text(63).min(0).optional(),
      port: integer(1, 65_535).optional(),
      protocol: text(8).optional(),
      appProtocol: text(64).optional(),
    }),
  ).optional(),
  endpoints: list(
    strict({
      addresses: list(text(253), 100),
      conditions: strict({
        ready: boolean().optional(),
        serving: boolean().optional(),
        terminating: boolean().optional(),
      }).optional(),
    }),
    1000,
  ).optional(),
});

/** An EndpointSlice as parsed. */
export type EndpointSliceFields = z.output<typeof endpointSliceFields>;
