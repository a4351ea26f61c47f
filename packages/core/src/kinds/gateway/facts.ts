// A Gateway with its listeners and those of its ListenerSets, merged: what routes and policies have to know, secrets aside.
import { toKey } from '@agentgateway/api/keys.ts';
import { isIP } from './address.ts';
import { parseObject } from '../../translate/parse.ts';
import { type Scope, findGlobal } from '../../translate/scope.ts';
import { toEpochMs } from '../../translate/time.ts';
import { keyOf } from '../../translate/world-index.ts';
import type { Condition, Manifest } from '../../world.ts';
import type { ListenerSetSpec } from '../listener-set/schema.ts';
import { isNamespaceAllowed } from '../namespace/labels.ts';
import { findConflicts } from './conflict.ts';
import { type ListenerShape, toShape } from './listener.ts';
import type { GatewaySpec } from './schema.ts';

/** The class that needs no GatewayClass object. */
const builtInClass = 'agentgateway';

/** A listener among the others of its Gateway. */
export interface ListenerFacts extends ListenerShape {
  /** Set where it cannot be told apart from another. */
  readonly conflict: Condition | undefined;
  /** Whether it can be sent to proxies, as far as its own fields and the other listeners go. */
  readonly isServed: boolean;
}

/** Why something is not accepted. */
export interface Refusal {
  readonly reason: string;
  readonly message: string;
}

/** A ListenerSet that names the Gateway. */
export interface SetFacts {
  readonly set: Manifest;
  readonly key: string;
  /** Why nothing of it is attached. */
  readonly refusal: Refusal | undefined;
  readonly listeners: readonly ListenerFacts[];
}

/** A Gateway, merged. */
export interface GatewayFacts {
  readonly gateway: Manifest;
  readonly key: string;
  /** Undefined where it cannot be read. */
  readonly spec: GatewaySpec | undefined;
  /** Why none of it is served. */
  readonly refusal: Refusal | undefined;
  /** The requested IP addresses; empty leaves them to the process. */
  readonly addresses: readonly string[];
  readonly listeners: readonly ListenerFacts[];
  /** In the order of precedence. */
  readonly sets: readonly SetFacts[];
}

/** Whether a Gateway is ours: its class is the built-in one, or a GatewayClass of our controllerName. */
export function isOwnGateway(gateway: Manifest, scope: Pick<Scope, 'find' | 'controllerName'>): boolean {
  const className = (gateway.spec as Partial<GatewaySpec> | undefined)?.gatewayClassName ?? builtInClass;
  const gatewayClass = findGlobal(scope, 'GatewayClass', className);
  if (!gatewayClass) return className === builtInClass;
  return (gatewayClass.spec as { controllerName?: unknown } | undefined)?.controllerName === scope.controllerName;
}

/** What a Gateway's facts are made of beside itself. */
type Inputs = Pick<Scope, 'listenerSetsOf' | 'namespaces'>;

const known = new WeakMap<
  Manifest,
  { readonly sets: readonly Manifest[]; readonly namespaces: readonly Manifest[]; readonly facts: GatewayFacts }
>();

/** The facts of a Gateway, worked out once for what they are made of. */
export function gatewayFacts(gateway: Manifest, scope: Inputs): GatewayFacts {
  const { namespace, name } = gateway.metadata;
  const sets = scope.listenerSetsOf(namespace, name);
  const namespaces = scope.namespaces();
  const before = known.get(gateway);
  if (before?.sets === sets && before.namespaces === namespaces) return before.facts;
  const facts = toFacts(gateway, sets, namespaces);
  known.set(gateway, { sets, namespaces, facts });
  return facts;
}

