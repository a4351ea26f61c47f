// Which policies are attached where, and what a chain of them compiles to.
import { create } from '@bufbuild/protobuf';
import { type PolicySpec, PolicySpecSchema, Policy_Mode } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import type { Environment } from '@agentgateway/core/environment.ts';
import { phaseOrder } from '@agentgateway/core/phases.ts';
import type { Attached, ChainLevel } from '@agentgateway/core/policy/merge.ts';
import { type RuleSettings, defaultSettings } from '@agentgateway/core/settings.ts';
import { openChecker } from '../backend/health/checker.ts';
import { openEndpointTable } from '../backend/picker/endpoint-picker.ts';
import { checkId } from '../backend/picker/endpoint-table.ts';
import {
  type FoundPolicy,
  type OwnFilters,
  type PlannedPart,
  type PlannedPolicy,
  mergeBackend,
  mergeRule,
  toFound,
} from './chain.ts';
import { type CompiledSpec, closed, compileSpec } from './compile-spec.ts';
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
  readonly uses: readonly Use[];
  /** What it was merged from. */
  readonly found: readonly FoundPolicy[];
}

/** Something that chains hold, and how many do. */
export interface Use {
  readonly id: string;
  readonly scope: Scope;
  users: number;
}

/** Something merged that was compiled. */
interface CompiledMerge extends Use {
  readonly spec: CompiledSpec;
}

interface IndexedPolicy {
  readonly key: string;
  readonly version: string;
  readonly section: string;
  /** Its kind is known to newer versions only: whatever its key says, it may restrict. */
  readonly isUnknown: boolean;
  readonly attached: Omit<Attached, 'level'>;
}

/** What a chain is linked from beside what was merged. */
interface LinkInputs {
  readonly found: readonly FoundPolicy[];
  readonly filters: OwnFilters;
  /** What holds where nothing in the chain says otherwise. */
  readonly settings: RuleSettings;
}

const noFilters: OwnFilters = { key: '', part: { own: [], shared: [] } };
const emptyChain: LinkedChain = {
  plan: { steps: [] },
  settings: defaultSettings,
  decisions: [],
  uses: [],
  found: [],
};

/** Finds attached policies by target, and compiles each merged chain once. */
export class PolicyIndex {
  readonly #environment: ScopedEnvironment;
  readonly #byTarget = new Map<string, IndexedPolicy[]>();
  /** Compiled values by the policies and versions they were merged from. */
  readonly #compiled = new Map<string, CompiledMerge>();
  /** Health checks by what is asked of whom. */
  readonly #checks = new Map<string, Use>();
  readonly #unused = new Set<Use>();
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

