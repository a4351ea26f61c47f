// TLSRoute, TCPRoute and UDPRoute (gateway.networking.k8s.io/v1).
import type { z } from 'zod';
import { list, strict } from '../../schema/dialect.ts';
import { hostnames, parentRefs, ruleName, useDefaultGateways, weightedRef } from '../route/schema.ts';

const rules = (what: string) =>
  list(
    strict({
      name: ruleName(),
      backendRefs: list(weightedRef(), 16)
        .min(1)
        .describe(`Services that ${what} go to, by weight; the share of a reference that does not resolve is refused.`),
    }),
    1,
  )
    .min(1)
    .describe('The one rule: there is nothing to choose among several by.');

/** TLSRoute.spec. */
export const tlsRouteSpec = strict({
  parentRefs: parentRefs(),
  useDefaultGateways: useDefaultGateways(),
  hostnames: hostnames(),
  rules: rules('connections'),
});

/** TCPRoute.spec. */
export const tcpRouteSpec = strict({
  parentRefs: parentRefs(),
  useDefaultGateways: useDefaultGateways(),
  rules: rules('connections'),
});

/** UDPRoute.spec. */
export const udpRouteSpec = strict({
  parentRefs: parentRefs(),
  useDefaultGateways: useDefaultGateways(),
  rules: rules('datagrams'),
});

/** TLSRoute.spec as parsed; the others have no host names. */
export type L4RouteSpec = z.output<typeof tlsRouteSpec>;
