// HTTPRoute (gateway.networking.k8s.io/v1), as far as it is used.
import type { z } from 'zod';
import { cors } from '../../policy/cors.ts';
import { headerModifier } from '../../policy/header-modifiers.ts';
import { pathModifier } from '../../policy/path-modifier.ts';
import { retry } from '../../policy/retry.ts';
import { timeouts } from '../../policy/timeouts.ts';
import { integer, list, name, oneOf, strict, text } from '../../schema/dialect.ts';
import { hostname } from '../gateway/schema.ts';

/** Gateway API allows a filter this many headers a verb. */
const filterHeaders = headerModifier(16);

const backendRef = {
  group: text(253, 0)
    .optional()
    .describe('agentgateway.dev for LLMBackend and HTTPBackend; empty, for Service, when left out.'),
  kind: text(63).optional().describe('Service, LLMBackend or HTTPBackend; Service when left out.'),
  name: name().describe('Name of the backend.'),
  namespace: name()
    .optional()
    .describe('The route’s own when left out; another one needs a permission that is not supported yet.'),
  port: integer(1, 65_535).optional().describe('Port of the Service; the other kinds have none.'),
};

/** One filter of a rule or a backendRef. */
export const httpRouteFilter = strict({
  type: text(64).describe(
    'RequestHeaderModifier, ResponseHeaderModifier, RequestRedirect, URLRewrite or CORS; the field of that name must be set.',
  ),
  requestHeaderModifier: filterHeaders.optional().describe('Changes headers on the way to the backend.'),
  responseHeaderModifier: filterHeaders.optional().describe('Changes headers of the answer.'),
  requestRedirect: strict({
    scheme: oneOf('http', 'https').optional().describe('The request’s own when left out.'),
    hostname: hostname().optional().describe('The request’s own when left out.'),
    path: pathModifier.optional().describe('How the path changes; the request’s own when left out.'),
    port: integer(1, 65_535)
      .optional()
      .describe('The scheme’s own where a scheme is given, else the listener’s, when left out.'),
    statusCode: integer(301, 308).optional().describe('301, 302, 303, 307 or 308; 302 when left out.'),
  })
    .optional()
    .describe('Answers with a redirect.'),
  urlRewrite: strict({
    hostname: hostname().optional().describe('Host that the backend is told.'),
    path: pathModifier.optional().describe('How the path changes.'),
  })
    .optional()
    .describe('Rewrites host and path on the way to the backend.'),
  cors: cors.schema.optional().describe('Answers preflight requests and lets browsers of these origins read answers.'),
  requestMirror: strict({
    backendRef: strict(backendRef).describe('Who gets the copies.'),
    percent: integer(0, 100).optional().describe('Share of the requests, in percent.'),
    fraction: strict({
      numerator: integer(0, 1_000_000_000).describe('So many.'),
      denominator: integer(1, 1_000_000_000).optional().describe('Of so many; 100 when left out.'),
    })
      .optional()
      .describe('Share of the requests, as a fraction.'),
  })
    .optional()
    .describe('Sends copies of requests elsewhere; not supported yet.'),
  extensionRef: strict({
    group: text(253, 0).describe('Group of the kind.'),
    kind: text(63).describe('Kind of the filter.'),
    name: name().describe('Name of the filter.'),
  })
    .optional()
    .describe('A filter of another kind; not supported yet.'),
});

const valueMatch = strict({
  type: oneOf('Exact', 'RegularExpression')
    .default('Exact')
    .describe('How the value is compared; a regular expression is RE2 and must cover the whole value.'),
  name: text(256).describe('Name of the header, in any case, or of the query parameter.'),
  value: text(4096).describe('What it must be.'),
});

/** HTTPRoute.spec. */
export const httpRouteSpec = strict({
  parentRefs: list(
    strict({
      group: text(253, 0).optional().describe('gateway.networking.k8s.io when left out.'),
      kind: text(63).optional().describe('Gateway when left out.'),
      namespace: name().optional().describe('The route’s own when left out.'),
      name: name().describe('Name of the Gateway.'),
      sectionName: name().optional().describe('One listener; all of them when left out.'),
      port: integer(1, 65_535).optional().describe('Listeners of this port only.'),
    }),
    32,
  )
    .optional()
    .describe(
      'Gateways and listeners that the route is served on; in config.yaml every Gateway of the file when left out.',
    ),
  hostnames: list(hostname(), 16)
    .optional()
    .describe('Hosts that the route is for, exact or with a leading `*.`; those of the listener when left out.'),
  rules: list(
    strict({
      name: name().optional().describe('Unique within the route; `sectionName` of policies refers to it.'),
      matches: list(
        strict({
          path: strict({
            type: oneOf('Exact', 'PathPrefix', 'RegularExpression')
              .default('PathPrefix')
              .describe(
                'PathPrefix compares whole segments; a regular expression is RE2 and must cover the whole path.',
              ),
            value: text(1024).default('/').describe('The path, which begins with a slash.'),
          })
            .optional()
            .describe('Any path when left out.'),
          headers: list(valueMatch, 16).optional().describe('Headers that must all match.'),
          queryParams: list(valueMatch, 16).optional().describe('Query parameters that must all match.'),
          method: oneOf('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH')
            .optional()
            .describe('Any method when left out.'),
        }),
      )
        .optional()
        .describe('The rule serves what one of them matches, with everything in it; every request when left out.'),
      filters: list(httpRouteFilter, 16).optional().describe('What happens to requests and answers of the rule.'),
      backendRefs: list(
        strict({
          ...backendRef,
          weight: integer(0, 1_000_000).default(1).describe('Share among the backends of the rule; 0 gets nothing.'),
          filters: list(httpRouteFilter, 16).optional().describe('What happens to requests that go to this backend.'),
        }),
        16,
      )
        .optional()
        .describe('Where requests go, by weight; a reference that does not resolve answers its share with 500.'),
      timeouts: timeouts.schema
        .pick({ request: true, backendRequest: true })
        .optional()
        .describe('As the policy `timeouts`, for this rule.'),
      retry: retry.schema.omit({ budget: true }).optional().describe('As the policy `retry`, for this rule.'),
    }),
    16,
  )
    .optional()
    .describe('Tried by the precedence of the Gateway API, not in their order.'),
});

/** HTTPRoute.spec as parsed. */
export type HttpRouteSpec = z.output<typeof httpRouteSpec>;
/** A filter as parsed. */
export type HttpRouteFilter = z.output<typeof httpRouteFilter>;
