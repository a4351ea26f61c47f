// What is attached at the places of a chain, and what of it acts there: for a rule, and for one of its backends (contract 1).
import { create } from '@bufbuild/protobuf';
import { type PolicySpec, PolicySpecSchema } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { fromKey } from '@agentgateway/api/keys.ts';
import { phases } from '@agentgateway/core/phases.ts';
import {
  type Attached,
  type ChainLevel,
  type MergedPolicy,
  kindOf,
  mergeChain,
  withoutFields,
} from '@agentgateway/core/policy/merge.ts';
import type { FilterPart } from './filters.ts';

/** A policy or a filter at its place. */
export interface FoundPolicy {
  readonly version: string;
  /** Its kind is known to newer versions only: whatever its key says, it may restrict. */
  readonly isUnknown: boolean;
  readonly attached: Attached;
}

/** Something merged that is to be compiled; what compiles from equal sources for equal use is equal. */
export interface PlannedPart {
  readonly id: string;
  readonly key: string;
  readonly spec: PolicySpec;
}

/** All of one kind that acts. */
export interface PlannedPolicy {
  readonly merged: MergedPolicy;
  readonly parts: readonly PlannedPart[];
}

/** Filters, and whose they are. */
export interface OwnFilters {
  /** Key of the route, with the reference to the backend that holds them. */
  readonly key: string;
  readonly part: FilterPart;
}

/** Filters that are merged, at their place in the chain. */
export function toFound({ key, part }: OwnFilters, level: ChainLevel): FoundPolicy[] {
  return part.shared.map(({ spec, version }) => ({
    version,
    isUnknown: false,
    attached: { key, level, createdMs: 0, mode: 'Defaults', spec, invalid: undefined },
  }));
}

/** What acts for a rule. */
export function mergeRule(found: readonly FoundPolicy[]): PlannedPolicy[] {
  return merge(found).map((merged) => ({ merged, parts: toParts(merged, found, '') }));
}

/**
 * What acts for one backend of a rule beside all that acts for the rule. Steps above have run by then, so only the
 * backend's own are left, without the fields that a policy above overrides; settings hold what both say.
 */
export function mergeBackend(above: readonly FoundPolicy[], own: readonly FoundPolicy[]): PlannedPolicy[] {
  const keysAbove = new Set(above.map(({ attached }) => attached.key));
  const kinds = new Set(own.map(({ attached }) => kindOf(attached)));
  const related = above.filter(({ isUnknown, attached }) => !isUnknown && kinds.has(kindOf(attached)));
  const settings = mergeRule([...related, ...own]).filter(({ merged }) => isSetting(merged));
  const once = own.filter(({ attached }) => !keysAbove.has(attached.key));
  const ownKeys = new Set(once.map(({ attached }) => attached.key));
  const chain = [...related.filter(({ attached }) => attached.mode === 'Overrides'), ...once];
  const steps = merge(chain)
    .filter((merged) => !isSetting(merged))
    .map((merged) => toOwn(merged, chain, ownKeys))
    .filter(({ merged }) => merged.invalid !== undefined || merged.parts.length > 0);
  return [...steps, ...settings];
}

function isSetting({ phase, invalid }: MergedPolicy): boolean {
  return phases[phase] === 'setting' && invalid === undefined;
}

/** Of what is merged the backend's own part: some of the parts where all add up, some of the fields where one wins each. */
function toOwn(merged: MergedPolicy, chain: readonly FoundPolicy[], ownKeys: ReadonlySet<string>): PlannedPolicy {
  const kept = merged.parts.filter(({ sources }) => sources.some((key) => ownKeys.has(key)));
  const own = { ...merged, parts: kept };
  const lost = new Set(Object.keys(merged.winners).filter((field) => !ownKeys.has(merged.winners[field]!)));
  if (lost.size === 0) return { merged: own, parts: toParts(own, chain, '') };
  const parts = toParts(own, chain, 'own ').flatMap((part) => {
    const spec = withoutFields(part.spec, lost);
    const key = Object.values(merged.winners).find((winner) => ownKeys.has(winner)) ?? part.key;
    return spec ? [{ ...part, key, spec }] : [];
  });
  return { merged: own, parts };
}

function merge(found: readonly FoundPolicy[]): MergedPolicy[] {
  const unknown = found.filter(({ isUnknown }) => isUnknown).map(({ attached }) => toClosed(attached));
  const known = found.filter(({ isUnknown }) => !isUnknown).map(({ attached }) => attached);
  return [...unknown.toSorted((a, b) => (a.parts[0]!.key < b.parts[0]!.key ? -1 : 1)), ...mergeChain(known)];
}

function toParts({ kind, parts, invalid }: MergedPolicy, found: readonly FoundPolicy[], use: string): PlannedPart[] {
  if (invalid !== undefined) return [];
  // A route's filters share its key: their kind tells them apart.
  const versions = new Map(found.map(({ attached, version }) => [`${kindOf(attached)} ${attached.key}`, version]));
  return parts.map(({ key, spec, sources }) => {
    const from = sources.map((source) => `${source}@${versions.get(`${kind} ${source}`)}`);
    return { id: `${use}${kind} ${from.join(' ')}`, key, spec };
  });
}

/** A policy of an unknown kind, as merging would leave it. */
function toClosed({ key, invalid }: Attached): MergedPolicy {
  const kind = fromKey(key).section ?? '';
  const parts = [{ key, spec: create(PolicySpecSchema), sources: [key] }];
  return { kind, phase: 'authorize', parts, winners: {}, conflicted: [], invalid };
}
