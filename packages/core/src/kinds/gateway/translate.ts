// Gateway and its ListenerSets → listeners, and what the standard's conditions say of each.
import { Listener_Protocol } from '@agentgateway/api/gen/agentgateway/v1/listener_pb.ts';
import type { EncodedResource } from '@agentgateway/api/keys.ts';
import { encodeResource } from '../../translate/encode.ts';
import { parseObject } from '../../translate/parse.ts';
import type { Scope } from '../../translate/scope.ts';
import type { Condition, Manifest } from '../../world.ts';
import { type GatewayFacts, type ListenerFacts, gatewayFacts, isOwnGateway } from './facts.ts';
import type { GatewaySpec } from './schema.ts';

/** A listener with everything that is known of it before any proxy has spoken. */
export interface ListenerTranslated {
  readonly facts: ListenerFacts;
  /** Accepted, ResolvedRefs and Conflicted. */
  readonly conditions: readonly Condition[];
  /** Whether it is sent to proxies. */
  readonly isSent: boolean;
}

/** A translated Gateway. */
export interface GatewayTranslated {
  readonly facts: GatewayFacts;
  readonly accepted: Condition;
  readonly listeners: readonly ListenerTranslated[];
  readonly resources: readonly EncodedResource[];
}

/** Translates a Gateway; undefined where it is another controller's. */
export function translateGateway(gateway: Manifest, scope: Scope): GatewayTranslated | undefined {
  if (!isOwnGateway(gateway, scope)) return undefined;
  const facts = gatewayFacts(gateway, scope);
  const parsed = parseObject<GatewaySpec>(gateway);
  if (!parsed.ok) for (const fault of parsed.faults) scope.fault(fault);
  else if (facts.refusal)
    scope.fault({ path: refusalPath(facts.refusal.reason), condition: 'Accepted', ...facts.refusal });
  const listeners = facts.listeners.map(translateListener);
  for (const {
    facts: { index },
    conditions,
  } of listeners)
    for (const condition of conditions) {
      const isBad = condition.type === 'Conflicted' ? condition.status === 'True' : condition.status === 'False';
      // A conflict also makes the listener not accepted; it is told once.
      if (isBad && !(condition.type === 'Accepted' && condition.reason === 'Conflicted'))
        scope.fault({
          path: `spec.listeners[${index}]`,
          condition: condition.type,
          reason: condition.reason,
          message: condition.message,
        });
    }
  const resources = listeners
    .filter(({ isSent }) => isSent)
    .map(({ facts: listener }) => encodeListener(facts, listener));
  return { facts, accepted: acceptedOf(facts, listeners), listeners, resources };
}

function encodeListener(
  { key: gateway, addresses }: GatewayFacts,
  { key, name, port, hostname }: ListenerFacts,
): EncodedResource {
  return encodeResource(key, {
    case: 'listener',
    value: {
      $typeName: 'agentgateway.v1.Listener',
      gateway,
      name,
      address: addresses[0] ?? '',
      port,
      protocol: Listener_Protocol.HTTP,
      hostname,
    },
  });
}

function refusalPath(reason: string): string {
  return reason === 'UnsupportedAddress' ? 'spec.addresses' : 'spec.infrastructure.parametersRef';
}

function translateListener(facts: ListenerFacts): ListenerTranslated {
  const { unsupported, conflict, strangeKinds } = facts;
  const conditions = [
    unsupported ??
      (conflict
        ? no('Accepted', 'Conflicted', conflict.message)
        : yes('Accepted', 'Accepted', 'the listener is accepted')),
    strangeKinds ?? yes('ResolvedRefs', 'ResolvedRefs', 'every reference is resolved'),
    conflict ?? no('Conflicted', 'NoConflicts', 'the listener is distinct'),
  ];
  return { facts, conditions, isSent: facts.isServed && facts.protocol === 'HTTP' };
}

function acceptedOf({ refusal }: GatewayFacts, listeners: readonly ListenerTranslated[]): Condition {
  if (refusal) return { type: 'Accepted', status: 'False', ...refusal };
  const acceptedCount = listeners.filter(({ conditions }) => isGood(conditions[0]!)).length;
  if (acceptedCount === 0) return no('Accepted', 'ListenersNotValid', 'none of the listeners is valid');
  return listeners.every(({ conditions }) => conditions.every(isGood))
    ? yes('Accepted', 'Accepted', 'the Gateway is accepted')
    : yes('Accepted', 'ListenersNotValid', 'some of the listeners are not valid');
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
