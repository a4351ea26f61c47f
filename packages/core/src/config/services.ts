// A laptop's Services: the short form of endpoints, and names looked up in DNS, both as EndpointSlices.
import { z } from 'zod';
import { type EndpointSliceFields, type serviceShort, serviceNameLabel } from '../kinds/service/schema.ts';
import type { Manifest } from '../world.ts';
import type { FieldProblem } from './validate.ts';

type ServiceShort = z.output<typeof serviceShort>;

/** Marks a slice that stands for a look-up in DNS; only a laptop has such, so they are not ejected. */
const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
const dnsManager = 'agentgateway.dev/dns';

/** Whether a manifest is a laptop's look-up in DNS. */
export function isDnsSlice({ kind, metadata }: Manifest): boolean {
  return kind === 'EndpointSlice' && metadata.labels?.[managedByLabel] === dnsManager;
}

/** A Service of config.yaml as Service and EndpointSlices: one slice for each kind of address and each port. */
export function expandService(service: Manifest): {
  readonly manifests: readonly Manifest[];
  readonly problems: readonly FieldProblem[];
} {
  const { endpoints, ...spec } = service.spec as ServiceShort;
  const plain: Manifest = { ...service, spec };
  if (!endpoints) return { manifests: [plain], problems: [] };
  const ports = spec.ports ?? [];
  if (ports.length === 0)
    return { manifests: [], problems: [{ path: ['ports'], message: 'is required with endpoints' }] };
  const named = ports.flatMap(({ targetPort }, index): FieldProblem[] =>
    typeof targetPort === 'string'
      ? [{ path: ['ports', index, 'targetPort'], message: 'must be a number: endpoints have no named ports' }]
      : [],
  );
  const problems = endpoints.flatMap(({ port }, index): FieldProblem[] =>
    port !== undefined && ports.length > 1
      ? [
          {
            path: ['endpoints', index, 'port'],
            message: 'cannot be told apart for a Service of several ports',
            hint: 'give each port its targetPort instead',
          },
        ]
      : [],
  );
  // Said to have none is not the same as saying nothing: a slice without endpoints keeps the name from being looked up.
  if (endpoints.length === 0)
    return {
      manifests: [
        plain,
        slice(service, `${service.metadata.name}-0`, { addressType: 'IPv4', ports: [], endpoints: [] }),
      ],
      problems: named,
    };
  const groups = Map.groupBy(endpoints, ({ address, port }) => `${addressType(address)} ${port ?? ''}`);
  const slices = [...groups.values()].map((group, index) => {
    const { address, port } = group[0]!;
    return slice(service, `${service.metadata.name}-${index}`, {
      addressType: addressType(address),
      ports: ports.map((entry) => ({
        ...nameOfPort(entry),
        port: port ?? (typeof entry.targetPort === 'number' ? entry.targetPort : entry.port),
      })),
      endpoints: group.map((endpoint) => ({ addresses: [endpoint.address] })),
    });
  });
  return { manifests: [plain, ...slices], problems: [...named, ...problems] };
}

/** Slices for the Services that say nowhere where they are: their own name, looked up in DNS. */
export function dnsSlices(manifests: readonly Manifest[]): Manifest[] {
  const placed = new Set(
    manifests
      .filter(({ kind }) => kind === 'EndpointSlice')
      .map(({ metadata }) => `${metadata.namespace}/${metadata.labels?.[serviceNameLabel]}`),
  );
  return manifests.flatMap((service) => {
    const { namespace, name } = service.metadata;
    if (service.kind !== 'Service' || placed.has(`${namespace}/${name}`)) return [];
    const spec = service.spec as ServiceShort;
    if (spec.externalName !== undefined) return [];
    const made = slice(service, `${name}-dns`, {
      addressType: 'FQDN',
      ports: (spec.ports ?? []).map((entry) => ({
        ...nameOfPort(entry),
        port: entry.port,
      })),
      endpoints: [{ addresses: [name] }],
    });
    return [
      { ...made, metadata: { ...made.metadata, labels: { ...made.metadata.labels, [managedByLabel]: dnsManager } } },
    ];
  });
}

/** What ties a slice's port to the Service's. */
function nameOfPort({ name, protocol }: NonNullable<ServiceShort['ports']>[number]): object {
  return { ...(name !== undefined && { name }), ...(protocol !== 'TCP' && { protocol }) };
}

function slice(service: Manifest, name: string, fields: EndpointSliceFields): Manifest {
  const { namespace, name: serviceName, ...metadata } = service.metadata;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...metadata, namespace, name, labels: { [serviceNameLabel]: serviceName } },
    ...fields,
    ...(service.origin && { origin: service.origin }),
  };
}

const ipv4 = z.ipv4();
const ipv6 = z.ipv6();

function addressType(address: string): 'IPv4' | 'IPv6' | 'FQDN' {
  if (ipv4.safeParse(address).success) return 'IPv4';
  return ipv6.safeParse(address).success ? 'IPv6' : 'FQDN';
}
