// Which policies are attached where, and what a chain of them compiles to.
import { create } from '@bufbuild/protobuf';
import { type PolicySpec, PolicySpecSchema, Policy_Mode } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import type { BackendEnvironment } from '../backend/registry.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import { type Phase, type Step, phaseOrder } from '@agentgateway/core/phases.ts';
import { type Attached, type ChainLevel, mergeChain } from '@agentgateway/core/policy/merge.ts';
import { type RuleSettings, defaultSettings } from '@agentgateway/core/settings.ts';
import { type CompiledSpec, compileSpec, isStep, toStepPlan } from './compile.ts';
import type { PlannedStep, PolicyDecision, StepPlan } from './snapshot.ts';
import type { HeldPart } from './store.ts';

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

/** Finds attached policies by target, and compiles each merged chain once. */
export class PolicyIndex {
  readonly #environment: BackendEnvironment;
  #byTarget = new Map<string, IndexedPolicy[]>();
  /** Compiled values by the policies and versions they were merged from. */
  #compiled = new Map<string, CompiledSpec>();
  #used = new Set<string>();

  constructor(environment: BackendEnvironment) {
    this.#environment = environment;
  }

  /** Takes over the current policies; without a touched policy nothing is done. */
  update(parts: ReadonlyMap<string, HeldPart>, touched: ReadonlySet<string>): void {
    if (![...touched].some((key) => key.startsWith('policy/'))) return;
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
    // What no chain asked for since the last change of policies is forgotten.
    for (const id of this.#compiled.keys()) if (!this.#used.has(id)) this.#compiled.delete(id);
    this.#used = new Set();
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
        steps.push(closed(keys[0] ?? '', merged.kind, merged.phase, merged.invalid));
        continue;
      }
      for (const part of merged.parts) {
        const compiled = this.#compile(
          `${merged.kind} ${part.sources.map((key) => `${key}@${versions.get(key)}`).join(' ')}`,
          part.spec,
        );
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

  #compile(id: string, spec: PolicySpec): CompiledSpec {
    this.#used.add(id);
    const known = this.#compiled.get(id);
    if (known) return known;
    const compiled = compileSpec(create(PolicySpecSchema, spec), this.#environment);
    this.#compiled.set(id, compiled);
    return compiled;
  }
}

/** Stands in for a restricting policy that cannot be applied: nothing passes. */
function closed(policy: string, kind: string, phase: Phase, why: string): PlannedStep {
  const step: Step = {
    request() {
      throw new GatewayError('policy-invalid', `policy ${policy} (${kind}) cannot be applied: ${why}`);
    },
  };
  return { policy, kind, phase, step };
}
