// One listener of a Gateway or ListenerSet by itself: its protocol, the routes it takes, and what of it is not supported.
import type { KeyKind } from '@agentgateway/api/keys.ts';
import { toKey } from '@agentgateway/api/keys.ts';
import type { Condition, Manifest } from '../../world.ts';
import type { AllowedNamespaces } from '../namespace/labels.ts';
import type { ListenerSpec } from './schema.ts';

/** The protocols of the standard; each is served. */
export const protocols = ['HTTP', 'HTTPS', 'TLS', 'TCP', 'UDP'] as const;

/** A protocol of a listener. */
export type Protocol = (typeof protocols)[number];

/** A kind of route that a listener takes. */
export interface TakenKind {
  readonly group: string;
  readonly kind: string;
}

const gatewayApi = 'gateway.networking.k8s.io';
const take = (...kinds: readonly string[]): TakenKind[] => kinds.map((kind) => ({ group: gatewayApi, kind }));

/** The routes that each protocol can serve. */
const kindsOf: Readonly<Record<Protocol, readonly TakenKind[]>> = {
  HTTP: take('HTTPRoute', 'GRPCRoute'),
  HTTPS: take('HTTPRoute', 'GRPCRoute'),
  TLS: take('TLSRoute'),
  TCP: take('TCPRoute'),
  UDP: take('UDPRoute'),
};

/** What is known of a listener from its own fields. */
export interface ListenerShape {
  readonly name: string;
  /** Place in `spec.listeners`. */
  readonly index: number;
  readonly key: string;
  /** The Gateway or ListenerSet that it stands in. */
  readonly owner: Manifest;
  readonly spec: ListenerSpec;
  /** Undefined where it is none of ours. */
  readonly protocol: Protocol | undefined;
  /** Whether TLS ends here or passes; undefined where there is none. */
  readonly mode: 'Terminate' | 'Passthrough' | undefined;
  /** Lower-case; empty for any. */
  readonly hostname: string;
  readonly port: number;
  readonly supportedKinds: readonly TakenKind[];
  readonly allowed: AllowedNamespaces;
  /** Why it cannot be accepted, whatever stands beside it. */
  readonly unsupported: Condition | undefined;
  /** ResolvedRefs=False where it asks for routes that it cannot serve. */
  readonly strangeKinds: Condition | undefined;
}

/** Looks at a listener. */
export function toShape(owner: Manifest, spec: ListenerSpec, index: number): ListenerShape {
  const { namespace, name } = owner.metadata;
  const protocol = protocols.find((known) => known === spec.protocol.toUpperCase());
  const mode = protocol === 'HTTPS' ? 'Terminate' : protocol === 'TLS' ? spec.tls?.mode : undefined;
  const kind: KeyKind = owner.kind === 'ListenerSet' ? 'listenerset' : 'listener';
  return {
    name: spec.name,
    index,
    key: toKey(kind, namespace, name, spec.name),
    owner,
    spec,
    protocol,
    mode,
    // Gateway API ignores it where the protocol knows no hosts.
    hostname: protocol === 'TCP' || protocol === 'UDP' ? '' : (spec.hostname ?? '').toLowerCase(),
    port: spec.port,
    allowed: spec.allowedRoutes?.namespaces ?? { from: 'Same' },
    unsupported: unsupportedOf(spec, protocol),
    ...routeKinds(spec, protocol),
  };
}

function unsupportedOf(
  { protocol: written, tls, hostname }: ListenerSpec,
  protocol: Protocol | undefined,
): Condition | undefined {
  if (protocol === undefined)
    return not('UnsupportedProtocol', `protocol ${written} is not supported; supported: ${protocols.join(', ')}`);
  if (protocol === 'HTTP' || protocol === 'TCP' || protocol === 'UDP') {
    if (tls) return not('Invalid', `tls must not be set for protocol ${protocol}`);
    if (hostname !== undefined && protocol !== 'HTTP')
      return not('Invalid', `hostname must not be set for protocol ${protocol}`);
    return undefined;
  }
  if (!tls) return not('Invalid', `tls is required for protocol ${protocol}`);
  if (protocol === 'HTTPS' && tls.mode === 'Passthrough')
    return not('UnsupportedValue', 'tls.mode must be Terminate for protocol HTTPS');
  if (protocol === 'TLS' && tls.mode === undefined) return not('Invalid', 'tls.mode is required for protocol TLS');
  return undefined;
}

function not(reason: string, message: string): Condition {
  return { type: 'Accepted', status: 'False', reason, message };
}

function routeKinds(
  { allowedRoutes }: ListenerSpec,
  protocol: Protocol | undefined,
): Pick<ListenerShape, 'supportedKinds' | 'strangeKinds'> {
  const ours = protocol === undefined ? [] : kindsOf[protocol];
  const asked = (allowedRoutes?.kinds ?? []).map(({ group = gatewayApi, kind }) => ({ group, kind }));
  if (asked.length === 0) return { supportedKinds: ours, strangeKinds: undefined };
  const isAsked = (one: TakenKind): boolean =>
    asked.some(({ group, kind }) => group === one.group && kind === one.kind);
  const strange = asked.filter(({ group, kind }) => !ours.some((one) => one.group === group && one.kind === kind));
  const words = strange.map(({ kind }) => kind).join(', ');
  return {
    supportedKinds: ours.filter(isAsked),
    strangeKinds:
      strange.length === 0
        ? undefined
        : {
            type: 'ResolvedRefs',
            status: 'False',
            reason: 'InvalidRouteKinds',
            message: `routes of kind ${words} are not supported here`,
          },
  };
}
