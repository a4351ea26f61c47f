// How attached policies become one chain: restricting ones add up, shaping ones win field by field (contract 1).
import { type Message, clearField, clone, create, isFieldSet, type DescMessage } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import { type PolicySpec, PolicySpecSchema } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { type Phase, phaseOrder } from '../phases.ts';
import type { AnyPolicyDefinition, PolicyKind } from './define.ts';
import { policies } from './registry.ts';

/**
 * Where a policy may sit, outermost first; `filter` is what a route's rule says itself, in its own fields, and
 * `backendFilter` what one of its references to a backend says.
 */
export const chainLevels = [
  'gateway',
  'listener',
  'listenerSet',
  'route',
  'rule',
  'filter',
  'backendFilter',
  'backend',
  'section',
] as const;

/** One place of the chain. */
export type ChainLevel = (typeof chainLevels)[number];

/** A policy at its place. */
export interface Attached {
  readonly key: string;
  readonly level: ChainLevel;
  readonly createdMs: number;
  /** Overrides wins from above. */
  readonly mode: 'Defaults' | 'Overrides';
  readonly spec: PolicySpec | undefined;
  /** Why it cannot be applied. */
  readonly invalid: string | undefined;
}

/** All that is attached of one kind, merged. */
export interface MergedPolicy {
  readonly kind: string;
  readonly phase: Phase;
  /** What is to be compiled; `sources` are all the policies it was made of. */
  readonly parts: readonly { readonly key: string; readonly spec: PolicySpec; readonly sources: readonly string[] }[];
  /** Field → the policy that won it. */
  readonly winners: Readonly<Record<string, string>>;
  /** Policies that lost to an older one at the same place, whole; their condition is Conflicted. */
  readonly conflicted: readonly string[];
  /** Why nothing may pass. */
  readonly invalid: string | undefined;
}

/** Merges a chain, by kind, in the order of phases. */
export function mergeChain(attached: readonly Attached[]): MergedPolicy[] {
  const ordered = attached.toSorted(
    (a, b) =>
      chainLevels.indexOf(a.level) - chainLevels.indexOf(b.level) ||
      a.createdMs - b.createdMs ||
      (a.key < b.key ? -1 : 1),
  );
  const groups = Map.groupBy(ordered, kindOf);
  return [...groups]
    .map(([kind, group]) => mergeKind(kind, group))
    .sort((a, b) => phaseOrder[a.phase] - phaseOrder[b.phase] || kindOrder(a.kind) - kindOrder(b.kind));
}

function mergeKind(kind: string, group: readonly Attached[]): MergedPolicy {
  const definition = definitionOf(kind);
  const phase = definition?.phase ?? 'authorize';
  const broken = group.find(({ invalid, spec }) => invalid !== undefined || spec?.kind.case === undefined);
  if (broken && (!definition || definition.merge === 'all' || definition.closed)) {
    return {
      kind,
      phase,
      parts: group.map(({ key }) => ({ key, spec: create(PolicySpecSchema), sources: [key] })),
      winners: {},
      conflicted: [],
      invalid: broken.invalid ?? 'this kind of policy is not known to this version',
    };
  }
  const usable = group.filter(({ invalid, spec }) => invalid === undefined && spec?.kind.case !== undefined);
  if (!definition || definition.merge === 'all') {
    // A policy that is attached at two places of one chain acts once, at the outer.
    const once = usable.filter(({ key }, index) => usable.findIndex((other) => other.key === key) === index);
    return {
      kind,
      phase,
      parts: once.map(({ key, spec }) => ({ key, spec: spec!, sources: [key] })),
      winners: {},
      conflicted: [],
      invalid: undefined,
    };
  }
  const { kept, conflicted } = oldestAtEachPlace(usable);
  if (kept.length === 0) return { kind, phase, parts: [], winners: {}, conflicted, invalid: undefined };
  return { kind, phase, ...mergeFields(kept), conflicted, invalid: undefined };
}

/** Of policies with the same place and mode the first counts; they come oldest first. */
function oldestAtEachPlace(group: readonly Attached[]): { kept: readonly Attached[]; conflicted: readonly string[] } {
  const places = new Map<string, Attached>();
  const conflicted: string[] = [];
  for (const policy of group) {
    const place = `${policy.level} ${policy.mode}`;
    if (places.has(place)) conflicted.push(policy.key);
    else places.set(place, policy);
  }
  return { kept: [...places.values()], conflicted };
}

/** Field by field: the most specific wins, unless one above overrides. */
function mergeFields(group: readonly Attached[]): Pick<MergedPolicy, 'parts' | 'winners'> {
  // Written in rising order of rank, so that the last writer of a field is its winner.
  const rank = (policy: Attached): number => {
    const level = chainLevels.indexOf(policy.level);
    return policy.mode === 'Overrides' ? chainLevels.length + (chainLevels.length - level) : level;
  };
  const rising = group.toSorted((a, b) => rank(a) - rank(b));
  const merged = clone(PolicySpecSchema, rising[0]!.spec!);
  const winners: Record<string, string> = {};
  for (const { key, spec } of rising) copyFields(spec!, merged, (field) => (winners[field] = key));
  const winner = rising.at(-1)!.key;
  return { parts: [{ key: winner, spec: merged, sources: rising.map(({ key }) => key) }], winners };
}

/** What a spec says beside these fields; undefined where that is nothing. */
export function withoutFields(spec: PolicySpec, names: ReadonlySet<string>): PolicySpec | undefined {
  const rest = clone(PolicySpecSchema, spec);
  const message = rest.kind.value as Message;
  const { fields } = messageOf(rest);
  for (const field of fields) if (names.has(field.localName)) clearField(message, field);
  return fields.some((field) => isFieldSet(message, field)) ? rest : undefined;
}

/** A kind's place in the table of policies; undefined for kinds that only newer versions know. */
export function definitionOf(kind: string): AnyPolicyDefinition | undefined {
  return Object.hasOwn(policies, kind) ? (policies[kind as PolicyKind] as AnyPolicyDefinition) : undefined;
}

/** Two specs of one kind as the filters of one rule, the second after the first. */
export function joinFilters(first: PolicySpec, second: PolicySpec): PolicySpec {
  const joined = clone(PolicySpecSchema, first);
  const message = definitionOf(first.kind.case ?? '')?.join?.(first.kind.value as never, second.kind.value as never);
  if (message) joined.kind.value = message;
  else copyFields(second, joined, () => {});
  return joined;
}

/** Copies the set fields of a spec's message over another's. */
function copyFields(from: PolicySpec, to: PolicySpec, onField: (name: string) => void): void {
  const desc = messageOf(from);
  const source = from.kind.value as Message;
  const target = to.kind.value as Message;
  const reader = reflect(desc, source);
  const writer = reflect(desc, target);
  for (const field of desc.fields) {
    if (!isFieldSet(source, field)) continue;
    writer.set(field, reader.get(field));
    onField(field.localName);
  }
}

function messageOf(spec: PolicySpec): DescMessage {
  const field = PolicySpecSchema.oneofs[0]!.fields.find((candidate) => candidate.localName === spec.kind.case);
  return field!.message!;
}

/** The place of a kind within its phase: that of the table of policies; unknown ones come last. */
function kindOrder(kind: string): number {
  const index = Object.keys(policies).indexOf(kind);
  return index < 0 ? Number.MAX_SAFE_INTEGER : index;
}

/** The kind of what is attached; where its spec cannot be read, its key ends in it. */
export function kindOf({ spec, key }: Pick<Attached, 'spec' | 'key'>): string {
  return spec?.kind.case ?? key.slice(key.lastIndexOf('/') + 1);
}
