// Which policies are attached where, and what a chain of them compiles to.
import { create } from '@bufbuild/protobuf';
import { type PolicySpec, PolicySpecSchema, Policy_Mode } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { fromKey } from '@agentgateway/api/keys.ts';
import type { Environment } from '@agentgateway/core/environment.ts';
import { phaseOrder } from '@agentgateway/core/phases.ts';
import { type Attached, type ChainLevel, type MergedPolicy, mergeChain } from '@agentgateway/core/policy/merge.ts';
import { type RuleSettings, defaultSettings } from '@agentgateway/core/settings.ts';
import { type CompiledSpec, closed, compileSpec, isStep, toStepPlan } from './compile.ts';
import type { Scope } from './lifetimes.ts';
import type { PlannedStep, PolicyDecision, StepPlan } from './snapshot.ts';
import type { HeldPart, PartChange, ScopedEnvironment } from './store.ts';

/** A place policies may be attached to. */
export interface Level {
  readonly level: ChainLevel;
  readonly target: string;
  /** Empty for the whole target. */
  readonly section: string;
}

/** What a chain of policies compiles to. */
export interface LinkedChain {
  readonly plan: StepPlan;
  readonly settings: RuleSettings;
  readonly decisions: readonly PolicyDecision[];
  /** What the chain holds of the index; to be given back with `drop`. */
  readonly uses: readonly CompiledMerge[];
}

/** A rule's own filters, and the key of its route. */
export interface OwnFilters {
  readonly key: string;
  readonly specs: readonly CompiledSpec[];
}

/** Something merged that was compiled, and how many chains use it. */
export interface CompiledMerge {
  readonly id: string;
  readonly spec: CompiledSpec;
  readonly scope: Scope;
  users: number;
}

interface IndexedPolicy {
  readonly key: string;
  readonly version: string;
  readonly section: string;
  /** Its kind is known to newer versions only: whatever its key says, it may restrict. */
  readonly isUnknown: boolean;
  readonly attached: Omit<Attached, 'level'>;
}

interface FoundPolicy {
  readonly level: ChainLevel;
  readonly policy: IndexedPolicy;
}

type MergedPart = MergedPolicy['parts'][number];

const emptyChain: LinkedChain = { plan: toStepPlan([]), settings: defaultSettings, decisions: [], uses: [] };

/** Finds attached policies by target, and compiles each merged chain once. */
export class PolicyIndex {
  readonly #environment: ScopedEnvironment;
  readonly #byTarget = new Map<string, IndexedPolicy[]>();
  /** Compiled values by the policies and versions they were merged from. */
  readonly #compiled = new Map<string, CompiledMerge>();
  readonly #unused = new Set<CompiledMerge>();
  /** Chains of the link under way by what is attached: most routes have no policies of their own. */
  readonly #chains = new Map<string, LinkedChain>();

  constructor(environment: ScopedEnvironment) {
    this.#environment = environment;
  }

  /** Takes over changed policies. Returns the targets whose chains are to be planned again. */
  update(changes: readonly PartChange[]): Set<string> {
    const affected = new Set<string>();
    for (const { key, before, after } of changes) {
      for (const target of targetsOf(before)) {
        affected.add(target.key);
        const rest = this.#byTarget.get(target.key)?.filter((policy) => policy.key !== key) ?? [];
        if (rest.length > 0) this.#byTarget.set(target.key, rest);
        else this.#byTarget.delete(target.key);
      }
      for (const target of targetsOf(after)) {
        affected.add(target.key);
        const indexed = toIndexed(after!, target.section);
        this.#byTarget.set(target.key, [...(this.#byTarget.get(target.key) ?? []), indexed]);
      }
    }
    return affected;
  }

