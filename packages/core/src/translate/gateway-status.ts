// Status of GatewayClasses, Gateways and ListenerSets, in the words of the standard.
import type { GatewayTranslated, SetTranslated } from '../kinds/gateway/translate.ts';
import type { ListenerTranslated } from '../kinds/gateway/translate-listener.ts';
import { supportedFeatures } from '../kinds/gateway/features.ts';
import type { Condition, Feedback, Manifest, ObjectStatus } from '../world.ts';
import { programmed } from './programmed.ts';
import { type StatusInputs, conditionOf, toStatus } from './status.ts';

/** What is counted and said beside a Gateway's translation. */
export interface GatewayInputs extends StatusInputs {
  /** Listener key → how many accepted routes it has. */
  readonly attached: ReadonlyMap<string, number>;
}

/** GatewayClass.status. */
export function gatewayClassStatus(object: Manifest): ObjectStatus {
  const { parametersRef } = (object.spec ?? {}) as { parametersRef?: unknown };
  const accepted: Condition =
    parametersRef === undefined
      ? conditionOf('Accepted', [])
      : no('Accepted', 'InvalidParameters', 'spec.parametersRef is not supported');
  return toStatus(object, { conditions: [accepted], supportedFeatures });
}

/** Gateway.status. */
export function gatewayStatus(object: Manifest, gateway: GatewayTranslated, inputs: GatewayInputs): ObjectStatus {
  const { facts, listeners, sets, conditions } = gateway;
  const said = inputs.feedback.get(facts.key);
  const accepted = acceptedOf(facts.refusal, listeners, 'Gateway');
  const told = listenerStatuses(gateway, listeners, inputs);
  const state = gatewayProgrammed(gateway, accepted, failedIn(listeners, told), said);
  const addresses = state.status === 'True' ? addressesOf(gateway, said) : [];
  return toStatus(object, {
    ...(addresses.length > 0 && { addresses }),
    conditions: [accepted, state, ...conditions],
    listeners: told,
    attachedListenerSets: sets.filter((set) => setAccepted(set).status === 'True').length,
  });
}

/** ListenerSet.status. */
export function listenerSetStatus(set: SetTranslated, gateway: GatewayTranslated, inputs: GatewayInputs): ObjectStatus {
  const { refusal, set: object } = set.facts;
  const accepted = setAccepted(set);
  // What is not attached is not judged: its listeners may well be right.
  const told = refusal ? [] : listenerStatuses(gateway, set.listeners, inputs);
  const failed = failedIn(set.listeners, told);
  const state =
    accepted.status === 'False'
      ? no('Programmed', accepted.reason, accepted.message)
      : failed.length > 0
        ? no('Programmed', 'PortUnavailable', `not served: listener ${failed.join(', ')}`)
        : set.listeners.some(({ isValid }) => isValid)
          ? programmed('Programmed', inputs.feedback.get(gateway.facts.key), new Set())
          : no('Programmed', 'ListenersNotValid', 'no listener can be served');
  return toStatus(object, { conditions: [accepted, state], listeners: told });
}

/** Whether a set is accepted. */
function setAccepted({ facts, listeners }: SetTranslated): Condition {
  return acceptedOf(facts.refusal, listeners, 'ListenerSet');
}

function acceptedOf(
  refusal: { readonly reason: string; readonly message: string } | undefined,
  listeners: readonly ListenerTranslated[],
  kind: string,
): Condition {
  if (refusal) return no('Accepted', refusal.reason, refusal.message);
  const bad = listeners.filter((listener) => !listener.conditions.every(isGood));
  if (!listeners.some(isAccepted)) return no('Accepted', 'ListenersNotValid', 'none of the listeners is valid');
  if (bad.length === 0)
    return { type: 'Accepted', status: 'True', reason: 'Accepted', message: `the ${kind} is accepted` };
  const names = bad.map(({ facts }) => facts.name).join(', ');
  const message = `some of the listeners are not valid: ${names}`;
  return { type: 'Accepted', status: 'True', reason: 'ListenersNotValid', message };
}

function isAccepted({ conditions }: ListenerTranslated): boolean {
  return conditions[0]!.status === 'True';
}

interface ListenerStatus {
  readonly name: string;
  readonly conditions: readonly Condition[];
}

function listenerStatuses(
  { overlaps, facts }: GatewayTranslated,
  listeners: readonly ListenerTranslated[],
  { attached, feedback }: GatewayInputs,
): ListenerStatus[] {
  return listeners.map((listener) => {
    const { name, key, supportedKinds } = listener.facts;
    const overlap = overlaps.get(key);
    return {
      name,
      supportedKinds,
      attachedRoutes: attached.get(key) ?? 0,
      conditions: [
        ...listener.conditions,
        ...(overlap ? [overlap] : []),
        listenerProgrammed(listener, feedback.get(facts.key)),
      ],
    };
  });
}

function listenerProgrammed({ facts: { key }, isValid }: ListenerTranslated, said: Feedback | undefined): Condition {
  const type = 'Programmed';
  if (!isValid) return no(type, 'Invalid', 'the listener is not valid');
  const bindError = said?.bindErrors.get(key);
  if (bindError !== undefined) return no(type, 'PortUnavailable', bindError);
  return programmed(type, said, new Set([key]));
}

/** Names of the listeners that are valid and yet not served. */
function failedIn(listeners: readonly ListenerTranslated[], told: readonly ListenerStatus[]): string[] {
  return told
    .filter(({ conditions }, index) => listeners[index]!.isValid && conditions.at(-1)!.status === 'False')
    .map(({ name }) => name);
}

function gatewayProgrammed(
  { facts, listeners }: GatewayTranslated,
  accepted: Condition,
  failed: readonly string[],
  said: Feedback | undefined,
): Condition {
  const type = 'Programmed';
  if (accepted.status === 'False') return no(type, 'Invalid', 'the Gateway is not accepted');
  if (failed.length > 0) {
    const reason = facts.addresses.length === 0 ? 'Invalid' : 'AddressNotUsable';
    return no(type, reason, `not served: listener ${failed.join(', ')}`);
  }
  if (!listeners.some(({ isValid }) => isValid)) return no(type, 'Invalid', 'no listener can be served');
  return programmed(type, said, new Set());
}

/** What the Gateway is reached by: the addresses asked for, and where it asked for any, those of the process. */
function addressesOf({ facts: { addresses, spec } }: GatewayTranslated, said: Feedback | undefined): object[] {
  const isAny = !spec?.addresses?.length || spec.addresses.some(({ value }) => !value);
  const values = new Set([...addresses, ...(isAny ? (said?.addresses ?? []) : [])]);
  return [...values].map((value) => ({ type: 'IPAddress', value }));
}

function isGood({ type, status }: Condition): boolean {
  return status === (type === 'Conflicted' ? 'False' : 'True');
}

function no(type: string, reason: string, message: string): Condition {
  return { type, status: 'False', reason, message };
}
