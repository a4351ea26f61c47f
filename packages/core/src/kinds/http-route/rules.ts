// The rules of an HTTPRoute: matches, filters and weighted backends; what cannot be served answers 500.
import { UpstreamProtocol } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import {
  type RouteMatch,
  RouteMatchSchema,
  type RouteRule,
  RouteRuleSchema,
  type WeightedBackend,
  WeightedBackendSchema,
} from '@agentgateway/api/gen/agentgateway/v1/route_pb.ts';
import { create } from '@bufbuild/protobuf';
import type { Fault, Scope } from '../../translate/scope.ts';
import type { Manifest } from '../../world.ts';
import { toWeighted } from '../route/backends.ts';
import { checkRegex, refuseInto, toValueMatch } from '../route/matches.ts';
import { nameFaults } from '../route/translate.ts';
import {
  type FilterPlace,
  type TranslatedSettings,
  httpFilterTypes,
  translateFilters,
  translateSettings,
} from './filters.ts';
import type { HttpRouteFilter, HttpRouteSpec } from './schema.ts';

type RuleSpec = NonNullable<HttpRouteSpec['rules']>[number];
type MatchSpec = NonNullable<RuleSpec['matches']>[number];
type BackendSpec = NonNullable<RuleSpec['backendRefs']>[number];

/** A rule of any kind of route that is matched by request, with its matches translated. */
export interface MatchedRule {
  readonly name?: string | undefined;
  readonly filters?: readonly HttpRouteFilter[] | undefined;
  readonly backendRefs?: readonly BackendSpec[] | undefined;
}

/** The rules as they travel, and what they came from. */
export interface TranslatedRules {
  readonly rules: readonly RouteRule[];
  /** Mistakes of rules, by condition; each has been reported. */
  readonly faults: readonly Fault[];
  /** How many rules cannot be served as written. */
  readonly brokenCount: number;
  /** Keys of the backends that are served. */
  readonly backends: readonly string[];
  /** Keys of the Secrets that their filters read. */
  readonly secrets: readonly string[];
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
    const place = { route, path, scope, isPrefix, types: httpFilterTypes, protocol: UpstreamProtocol.UNSPECIFIED };
    const settings = translateSettings(rule, { namespace: route.metadata.namespace, path, scope });
    const translated = translateRule(rule, place, settings);
    faults.push(...translated.faults);
    if (translated.isBroken) brokenCount++;
    for (const key of translated.backends) backends.add(key);
    made.push(create(RouteRuleSchema, { ...translated.rule, matches }));
  });
  return { rules: made, faults, brokenCount, backends: [...backends].sort(), secrets: [] };
}

/** A rule but for its matches, and what is wrong with it. */
export function translateRule(
  rule: MatchedRule,
  place: FilterPlace,
  settings: TranslatedSettings = { specs: [], faults: [] },
): {
  readonly rule: Pick<RouteRule, 'name' | 'filters' | 'backends' | 'mirrors' | 'externalAuth'>;
  readonly faults: readonly Fault[];
  readonly isBroken: boolean;
  readonly backends: readonly string[];
} {
  const filters = translateFilters(rule.filters ?? [], { ...place, path: `${place.path}.filters` });
  const weighted = (rule.backendRefs ?? []).map((backend, i) =>
    toShare(backend, { ...place, path: `${place.path}.backendRefs[${i}]` }),
  );
  const clash = redirectFaults(rule, place.path);
  const faults = [...filters.faults, ...clash, ...settings.faults, ...weighted.flatMap((entry) => entry.faults)];
  const name = rule.name ?? '';
  // A filter is never skipped, so a wrong one takes its rule to 500; wrong time-outs and retries are left out (contract 1).
  const wrong = filters.isBroken ? filters.faults : clash;
  if (wrong.length > 0)
    return {
      rule: { name, filters: [], backends: [answering500(wrong)], mirrors: [] },
      faults,
      isBroken: true,
      backends: [],
    };
  const backends = weighted.map(({ message }) => message);
  const served = backends.filter(({ invalid }) => invalid === '');
  const mirrors = [...filters.mirrors, ...served.flatMap((backend) => backend.mirrors)];
  return {
    rule: {
      name,
      filters: [...filters.specs, ...settings.specs],
      backends,
      mirrors: [...filters.mirrors],
      ...(filters.externalAuth && { externalAuth: filters.externalAuth }),
    },
    faults,
    isBroken: false,
    backends: [...served, ...mirrors, ...(filters.externalAuth ? [filters.externalAuth] : [])].map(
      ({ backend }) => backend,
    ),
  };
}

/** A redirect answers every request, so backends beside it would never be called (Gateway API HTTPRouteRule). */
function redirectFaults({ filters = [], backendRefs = [] }: MatchedRule, path: string): Fault[] {
  if (backendRefs.length === 0 || !filters.some(({ type }) => type === 'RequestRedirect')) return [];
  const message = 'a rule cannot both redirect and have backends';
  return [{ path: `${path}.backendRefs`, condition: 'Accepted', reason: 'IncompatibleFilters', message }];
}

/** Stands in for the backends of a rule that cannot be served. */
function answering500(faults: readonly Fault[]): WeightedBackend {
  const invalid = faults.map(({ path, message }) => `${path}: ${message}`).join('; ');
  return create(WeightedBackendSchema, { weight: 1, invalid });
}

/** A reference with its own filters; a wrong filter takes its share to 500. */
function toShare(
  backend: BackendSpec,
  place: FilterPlace,
): { readonly message: WeightedBackend; readonly faults: readonly Fault[] } {
  const { message, faults } = toWeighted(backend, place);
  // Who may pass is settled before a backend is chosen.
  const types = place.types.filter((type) => type !== 'ExternalAuth');
  const filters = translateFilters(backend.filters ?? [], { ...place, types, path: `${place.path}.filters` });
  const wrong = filters.isBroken ? filters.faults.map((fault) => fault.message) : [];
  message.invalid = [message.invalid, ...wrong].filter(Boolean).join('; ');
  message.filters = [...filters.specs];
  message.mirrors = [...filters.mirrors];
  return { message, faults: [...faults, ...filters.faults] };
}

function toMatch({ path, headers = [], queryParams = [], method }: MatchSpec, at: string, faults: Fault[]): RouteMatch {
  const refuse = refuseInto(faults, at);
  const cases = { Exact: 'exact', PathPrefix: 'prefix', RegularExpression: 'regex' } as const;
  if (path?.type === 'RegularExpression') checkRegex(path.value, (message) => refuse('path.value', message));
  else if (path && !path.value.startsWith('/')) refuse('path.value', 'must begin with /');
  else if (path && /\/\/|\/\.\.?(\/|$)|[#?]/.test(path.value))
    refuse('path.value', 'cannot hold /./, /../, # or ?, which no request that is served has, nor //');
  return create(RouteMatchSchema, {
    ...(path && { path: { match: { case: cases[path.type], value: path.value } } }),
    headers: headers.map((match, i) => toValueMatch(match, match.name.toLowerCase(), `headers[${i}]`, refuse)),
    query: queryParams.map((match, i) => toValueMatch(match, match.name, `queryParams[${i}]`, refuse)),
    method: method ?? '',
  });
}
