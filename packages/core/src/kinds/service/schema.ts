// Service (v1) and EndpointSlice (discovery.k8s.io/v1), as far as they are used.
import type { z } from 'zod';
import { boolean, integer, list, name, oneOf, portOrName, strict, text, texts } from '../../schema/dialect.ts';

const fields = {
  type: oneOf('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName').default('ClusterIP'),
  clusterIP: text(64).optional(),
  externalName: text(253).optional(),
  selector: texts().optional(),
  ports: list(
    strict({
      name: name().optional(),
      port: integer(1, 65_535),
      targetPort: portOrName().optional(),
      protocol: oneOf('TCP', 'UDP', 'SCTP').default('TCP'),
      appProtocol: text(64).optional(),
    }),
  ).optional(),
};

/** Service.spec. */
export const serviceSpec = strict(fields);

/** Service.spec as config.yaml says it: with the short form of EndpointSlices. */
export const serviceShort = strict({
  ...fields,
  endpoints: list(
    strict({
      address: text(253).describe('IP address or host name.'),
      port: integer(1, 65_535).optional().describe('The port’s target port, or the port itself, when left out.'),
    }),
    1000,
  )
    .optional()
    .describe('Where the Service is; without it and without externalName its name is looked up in DNS.'),
});

/** Service.spec as parsed. */
export type ServiceSpec = z.output<typeof serviceSpec>;

/** The fields of an EndpointSlice beside its metadata. */
export const endpointSliceFields = strict({
  addressType: text(16).default('IPv4'),
  ports: list(
    strict({
      name: text(63, 0).optional(),
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

/** Label of an EndpointSlice that names its Service. */
export const serviceNameLabel = 'kubernetes.io/service-name';
