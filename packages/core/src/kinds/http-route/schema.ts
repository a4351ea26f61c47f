// HTTPRoute (gateway.networking.k8s.io/v1), as far as it is used.
import type { z } from 'zod';
import { cors } from '../../policy/cors.ts';
import { headerModifier } from '../../policy/header-modifiers.ts';
import { pathModifier } from '../../policy/path-modifier.ts';
import { retry } from '../../policy/retry.ts';
import { timeouts } from '../../policy/timeouts.ts';
import { integer, list, name, oneOf, strict, text } from '../../schema/dialect.ts';
import { hostname } from '../gateway/schema.ts';
import {
  backendReference,
  hostnames,
  parentRefs,
  ruleName,
  useDefaultGateways,
  sessionPersistence,
  weight,
} from '../route/schema.ts';

/** Gateway API allows a filter this many headers a verb. */
const filterHeaders = headerModifier(16);

const backendRef = backendReference();

/** The RequestMirror filter's own field. */
export const requestMirror = strict({
  backendRef: strict(backendRef).describe('Who gets the copies.'),
  percent: integer(0, 100).optional().describe('Share of the requests, in percent; all of them when left out.'),
  fraction: strict({
    numerator: integer(0, 1_000_000_000).describe('So many.'),
    denominator: integer(1, 1_000_000_000).optional().describe('Of so many; 100 when left out.'),
  })
    .optional()
    .describe('Share of the requests, as a fraction.'),
});

const headerNames = () => list(text(256), 64);

/** The ExternalAuth filter's own field. */
export const externalAuth = strict({
  protocol: oneOf('HTTP', 'GRPC').describe(
    'HTTP: 200 lets the request pass, any other answer is the client’s. GRPC: envoy.service.auth.v3.Authorization.',
  ),
  backendRef: strict(backendRef).describe('Who is asked.'),
  http: strict({
    path: text(1024).optional().describe('Put in front of the request’s path.'),
    allowedHeaders: headerNames().optional().describe('Request headers that are sent beside host and authorization.'),
    allowedResponseHeaders: headerNames()
      .optional()
      .describe(
        'Headers of the answer that are set on the request; all that say nothing of the answer itself when left out.',
      ),
  })
    .optional()
    .describe('More for protocol HTTP.'),
  grpc: strict({
    allowedHeaders: headerNames().optional().describe('Request headers that are sent; all of them when left out.'),
  })
    .optional()
    .describe('More for protocol GRPC.'),
  forwardBody: strict({
    maxSize: integer(0, 65_535)
      .optional()
      .describe('Longest body in bytes; a longer one is refused with 413. 0 sends none.'),
  })
    .optional()
    .describe('Whether the body is sent along; it is not when left out.'),
});

/** The ExtensionRef filter's own field. */
export const extensionRef = strict({
  group: text(253, 0).describe('Group of the kind.'),
  kind: text(63).describe('Kind of the filter.'),
  name: name().describe('Name of the filter.'),
});

/** One filter of a rule or a backendRef. */
export const httpRouteFilter = strict({
  type: text(64).describe(
    'RequestHeaderModifier, ResponseHeaderModifier, RequestMirror, RequestRedirect, URLRewrite, CORS or ExternalAuth; the field of that name must be set.',
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
  requestMirror: requestMirror.optional().describe('Sends copies of requests to another backend as well.'),
  externalAuth: externalAuth.optional().describe('Asks a server whether the request may pass.'),
  extensionRef: extensionRef
    .optional()
    .describe('A filter of another kind; there is none, and a rule with one answers 500.'),
});

/** One header or query parameter. */
export const valueMatch = strict({
  type: oneOf('Exact', 'RegularExpression')
    .default('Exact')
    .describe('How the value is compared; a regular expression is RE2 and must cover the whole value.'),
  name: text(256).describe('Name of the header, in any case, or of the query parameter.'),
  value: text(4096).describe('What it must be.'),
});

/** HTTPRoute.spec. */
export const httpRouteSpec = strict({
  parentRefs: parentRefs(),
  useDefaultGateways: useDefaultGateways(),
  hostnames: hostnames(),
  rules: list(
    strict({
      name: ruleName(),
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
          weight: weight(),
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
      sessionPersistence: sessionPersistence().optional().describe('Sends a client to the same endpoint again.'),
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
