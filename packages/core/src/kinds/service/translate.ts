// Service and its EndpointSlices → backend and endpoints.
import { BackendSchema, Transport } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import { type EncodedResource, toEndpointsKey } from '@agentgateway/api/keys.ts';
import { create } from '@bufbuild/protobuf';
import { encodeEndpoints, encodeResource } from '../../translate/encode.ts';
import { parseObject } from '../../translate/parse.ts';
import type { Scope } from '../../translate/scope.ts';
import { keyOf } from '../../translate/world-index.ts';
import type { Manifest } from '../../world.ts';
import type { BackendTranslated } from '../backend.ts';
import { type ServicePortFacts, serviceFacts } from './facts.ts';
import type { EndpointSliceFields, ServiceSpec } from './schema.ts';

interface Address {
  readonly address: string;
  readonly port: number;
}

/** Translates a Service: its ports, and for each the ready addresses of its EndpointSlices, else its external name. */
export function translateService(service: Manifest, scope: Scope): BackendTranslated {
  const parsed = parseObject<ServiceSpec>(service);
  if (!parsed.ok) {
    for (const fault of parsed.faults) scope.fault(fault);
    return { resources: [], backends: [], secrets: [], ports: [] };
  }
  const { namespace, name } = service.metadata;
  const { ports, externalName } = serviceFacts(service);
  const slices = scope.slices(namespace, name);
  const value = create(BackendSchema, {
    kind: {
      case: 'service',
      value: {
        ports: ports.map(({ port, protocol, isTls, transport }) => ({
          port,
          protocol,
          // The name that Kubernetes gives a Service within every cluster.
          ...(isTls && { tls: { serverName: `${name}.${namespace}.svc` } }),
          transport: transport === 'udp' ? Transport.UDP : Transport.TCP,
        })),
      },
    },
  });
  const endpoints = ports.map((port): EncodedResource => {
    const addresses =
      externalName === undefined ? addressesOf(slices, port) : [{ address: externalName, port: port.port }];
    return encodeEndpoints(toEndpointsKey(keyOf(service), port.port, port.transport), {
      endpoints: distinct(addresses),
    });
  });
  return {
    resources: [encodeResource(keyOf(service), { case: 'backend', value }), ...endpoints],
    backends: [],
    secrets: [],
    ports: ports.map(({ port }) => port),
  };
}

/**
 * The ready addresses for a port, which slices know by the port's name. Where there is none, those that still serve while
 * they terminate: the last that are left should answer rather than nobody (KEP-1669).
 */
function addressesOf(slices: readonly Manifest[], port: ServicePortFacts): Address[] {
  const endpoints = slices.flatMap((slice) => endpointsOf(slice, port));
  const ready = endpoints.filter(({ conditions }) => conditions?.ready !== false && conditions?.terminating !== true);
  const chosen =
    ready.length > 0
      ? ready
      : endpoints.filter(({ conditions }) => conditions?.terminating === true && conditions.serving === true);
  return chosen.flatMap(({ addresses, target }) => addresses.map((address) => ({ address, port: target })));
}

function endpointsOf(
  slice: Manifest,
  { name, transport }: ServicePortFacts,
): (NonNullable<EndpointSliceFields['endpoints']>[number] & { readonly target: number })[] {
  const parsed = parseObject<EndpointSliceFields>(slice);
  if (!parsed.ok) return [];
  const { ports = [], endpoints = [] } = parsed.fields;
  const target = ports.find(
    (port) => (port.name ?? '') === name && (port.protocol ?? 'TCP').toLowerCase() === transport,
  )?.port;
  return target === undefined ? [] : endpoints.map((endpoint) => ({ ...endpoint, target }));
}

function distinct(addresses: readonly Address[]): Address[] {
  const sorted = addresses.toSorted((a, b) =>
    a.address < b.address ? -1 : a.address > b.address ? 1 : a.port - b.port,
  );
  return sorted.filter(
    ({ address, port }, index) =>
      index === 0 || sorted[index - 1]!.address !== address || sorted[index - 1]!.port !== port,
  );
}
