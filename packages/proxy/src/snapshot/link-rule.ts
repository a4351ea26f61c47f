// A route's rules with their policies, filters and backends.
import type { Route, RouteRule } from '@agentgateway/api/gen/agentgateway/v1/route_pb.ts';
import type { RouterEntry } from '@agentgateway/core/route/router.ts';
import type { CompiledSpec, RulePart } from './compile.ts';
import { compileChoice } from './choose.ts';
import { toEntries } from './entries.ts';
import type { CompiledMerge, Level, LinkedChain, PolicyIndex } from './policy-index.ts';
import type { BackendChoice, RulePlan } from './snapshot.ts';

/** What one route is linked from for one listener. */
export interface RouteInputs {
  readonly key: string;
  readonly route: Route;
  /** The compiled rules, one object per version of the route. */
  readonly parts: readonly RulePart[];
  /** Key of the listener, and the levels above the route. */
  readonly listener: string;
  readonly levels: readonly Level[];
  readonly policies: PolicyIndex;
  readonly before: LinkedRoute | undefined;
}

/** Whose turn it is among a rule's backends, by their place. */
type Turn = () => { readonly index: number } | undefined;

/** A route as one listener serves it. */
export interface LinkedRoute {
  readonly parts: readonly RulePart[];
  readonly rules: readonly RulePlan[];
  readonly turns: readonly Turn[];
  readonly entries: readonly RouterEntry<RulePlan>[];
  /** What is held of the policy index. */
  readonly uses: readonly CompiledMerge[];
}

/** Links every rule of a route, in order. */
export function linkRoute(inputs: RouteInputs): LinkedRoute {
  const { key, route, parts, listener, before } = inputs;
  // Whose turn it is does not depend on policies, so that an edit of one does not begin the round again.
  const turns =
    before?.parts === parts
      ? before.turns
      : route.rules.map(({ backends }) => compileChoice(backends.map(({ weight }, index) => ({ weight, index }))));
  const uses: CompiledMerge[] = [];
  const rules = route.rules.map((rule, index) =>
    linkRule(inputs, { rule, part: parts[index]!, turn: turns[index]!, uses }),
  );
  return { parts, rules, turns, entries: toEntries(listener, key, route, rules), uses };
}

interface RuleInputs {
  readonly rule: RouteRule;
  readonly part: RulePart;
  readonly turn: Turn;
  readonly uses: CompiledMerge[];
}

function linkRule({ key, levels, policies }: RouteInputs, { rule, part, turn, uses }: RuleInputs): RulePlan {
  const plan = (chain: readonly Level[], specs: readonly CompiledSpec[]): LinkedChain => {
    const linked = policies.plan(chain, { key, specs });
    uses.push(...linked.uses);
    return linked;
  };
  const chain: Level[] = [...levels, { level: 'route', target: key, section: '' }];
  if (rule.name !== '') chain.push({ level: 'rule', target: key, section: rule.name });
  const { plan: steps, settings, decisions } = plan(chain, part.filters);
  const backends = rule.backends.map(({ backend, port, weight, invalid }, index): BackendChoice => ({
    key: backend,
    port,
    weight,
    invalid: invalid === '' ? undefined : invalid,
    plan: plan([{ level: 'backend', target: backend, section: '' }], part.backendFilters[index] ?? []).plan,
  }));
  const choose = (): BackendChoice | undefined => {
    const next = turn();
    return next && backends[next.index];
  };
  return { route: key, rule: rule.name, plan: steps, settings, backends, choose, decisions };
}