  /** The merged chain, outermost level first; a rule's own filters are a level of it, or follow it. */
  plan(levels: readonly Level[], filters: OwnFilters = noFilters): LinkedChain {
    const found = [...this.#find(levels), ...toFound(filters, 'filter')];
    if (filters.part.own.length > 0 || filters.part.shared.length > 0) {
      return this.#link(mergeRule(found), { found, filters, settings: defaultSettings });
    }
    if (found.length === 0) return emptyChain;
    const id = found.map(({ attached: { level, key }, version }) => `${level} ${key} ${version}`).join('\n');
    const known = this.#chains.get(id);
    for (const compiled of known?.uses ?? []) compiled.users++;
    const chain = known ?? this.#link(mergeRule(found), { found, filters, settings: defaultSettings });
    this.#chains.set(id, chain);
    return chain;
  }

  /** What one backend of a rule adds to the rule's chain. */
  planBackend(rule: LinkedChain, levels: readonly Level[], filters: OwnFilters = noFilters): LinkedChain {
    const found = [...toFound(filters, 'backendFilter'), ...this.#find(levels)];
    const { settings } = rule;
    if (found.length === 0 && filters.part.own.length === 0) return { ...emptyChain, settings };
    return this.#link(mergeBackend(rule.found, found), { found, filters, settings });
  }

  #find(levels: readonly Level[]): FoundPolicy[] {
    return levels.flatMap(({ level, target, section }) =>
      (this.#byTarget.get(target) ?? [])
        .filter((policy) => policy.section === section)
        .map(({ attached, ...policy }) => ({ ...policy, attached: { ...attached, level } })),
    );
  }

  #link(planned: readonly PlannedPolicy[], { found, filters, settings: initial }: LinkInputs): LinkedChain {
    const steps: PlannedStep[] = [];
    const uses: Use[] = [];
    let settings = initial;
    const apply = (policy: string, compiled: CompiledSpec): void => {
      const { contract, kind, phase, value } = compiled;
      switch (contract) {
        case 'step':
          steps.push({ policy, kind, phase, step: value });
          return;
        case 'setting':
          settings = { ...settings, ...value };
      }
    };
    for (const { merged, parts } of planned) {
      const { kind, phase, invalid } = merged;
      if (invalid !== undefined) {
        const key = merged.parts[0]?.key ?? '';
        steps.push({ policy: key, kind, phase, step: closed(`policy ${key} (${kind})`, invalid) });
      }
      for (const part of parts) {
        const compiled = this.#compile(part);
        uses.push(compiled);
        apply(part.key, compiled.spec);
      }
    }
    for (const spec of filters.part.own) apply(filters.key, spec);
    steps.sort((a, b) => phaseOrder[a.phase] - phaseOrder[b.phase]);
    return { plan: { steps }, settings, decisions: planned.map(toDecision), uses, found };
  }

  /** A chain is not part of the next snapshot. */
  drop(uses: readonly Use[]): void {
    for (const compiled of uses) if (--compiled.users === 0) this.#unused.add(compiled);
  }

  /** Forgets what no chain uses any more; returns what it held. */
  sweep(): Scope[] {
    const scopes: Scope[] = [];
    for (const compiled of this.#unused) {
      if (compiled.users > 0) continue;
      this.#compiled.delete(compiled.id);
      this.#checks.delete(compiled.id);
      scopes.push(compiled.scope);
    }
    this.#unused.clear();
    this.#chains.clear();
    return scopes;
  }

  /** Everything that is held. */
  scopes(): Scope[] {
    return [...this.#compiled.values(), ...this.#checks.values()].map(({ scope }) => scope);
  }

  /** Has a backend's endpoints asked how they are, for as long as a chain of it holds that; undefined where nothing is asked. */
  check(backend: string, port: number, { health, backendTLS: tls }: RuleSettings): Use | undefined {
    const settings = health?.active;
    if (!settings) return undefined;
    const id = `check ${backend} ${port} ${checkId(settings)} ${tls?.id ?? ''}`;
    let check = this.#checks.get(id);
    if (check) check.users++;
    else {
      const { environment, scope } = this.#environment();
      openChecker(environment, openEndpointTable(environment, backend, port), { backend, port, settings, tls });
      this.#checks.set(id, (check = { id, scope, users: 1 }));
    }
    return check;
  }

  #compile({ id, key, spec }: PlannedPart): CompiledMerge {
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

function toDecision({ merged: { kind, phase, parts, winners, conflicted, invalid } }: PlannedPolicy): PolicyDecision {
  const winning = new Set(Object.values(winners));
  const policies = parts.flatMap(({ sources }) => sources).filter((key) => winning.size === 0 || winning.has(key));
  return { kind, phase, policies, winners, conflicted, invalid };
}

/** A failure here means that the fields of several policies, each good alone, do not go together: then nothing passes. */
function compileMerged(spec: PolicySpec, key: string, environment: Environment): CompiledSpec {
  try {
    return compileSpec(spec, environment);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const value = closed(`policy ${key}`, why);
    return { kind: spec.kind.case ?? 'unknown', phase: 'authorize', contract: 'step', value };
  }
}
