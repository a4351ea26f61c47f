// Gateway and its ListenerSets → listeners, and what the standard's conditions say of each.
import { type KeyPair, ListenerSchema } from '@agentgateway/api/gen/agentgateway/v1/listener_pb.ts';
import type { EncodedResource } from '@agentgateway/api/keys.ts';
import { create } from '@bufbuild/protobuf';
import { encodeResource } from '../../translate/encode.ts';
import { parseObject } from '../../translate/parse.ts';
import type { Fault, Scope } from '../../translate/scope.ts';
import type { Condition, Manifest } from '../../world.ts';
import { resolveCertificate } from '../secret/certificate.ts';
import { FrontendValidations, describeFallback } from './client-validation.ts';
import { type GatewayFacts, type ListenerFacts, type SetFacts, gatewayFacts, isOwnGateway } from './facts.ts';
import { findOverlaps } from './overlap.ts';
import type { GatewaySpec } from './schema.ts';
import { type ListenerTranslated, translateListener } from './translate-listener.ts';

/** A ListenerSet as part of its Gateway. */
export interface SetTranslated {
  readonly facts: SetFacts;
  readonly listeners: readonly ListenerTranslated[];
}

/** A translated Gateway. */
export interface GatewayTranslated {
  readonly facts: GatewayFacts;
  readonly listeners: readonly ListenerTranslated[];
  /** The sets that name it, attached or not. */
  readonly sets: readonly SetTranslated[];
  /** ResolvedRefs, and InsecureFrontendValidationMode where it is so. */
  readonly conditions: readonly Condition[];
  /** OverlappingTLSConfig of the listeners that it is true of, by key. */
  readonly overlaps: ReadonlyMap<string, Condition>;
  /** Its listeners and those of its sets, by key. */
  readonly resources: ReadonlyMap<string, EncodedResource>;
  /** Keys of the Secrets that its listeners need. */
  readonly secrets: readonly string[];
}

/** Translates a Gateway; undefined where it is another controller's. */
export function translateGateway(gateway: Manifest, scope: Scope): GatewayTranslated | undefined {
  if (!isOwnGateway(gateway, scope)) return undefined;
  const facts = gatewayFacts(gateway, scope);
  const { spec, refusal } = facts;
  const parsed = parseObject<GatewaySpec>(gateway);
  if (!parsed.ok) for (const fault of parsed.faults) scope.fault(fault);
  else if (refusal) scope.fault({ path: refusalPath(refusal.reason), condition: 'Accepted', ...refusal });
  const validations = new FrontendValidations(gateway, spec?.tls?.frontend, scope);
  const translate = (listener: ListenerFacts): ListenerTranslated =>
    translateListener(listener, validations.of(listener.port), scope);
  const listeners = facts.listeners.map(translate);
  const sets = facts.sets.map((set) => ({ facts: set, listeners: set.listeners.map(translate) }));
  const client = readClientCertificate(gateway, spec, scope);
  const faults = [...listeners.flatMap((one) => one.faults), ...client.faults, ...toFaults(validations)];
  for (const fault of faults) scope.fault(fault);
  const every = [...listeners, ...sets.flatMap((set) => set.listeners)];
  return {
    facts,
    listeners,
    sets,
    conditions: gatewayConditions(spec, listeners, client.faults),
    overlaps: overlapsOf(every),
    resources: toResources(facts, every, client.pair),
    secrets: [...new Set([...every.flatMap(({ secrets }) => secrets), ...client.secrets])].sort(),
  };
}

function refusalPath(reason: string): string {
  return reason === 'UnsupportedAddress' ? 'spec.addresses' : 'spec.infrastructure.parametersRef';
}

function toFaults(validations: FrontendValidations): Fault[] {
  return validations.problems().map((problem) => ({ condition: 'ResolvedRefs', ...problem }));
}

interface ClientCertificate {
  readonly pair: KeyPair | undefined;
  readonly secrets: readonly string[];
  readonly faults: readonly Fault[];
}

/** What the Gateway shows to backends (`spec.tls.backend.clientCertificateRef`). */
function readClientCertificate(gateway: Manifest, spec: GatewaySpec | undefined, scope: Scope): ClientCertificate {
  const ref = spec?.tls?.backend?.clientCertificateRef;
  if (!ref) return { pair: undefined, secrets: [], faults: [] };
  const resolved = resolveCertificate(gateway, ref, scope);
  if (!('problem' in resolved)) return { pair: resolved.pair, secrets: [resolved.secret], faults: [] };
  const { isForbidden, message } = resolved.problem;
  const reason = isForbidden ? 'RefNotPermitted' : 'InvalidClientCertificateRef';
  const path = 'spec.tls.backend.clientCertificateRef';
  return { pair: undefined, secrets: [], faults: [{ path, condition: 'ResolvedRefs', reason, message }] };
}

function gatewayConditions(
  spec: GatewaySpec | undefined,
  listeners: readonly ListenerTranslated[],
  own: readonly Fault[],
): Condition[] {
  const unresolved = listeners.filter(({ conditions }) => conditions[1]!.status === 'False');
  const names = unresolved.map(({ facts }) => facts.name).join(', ');
  const resolved: Condition =
    own.length > 0
      ? {
          type: 'ResolvedRefs',
          status: 'False',
          reason: own[0]!.reason,
          message: own.map(({ path, message }) => `${path}: ${message}`).join('; '),
        }
      : unresolved.length > 0
        ? {
            type: 'ResolvedRefs',
            status: 'False',
            reason: 'ListenersNotResolved',
            message: `references are not resolved: listener ${names}`,
          }
        : {
            type: 'ResolvedRefs',
            status: 'True',
            reason: 'ResolvedRefs',
            message: 'every reference is resolved',
          };
  const fallback = spec && describeFallback(spec);
  if (fallback === undefined) return [resolved];
  const type = 'InsecureFrontendValidationMode';
  return [resolved, { type, status: 'True', reason: 'ConfigurationChanged', message: fallback }];
}

function overlapsOf(listeners: readonly ListenerTranslated[]): Map<string, Condition> {
  const terminating = listeners.flatMap(({ facts: { key, mode, port, hostname, isServed }, certificateNames }) =>
    mode === 'Terminate' && isServed ? [{ key, port, hostname, certificateNames }] : [],
  );
  return new Map([...findOverlaps(terminating)].map(([{ key }, condition]) => [key, condition]));
}

function toResources(
  { key: gateway, addresses }: GatewayFacts,
  listeners: readonly ListenerTranslated[],
  backendCertificate: KeyPair | undefined,
): Map<string, EncodedResource> {
  return new Map(
    listeners.flatMap(({ facts: { key }, message }) => {
      if (!message) return [];
      const value = create(ListenerSchema, {
        ...message,
        gateway,
        addresses: [...addresses].sort(),
        ...(backendCertificate && { backendCertificate }),
      });
      return [[key, encodeResource(key, { case: 'listener', value })] as const];
    }),
  );
}
