// HTTPRoute → one route for each Gateway it attaches to.
import { RouteSchema } from '@agentgateway/api/gen/agentgateway/v1/route_pb.ts';
import { create } from '@bufbuild/protobuf';
import { encodeResource } from '../../translate/encode.ts';
import type { Scope } from '../../translate/scope.ts';
import type { Manifest } from '../../world.ts';
import { type RouteTranslated, translateRoute } from '../route/translate.ts';
import { translateRules } from './rules.ts';
import type { HttpRouteSpec } from './schema.ts';

/** What Gateway API puts where a route has no rules. */
const defaultRule = { matches: [{ path: { type: 'PathPrefix' as const, value: '/' } }] };

/** Translates an HTTPRoute. */
export function translateHttpRoute(route: Manifest, scope: Scope): RouteTranslated {
  return translateRoute<HttpRouteSpec>(route, scope, (spec) => {
    const rules = spec.rules ?? [defaultRule];
    const translated = translateRules(route, rules, scope);
    return {
      ...translated,
      isBroken: rules.length > 0 && translated.brokenCount === rules.length,
      encode: (key, head) =>
        encodeResource(key, {
          case: 'route',
          value: create(RouteSchema, { ...head, rules: [...translated.rules] }),
        }),
    };
  });
}
