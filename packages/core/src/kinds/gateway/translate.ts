// Gateway → listeners, and what the standard's conditions say of each.
import { Listener_Protocol } from '@agentgateway/api/gen/agentgateway/v1/listener_pb.ts';
import { type EncodedResource, toKey } from '@agentgateway/api/keys.ts';
import { encodeResource } from '../../translate/encode.ts';
import { parseObject } from '../../translate/parse.ts';
import type { Scope } from '../../translate/scope.ts';
import type { Condition, Manifest } from '../../world.ts';
import type { GatewaySpec } from './schema.ts';

/** The class that needs no GatewayClass object. */
const builtInClass = 'agentgateway';

type ListenerSpec = GatewaySpec['listeners'][number];

/** A kind of route that a listener takes. */
export interface RouteKind {
  readonly group: string;
  readonly kind: string;
}

/** What is known of a listener before any proxy has spoken. */
export interface ListenerFacts {
  readonly name: string;
  /** Place in `spec.listeners`. */
  readonly index: number;
  readonly key: string;
  /** Lower-case; empty for any. */
  readonly hostname: string;
  readonly port: number;
  readonly supportedKinds: readonly RouteKind[];
  readonly from: 'Same' | 'All' | 'None';
  /** Accepted, ResolvedRefs and Conflicted. */
  readonly conditions: readonly Condition[];
  /** Whether it is sent to proxies. */
  readonly isServed: boolean;
}

/** What is known of a Gateway before any proxy has spoken. */
export interface GatewayFacts {
  readonly key: string;
  readonly accepted: Condition;
  readonly listeners: readonly ListenerFacts[];
  /** The requested IP address; undefined leaves it to the process. */
  readonly address: string | undefined;
}

/** A translated Gateway; undefined where it is another controller's. */
export interface GatewayTranslated {
  readonly facts: GatewayFacts;
  readonly resources: readonly EncodedResource[];
}

/** Whether a Gateway is ours: its class is the built-in one, or a GatewayClass of our controllerName. */
export function isOwnGateway(gateway: Manifest, scope: Pick<Scope, 'find' | 'controllerName'>): boolean {
  const className = (gateway.spec as Partial<GatewaySpec> | undefined)?.gatewayClassName ?? builtInClass;
  const gatewayClass = scope.find('GatewayClass', '', className) ?? scope.find('GatewayClass', 'default', className);
  if (!gatewayClass) return className === builtInClass;
  return (gatewayClass.spec as { controllerName?: unknown } | undefined)?.controllerName === scope.controllerName;
}

/** Translates a Gateway. */
export function translateGateway(gateway: Manifest, scope: Scope): GatewayTranslated | undefined {
  if (!isOwnGateway(gateway, scope)) return undefined;
  const facts = gatewayFacts(gateway);
  const parsed = parseObject<GatewaySpec>(gateway);
  if (!parsed.ok) for (const fault of parsed.faults) scope.fault(fault);
  else if (facts.accepted.status === 'False' && facts.accepted.reason !== 'ListenersNotValid')
    scope.fault({ path: 'spec.addresses', condition: 'Accepted', ...pick(facts.accepted) });
  for (const { index, conditions } of facts.listeners)
    for (const condition of conditions) {
      const isBad = condition.type === 'Conflicted' ? condition.status === 'True' : condition.status === 'False';
      // A conflict also makes the listener not accepted; it is told once.
      if (isBad && !(condition.type === 'Accepted' && condition.reason === 'Conflicted'))
        scope.fault({ path: `spec.listeners[${index}]`, condition: condition.type, ...pick(condition) });
    }
  const resources = facts.listeners
    .filter(({ isServed }) => isServed)
    .map(({ key, name, port, hostname }) =>
      encodeResource(key, {
        case: 'listener',
        value: {
          $typeName: 'agentgateway.v1.Listener',
          gateway: facts.key,
          name,
          address: facts.address ?? '',
          port,
          protocol: Listener_Protocol.HTTP,
          hostname,
        },
      }),
    );
  return { facts, resources };
}

const known = new WeakMap<Manifest, GatewayFacts>();

/** The facts of a Gateway, once per object. */
export function gatewayFacts(gateway: Manifest): GatewayFacts {
  const before = known.get(gateway);
  if (before) return before;
  const facts = toFacts(gateway);
  known.set(gateway, facts);
  return facts;
}

function toFacts(gateway: Manifest): GatewayFacts {
  const { namespace, name } = gateway.metadata;
  const key = toKey('gateway', namespace, name);
  const parsed = parseObject<GatewaySpec>(gateway);
  if (!parsed.ok) {
    const message = parsed.faults.map((fault) => `${fault.path}: ${fault.message}`).join('; ');
    return { key, accepted: no('Accepted', 'Invalid', message), listeners: [], address: undefined };
  }
  const { listeners, addresses = [] } = parsed.fields;
  const addressFault = addressProblem(addresses);
  const translated = listeners.map((listener, index) =>
    toListener(gateway, listener, index, { listeners, isAddressed: addressFault === undefined }),
  );
  const acceptedCount = translated.filter(({ conditions }) => isGood(conditions[0]!)).length;
  const validCount = translated.filter(({ conditions }) => conditions.every(isGood)).length;
  const accepted =
    addressFault !== undefined
      ? no('Accepted', 'UnsupportedAddress', addressFault)
      : acceptedCount === 0
        ? no('Accepted', 'ListenersNotValid', 'none of the listeners is valid')
        : validCount < translated.length
          ? yes('Accepted', 'ListenersNotValid', 'some of the listeners are not valid')
          : yes('Accepted', 'Accepted', 'the Gateway is accepted');
  return { key, accepted, listeners: translated, address: addresses[0]?.value };
}

