// TLSRoute, TCPRoute and UDPRoute → one route for each Gateway they attach to.
import { UpstreamProtocol } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import { L4RouteSchema } from '@agentgateway/api/gen/agentgateway/v1/route_pb.ts';
import { create } from '@bufbuild/protobuf';
import { encodeResource } from '../../translate/encode.ts';
import type { Scope } from '../../translate/scope.ts';
import type { Manifest } from '../../world.ts';
import { toWeighted } from '../route/backends.ts';
import { type RouteTranslated, translateRoute } from '../route/translate.ts';
import type { L4RouteSpec } from './schema.ts';

/** Translates a route of connections or datagrams. */
export function translateL4Route(route: Manifest, scope: Scope): RouteTranslated {
  return translateRoute<L4RouteSpec>(route, scope, ({ rules }) => {
    const rule = rules[0]!;
    const use = route.kind === 'UDPRoute' ? 'datagrams' : 'connections';
    const weighted = rule.backendRefs.map((reference, index) =>
      toWeighted(reference, {
        route,
        path: `spec.rules[0].backendRefs[${index}]`,
        scope,
        protocol: UpstreamProtocol.UNSPECIFIED,
        use,
      }),
    );
    const backends = weighted.map(({ message }) => message);
    return {
      faults: weighted.flatMap(({ faults }) => faults),
      backends: [...new Set(backends.filter(({ invalid }) => invalid === '').map(({ backend }) => backend))].sort(),
      secrets: [],
      isBroken: false,
      encode: (key, head) =>
        encodeResource(key, {
          case: 'l4Route',
          value: create(L4RouteSchema, { ...head, rule: rule.name ?? '', backends }),
        }),
    };
  });
}
