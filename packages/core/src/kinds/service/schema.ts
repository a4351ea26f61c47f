// Service (v1) and EndpointSlice (discovery.k8s.io/v1), as far as they are used.
import type { z } from 'zod';
import { boolean, integer, list, name, oneOf, portOrName, strict, text, texts } from '../../schema/dialect.ts';

const fields = {
  type: oneOf('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName')
    .default('ClusterIP')
    .describe('Not used: `externalName` or the endpoints say where the Service is.'),
  clusterIP: text(64).optional().describe('Not used: requests go to endpoints.'),
  externalName: text(253).optional().describe('Host that the Service stands for, in place of endpoints.'),
  selector: texts().optional().describe('Not used: EndpointSlices say what the Service is made of.'),
  ports: list(
    strict({
      name: name().optional().describe('Ties the port to a port of the EndpointSlices.'),
      port: integer(1, 65_535).describe('The number that routes refer to.'),
      targetPort: portOrName().optional().describe('Port of the endpoints; the port itself when left out.'),
      protocol: oneOf('TCP', 'UDP', 'SCTP')
        .default('TCP')
        .describe('Requests and connections go to TCP ports, datagrams to UDP ports; SCTP is not used.'),
      appProtocol: text(64)
        .optional()
        .describe(
          'http and kubernetes.io/ws speak HTTP/1.1, https and kubernetes.io/wss the same over TLS; grpc, h2c, http2, kubernetes.io/h2c and kubernetes.io/grpc speak HTTP/2, grpcs the same over TLS. When left out, HTTP/2 behind a GRPCRoute, else HTTP/1.1.',
        ),
    }),
  )
    .optional()
    .describe('Its ports.'),
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
  addressType: text(16).default('IPv4').describe('IPv4, IPv6 or FQDN.'),
  ports: list(
    strict({
      name: text(63, 0).optional().describe('Name of the Service’s port.'),
      port: integer(1, 65_535).optional().describe('Port of the endpoints.'),
      protocol: text(8).optional().describe('TCP when left out; ties the port to that of the Service beside its name.'),
      appProtocol: text(64).optional().describe('Not used: the Service says it.'),
    }),
  )
    .optional()
    .describe('Its ports, tied to those of the Service by name.'),
  endpoints: list(
    strict({
      addresses: list(text(253), 100).describe('IP addresses or host names.'),
      conditions: strict({
        ready: boolean().optional().describe('False takes it out.'),
        serving: boolean()
          .optional()
          .describe('True lets one that is terminating take requests while no other is ready.'),
        terminating: boolean().optional().describe('True takes it out while others are ready.'),
      })
        .optional()
        .describe('Whether it takes requests.'),
    }),
    1000,
  )
    .optional()
    .describe('What the Service is made of.'),
});

/** An EndpointSlice as parsed. */
export type EndpointSliceFields = z.output<typeof endpointSliceFields>;

/** Label of an EndpointSlice that names its Service. */
export const serviceNameLabel = 'kubernetes.io/service-name';
