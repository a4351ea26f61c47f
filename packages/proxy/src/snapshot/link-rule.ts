// A route's rules with their policies, filters and backends.
import type { Route, RouteRule } from '@agentgateway/api/gen/agentgateway/v1/route_pb.ts';
import { type CompiledSpec, type RulePart, isStep, toStepPlan } from './compile.ts';
import { compileChoice } from './choose.ts';
import type { Level, PolicyIndex } from './policy-index.ts';
import type { BackendChoice, PlannedStep, RulePlan } from './snapshot.ts';

/** What the rules of one route are linked from. */
export interface RuleInputs {
  readonly key: string;
  readonly route: Route;
  readonly parts: readonly RulePart[];
  /** The levels above the route. */
  readonly levels: readonly Level[];
  readonly policies: PolicyIndex;
}

/** Links every rule of a route, in order. */
export function linkRules(inputs: RuleInputs): RulePlan[] {
  return inputs.route.rules.map((rule, index) => linkRule(inputs, rule, inputs.parts[index]!));
}

function linkRule({ key, levels, policies }: RuleInputs, rule: RouteRule, part: RulePart): RulePlan {
  const chain: Level[] = [...levels, { level: 'route', target: key, section: '' }];
  if (rule.name !== '') chain.push({ level: 'rule', target: key, section: rule.name });
  const { plan, settings, decisions } = policies.plan(chain, { key, specs: part.filters });
  const backends = rule.backends.map((backend, index): BackendChoice => ({
    key: backend.backend,
    port: backend.port,
    weight: backend.weight,
    invalid: backend.invalid === '' ? undefined : backend.invalid,
    plan: toStepPlan(toSteps(key, part.backendFilters[index] ?? [])),
  }));
  return { route: key, rule: rule.name, plan, settings, backends, choose: compileChoice(backends), decisions };
}

function toSteps(key: string, specs: readonly CompiledSpec[]): PlannedStep[] {
  return specs.filter(isStep).map((spec) => ({ policy: key, kind: spec.kind, phase: spec.phase, step: spec.value }));
}
