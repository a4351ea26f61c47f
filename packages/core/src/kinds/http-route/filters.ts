// A route's filters, time-outs and retries → policy specs, in the route's order.
import type { PolicySpec } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import type { PolicyKind } from '../../policy/define.ts';
import type { Fault, Scope } from '../../translate/scope.ts';
import { translateSpec } from '../policy/spec.ts';
import type { HttpRouteFilter, HttpRouteSpec } from './schema.ts';

type RuleSpec = NonNullable<HttpRouteSpec['rules']>[number];

/** The filters of a rule, or what is wrong with them: a filter is never skipped (Gateway API HTTPRouteFilter). */
export interface TranslatedFilters {
  readonly specs: readonly PolicySpec[];
  readonly faults: readonly Fault[];
}

/** What a filter of each type says: its own field, and the policy it becomes. */
const filterTypes: Readonly<
  Record<string, { readonly kind: PolicyKind; readonly read: (filter: HttpRouteFilter) => unknown }>
> = {
  RequestHeaderModifier: {
    kind: 'headerModifiers',
    read: ({ requestHeaderModifier }) => requestHeaderModifier && { request: requestHeaderModifier },
  },
  ResponseHeaderModifier: {
    kind: 'headerModifiers',
    read: ({ responseHeaderModifier }) => responseHeaderModifier && { response: responseHeaderModifier },
  },
  RequestRedirect: { kind: 'requestRedirect', read: ({ requestRedirect }) => requestRedirect },
  URLRewrite: { kind: 'urlRewrite', read: ({ urlRewrite }) => urlRewrite },
  CORS: { kind: 'cors', read: ({ cors }) => cors },
};

/** The field of each type, for messages. */
const fieldOf = (type: string): string =>
  ({ URLRewrite: 'urlRewrite', CORS: 'cors' })[type] ?? type.charAt(0).toLowerCase() + type.slice(1);

/** Where filters stand. */
export interface FilterPlace {
  readonly namespace: string;
  readonly path: string;
  readonly scope: Scope;
  /** Whether every match of the rule is by prefix, as replacing a prefix needs. */
  readonly isPrefix: boolean;
}

/** Translates a list of filters. */
export function translateFilters(filters: readonly HttpRouteFilter[], place: FilterPlace): TranslatedFilters {
  const specs: PolicySpec[] = [];
  const faults: Fault[] = [];
  filters.forEach((filter, index) => {
    const path = `${place.path}[${index}]`;
    const refuse = (reason: string, message: string, at = path): void => {
      faults.push({ path: at, condition: 'Accepted', reason, message });
    };
    const type = Object.hasOwn(filterTypes, filter.type) ? filterTypes[filter.type] : undefined;
    if (!type) {
      const known = Object.keys(filterTypes).join(', ');
      return refuse('UnsupportedValue', `filters of type ${filter.type} are not supported; supported: ${known}`);
    }
    if (filters.findIndex((other) => other.type === filter.type) < index)
      return refuse('IncompatibleFilters', `a second filter of type ${filter.type} is not allowed`);
    if (filter.type === 'URLRewrite' && filters.some((other) => other.type === 'RequestRedirect'))
      return refuse('IncompatibleFilters', 'a rule cannot both rewrite and redirect');
    const written = type.read(filter);
    if (!written)
      return refuse('UnsupportedValue', `is required by type ${filter.type}`, `${path}.${fieldOf(filter.type)}`);
    const replacement = filter.requestRedirect?.path ?? filter.urlRewrite?.path;
    if (replacement?.type === 'ReplacePrefixMatch' && !place.isPrefix)
      return refuse('UnsupportedValue', 'ReplacePrefixMatch needs a rule whose matches are all of type PathPrefix');
    const { spec, problems } = translateSpec(type.kind, written, { ...place, path: `${path}.${fieldOf(filter.type)}` });
    for (const problem of problems) {
      // headerModifiers has a half for each direction, a filter is one of them.
      const at = type.kind === 'headerModifiers' ? problem.path.replace(/^(request|response)\.?/, '') : problem.path;
      refuse('UnsupportedValue', problem.message, [`${path}.${fieldOf(filter.type)}`, at].filter(Boolean).join('.'));
    }
    if (spec) specs.push(spec);
  });
  return { specs, faults };
}

/** Translates a rule's time-outs and retries. */
export function translateSettings(rule: RuleSpec, place: Omit<FilterPlace, 'isPrefix'>): TranslatedFilters {
  const specs: PolicySpec[] = [];
  const faults: Fault[] = [];
  for (const kind of ['timeouts', 'retry'] as const) {
    if (rule[kind] === undefined) continue;
    const path = `${place.path}.${kind}`;
    const { spec, problems } = translateSpec(kind, rule[kind], { ...place, path });
    for (const { path: at, message } of problems)
      faults.push({
        path: [path, at].filter(Boolean).join('.'),
        condition: 'Accepted',
        reason: 'UnsupportedValue',
        message,
      });
    if (spec) specs.push(spec);
  }
  return { specs, faults };
}
