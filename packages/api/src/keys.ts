// Resource keys and type URLs: how every resource on the wire is named.

/** Type URLs of the resources that a gateway subscribes to. */
export const typeUrls = {
  /** agentgateway.v1.Resource: listeners, routes, backends, policies. */
  resource: 'type.googleapis.com/agentgateway.v1.Resource',
  /** agentgateway.v1.Endpoints, apart so that their churn resends no configuration. */
  endpoints: 'type.googleapis.com/agentgateway.v1.Endpoints',
  /** agentgateway.v1.Secret, the only type that holds secret material. */
  secret: 'type.googleapis.com/agentgateway.v1.Secret',
} as const;

/** One of the three type URLs. */
export type TypeUrl = (typeof typeUrls)[keyof typeof typeUrls];

/** The first part of a key: the kind, in lower case. */
export type KeyKind =
  | 'gateway'
  | 'listener'
  | 'listenerset'
  | 'httproute'
  | 'grpcroute'
  | 'tlsroute'
  | 'tcproute'
  | 'udproute'
  | 'service'
  | 'llmbackend'
  | 'httpbackend'
  | 'policy'
  | 'backendtlspolicy'
  | 'endpoints'
  | 'secret';

/** Writes a key: `<kind>/<namespace>/<name>[/<section>]`. Kubernetes names hold no slash, so parts never collide. */
export function toKey(kind: KeyKind, namespace: string, name: string, section?: string): string {
  return section === undefined ? `${kind}/${namespace}/${name}` : `${kind}/${namespace}/${name}/${section}`;
}

/** Key of the addresses of one port of a Service, whose key is given. */
export function toEndpointsKey(service: string, port: number, transport: 'tcp' | 'udp' = 'tcp'): string {
  const { namespace, name } = fromKey(service);
  return toKey('endpoints', namespace, name, transport === 'udp' ? `${port}/udp` : String(port));
}

/** The parts of a key. */
export interface KeyParts {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly section: string | undefined;
}

/** Splits a key into its parts; missing parts read as empty strings. */
export function fromKey(key: string): KeyParts {
  const [kind = '', namespace = '', name = '', ...rest] = key.split('/');
  return { kind, namespace, name, section: rest.length > 0 ? rest.join('/') : undefined };
}

/** A resource as it travels: its bytes, and a version that is a function of the bytes. */
export interface EncodedResource {
  readonly typeUrl: TypeUrl;
  readonly key: string;
  /** 128 bits of SHA-256 over the bytes, as 32 hexadecimal digits. */
  readonly version: string;
  /** The message in protobuf's binary form. */
  readonly bytes: Uint8Array;
}

/** What changed since the last update of a view. */
export interface ResourceChanges {
  readonly set: readonly EncodedResource[];
  readonly removed: readonly { readonly typeUrl: TypeUrl; readonly key: string }[];
}

/** A resource that a proxy could not use, by name. */
export interface Rejection {
  readonly typeUrl: TypeUrl;
  readonly key: string;
  readonly version: string;
  readonly reason: string;
}