function toFacts(gateway: Manifest, sets: readonly Manifest[], namespaces: readonly Manifest[]): GatewayFacts {
  const key = toKey('gateway', gateway.metadata.namespace, gateway.metadata.name);
  const parsed = parseObject<GatewaySpec>(gateway);
  if (!parsed.ok) {
    const message = parsed.faults.map((fault) => `${fault.path}: ${fault.message}`).join('; ');
    const refusal = { reason: 'Invalid', message };
    const refused = sets.map((set): SetFacts => ({ set, key: keyOf(set), refusal: parentRefusal, listeners: [] }));
    return { gateway, key, spec: undefined, refusal, addresses: [], listeners: [], sets: refused };
  }
  const spec = parsed.fields;
  const refusal = addressRefusal(spec) ?? parametersRefusal(spec);
  const own = spec.listeners.map((listener, index) => toShape(gateway, listener, index));
  const read = sets
    .map((set) => readSet(set, { gateway, spec, isRefused: refusal !== undefined, namespaces }))
    .toSorted((a, b) => a.createdMs - b.createdMs || (a.key < b.key ? -1 : 1));
  const conflicts = findConflicts([own, ...read.map(({ shapes, refusal: no }) => (no ? [] : shapes))]);
  const settle = (shape: ListenerShape, isHeard: boolean): ListenerFacts => {
    const conflict = conflicts.get(shape);
    const isServed = isHeard && refusal === undefined && !shape.unsupported && !conflict;
    return { ...shape, conflict, isServed };
  };
  return {
    gateway,
    key,
    spec,
    refusal,
    addresses: (spec.addresses ?? []).flatMap(({ value }) => value || []),
    listeners: own.map((shape) => settle(shape, true)),
    sets: read.map(({ set, key: setKey, refusal: no, shapes }) => ({
      set,
      key: setKey,
      refusal: no,
      listeners: shapes.map((shape) => settle(shape, no === undefined)),
    })),
  };
}

const parentRefusal: Refusal = { reason: 'ParentNotAccepted', message: 'the Gateway is not accepted' };

interface Parent {
  readonly gateway: Manifest;
  readonly spec: GatewaySpec;
  readonly isRefused: boolean;
  readonly namespaces: readonly Manifest[];
}

function readSet(
  set: Manifest,
  { gateway, spec, isRefused, namespaces }: Parent,
): Omit<SetFacts, 'listeners'> & { readonly createdMs: number; readonly shapes: readonly ListenerShape[] } {
  const createdMs = toEpochMs(set.metadata.creationTimestamp) ?? 0;
  const base = { set, key: keyOf(set), createdMs };
  const parsed = parseObject<ListenerSetSpec>(set);
  if (!parsed.ok) {
    const message = parsed.faults.map((fault) => `${fault.path}: ${fault.message}`).join('; ');
    return { ...base, refusal: { reason: 'Invalid', message }, shapes: [] };
  }
  const shapes = parsed.fields.listeners.map((listener, index) => toShape(set, listener, index));
  const allowed = spec.allowedListeners?.namespaces ?? { from: 'None' as const };
  const place = { owner: gateway.metadata.namespace, other: set.metadata.namespace };
  if (!isNamespaceAllowed(allowed, place, (name) => namespaces.find(({ metadata }) => metadata.name === name))) {
    const message = `Gateway ${gateway.metadata.namespace}/${gateway.metadata.name} allows no ListenerSets of namespace ${set.metadata.namespace}`;
    return { ...base, refusal: { reason: 'NotAllowed', message }, shapes };
  }
  return { ...base, refusal: isRefused ? parentRefusal : undefined, shapes };
}

function addressRefusal({ addresses = [] }: GatewaySpec): Refusal | undefined {
  const strange = addresses.find(({ type }) => type !== 'IPAddress');
  if (strange)
    return {
      reason: 'UnsupportedAddress',
      message: `addresses of type ${strange.type} are not supported; supported: IPAddress`,
    };
  const wrong = addresses.find(({ value = '' }) => value !== '' && !isIP(value));
  if (wrong) return { reason: 'UnsupportedAddress', message: `${wrong.value} is not an IP address` };
  return undefined;
}

/** Parameters that nothing reads would be asked for in vain. */
function parametersRefusal({ infrastructure }: GatewaySpec): Refusal | undefined {
  const { parametersRef } = infrastructure ?? {};
  return (
    parametersRef && {
      reason: 'InvalidParameters',
      message: `spec.infrastructure.parametersRef: kind ${parametersRef.kind} is not supported`,
    }
  );
}
