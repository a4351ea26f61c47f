// What is known of a Service's ports.
import { parseObject } from '../../translate/parse.ts';
import type { Manifest } from '../../world.ts';
import type { ServiceSpec } from './schema.ts';

/** One TCP port of a Service. */
export interface ServicePortFacts {
  readonly name: string;
  readonly port: number;
  readonly isHttp2: boolean;
  /** Why the port's protocol cannot be spoken. */
  readonly problem: string | undefined;
}

/** The facts of a Service. */
export interface ServiceFacts {
  readonly ports: readonly ServicePortFacts[];
  readonly externalName: string | undefined;
}

/** appProtocol → whether HTTP/2 is spoken by prior knowledge. */
const protocols: ReadonlyMap<string, boolean> = new Map([
  ['http', false],
  ['grpc', true],
  ['kubernetes.io/h2c', true],
  ['kubernetes.io/ws', false],
]);

const known = new WeakMap<Manifest, ServiceFacts>();

/** The facts of a Service, once per object. */
export function serviceFacts(service: Manifest): ServiceFacts {
  const before = known.get(service);
  if (before) return before;
  const parsed = parseObject<ServiceSpec>(service);
  const spec = parsed.ok ? parsed.fields : undefined;
  const ports = (spec?.ports ?? [])
    .filter(({ protocol }) => protocol === 'TCP')
    .map(({ name = '', port, appProtocol }) => ({
      name,
      port,
      isHttp2: protocols.get(appProtocol ?? '') ?? false,
      problem:
        appProtocol === undefined || protocols.has(appProtocol)
          ? undefined
          : `appProtocol ${appProtocol} of port ${port} is not supported; supported: ${[...protocols.keys()].join(', ')}`,
    }))
    .sort((a, b) => a.port - b.port);
  const externalName = spec?.type === 'ExternalName' || spec?.externalName ? spec.externalName : undefined;
  const facts = { ports, externalName };
  known.set(service, facts);
  return facts;
}
