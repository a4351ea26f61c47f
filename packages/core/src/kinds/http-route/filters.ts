// A route's filters, time-outs and retries → policy specs and mirrors, in the route's order.
import type { UpstreamProtocol } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import type { PolicySpec } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import type { ExternalAuth, Mirror } from '@agentgateway/api/gen/agentgateway/v1/route_pb.ts';
import type { PolicyKind } from '../../policy/define.ts';
import type { Fault, Scope } from '../../translate/scope.ts';
import type { Manifest } from '../../world.ts';
import { translateSpec } from '../policy/spec.ts';
import { toMirror } from '../route/backends.ts';
import { toExternalAuth } from './external-auth.ts';
import type { HttpRouteFilter } from './schema.ts';

/** What policies a part of a rule comes to, and what is wrong with it. */
export interface TranslatedSettings {
  readonly specs: readonly PolicySpec[];
  readonly faults: readonly Fault[];
}

/** The filters of a rule, or what is wrong with them: a filter is never skipped (Gateway API HTTPRouteFilter). */
export interface TranslatedFilters extends TranslatedSettings {
  readonly mirrors: readonly Mirror[];
  readonly externalAuth: ExternalAuth | undefined;
  /** Whether one of them cannot be applied, so that nothing may pass: a mirror that has nobody to send to is none. */
  readonly isBroken: boolean;
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

/** Types of filters that are not policies. */
const otherTypes = ['RequestMirror', 'ExternalAuth', 'ExtensionRef'];

/** Every type that an HTTPRoute may have. */
export const httpFilterTypes: readonly string[] = [...Object.keys(filterTypes), ...otherTypes];

/** Types that a list may have more than once (Gateway API HTTPRouteRule.filters). */
const repeatable = new Set(['RequestMirror', 'ExtensionRef']);

/** The field of each type, for messages. */
const fieldOf = (type: string): string =>
  ({ URLRewrite: 'urlRewrite', CORS: 'cors' })[type] ?? type.charAt(0).toLowerCase() + type.slice(1);

/** Where filters stand. */
export interface FilterPlace {
  readonly route: Manifest;
  readonly path: string;
  readonly scope: Scope;
  /** Whether every match of the rule is by prefix, as replacing a prefix needs. */
  readonly isPrefix: boolean;
  /** Types that the kind of route has. */
  readonly types: readonly string[];
  /** Spoken to mirrors that do not say what they speak. */
  readonly protocol: UpstreamProtocol;
}

/** Translates a list of filters. */
export function translateFilters(filters: readonly HttpRouteFilter[], place: FilterPlace): TranslatedFilters {
  const specs: PolicySpec[] = [];
  const mirrors: Mirror[] = [];
  const faults: Fault[] = [];
  let externalAuth: ExternalAuth | undefined;
  let isBroken = false;
  filters.forEach((filter, index) => {
    const path = `${place.path}[${index}]`;
    const own = `${path}.${fieldOf(filter.type)}`;
    const refuse = (reason: string, message: string, at = path, condition = 'Accepted'): void => {
      isBroken = true;
      faults.push({ path: at, condition, reason, message });
    };
    const clash = clashOf(filters, index, place.types);
    if (clash) return refuse(clash.reason, clash.message);
    if (filter.type === 'ExtensionRef') return refuseExtension(filter, own, refuse);
    if (filter.type === 'RequestMirror') {
      if (!filter.requestMirror) return refuse('UnsupportedValue', 'is required by type RequestMirror', own);
      const mirror = toMirror(filter.requestMirror, { ...place, path: own });
      faults.push(...mirror.faults);
      isBroken ||= mirror.faults.some(({ condition }) => condition === 'Accepted');
      if (mirror.message) mirrors.push(mirror.message);
      return undefined;
    }
    if (filter.type === 'ExternalAuth') {
      if (!filter.externalAuth) return refuse('UnsupportedValue', 'is required by type ExternalAuth', own);
      const auth = toExternalAuth(filter.externalAuth, { ...place, path: own });
      faults.push(...auth.faults);
      // Whoever cannot be asked lets nobody pass.
      isBroken ||= auth.faults.length > 0;
      externalAuth = auth.message;
      return undefined;
    }
    const type = filterTypes[filter.type]!;
    const written = type.read(filter);
    if (!written) return refuse('UnsupportedValue', `is required by type ${filter.type}`, own);
    const replacement = filter.requestRedirect?.path ?? filter.urlRewrite?.path;
    if (replacement?.type === 'ReplacePrefixMatch' && !place.isPrefix)
      return refuse('UnsupportedValue', 'ReplacePrefixMatch needs a rule whose matches are all of type PathPrefix');
    const { namespace } = place.route.metadata;
    const { spec, problems } = translateSpec(type.kind, written, { namespace, scope: place.scope, path: own });
    for (const problem of problems) {
      // headerModifiers has a half for each direction, a filter is one of them.
      const at = type.kind === 'headerModifiers' ? problem.path.replace(/^(request|response)\.?/, '') : problem.path;
      refuse('UnsupportedValue', problem.message, [own, at].filter(Boolean).join('.'));
    }
    if (spec) specs.push(spec);
  });
  return { specs, mirrors, externalAuth, faults, isBroken };
}

/** Why a filter cannot stand beside those before it, or at all. */
function clashOf(
  filters: readonly HttpRouteFilter[],
  index: number,
  types: readonly string[],
): { readonly reason: string; readonly message: string } | undefined {
  const { type } = filters[index]!;
  if (!types.includes(type)) {
    const known = types.filter((one) => one !== 'ExtensionRef').join(', ');
    return { reason: 'UnsupportedValue', message: `filters of type ${type} are not supported; supported: ${known}` };
  }
  if (!repeatable.has(type) && filters.findIndex((other) => other.type === type) < index)
    return { reason: 'IncompatibleFilters', message: `a second filter of type ${type} is not allowed` };
  if (type === 'URLRewrite' && filters.some((other) => other.type === 'RequestRedirect'))
    return { reason: 'IncompatibleFilters', message: 'a rule cannot both rewrite and redirect' };
  return undefined;
}

/** There is no kind that a filter could refer to: our own policies attach themselves. */
function refuseExtension(
  { extensionRef }: HttpRouteFilter,
  own: string,
  refuse: (reason: string, message: string, at: string, condition?: string) => void,
): void {
  if (!extensionRef) return refuse('UnsupportedValue', 'is required by type ExtensionRef', own);
  const { group, kind } = extensionRef;
  const hint =
    group === 'agentgateway.dev' && kind === 'Policy'
      ? '; a Policy is attached by its own targetRefs, to a rule by sectionName'
      : '';
  const message = `kind ${kind} of group '${group}' cannot be a filter${hint}`;
  return refuse('InvalidKind', message, own, 'ResolvedRefs');
}

/** What a rule says in fields of its own that policies can say too: the field, the policy, and where in it the field stands. */
const settingFields = [
  { field: 'timeouts', kind: 'timeouts', wrap: '' },
  { field: 'retry', kind: 'retry', wrap: '' },
  { field: 'sessionPersistence', kind: 'sessionAffinity', wrap: 'persistence' },
] as const;

/** The part of a rule that holds them. */
type RuleSettingsSpec = { readonly [F in (typeof settingFields)[number]['field']]?: unknown };

/** Translates a rule's time-outs, retries and session persistence; what is wrong is left out. */
export function translateSettings(
  rule: RuleSettingsSpec,
  place: { readonly namespace: string; readonly path: string; readonly scope: Scope },
): TranslatedSettings {
  const specs: PolicySpec[] = [];
  const faults: Fault[] = [];
  for (const { field, kind, wrap } of settingFields) {
    const written = rule[field];
    if (written === undefined) continue;
    const path = `${place.path}.${field}`;
    const { spec, problems } = translateSpec(kind, wrap === '' ? written : { [wrap]: written }, { ...place, path });
    for (const { path: at, message } of problems) {
      const below = at.startsWith(`${wrap}.`) ? at.slice(wrap.length + 1) : at;
      faults.push({
        path: [path, below].filter(Boolean).join('.'),
        condition: 'Accepted',
        reason: 'UnsupportedValue',
        message,
      });
    }
    if (spec) specs.push(spec);
  }
  return { specs, faults };
}
