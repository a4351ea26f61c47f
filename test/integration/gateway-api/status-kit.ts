// Worlds in short, and what their statuses say as lines.
import { createHash } from 'node:crypto';
import { createTranslator } from '@agentgateway/core/translate/translate.ts';
import type { Manifest } from '@agentgateway/core/world.ts';
import { readCertificateFile } from '../../kit/certificates.ts';

const controllerName = 'agentgateway.dev/controller';
const group = 'gateway.networking.k8s.io';

/** An object; the later in a row the younger. */
function object(kind: string, name: string, spec: object, namespace = 'infra'): Manifest {
  const apiVersion = kind === 'Service' ? 'v1' : `${group}/v1`;
  return { apiVersion, kind, metadata: { name, namespace, generation: 1 }, spec } as unknown as Manifest;
}

/** What a listener's allowedRoutes say. */
export const allow = (from: string, kinds?: readonly object[]): object => ({
  allowedRoutes: { namespaces: { from }, ...(kinds && { kinds }) },
});
/** A listener of HTTP. */
export const http = (name: string, more: object = {}): object => ({ name, port: 80, protocol: 'HTTP', ...more });
/** The Gateway `g`. */
export const gw = (listeners: readonly object[], more: object = {}): Manifest =>
  object('Gateway', 'g', { gatewayClassName: 'agentgateway', listeners, ...more });
/** A ListenerSet of it. */
export const set = (name: string, listeners: readonly object[], namespace = 'infra'): Manifest =>
  object('ListenerSet', name, { parentRef: { name: 'g', namespace: 'infra' }, listeners }, namespace);
/** A backendRef. */
export const to = (name: string, more: object = {}): object => ({ name, port: 80, ...more });
/** The route `r`. */
export function route(kind: string, parents: readonly object[], more: object = {}, namespace = 'infra'): Manifest {
  const { backend = to('web'), ...rest } = more as { backend?: object };
  return object(kind, 'r', { parentRefs: parents, rules: [{ backendRefs: [backend] }], ...rest }, namespace);
}
/** A parentRef to the Gateway. */
export const g = (more: object = {}): object => ({ name: 'g', namespace: 'infra', ...more });
/** A parentRef to the ListenerSet `s`. */
export const s = (more: object = {}): object => ({ kind: 'ListenerSet', name: 's', namespace: 'infra', ...more });
/** A ReferenceGrant. */
export const grant = (kind: string, from: string, target: object, namespace: string): Manifest =>
  object(
    'ReferenceGrant',
    `grant-${kind}`,
    { from: [{ group, kind, namespace: from }], to: [{ group: '', ...target }] },
    namespace,
  );
/** Services `web` of two namespaces. */
export const services = [
  object('Service', 'web', {
    ports: [
      { name: 'http', port: 80 },
      { name: 'udp', port: 81, protocol: 'UDP' },
    ],
  }),
  object(
    'Service',
    'web',
    {
      ports: [
        { name: 'http', port: 80 },
        { name: 'udp', port: 81, protocol: 'UDP' },
      ],
    },
    'web',
  ),
];
/** A Secret with a certificate. */
export function secret(name: string, namespace: string, text = readCertificateFile('a.crt').text): Manifest {
  const data = { 'tls.crt': btoa(text), 'tls.key': btoa(readCertificateFile('a.key').text) };
  const metadata = { name, namespace, generation: 1 };
  return { apiVersion: 'v1', kind: 'Secret', metadata, type: 'kubernetes.io/tls', data } as unknown as Manifest;
}
/** A listener of HTTPS. */
export const https = (certificateRefs: readonly object[], more: object = {}): object => ({
  name: 'https',
  port: 443,
  protocol: 'HTTPS',
  tls: { certificateRefs, ...more },
});
/** A listener of TLS. */
export const tls = (name: string, mode: string, more: object = {}): object => ({
  name,
  port: 8443,
  protocol: 'TLS',
  tls: { mode, ...(mode === 'Terminate' && { certificateRefs: [{ name: 'cert' }] }) },
  ...more,
});
/** A listener of TCP. */
export const tcp = (name: string, port: number): object => ({ name, port, protocol: 'TCP' });
/** A listener of UDP. */
export const udp = (name: string, port: number): object => ({ name, port, protocol: 'UDP' });
/** A Namespace with labels. */
export const labelled = (name: string, labels: object): Manifest =>
  ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, namespace: '', generation: 1, labels },
  }) as unknown as Manifest;
