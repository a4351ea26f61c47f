// Policy → one policy for each kind it holds; what restricts and is not valid leaves as invalid, never as nothing (contract 1).
import {
  type PolicySpec,
  Policy_Mode,
  PolicySchema,
  PolicySpecSchema,
  type PolicyTarget,
  PolicyTargetSchema,
} from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { type EncodedResource, toKey } from '@agentgateway/api/keys.ts';
import { create } from '@bufbuild/protobuf';
import type { AnyPolicyDefinition, PolicyKind } from '../../policy/define.ts';
import { policies } from '../../policy/registry.ts';
import { encodeResource } from '../../translate/encode.ts';
import { parseObject } from '../../translate/parse.ts';
import type { Scope } from '../../translate/scope.ts';
import { toEpochMs } from '../../translate/time.ts';
import type { Manifest } from '../../world.ts';
import { translateSpec } from './spec.ts';
import { type PolicySpecOutput } from './schema.ts';
import { type TargetFacts, findTarget } from './targets.ts';

/** One kind of a Policy object. */
export interface PolicyPart {
  /** Key of its resource. */
  readonly key: string;
  readonly kind: PolicyKind;
  /** Whether policies of the kind add up, and none may be dropped. */
  readonly isRestricting: boolean;
  readonly createdMs: number;
  readonly mode: PolicySpecOutput['mode'];
  readonly targets: readonly TargetFacts[];
  readonly spec: PolicySpec | undefined;
  /** Why it cannot be applied. */
  readonly invalid: string | undefined;
  readonly secrets: readonly string[];
}

/** A translated Policy. */
export interface PolicyTranslated {
  readonly parts: readonly PolicyPart[];
  /** Every target that exists. */
  readonly targets: readonly TargetFacts[];
}

/** Translates a Policy. */
export function translatePolicy(policy: Manifest, scope: Scope): PolicyTranslated {
  const parsed = parseObject<PolicySpecOutput>(policy);
  if (parsed.ok) return translateParsed(policy, parsed.fields, scope);
  for (const fault of parsed.faults) scope.fault(fault);
  const why = parsed.faults.map(({ path, message }) => `${path}: ${message}`).join('; ');
  return closeUnreadable(policy, why, { ...scope, fault: () => {} });
}

function translateParsed(policy: Manifest, spec: PolicySpecOutput, scope: Scope): PolicyTranslated {
  const targets = spec.targetRefs.flatMap((ref, index) => findTarget(policy, ref, index, scope) ?? []);
  const written = kindsOf(spec);
  if (written.length === 0)
    scope.fault({ path: 'spec', condition: 'Accepted', reason: 'Invalid', message: 'holds no policy' });
  const parts = written.map((kind) => {
    const place = { namespace: policy.metadata.namespace, path: `spec.${kind}`, scope };
    const { spec: message, problems, secrets } = translateSpec(kind, spec[kind], place);
    for (const problem of problems)
      scope.fault({
        path: problem.path === '' ? place.path : `${place.path}.${problem.path}`,
        condition: 'Accepted',
        reason: 'Invalid',
        message: problem.message,
      });
    const misplaced = targets.filter(({ place: at }) => !policies[kind].attach.includes(at));
    for (const { index, ref } of misplaced)
      scope.fault({
        path: `spec.targetRefs[${index}]`,
        condition: 'Accepted',
        reason: 'Invalid',
        message: `${kind} cannot be attached to ${ref.sectionName === undefined ? 'a' : 'a section of a'} ${ref.kind}`,
      });
    const reasons = problems.map(({ path, message: text }) => (path === '' ? text : `${path}: ${text}`));
    const isRestricting = policies[kind].merge === 'all';
    if (isRestricting && misplaced.length > 0)
      reasons.push(`it cannot be attached to ${misplaced.map(({ ref }) => `${ref.kind} ${ref.name}`).join(', ')}`);
    return toPart(policy, kind, {
      mode: spec.mode,
      targets: isRestricting ? targets : targets.filter((target) => !misplaced.includes(target)),
      ...(reasons.length > 0 ? standIn(kind, reasons.join('; ')) : { spec: message, invalid: undefined }),
      secrets,
    });
  });
  return { parts, targets };
}

