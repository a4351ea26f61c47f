// HTTPRoute → one route for each Gateway it attaches to, and what its status says before any proxy has spoken.
import { RouteSchema } from '@agentgateway/api/gen/agentgateway/v1/route_pb.ts';
import type { EncodedResource } from '@agentgateway/api/keys.ts';
import { create } from '@bufbuild/protobuf';
import { encodeResource } from '../../translate/encode.ts';
import { parseObject } from '../../translate/parse.ts';
import type { Fault, Scope } from '../../translate/scope.ts';
import { toEpochMs } from '../../translate/time.ts';
import { keyOf } from '../../translate/world-index.ts';
import type { Manifest } from '../../world.ts';
import { type ParentFacts, attachRoute, servedListeners, toParentPath } from '../attachment.ts';
import { type TranslatedRules, translateRules } from './rules.ts';
import type { HttpRouteSpec } from './schema.ts';

/** A translated HTTPRoute. */
export interface HttpRouteTranslated {
  readonly parents: readonly ParentFacts[];
  /** Gateway key → the route as attached to that Gateway's listeners. */
  readonly resources: ReadonlyMap<string, EncodedResource>;
  /** Keys of backends it sends to. */
  readonly backends: readonly string[];
  /** Faults of the route's own, whatever its parents are. */
  readonly faults: readonly Fault[];
  /** Whether none of the rules can be served as written. */
  readonly isBroken: boolean;
}

/** What Gateway API puts where a route has no rules. */
const defaultRule = { matches: [{ path: { type: 'PathPrefix' as const, value: '/' } }] };

/** Translates an HTTPRoute. */
export function translateHttpRoute(route: Manifest, scope: Scope): HttpRouteTranslated {
  const parsed = parseObject<HttpRouteSpec>(route);
  if (!parsed.ok) {
    for (const fault of parsed.faults) scope.fault(fault);
    return { parents: [], resources: new Map(), backends: [], faults: parsed.faults, isBroken: true };
  }
  const spec = parsed.fields;
  const parents = attachRoute(route, spec, scope);
  for (const { index, problem } of parents)
    if (problem) scope.fault({ path: toParentPath(index), condition: 'Accepted', ...problem });
  const rules = spec.rules ?? [defaultRule];
  const translated = translateRules(route, rules, scope);
  for (const fault of translated.faults) scope.fault(fault);
  return {
    parents,
    resources: toResources(route, parents, translated),
    backends: translated.backends,
    faults: translated.faults,
    isBroken: rules.length > 0 && translated.brokenCount === rules.length,
  };
}

function toResources(
  route: Manifest,
  parents: readonly ParentFacts[],
  { rules }: TranslatedRules,
): Map<string, EncodedResource> {
  const createdMs = BigInt(toEpochMs(route.metadata.creationTimestamp) ?? 0);
  return new Map(
    [...servedListeners(parents)].map(([gateway, served]) => {
      const value = create(RouteSchema, { parents: [...served], createdMs, rules: [...rules] });
      return [gateway, encodeResource(keyOf(route), { case: 'route', value })];
    }),
  );
}
