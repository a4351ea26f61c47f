// Every kind of object that is understood: its names, its schema, and where its fields stand.
import type { z } from 'zod';
import type { Attachable } from '../policy/define.ts';
import type { CrdKind } from '../schema/to-crd.ts';
import { backendTLSPolicySpec } from './backend-tls-policy/schema.ts';
import { gatewayClassSpec, gatewaySpec } from './gateway/schema.ts';
import { grpcRouteSpec } from './grpc-route/schema.ts';
import { configMapFields } from './config-map/schema.ts';
import { gatewayShort, listenerSetShort } from './gateway/short-schema.ts';
import { httpBackendSpec } from './http-backend/schema.ts';
import { httpRouteSpec } from './http-route/schema.ts';
import { tcpRouteSpec, tlsRouteSpec, udpRouteSpec } from './l4-route/schema.ts';
import { llmBackendSpec } from './llm-backend/schema.ts';
import { listenerSetSpec } from './listener-set/schema.ts';
import { namespaceFields } from './namespace/schema.ts';
import { policyShort, policySpec } from './policy/schema.ts';
import { referenceGrantSpec } from './reference-grant/schema.ts';
import { secretFields } from './secret/schema.ts';
import { endpointSliceFields, serviceShort, serviceSpec } from './service/schema.ts';

/** A kind of object. */
export interface KindRow {
  readonly kind: string;
  readonly apiVersion: string;
  /** Older versions that say the same. */
  readonly olderVersions?: readonly string[];
  /** Top-level key of config.yaml; undefined for kinds that only manifests can say. */
  readonly plural: string | undefined;
  /** Fields below `spec`, or beside `metadata`. */
  readonly place: 'spec' | 'root';
  /** Set for kinds that are not in a namespace. */
  readonly isClusterScoped?: true;
  readonly schema: z.ZodType;
  /** What an item of config.yaml may say where that differs from manifests. */
  readonly shortSchema?: z.ZodType;
  /** What objects of the kind are to others. */
  readonly role?: 'gateway' | 'listenerSet' | 'route' | 'backend' | 'policy';
  /** What policies may be attached to: the whole object, and its named sections where it has such. */
  readonly target?: {
    readonly whole: Attachable;
    readonly section?: { readonly place: Attachable; /** What users call one. */ readonly word: string };
  };
  /** Set for our own kinds, which have CRDs. */
  readonly crd?: Pick<CrdKind, 'resource' | 'shortNames' | 'summary' | 'columns'>;
}

/** Our group and version. */
export const ownApiVersion = 'agentgateway.dev/v1alpha1';

const age = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' } as const;