/** What cannot be read closes what it names, as far as that can be told, for every restricting kind it mentions or might mean. */
function closeUnreadable(policy: Manifest, why: string, scope: Scope): PolicyTranslated {
  const spec = (policy.spec ?? {}) as Record<string, unknown>;
  const refs = Array.isArray(spec['targetRefs']) ? (spec['targetRefs'] as unknown[]) : [];
  const targets = refs.flatMap((ref, index) => {
    const { group = 'gateway.networking.k8s.io', kind, name } = (ref ?? {}) as Record<string, unknown>;
    if (typeof group !== 'string' || typeof kind !== 'string' || typeof name !== 'string') return [];
    // Without its section: too much is closed rather than too little.
    return findTarget(policy, { group, kind, name }, index, scope) ?? [];
  });
  const parts = kindsOf(spec)
    .filter((kind) => policies[kind].merge === 'all' || 'closed' in policies[kind])
    .map((kind) => toPart(policy, kind, { mode: 'Defaults', targets, ...standIn(kind, why), secrets: [] }));
  return { parts, targets };
}

/** What travels of a policy that cannot be applied. */
function standIn(kind: PolicyKind, why: string): Pick<PolicyPart, 'spec' | 'invalid'> {
  const definition = policies[kind] as AnyPolicyDefinition;
  if (!definition.closed) return { spec: undefined, invalid: why };
  const value = definition.closed(why);
  return { spec: create(PolicySpecSchema, { kind: { case: kind, value } as PolicySpec['kind'] }), invalid: undefined };
}

function kindsOf(spec: Readonly<Record<string, unknown>>): PolicyKind[] {
  return (Object.values(policies) as AnyPolicyDefinition[])
    .filter(({ kind, attach }) => spec[kind] !== undefined && attach.some((place) => place !== 'filter'))
    .map(({ kind }) => kind);
}

function toPart(
  { metadata: { namespace, name, creationTimestamp } }: Manifest,
  kind: PolicyKind,
  rest: Pick<PolicyPart, 'mode' | 'targets' | 'spec' | 'invalid' | 'secrets'>,
): PolicyPart {
  return {
    key: toKey('policy', namespace, name, kind),
    kind,
    isRestricting: policies[kind].merge === 'all',
    createdMs: toEpochMs(creationTimestamp) ?? 0,
    ...rest,
  };
}

/** The policy as it travels to proxies that hold these targets; undefined where nothing of it does. */
export function encodePolicy(part: PolicyPart, targets: readonly TargetFacts[]): EncodedResource | undefined {
  if (targets.length === 0 || (part.invalid !== undefined && !part.isRestricting)) return undefined;
  const value = create(PolicySchema, {
    targets: distinctTargets(targets),
    createdMs: BigInt(part.createdMs),
    mode: part.mode === 'Overrides' ? Policy_Mode.OVERRIDES : Policy_Mode.DEFAULTS,
    invalid: part.invalid ?? '',
    ...(part.spec && { spec: part.spec }),
  });
  return encodeResource(part.key, { case: 'policy', value });
}

function distinctTargets(targets: readonly TargetFacts[]): PolicyTarget[] {
  const byId = new Map(targets.map(({ key, section }) => [`${key} ${section}`, { key, section }]));
  return [...byId].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, target]) => create(PolicyTargetSchema, target));
}

/** Kinds merged by field on the same target and section: the oldest wins, the others lose that target (contract 1). */
export function findConflicts(parts: readonly PolicyPart[]): Map<PolicyPart, Map<TargetFacts, PolicyPart>> {
  const winners = new Map<string, PolicyPart>();
  const lost = new Map<PolicyPart, Map<TargetFacts, PolicyPart>>();
  const byAge = parts
    .filter(({ isRestricting, invalid }) => !isRestricting && invalid === undefined)
    .toSorted((a, b) => a.createdMs - b.createdMs || (a.key < b.key ? -1 : 1));
  for (const part of byAge)
    for (const target of part.targets) {
      const id = `${part.kind} ${target.key} ${target.section}`;
      const winner = winners.get(id);
      if (!winner) winners.set(id, part);
      else if (winner !== part) lost.set(part, (lost.get(part) ?? new Map()).set(target, winner));
    }
  return lost;
}
