// The rules of an HTTPRoute: matches, filters and weighted backends; what cannot be served answers 500.
import {
  type RouteMatch,
  RouteMatchSchema,
  type RouteRule,
  RouteRuleSchema,
  type ValueMatch,
  ValueMatchSchema,
  type WeightedBackend,
  WeightedBackendSchema,
} from '@agentgateway/api/gen/agentgateway/v1/route_pb.ts';
import { create } from '@bufbuild/protobuf';
import { RE2JS, RE2JSException } from 're2js';
import type { Fault, Scope } from '../../translate/scope.ts';
import type { Manifest } from '../../world.ts';
import { resolveBackend } from '../backend.ts';
import { translateFilters, translateSettings } from './filters.ts';
import type { HttpRouteSpec } from './schema.ts';
import { token } from '../../policy/check.ts';

type RuleSpec = NonNullable<HttpRouteSpec['rules']>[number];
type MatchSpec = NonNullable<RuleSpec['matches']>[number];
type BackendSpec = NonNullable<RuleSpec['backendRefs']>[number];

/** The rules as they travel, and what they came from. */
export interface TranslatedRules {
  readonly rules: readonly RouteRule[];
  /** Mistakes of rules, by condition; each has been reported. */
  readonly faults: readonly Fault[];
  /** How many rules cannot be served as written. */
  readonly brokenCount: number;
  /** Keys of the backends that are served. */
  readonly backends: readonly string[];
}

/** Translates the rules of a route. */
export function translateRules(route: Manifest, rules: readonly RuleSpec[], scope: Scope): TranslatedRules {
  const made: RouteRule[] = [];
  const faults: Fault[] = [];
  const backends = new Set<string>();
  let brokenCount = 0;
  rules.forEach((rule, index) => {
    const path = `spec.rules[${index}]`;
    const mistakes = nameFaults(rules, index);
    const matches = (rule.matches ?? []).map((match, i) => toMatch(match, `${path}.matches[${i}]`, mistakes));
    if (mistakes.length > 0) {
      // A rule whose matches cannot be read answers nothing: what it was meant for is not known.
      brokenCount++;
      faults.push(...mistakes);
      return;
    }
    const isPrefix = (rule.matches ?? []).every(({ path: at }) => at === undefined || at.type === 'PathPrefix');
    const place = { namespace: route.metadata.namespace, scope };
    const filters = translateFilters(rule.filters ?? [], { ...place, path: `${path}.filters`, isPrefix });
    const settings = translateSettings(rule, { ...place, path });
    const weighted = (rule.backendRefs ?? []).map((backend, i) =>
      toWeighted(route, backend, { path: `${path}.backendRefs[${i}]`, scope, isPrefix }),
    );
    // A filter is never skipped, so a wrong one takes its rule to 500; wrong time-outs and retries are left out (contract 1).
    const wrong = filters.faults;
    faults.push(...wrong, ...settings.faults, ...weighted.flatMap((entry) => entry.faults));
    if (wrong.length > 0) brokenCount++;
    for (const { message } of weighted) if (message.invalid === '') backends.add(message.backend);
    made.push(
      create(RouteRuleSchema, {
        name: rule.name ?? '',
        matches,
        ...(wrong.length > 0
          ? { backends: [answering500(wrong)] }
          : {
              filters: [...filters.specs, ...settings.specs],
              backends: weighted.map(({ message }) => message),
            }),
      }),
    );
  });
  return { rules: made, faults, brokenCount, backends: [...backends].sort() };
}

function nameFaults(rules: readonly RuleSpec[], index: number): Fault[] {
  const { name } = rules[index]!;
  if (name === undefined || rules.findIndex((other) => other.name === name) === index) return [];
  const message = `another rule is named ${name}; this one is not served`;
  return [{ path: `spec.rules[${index}].name`, condition: 'Accepted', reason: 'UnsupportedValue', message }];
}

/** Stands in for the backends of a rule that cannot be served. */
function answering500(faults: readonly Fault[]): WeightedBackend {
  const invalid = faults.map(({ path, message }) => `${path}: ${message}`).join('; ');
  return create(WeightedBackendSchema, { weight: 1, invalid });
}

function toWeighted(
  route: Manifest,
  backend: BackendSpec,
  place: { readonly path: string; readonly scope: Scope; readonly isPrefix: boolean },
): { readonly message: WeightedBackend; readonly faults: readonly Fault[] } {
  const { path, scope, isPrefix } = place;
  const resolved = resolveBackend(route, backend, scope);
  const filters = translateFilters(backend.filters ?? [], {
    namespace: route.metadata.namespace,
    path: `${path}.filters`,
    scope,
    isPrefix,
  });
  const faults: Fault[] = [...filters.faults];
  if (resolved.problem) faults.unshift({ path, condition: 'ResolvedRefs', ...resolved.problem });
  const message = create(WeightedBackendSchema, {
    backend: resolved.problem ? '' : resolved.key,
    port: resolved.problem ? 0 : resolved.port,
    weight: backend.weight,
    invalid: faults.map((fault) => fault.message).join('; '),
    filters: [...filters.specs],
  });
  return { message, faults };
}

function toMatch({ path, headers = [], queryParams = [], method }: MatchSpec, at: string, faults: Fault[]): RouteMatch {
  const refuse = (where: string, message: string): void => {
    faults.push({ path: `${at}.${where}`, condition: 'Accepted', reason: 'UnsupportedValue', message });
  };
  const cases = { Exact: 'exact', PathPrefix: 'prefix', RegularExpression: 'regex' } as const;
  if (path?.type === 'RegularExpression') checkRegex(path.value, (message) => refuse('path.value', message));
  else if (path && !path.value.startsWith('/')) refuse('path.value', 'must begin with /');
  else if (path && /\/\/|\/\.\.?(\/|$)|[#?]/.test(path.value))
    refuse('path.value', 'cannot hold /./, /../, # or ?, which no request that is served has, nor //');
  const toValue = (match: (typeof headers)[number], where: string, name: string): ValueMatch => {
    if (!token.test(name)) refuse(`${where}.name`, `'${name}' is not a valid name`);
    if (match.type === 'RegularExpression') checkRegex(match.value, (message) => refuse(`${where}.value`, message));
    const form = match.type === 'RegularExpression' ? ('regex' as const) : ('exact' as const);
    return create(ValueMatchSchema, { name, match: { case: form, value: match.value } });
  };
  return create(RouteMatchSchema, {
    ...(path && { path: { match: { case: cases[path.type], value: path.value } } }),
    headers: headers.map((match, i) => toValue(match, `headers[${i}]`, match.name.toLowerCase())),
    query: queryParams.map((match, i) => toValue(match, `queryParams[${i}]`, match.name)),
    method: method ?? '',
  });
}

function checkRegex(source: string, refuse: (message: string) => void): void {
  try {
    RE2JS.compile(source);
  } catch (error) {
    const why = error instanceof RE2JSException ? error.message : String(error);
    refuse(`is not a regular expression of RE2: ${why}`);
  }
}