  /** The merged chain, outermost level first, followed by a rule's own filters. */
  plan(levels: readonly Level[], filters: OwnFilters = { key: '', specs: [] }): LinkedChain {
    const found: FoundPolicy[] = [];
    for (const { level, target, section } of levels)
      for (const policy of this.#byTarget.get(target) ?? [])
        if (policy.section === section) found.push({ level, policy });
    if (filters.specs.length > 0) return this.#merge(found, filters);
    if (found.length === 0) return emptyChain;
    const id = found.map(({ level, policy: { key, version } }) => `${level} ${key} ${version}`).join('\n');
    const known = this.#chains.get(id);
    for (const compiled of known?.uses ?? []) compiled.users++;
    const chain = known ?? this.#merge(found, filters);
    this.#chains.set(id, chain);
    return chain;
  }

  #merge(found: readonly FoundPolicy[], filters: OwnFilters): LinkedChain {
    const unknown = found.filter(({ policy }) => policy.isUnknown).map(({ policy }) => policy);
    const attached = found
      .filter(({ policy }) => !policy.isUnknown)
      .map(({ level, policy }): Attached => ({ ...policy.attached, level }));
    const versions = new Map(found.map(({ policy: { key, version } }) => [key, version]));
    const steps: PlannedStep[] = [];
    const uses: CompiledMerge[] = [];
    let settings = defaultSettings;
    const merged = [...unknown.toSorted((a, b) => (a.key < b.key ? -1 : 1)).map(toClosed), ...mergeChain(attached)];
    for (const policy of merged) {
      const { kind, phase, invalid } = policy;
      if (invalid !== undefined) {
        const key = policy.parts[0]?.key ?? '';
        steps.push({ policy: key, kind, phase, step: closed(`policy ${key} (${kind})`, invalid) });
        continue;
      }
      for (const part of policy.parts) {
        const compiled = this.#compile(
          `${kind} ${part.sources.map((key) => `${key}@${versions.get(key)}`).join(' ')}`,
          part,
        );
        uses.push(compiled);
        const { spec } = compiled;
        if (isStep(spec)) steps.push({ policy: part.key, kind: spec.kind, phase: spec.phase, step: spec.value });
        else settings = { ...settings, [spec.kind]: spec.value };
      }
    }
    for (const spec of filters.specs) {
      if (isStep(spec)) steps.push({ policy: filters.key, kind: spec.kind, phase: spec.phase, step: spec.value });
      else settings = { ...settings, [spec.kind]: spec.value };
    }
    steps.sort((a, b) => phaseOrder[a.phase] - phaseOrder[b.phase]);
    return { plan: toStepPlan(steps), settings, decisions: merged.map(toDecision), uses };
  }

  /** A chain is not part of the next snapshot. */
  drop(uses: readonly CompiledMerge[]): void {
    for (const compiled of uses) if (--compiled.users === 0) this.#unused.add(compiled);
  }

  /** Forgets what no chain uses any more; returns what it held. */
  sweep(): Scope[] {
    const scopes: Scope[] = [];
    for (const compiled of this.#unused) {
      if (compiled.users > 0) continue;
      this.#compiled.delete(compiled.id);
      scopes.push(compiled.scope);
    }
    this.#unused.clear();
    this.#chains.clear();
    return scopes;
  }

  /** Everything that is held. */
  scopes(): Scope[] {
    return [...this.#compiled.values()].map(({ scope }) => scope);
  }

  #compile(id: string, { spec, key }: MergedPart): CompiledMerge {
    const known = this.#compiled.get(id);
    if (known) {
      known.users++;
      return known;
    }
    const { environment, scope } = this.#environment();
    const compiled = { id, spec: compileMerged(create(PolicySpecSchema, spec), key, environment), scope, users: 1 };
    this.#compiled.set(id, compiled);
    return compiled;
  }
}

function targetsOf(held: HeldPart | undefined): readonly { readonly key: string; readonly section: string }[] {
  return held?.part.kind === 'policy' ? held.part.message.targets : [];
}

function toIndexed({ key, version, part }: HeldPart, section: string): IndexedPolicy {
  if (part.kind !== 'policy') throw new Error(`${key} is no policy`);
  const { message, invalid } = part;
  const attached = {
    key,
    createdMs: Number(message.createdMs),
    mode: message.mode === Policy_Mode.OVERRIDES ? ('Overrides' as const) : ('Defaults' as const),
    spec: message.spec,
    invalid,
  };
  return {
    key,
    version,
    section,
    isUnknown: message.invalid === '' && message.spec?.kind.case === undefined,
    attached,
  };
}

/** A policy of an unknown kind, as merging would leave it. */
function toClosed({ key, attached }: IndexedPolicy): MergedPolicy {
  const kind = fromKey(key).section ?? '';
  const parts = [{ key, spec: create(PolicySpecSchema), sources: [key] }];
  return { kind, phase: 'authorize', parts, winners: {}, conflicted: [], invalid: attached.invalid };
}

function toDecision({ kind, phase, parts, winners, invalid }: MergedPolicy): PolicyDecision {
  return { kind, phase, policies: parts.map(({ key }) => key), winners, invalid };
}

/** A failure here means that the fields of several policies, each good alone, do not go together: then nothing passes. */
function compileMerged(spec: PolicySpec, key: string, environment: Environment): CompiledSpec {
  try {
    return compileSpec(spec, environment);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { kind: spec.kind.case ?? 'unknown', phase: 'authorize', value: closed(`policy ${key}`, why) };
  }
}