function addressProblem(addresses: NonNullable<GatewaySpec['addresses']>): string | undefined {
  const strange = addresses.find(({ type }) => type !== 'IPAddress');
  if (strange) return `addresses of type ${strange.type} are not supported; supported: IPAddress`;
  return addresses.length > 1 ? 'more than one address is not supported' : undefined;
}

interface Siblings {
  readonly listeners: readonly ListenerSpec[];
  readonly isAddressed: boolean;
}

function toListener(gateway: Manifest, listener: ListenerSpec, index: number, siblings: Siblings): ListenerFacts {
  const { namespace, name } = gateway.metadata;
  const { kinds, refs } = routeKinds(listener);
  const conflict = conflictOf(listener, index, siblings.listeners);
  const accepted =
    listener.protocol !== 'HTTP'
      ? no('Accepted', 'UnsupportedProtocol', `protocol ${listener.protocol} is not supported; supported: HTTP`)
      : conflict
        ? no('Accepted', 'Conflicted', conflict.message)
        : yes('Accepted', 'Accepted', 'the listener is accepted');
  const conflicted: Condition = conflict ?? {
    type: 'Conflicted',
    status: 'False',
    reason: 'NoConflicts',
    message: 'the listener is distinct',
  };
  return {
    name: listener.name,
    index,
    key: toKey('listener', namespace, name, listener.name),
    hostname: (listener.hostname ?? '').toLowerCase(),
    port: listener.port,
    supportedKinds: kinds,
    from: listener.allowedRoutes?.namespaces?.from ?? 'Same',
    conditions: [accepted, refs, conflicted],
    isServed: accepted.status === 'True' && siblings.isAddressed,
  };
}

const httpRoute: RouteKind = { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute' };
const grpcRoute: RouteKind = { group: 'gateway.networking.k8s.io', kind: 'GRPCRoute' };

function routeKinds({ protocol, allowedRoutes }: ListenerSpec): { kinds: readonly RouteKind[]; refs: Condition } {
  const resolved = yes('ResolvedRefs', 'ResolvedRefs', 'every reference is resolved');
  const ours = protocol === 'HTTP' || protocol === 'HTTPS' ? [httpRoute, grpcRoute] : [];
  const asked = allowedRoutes?.kinds;
  if (!asked || asked.length === 0) return { kinds: ours, refs: resolved };
  const isOurs = ({ group = httpRoute.group, kind }: NonNullable<typeof asked>[number]): boolean =>
    ours.some((row) => row.group === group && row.kind === kind);
  const strange = asked.filter((kind) => !isOurs(kind));
  const kinds = ours.filter(({ group, kind }) =>
    asked.some((one) => one.kind === kind && (one.group ?? group) === group),
  );
  if (strange.length === 0) return { kinds, refs: resolved };
  const words = strange.map(({ kind }) => kind).join(', ');
  return { kinds, refs: no('ResolvedRefs', 'InvalidRouteKinds', `routes of kind ${words} are not supported here`) };
}

function conflictOf(listener: ListenerSpec, index: number, all: readonly ListenerSpec[]): Condition | undefined {
  const others = all.filter((_, i) => i !== index);
  if (all.findIndex(({ name }) => name === listener.name) < index)
    return conflicted('NameConflict', `another listener is named ${listener.name}`);
  // Port 0 stands for any free port, which is another one each time.
  const samePort = others.filter(({ port }) => port === listener.port && port !== 0);
  const otherProtocol = samePort.find(({ protocol }) => protocol !== listener.protocol);
  if (otherProtocol)
    return conflicted(
      'ProtocolConflict',
      `listener ${otherProtocol.name} has the same port with protocol ${otherProtocol.protocol}`,
    );
  const hostOf = ({ hostname }: ListenerSpec): string => (hostname ?? '').toLowerCase();
  const sameHost = samePort.find((other) => hostOf(other) === hostOf(listener));
  return sameHost && conflicted('HostnameConflict', `listener ${sameHost.name} has the same port and host name`);
}

function conflicted(reason: string, message: string): Condition {
  return { type: 'Conflicted', status: 'True', reason, message };
}

function isGood({ type, status }: Condition): boolean {
  return status === (type === 'Conflicted' ? 'False' : 'True');
}

function yes(type: string, reason: string, message: string): Condition {
  return { type, status: 'True', reason, message };
}

function no(type: string, reason: string, message: string): Condition {
  return { type, status: 'False', reason, message };
}

function pick({ reason, message }: Condition): Pick<Condition, 'reason' | 'message'> {
  return { reason, message };
}
