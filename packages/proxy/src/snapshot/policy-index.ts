// Which policies are attached where, and what a chain of them compiles to.
import { create } from '@bufbuild/protobuf';
import { type PolicySpec, PolicySpecSchema, Policy_Mode } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import type { BackendEnvironment } from '../backend/registry.ts';
import { phaseOrder } from '@agentgateway/core/phases.ts';
import { type Attached, type ChainLevel, type MergedPolicy, mergeChain } from '@agentgateway/core/policy/merge.ts';
import { type RuleSettings, defaultSettings } from '@agentgateway/core/settings.ts';
import { type CompiledSpec, closed, compileSpec, isStep, toStepPlan } from './compile.ts';
import type { Scope } from './lifetimes.ts';
import type { PlannedStep, PolicyDecision, StepPlan } from './snapshot.ts';
import type { HeldPart, ScopedEnvironment } from './store.ts';

/** A place policies may be attached to. Section `*` stands for every section of the target, in signatures. */
export interface Level {
  readonly level: ChainLevel;
  readonly target: string;
  readonly section: string;
}

/** What a chain of policies compiles to. */
export interface LinkedChain {
  readonly plan: StepPlan;
  readonly settings: RuleSettings;
  readonly decisions: readonly PolicyDecision[];
}

interface IndexedPolicy {
  readonly key: string;
  readonly version: string;
  readonly section: string;
  readonly attached: Omit<Attached, 'level'>;
}

/** Something merged that was compiled. */
interface CompiledMerge {
  readonly spec: CompiledSpec;
  readonly sources: readonly string[];
  readonly scope: Scope;
}

type MergedPart = MergedPolicy['parts'][number];

/** Finds attached policies by target, and compiles each merged chain once. */
export class PolicyIndex {
  readonly #environment: ScopedEnvironment;
  #byTarget = new Map<string, IndexedPolicy[]>();
  /** Compiled values by the policies and versions they were merged from. */
  readonly #compiled = new Map<string, CompiledMerge>();

  constructor(environment: ScopedEnvironment) {
    this.#environment = environment;
  }

  /** Takes over the current policies; without a touched policy nothing is done. Returns what was held by values that are now stale. */
  update(parts: ReadonlyMap<string, HeldPart>, touched: ReadonlySet<string>): Scope[] {
    if (![...touched].some((key) => key.startsWith('policy/'))) return [];
    this.#byTarget = new Map();
    for (const { key, version, part } of parts.values()) {
      if (part.kind !== 'policy') continue;
      const { message, invalid } = part;
      const attached = {
        key,
        createdMs: Number(message.createdMs),
        mode: message.mode === Policy_Mode.OVERRIDES ? ('Overrides' as const) : ('Defaults' as const),
        spec: message.spec,
        invalid,
      };
      for (const target of message.targets) {
        const indexed = { key, version, section: target.section, attached };
        const list = this.#byTarget.get(target.key);
        if (list) list.push(indexed);
        else this.#byTarget.set(target.key, [indexed]);
      }
    }
    const replaced: Scope[] = [];
    for (const [id, { sources, scope }] of this.#compiled) {
      if (!sources.some((key) => touched.has(key))) continue;
      this.#compiled.delete(id);
      replaced.push(scope);
    }
    return replaced;
  }

  /** Changes exactly when a policy of these levels does. */
  signature(levels: readonly Level[]): string {
    let text = '';
    for (const level of levels)
      for (const { key, version, section } of this.#at(level)) text += `${level.level} ${section} ${key} ${version}\n`;
    return text;
  }

  /** The merged chain, outermost level first, followed by a rule's own filters. */
  plan(
    levels: readonly Level[],
    filters: { readonly key: string; readonly specs: readonly CompiledSpec[] } = { key: '', specs: [] },
  ): LinkedChain {
    const attached = levels.flatMap((level) =>
      this.#at(level).map((indexed): Attached => ({ ...indexed.attached, level: level.level })),
    );
    const versions = new Map(
      levels.flatMap((level) => this.#at(level).map(({ key, version }) => [key, version] as const)),
    );
    const steps: PlannedStep[] = [];
    const decisions: PolicyDecision[] = [];
    let settings = defaultSettings;
    for (const merged of mergeChain(attached)) {
      const keys = merged.parts.map(({ key }) => key);
      decisions.push({
        kind: merged.kind,
        phase: merged.phase,
        policies: keys,
        winners: merged.winners,
        invalid: merged.invalid,
      });
      if (merged.invalid !== undefined) {
        const step = closed(`policy ${keys[0]} (${merged.kind})`, merged.invalid);
        steps.push({ policy: keys[0] ?? '', kind: merged.kind, phase: merged.phase, step });
        continue;
      }
      for (const part of merged.parts) {
        const id = `${merged.kind} ${part.sources.map((key) => `${key}@${versions.get(key)}`).join(' ')}`;
        const compiled = this.#compile(id, part);
        if (isStep(compiled))
          steps.push({ policy: part.key, kind: compiled.kind, phase: compiled.phase, step: compiled.value });
        else settings = { ...settings, [compiled.kind]: compiled.value };
      }
    }
    for (const spec of filters.specs) {
      if (isStep(spec)) steps.push({ policy: filters.key, kind: spec.kind, phase: spec.phase, step: spec.value });
      else settings = { ...settings, [spec.kind]: spec.value };
    }
    steps.sort((a, b) => phaseOrder[a.phase] - phaseOrder[b.phase]);
    return { plan: toStepPlan(steps), settings, decisions };
  }

  #at({ target, section }: Level): IndexedPolicy[] {
    const indexed = this.#byTarget.get(target) ?? [];
    return section === '*' ? indexed : indexed.filter((policy) => policy.section === section);
  }

  #compile(id: string, { spec, sources, key }: MergedPart): CompiledSpec {
    const known = this.#compiled.get(id);
    if (known) return known.spec;
    const { environment, scope } = this.#environment();
    const compiled = compileMerged(create(PolicySpecSchema, spec), key, environment);
    this.#compiled.set(id, { spec: compiled, sources, scope });
    return compiled;
  }
}

/** A failure here means that the fields of several policies, each good alone, do not go together: then nothing passes. */
function compileMerged(spec: PolicySpec, key: string, environment: BackendEnvironment): CompiledSpec {
  try {
    return compileSpec(spec, environment);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { kind: spec.kind.case ?? 'unknown', phase: 'authorize', value: closed(`policy ${key}`, why) };
  }
}