const rows = [
  {
    kind: 'GatewayClass',
    apiVersion: 'gateway.networking.k8s.io/v1',
    olderVersions: ['gateway.networking.k8s.io/v1beta1'],
    plural: undefined,
    place: 'spec',
    isClusterScoped: true,
    schema: gatewayClassSpec,
  },
  {
    kind: 'Gateway',
    apiVersion: 'gateway.networking.k8s.io/v1',
    olderVersions: ['gateway.networking.k8s.io/v1beta1'],
    plural: 'gateways',
    place: 'spec',
    role: 'gateway',
    target: { whole: 'gateway', section: { place: 'listener', word: 'listener' } },
    schema: gatewaySpec,
    shortSchema: gatewayShort,
  },
  {
    kind: 'ListenerSet',
    apiVersion: 'gateway.networking.k8s.io/v1',
    plural: 'listenerSets',
    place: 'spec',
    role: 'listenerSet',
    // What may be attached to a listener may be attached to several at once.
    target: { whole: 'listener', section: { place: 'listener', word: 'listener' } },
    schema: listenerSetSpec,
    shortSchema: listenerSetShort,
  },
  {
    kind: 'ReferenceGrant',
    apiVersion: 'gateway.networking.k8s.io/v1',
    olderVersions: ['gateway.networking.k8s.io/v1beta1', 'gateway.networking.k8s.io/v1alpha2'],
    plural: 'referenceGrants',
    place: 'spec',
    schema: referenceGrantSpec,
  },
  {
    kind: 'Namespace',
    apiVersion: 'v1',
    plural: undefined,
    place: 'root',
    isClusterScoped: true,
    schema: namespaceFields,
  },
  { kind: 'ConfigMap', apiVersion: 'v1', plural: 'configMaps', place: 'root', schema: configMapFields },
  {
    kind: 'HTTPRoute',
    apiVersion: 'gateway.networking.k8s.io/v1',
    olderVersions: ['gateway.networking.k8s.io/v1beta1'],
    plural: 'httpRoutes',
    place: 'spec',
    role: 'route',
    target: { whole: 'route', section: { place: 'rule', word: 'named rule' } },
    schema: httpRouteSpec,
  },
  {
    kind: 'GRPCRoute',
    apiVersion: 'gateway.networking.k8s.io/v1',
    plural: 'grpcRoutes',
    place: 'spec',
    role: 'route',
    target: { whole: 'route', section: { place: 'rule', word: 'named rule' } },
    schema: grpcRouteSpec,
  },
  {
    kind: 'TLSRoute',
    apiVersion: 'gateway.networking.k8s.io/v1',
    olderVersions: ['gateway.networking.k8s.io/v1alpha3', 'gateway.networking.k8s.io/v1alpha2'],
    plural: 'tlsRoutes',
    place: 'spec',
    role: 'route',
    schema: tlsRouteSpec,
    target: { whole: 'l4Route' },
  },
  {
    kind: 'TCPRoute',
    apiVersion: 'gateway.networking.k8s.io/v1',
    olderVersions: ['gateway.networking.k8s.io/v1alpha2'],
    plural: 'tcpRoutes',
    place: 'spec',
    role: 'route',
    schema: tcpRouteSpec,
    target: { whole: 'l4Route' },
  },
  {
    kind: 'UDPRoute',
    apiVersion: 'gateway.networking.k8s.io/v1',
    olderVersions: ['gateway.networking.k8s.io/v1alpha2'],
    plural: 'udpRoutes',
    place: 'spec',
    role: 'route',
    schema: udpRouteSpec,
    target: { whole: 'l4Route' },
  },
  {
    kind: 'Service',
    apiVersion: 'v1',
    plural: 'services',
    place: 'spec',
    role: 'backend',
    target: { whole: 'service', section: { place: 'servicePort', word: 'port' } },
    schema: serviceSpec,
    shortSchema: serviceShort,
  },
  {
    kind: 'EndpointSlice',
    apiVersion: 'discovery.k8s.io/v1',
    plural: undefined,
    place: 'root',
    schema: endpointSliceFields,
  },
  { kind: 'Secret', apiVersion: 'v1', plural: 'secrets', place: 'root', schema: secretFields },
  {
    kind: 'LLMBackend',
    apiVersion: ownApiVersion,
    plural: 'llmBackends',
    place: 'spec',
    role: 'backend',
    target: { whole: 'llmBackend' },
    schema: llmBackendSpec,
    crd: {
      resource: 'llmbackends',
      shortNames: ['llmb'],
      summary: 'LLMBackend names LLM providers and the models served from them.',
      columns: [age],
    },
  },
  {
    kind: 'HTTPBackend',
    apiVersion: ownApiVersion,
    plural: 'httpBackends',
    place: 'spec',
    role: 'backend',
    target: { whole: 'httpBackend' },
    schema: httpBackendSpec,
    crd: {
      resource: 'httpbackends',
      shortNames: ['httpb'],
      summary: 'HTTPBackend is a host outside the cluster.',
      columns: [{ name: 'Host', type: 'string', jsonPath: '.spec.host' }, age],
    },
  },
  {
    kind: 'BackendTLSPolicy',
    apiVersion: 'gateway.networking.k8s.io/v1',
    olderVersions: ['gateway.networking.k8s.io/v1alpha3'],
    plural: 'backendTLSPolicies',
    place: 'spec',
    role: 'policy',
    schema: backendTLSPolicySpec,
  },
  {
    kind: 'Policy',
    apiVersion: ownApiVersion,
    plural: 'policies',
    place: 'spec',
    role: 'policy',
    schema: policySpec,
    shortSchema: policyShort,
    crd: {
      resource: 'policies',
      shortNames: ['agwpol'],
      summary: 'Policy attaches policies to gateways, listeners, routes and rules.',
      columns: [age],
    },
  },
] as const satisfies readonly KindRow[];

/** The kinds. */
export const kinds: readonly KindRow[] = rows;

type KindOf<Role extends KindRow['role']> = Extract<(typeof rows)[number], { readonly role: Role }>['kind'];
/** The kinds that requests are sent to. */
export type BackendKind = KindOf<'backend'>;
/** The kinds that say which requests go where. */
export type RouteKind = KindOf<'route'>;

/** The kinds that are attached to others. */
export type PolicyKind = KindOf<'policy'>;

/** The API group of a kind; empty for the core's. */
export function groupOf({ apiVersion }: KindRow): string {
  return apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
}

/** The row of a kind by its name, which is unique among those that are understood; in any case, as keys have it in lower case. */
export function kindNamed(name: string): KindRow | undefined {
  return kinds.find(({ kind }) => kind.toLowerCase() === name.toLowerCase());
}

/** The row of a kind. */
export function findKind(apiVersion: string, kind: string): KindRow | undefined {
  return kinds.find(
    (row) => row.kind === kind && (row.apiVersion === apiVersion || row.olderVersions?.includes(apiVersion) === true),
  );
}

/** Plurals of config.yaml that are planned but not built: users are told so instead of "unknown". */
export const reservedPlurals: readonly string[] = [
  'a2aBackends',
  'budgets',
  'gatewayParameters',
  'inferencePools',
  'mcpBackends',
];

/** Kinds of manifests that are planned but not built. */
export const reservedKinds: readonly string[] = [
  'A2ABackend',
  'Budget',
  'GatewayParameters',
  'InferencePool',
  'MCPBackend',
];