/** allowedListeners of a Gateway. */
export const opened = (namespaces: object): object => ({ allowedListeners: { namespaces } });

/** `unsaid` are beginnings of lines that must not be. */
export type Row = readonly [
  name: string,
  objects: readonly Manifest[],
  said: readonly string[],
  unsaid?: readonly string[],
];

/** Accepted is false. */
export const refused = (where: string, reason: string): string => `${where} Accepted=False ${reason}`;
/** ResolvedRefs is false. */
export const unresolved = (where: string, reason: string): string => `${where} ResolvedRefs=False ${reason}`;
/** Accepted is true. */
export const served = (where: string): string => `${where} Accepted=True Accepted`;
/** ResolvedRefs is true. */
export const resolved = (where: string): string => `${where} ResolvedRefs=True ResolvedRefs`;

interface Conditions {
  readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string }[];
}

function said(where: string, { conditions = [] }: Conditions): string[] {
  return conditions.map(({ type, status, reason }) => `${where} ${type}=${status} ${reason}`);
}

/** Statuses as lines: `KIND NAME[/LISTENER] CONDITION=STATUS REASON`, `KIND NAME@PARENT[/SECTION][:PORT] …`, and what listeners count. */
export function linesOf(objects: readonly Manifest[]): string[] {
  const aged = objects.map((manifest, index) => ({
    ...manifest,
    metadata: {
      ...manifest.metadata,
      uid: createHash('sha1').update(String(index)).digest('hex'),
      creationTimestamp: new Date(Date.UTC(2026, 0, 1, 0, index)).toISOString(),
    },
  }));
  const { statuses } = createTranslator().translate({ objects: aged, feedback: new Map(), controllerName });
  return statuses.flatMap(({ kind, name, status }) => {
    const {
      listeners = [],
      parents = [],
      ancestors = [],
      attachedListenerSets,
      ...own
    } = status as Conditions & {
      listeners?: (Conditions & { name: string; attachedRoutes: number; supportedKinds: { kind: string }[] })[];
      parents?: (Conditions & { parentRef: { name: string; sectionName?: string; port?: number } })[];
      ancestors?: (Conditions & { ancestorRef: { name: string } })[];
      attachedListenerSets?: number;
    };
    return [
      ...said(`${kind} ${name}`, own),
      `${kind} ${name} attachedListenerSets=${attachedListenerSets ?? 0}`,
      ...listeners.flatMap((listener) => [
        ...said(`${kind} ${name}/${listener.name}`, listener),
        `${kind} ${name}/${listener.name} attachedRoutes=${listener.attachedRoutes}`,
        `${kind} ${name}/${listener.name} kinds=${listener.supportedKinds.map((one) => one.kind).join()}`,
      ]),
      ...ancestors.flatMap((ancestor) => said(`${kind} ${name}@${ancestor.ancestorRef.name}`, ancestor)),
      ...parents.flatMap((parent) => {
        const { name: to, sectionName, port } = parent.parentRef;
        const section = `${sectionName === undefined ? '' : `/${sectionName}`}${port === undefined ? '' : `:${port}`}`;
        return said(`${kind} ${name}@${to}${section}`, parent);
      }),
    ];
  });
}

/** A BackendTLSPolicy for the Service `web`. */
export function tlsPolicy(name: string, validation: object, sectionName?: string): Manifest {
  const target = { group: '', kind: 'Service', name: 'web', ...(sectionName !== undefined && { sectionName }) };
  return object('BackendTLSPolicy', name, {
    targetRefs: [target],
    validation: { hostname: 'web.example', ...validation },
  });
}

/** A ConfigMap with an authority. */
export function authority(name: string, text = readCertificateFile('a.crt').text): Manifest {
  const metadata = { name, namespace: 'infra', generation: 1 };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'ca.crt': text } } as unknown as Manifest;
}
