// GRPCRoute → one route for each Gateway it attaches to.
import { UpstreamProtocol } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import {
  GRPCMethodMatchSchema,
  type RouteMatch,
  RouteMatchSchema,
  type RouteRule,
  RouteRuleSchema,
  RouteSchema,
  type StringMatch,
  StringMatchSchema,
} from '@agentgateway/api/gen/agentgateway/v1/route_pb.ts';
import { create } from '@bufbuild/protobuf';
import { encodeResource } from '../../translate/encode.ts';
import type { Fault, Scope } from '../../translate/scope.ts';
import type { Manifest } from '../../world.ts';
import { translateRule } from '../http-route/rules.ts';
import { translateSettings } from '../http-route/filters.ts';
import { type RefuseMatch, checkRegex, refuseInto, toValueMatch } from '../route/matches.ts';
import { type RouteTranslated, nameFaults, translateRoute } from '../route/translate.ts';
import type { GrpcRouteSpec } from './schema.ts';

type RuleSpec = NonNullable<GrpcRouteSpec['rules']>[number];
type MatchSpec = NonNullable<RuleSpec['matches']>[number];

/** The filters that a GRPCRoute may have. */
const grpcFilterTypes = ['RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestMirror', 'ExtensionRef'];

/** Translates a GRPCRoute. */
export function translateGrpcRoute(route: Manifest, scope: Scope): RouteTranslated {
  return translateRoute<GrpcRouteSpec>(route, scope, ({ rules = [{}] }) => {
    const made: RouteRule[] = [];
    const faults: Fault[] = [];
    const backends = new Set<string>();
    let brokenCount = 0;
    rules.forEach((rule, index) => {
      const path = `spec.rules[${index}]`;
      const mistakes = nameFaults(rules, index);
      // A rule without matches has one that matches every method, so that it has its place in the same order.
      const matches = (rule.matches ?? [{}]).map((match, i) => toMatch(match, `${path}.matches[${i}]`, mistakes));
      if (mistakes.length > 0) {
        brokenCount++;
        faults.push(...mistakes);
        return;
      }
      const place = { route, path, scope, isPrefix: false, types: grpcFilterTypes, protocol: UpstreamProtocol.HTTP2 };
      const settings = translateSettings(rule, { namespace: route.metadata.namespace, path, scope });
      const translated = translateRule(rule, place, settings);
      faults.push(...translated.faults);
      if (translated.isBroken) brokenCount++;
      for (const key of translated.backends) backends.add(key);
      made.push(create(RouteRuleSchema, { ...translated.rule, matches }));
    });
    return {
      faults,
      backends: [...backends].sort(),
      secrets: [],
      isBroken: rules.length > 0 && brokenCount === rules.length,
      encode: (key, head) =>
        encodeResource(key, { case: 'route', value: create(RouteSchema, { ...head, rules: made }) }),
    };
  });
}

/** Names in Protocol Buffers, the service with its package. */
const servicePattern = /^\.?[A-Za-z_][A-Za-z_0-9]*(\.[A-Za-z_][A-Za-z_0-9]*)*$/;
const methodPattern = /^[A-Za-z_][A-Za-z_0-9]*$/;

function toMatch({ method, headers = [] }: MatchSpec, at: string, faults: Fault[]): RouteMatch {
  const refuse = refuseInto(faults, at);
  const { type = 'Exact', service, method: name } = method ?? {};
  if (method && service === undefined && name === undefined)
    refuse('method', 'one or both of service and method must be set');
  return create(RouteMatchSchema, {
    grpc: create(GRPCMethodMatchSchema, {
      ...(service !== undefined && { service: toText(type, service, ['service', servicePattern], refuse) }),
      ...(name !== undefined && { method: toText(type, name, ['method', methodPattern], refuse) }),
    }),
    headers: headers.map((match, i) => toValueMatch(match, match.name.toLowerCase(), `headers[${i}]`, refuse)),
  });
}

function toText(
  type: 'Exact' | 'RegularExpression',
  value: string,
  [field, pattern]: readonly [string, RegExp],
  refuse: RefuseMatch,
): StringMatch {
  if (type === 'RegularExpression') checkRegex(value, (message) => refuse(`method.${field}`, message));
  else if (!pattern.test(value)) refuse(`method.${field}`, `'${value}' is not the name of a ${field}`);
  return create(StringMatchSchema, {
    match: { case: type === 'RegularExpression' ? ('regex' as const) : ('exact' as const), value },
  });
}
