// GRPCRoute (gateway.networking.k8s.io/v1).
import type { z } from 'zod';
import { list, oneOf, strict, text } from '../../schema/dialect.ts';
import { httpRouteFilter, valueMatch } from '../http-route/schema.ts';
import {
  backendReference,
  hostnames,
  parentRefs,
  ruleName,
  useDefaultGateways,
  sessionPersistence,
  weight,
} from '../route/schema.ts';

const { type: _type, ...fields } = httpRouteFilter.pick({
  requestHeaderModifier: true,
  responseHeaderModifier: true,
  requestMirror: true,
  extensionRef: true,
  type: true,
}).shape;

const filter = strict({
  type: text(64).describe(
    'RequestHeaderModifier, ResponseHeaderModifier or RequestMirror; the field of that name must be set.',
  ),
  ...fields,
});

/** GRPCRoute.spec. */
export const grpcRouteSpec = strict({
  parentRefs: parentRefs(),
  useDefaultGateways: useDefaultGateways(),
  hostnames: hostnames(),
  rules: list(
    strict({
      name: ruleName(),
      matches: list(
        strict({
          method: strict({
            type: oneOf('Exact', 'RegularExpression')
              .default('Exact')
              .describe('How both are compared; a regular expression is RE2 and must cover the whole name.'),
            service: text(1024).optional().describe('Name of the service with its package; any when left out.'),
            method: text(1024).optional().describe('Name of the method; any when left out.'),
          })
            .optional()
            .describe('Every method when left out; at least one of its names must be set.'),
          headers: list(valueMatch, 16).optional().describe('Headers that must all match.'),
        }),
      )
        .optional()
        .describe('The rule serves what one of them matches, with everything in it; every request when left out.'),
      filters: list(filter, 16).optional().describe('What happens to requests and answers of the rule.'),
      backendRefs: list(
        strict({
          ...backendReference(),
          weight: weight(),
          filters: list(filter, 16).optional().describe('What happens to requests that go to this backend.'),
        }),
        16,
      )
        .optional()
        .describe(
          'Where requests go, by weight; a reference that does not resolve answers its share with UNAVAILABLE.',
        ),
      sessionPersistence: sessionPersistence().optional().describe('Sends a client to the same endpoint again.'),
    }),
    16,
  )
    .optional()
    .describe('Tried by the precedence of the Gateway API, not in their order.'),
});

/** GRPCRoute.spec as parsed. */
export type GrpcRouteSpec = z.output<typeof grpcRouteSpec>;
