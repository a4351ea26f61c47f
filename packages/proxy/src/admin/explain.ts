// Why a request would go where it goes: the same steps as the pipeline, told instead of done.
import { GatewayError } from '@agentgateway/core/errors.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import type { RuleSettings } from '@agentgateway/core/settings.ts';
import type { Target } from '@agentgateway/core/target.ts';
import type {
  BackendChoice,
  ListenerPlan,
  MirrorPlan,
  PolicyDecision,
  RulePlan,
  Snapshot,
  StepPlan,
} from '../snapshot/snapshot.ts';
import { type Calling, explainCalling } from './calling.ts';
import { splitTarget } from '../server/framing.ts';
import { describeListener, findListener } from './explain-listener.ts';

/** What is asked. */
export interface Question {
  readonly method: string;
  /** Absolute URL; its port names the bind. */
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  /** Model that the body would name. */
  readonly model: string | undefined;
}

/** A question as it was typed. */
export interface Asked {
  /** GET where it is left out. */
  readonly method: string | undefined;
  /** With or without a scheme. */
  readonly url: string | undefined;
  /** Lines of `NAME: VALUE`. */
  readonly headers: readonly string[];
  readonly model: string | undefined;
}

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Reads a question; a text says what is wrong with it. The command line and the admin side read it alike. */
export function readQuestion({ method = 'GET', url, headers, model }: Asked): Question | string {
  if (!token.test(method)) return `the method is '${method}'; it must be one such as GET or POST`;
  if (!url) return 'a URL is required, such as http://localhost:3000/v1/chat/completions';
  const pairs: (readonly [string, string])[] = [];
  for (const line of headers) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0)).trim();
    if (!token.test(name)) return `the header is '${line}'; it must be NAME:VALUE`;
    pairs.push([name, line.slice(colon + 1).trim()]);
  }
  const absolute = /^[a-z][a-z0-9+.-]*:\/\//i.test(url) ? url : `http://${url}`;
  try {
    splitTarget(absolute, undefined);
  } catch (error) {
    return `the URL is '${url}': ${GatewayError.from(error).message}; write one such as http://localhost:3000/v1/models`;
  }
  return { method: method.toUpperCase(), url: absolute, headers: pairs, model };
}

/** One policy kind's part in the matter. */
export interface ExplainedPolicy {
  readonly kind: string;
  readonly phase: string;
  /** Every policy that applies, outermost first. */
  readonly policies: readonly string[];
  /** Field → the policy that won it, where fields are merged. */
  readonly winners: Readonly<Record<string, string>>;
  /** Policies that have no part in it, because an older one of the same target does. */
  readonly conflicted: readonly string[];
  readonly why: string;
}

/** Who gets copies. */
export interface ExplainedMirror {
  readonly key: string;
  readonly port: number;
  /** Such as `1 of 3 requests`. */
  readonly share: string;
}

/** The answer. */
export interface Explanation {
  readonly question: { readonly method: string; readonly url: string };
  readonly bind: string | undefined;
  readonly listener: string | undefined;
  /** What the listener is, in words: protocol, host, and TLS where it has it. */
  readonly listenerDetail?: string | undefined;
  readonly route: string | undefined;
  readonly rule: string | undefined;
  readonly matchedPrefix?: string | undefined;
  readonly backends: readonly {
    readonly key: string;
    readonly weight: number;
    readonly invalid: string | undefined;
    /** Steps of this backend alone, in order. */
    readonly steps: readonly string[];
    /** What policies and filters say for this backend alone. */
    readonly policies: readonly ExplainedPolicy[];
    /** With what they say. */
    readonly settings: RuleSettings;
    readonly mirrors: readonly ExplainedMirror[];
    readonly detail: object | undefined;
    /** How its endpoints are chosen and called; undefined where it has none. */
    readonly calling: Calling | undefined;
  }[];
  /** Who gets copies of every request of the rule. */
  readonly mirrors: readonly ExplainedMirror[];
  readonly policies: readonly ExplainedPolicy[];
  /** Kinds of steps in the order in which they would run. */
  readonly steps: readonly string[];
  readonly settings: RuleSettings | undefined;
  /** Set where the request would be refused before any backend. */
  readonly refusal: { readonly reason: string; readonly message: string } | undefined;
}

/** Explains a question that {@link readQuestion} has read. */
export function explain(snapshot: Snapshot, question: Question): Explanation {
  const { method, url } = question;
  const { authority, path, query } = splitTarget(url, undefined);
  const base = { question: { method, url }, backends: [], mirrors: [], policies: [], steps: [], settings: undefined };
  const nowhere = { ...base, bind: undefined, listener: undefined, route: undefined, rule: undefined };
  const { bind, listener, refusal: refused } = findListener(snapshot, authority || url, /^https:/i.test(url));
  if (!bind || !listener || refused) {
    const place = { ...nowhere, bind: bind?.key, listener: listener?.key };
    return { ...place, ...(listener && { listenerDetail: describeListener(listener) }), refusal: refused };
  }
  const request = { method, authority, path, query, headers: HeaderList.from(question.headers) };
  const found = listener.router.match(request);
  const place = { bind: bind.key, listener: listener.key, listenerDetail: describeListener(listener) };
  if (!found) return unmatched(listener, { ...nowhere, ...place });
  const told = explainRule(snapshot, found.value, question);
  const refusal = refusalOf(found.value, told.backends);
  return { ...base, ...place, ...told, matchedPrefix: found.matchedPrefix, refusal };
}

