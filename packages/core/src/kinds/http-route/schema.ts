// HTTPRoute (gateway.networking.k8s.io/v1), as far as it is used.
import type { z } from 'zod';
import { boolean, duration, integer, list, name, oneOf, strict, text } from '../../schema/dialect.ts';
import { hostname } from '../gateway/schema.ts';

const pathModifier = strict({
  type: oneOf('ReplaceFullPath', 'ReplacePrefixMatch'),
  replaceFullPath: text(1024).optional(),
  replacePrefixMatch: text(1024, 0).optional(),
});
const headerValues = list(strict({ name: text(256), value: text(4096, 0) }), 16);
const headerFilter = strict({
  set: headerValues.optional(),
  add: headerValues.optional(),
  remove: list(text(256), 16).optional(),
});

const backendRef = {
  group: text(253, 0).optional(),
  kind: text(63).optional(),
  name: name(),
  namespace: name().optional(),
  port: integer(1, 65_535).optional(),
};

/** One filter of a rule or a backendRef. */
export const httpRouteFilter = strict({
  type: text(64),
  requestHeaderModifier: headerFilter.optional(),
  responseHeaderModifier: headerFilter.optional(),
  requestRedirect: strict({
    scheme: oneOf('http', 'https').optional(),
    hostname: hostname().optional(),
    path: pathModifier.optional(),
    port: integer(1, 65_535).optional(),
    statusCode: integer(301, 308).optional(),
  }).optional(),
  urlRewrite: strict({ hostname: hostname().optional(), path: pathModifier.optional() }).optional(),
  cors: strict({
    allowOrigins: list(text(253)).optional(),
    allowCredentials: boolean().optional(),
    allowMethods: list(text(64), 16).optional(),
    allowHeaders: list(text(256)).optional(),
    exposeHeaders: list(text(256)).optional(),
    maxAge: integer(1, 2_147_483_647).optional(),
  }).optional(),
  requestMirror: strict({
    backendRef: strict(backendRef),
    percent: integer(0, 100).optional(),
    fraction: strict({
      numerator: integer(0, 1_000_000_000),
      denominator: integer(1, 1_000_000_000).optional(),
    }).optional(),
  }).optional(),
  extensionRef: strict({ group: text(253, 0), kind: text(63), name: name() }).optional(),
});

const valueMatch = strict({
  type: oneOf('Exact', 'RegularExpression').default('Exact'),
  name: text(256),
  value: text(4096),
});

/** HTTPRoute.spec. */
export const httpRouteSpec = strict({
  parentRefs: list(
    strict({
      group: text(253, 0).optional(),
      kind: text(63).optional(),
      namespace: name().optional(),
      name: name(),
      sectionName: name().optional(),
      port: integer(1, 65_535).optional(),
    }),
    32,
  ).optional(),
  hostnames: list(hostname(), 16).optional(),
  rules: list(
    strict({
      name: name().optional(),
      matches: list(
        strict({
          path: strict({
            type: oneOf('Exact', 'PathPrefix', 'RegularExpression').default('PathPrefix'),
            value: text(1024).default('/'),
          }).optional(),
          headers: list(valueMatch, 16).optional(),
          queryParams: list(valueMatch, 16).optional(),
          method: oneOf('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH').optional(),
        }),
      ).optional(),
      filters: list(httpRouteFilter, 16).optional(),
      backendRefs: list(
        strict({
          ...backendRef,
          weight: integer(0, 1_000_000).default(1),
          filters: list(httpRouteFilter, 16).optional(),
        }),
        16,
      ).optional(),
      timeouts: strict({ request: duration().optional(), backendRequest: duration().optional() }).optional(),
      retry: strict({
        codes: list(integer(400, 599)).optional(),
        attempts: integer(0, 100).optional(),
        backoff: duration().optional(),
      }).optional(),
    }),
    16,
  ).optional(),
});

/** HTTPRoute.spec as parsed. */
export type HttpRouteSpec = z.output<typeof httpRouteSpec>;
/** A filter as parsed. */
export type HttpRouteFilter = z.output<typeof httpRouteFilter>;
