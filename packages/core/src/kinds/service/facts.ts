// What is known of a Service's ports.
import { UpstreamProtocol } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import { parseObject } from '../../translate/parse.ts';
import type { Manifest } from '../../world.ts';
import type { ServiceSpec } from './schema.ts';

/** What a port is reached by. */
export type PortTransport = 'tcp' | 'udp';

/** One port of a Service. */
export interface ServicePortFacts {
  readonly name: string;
  readonly port: number;
  readonly transport: PortTransport;
  /** What its appProtocol says is spoken; unspecified where it says nothing. */
  readonly protocol: UpstreamProtocol;
  readonly isTls: boolean;
  /** Why requests cannot be sent to it. */
  readonly problem: string | undefined;
}

/** The facts of a Service. */
export interface ServiceFacts {
  /** Sorted by number, then transport. */
  readonly ports: readonly ServicePortFacts[];
  readonly externalName: string | undefined;
}

interface AppProtocol {
  readonly protocol: UpstreamProtocol;
  readonly isTls?: true;
}

const http1: AppProtocol = { protocol: UpstreamProtocol.HTTP1 };
const http2: AppProtocol = { protocol: UpstreamProtocol.HTTP2 };

/** appProtocol → what is spoken (KEP-3726, Gateway API GEP-1911); names of the IANA registry in lower case. */
const protocols: ReadonlyMap<string, AppProtocol> = new Map([
  ['http', http1],
  ['https', { ...http1, isTls: true }],
  ['http2', http2],
  ['h2c', http2],
  ['grpc', http2],
  ['grpcs', { ...http2, isTls: true }],
  ['kubernetes.io/h2c', http2],
  ['kubernetes.io/grpc', http2],
  ['kubernetes.io/ws', http1],
  ['kubernetes.io/wss', { ...http1, isTls: true }],
  // What is known of the bytes and nothing more.
  ['tcp', { protocol: UpstreamProtocol.UNSPECIFIED }],
]);

const known = new WeakMap<Manifest, ServiceFacts>();

/** The facts of a Service, once per object. */
export function serviceFacts(service: Manifest): ServiceFacts {
  const before = known.get(service);
  if (before) return before;
  const parsed = parseObject<ServiceSpec>(service);
  const spec = parsed.ok ? parsed.fields : undefined;
  const ports = (spec?.ports ?? [])
    .flatMap(toPort)
    .sort((a, b) => a.port - b.port || (a.transport < b.transport ? -1 : 1));
  const externalName = spec?.type === 'ExternalName' || spec?.externalName ? spec.externalName : undefined;
  const facts = { ports, externalName };
  known.set(service, facts);
  return facts;
}

function toPort({
  name = '',
  port,
  protocol: transport,
  appProtocol = '',
}: NonNullable<ServiceSpec['ports']>[number]): ServicePortFacts[] {
  if (transport === 'SCTP') return [];
  const said = protocols.get(appProtocol.toLowerCase());
  const problem =
    appProtocol === '' || said || transport === 'UDP'
      ? undefined
      : `appProtocol ${appProtocol} of port ${port} is not supported; supported: ${[...protocols.keys()].join(', ')}`;
  return [
    {
      name,
      port,
      transport: transport === 'UDP' ? 'udp' : 'tcp',
      protocol: said?.protocol ?? UpstreamProtocol.UNSPECIFIED,
      isTls: said?.isTls ?? false,
      problem,
    },
  ];
}