function unmatched(listener: ListenerPlan, base: Omit<Explanation, 'refusal'>): Explanation {
  return {
    ...base,
    policies: listener.decisions.map(toExplained),
    steps: stepsOf(listener.unmatched),
    refusal: {
      reason: 'route-not-found',
      message: 'no route of this listener matches the method, path, headers and query',
    },
  };
}

function explainRule(
  snapshot: Snapshot,
  rule: RulePlan,
  question: Question,
): Pick<Explanation, 'route' | 'rule' | 'backends' | 'mirrors' | 'policies' | 'steps' | 'settings'> {
  return {
    route: rule.route,
    rule: rule.rule || `rules[${rule.index}]`,
    backends: rule.backends.map((choice) => toBackend(choice, rule, snapshot, question)),
    mirrors: rule.mirrors.map(toMirror),
    policies: rule.decisions.map(toExplained),
    steps: stepsOf(rule.plan),
    settings: rule.settings,
  };
}

function toBackend(
  choice: BackendChoice,
  rule: RulePlan,
  snapshot: Snapshot,
  question: Question,
): Explanation['backends'][number] {
  const { key, weight, invalid, plan, decisions, settings, mirrors } = choice;
  return {
    key,
    weight,
    invalid,
    steps: stepsOf(plan),
    policies: decisions.map(toExplained),
    settings,
    mirrors: mirrors.map(toMirror),
    detail: detailOf(snapshot.backend(key), snapshot, question),
    calling: invalid === undefined ? explainCalling(choice, rule.decisions, snapshot) : undefined,
  };
}

function detailOf(target: Target | undefined, snapshot: Snapshot, { model }: Question): object | undefined {
  return target?.explain?.({ snapshot, model });
}

function refusalOf(rule: RulePlan, backends: Explanation['backends']): Explanation['refusal'] {
  const refused = refusedBy(rule.decisions);
  if (refused) return refused;
  if (rule.plan.steps.some(({ kind }) => kind === 'requestRedirect' || kind === 'directResponse')) return undefined;
  const chosen = backends.filter(({ weight }) => weight > 0);
  if (chosen.length === 0)
    return {
      reason: 'backend-invalid',
      message: `route ${rule.route} has no backend here${backends.length > 0 ? ' with a weight above 0' : ''}`,
    };
  // Where only some of the backends are unusable, their share of the requests is refused, not this one for certain.
  const unusable = rule.backends.flatMap(({ weight, decisions }, index) =>
    weight > 0 ? [refusedBy(decisions) ?? unusableOf(backends[index]!)] : [],
  );
  return unusable.every((refusal) => refusal !== undefined) ? unusable[0] : undefined;
}

function refusedBy(decisions: readonly PolicyDecision[]): Explanation['refusal'] {
  const broken = decisions.find(({ invalid }) => invalid !== undefined);
  return (
    broken && {
      reason: 'policy-invalid',
      message: `policy ${broken.policies[0]} (${broken.kind}) cannot be applied: ${broken.invalid}`,
    }
  );
}

function unusableOf({ key, invalid, settings, detail }: Explanation['backends'][number]): Explanation['refusal'] {
  const tls = settings.backendTLS?.invalid;
  if (tls !== undefined) return { reason: 'policy-invalid', message: `TLS to ${key} cannot be spoken: ${tls}` };
  if (invalid !== undefined) return { reason: 'backend-invalid', message: `backend ${key}: ${invalid}` };
  if (!detail || !('unknown' in detail) || detail.unknown !== true) return undefined;
  const { model, near } = detail as { model?: unknown; near?: unknown };
  const hint = Array.isArray(near) && near.length > 0 ? `; did you mean ${near.join(' or ')}?` : '';
  return { reason: 'model-not-found', message: `there is no model ${String(model)} in ${key}${hint}` };
}

function toMirror({ key, port, numerator, denominator }: MirrorPlan): ExplainedMirror {
  const share = numerator === denominator ? 'every request' : `${numerator} of ${denominator} requests`;
  return { key, port, share };
}

function stepsOf(plan: StepPlan): string[] {
  return plan.steps.map(({ kind, policy }) => `${kind} (${policy})`);
}

function toExplained({ kind, phase, policies, winners, conflicted, invalid }: PolicyDecision): ExplainedPolicy {
  return { kind, phase, policies, winners, conflicted, why: whyOf(policies, winners, invalid) };
}

function whyOf(
  policies: readonly string[],
  winners: Readonly<Record<string, string>>,
  invalid: string | undefined,
): string {
  if (invalid !== undefined) return `cannot be applied (${invalid}), so nothing passes`;
  if (Object.keys(winners).length > 0)
    return 'merged field by field: the most specific wins, unless one above overrides; of equals the oldest';
  if (policies.length === 0) return 'nothing of it can be applied, so it is left out';
  return policies.length > 1
    ? 'restricting policies add up: every one applies, outermost first'
    : 'the only one attached here';
}
