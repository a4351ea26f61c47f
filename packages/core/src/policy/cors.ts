// Cross-origin requests: answers preflights, and adds what a browser needs to replies (Fetch standard §3.2; GEP-1767).
import { create } from '@bufbuild/protobuf';
import { type CORS, CORSSchema } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { Body } from '../body.ts';
import type { Exchange, Reply } from '../exchange.ts';
import { HeaderList } from '../header-list.ts';
import { boolean, integer, list, strict, text } from '../schema/dialect.ts';
import { token } from './check.ts';
import { definePolicy } from './define.ts';
import { originPattern, toOriginTest } from './origin.ts';

/** Seconds a browser may keep a preflight's answer. */
const maxAgeDefaultSeconds = 5;

/** Lets browsers call from other origins. */
export const cors = definePolicy({
  kind: 'cors',
  summary: 'Answers preflight requests and adds CORS headers for the origins it names.',
  phase: 'cors',
  attach: ['gateway', 'listener', 'route', 'rule', 'filter'],
  merge: 'fields',
  schema: strict({
    allowOrigins: list(text(253))
      .optional()
      .describe('Origins such as https://app.example.com, https://*.example.com, or *.'),
    allowMethods: list(text(64), 16).optional().describe('Methods beside GET, HEAD and POST, or *.'),
    allowHeaders: list(text(256)).optional().describe('Request headers beside those that are always allowed, or *.'),
    exposeHeaders: list(text(256)).optional().describe('Headers of the answer that scripts may read, or *.'),
    allowCredentials: boolean()
      .optional()
      .describe('Whether browsers may send cookies and logins; false when left out.'),
    maxAge: integer(1, 2_147_483_647)
      .optional()
      .describe('Seconds for which a browser may keep a preflight’s answer; 5 when left out.'),
  }),
  translate: (spec) =>
    create(CORSSchema, {
      allowOrigins: spec.allowOrigins ?? [],
      allowMethods: spec.allowMethods ?? [],
      allowHeaders: spec.allowHeaders ?? [],
      exposeHeaders: spec.exposeHeaders ?? [],
      ...(spec.allowCredentials !== undefined && { allowCredentials: spec.allowCredentials }),
      ...(spec.maxAge !== undefined && { maxAgeSeconds: spec.maxAge }),
    }),
  check: ({ allowOrigins, allowMethods, allowHeaders, exposeHeaders }) => [
    ...allowOrigins.flatMap((origin, index) =>
      origin === '*' || originPattern.test(origin)
        ? []
        : [{ path: `allowOrigins[${index}]`, message: `'${origin}' is not an origin such as https://app.example.com` }],
    ),
    ...Object.entries({ allowMethods, allowHeaders, exposeHeaders }).flatMap(([field, names]) =>
      names.flatMap((name, index) =>
        token.test(name) ? [] : [{ path: `${field}[${index}]`, message: `'${name}' is not a name or *` }],
      ),
    ),
  ],
  compile(message) {
    const origins = message.allowOrigins.map(toOriginTest);
    const isAllowed = (origin: string): boolean => origins.some((test) => test(origin));
    const isPublic = message.allowOrigins.includes('*') && !message.allowCredentials;
    return {
      request(exchange) {
        const origin = exchange.headers.get('origin');
        if (origin === undefined) return undefined;
        // Later steps may edit method and headers, so what the answer depends on is noted now.
        exchange.facts.set(originFact, origin);
        if (exchange.method !== 'OPTIONS' || !exchange.headers.has('access-control-request-method')) return undefined;
        exchange.facts.set(preflightFact, true);
        const headers = new HeaderList();
        if (isAllowed(origin)) writePreflight(message, exchange, origin, headers);
        headers.append('vary', 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers');
        return { status: 204, headers, body: Body.none(), origin: 'policy' } satisfies Reply;
      },
      response(exchange, reply) {
        if (exchange.facts.has(preflightFact)) return;
        const origin = exchange.facts.get(originFact) as string | undefined;
        if (origin !== undefined) {
          reply.headers.removeWhere((name) => name.toLowerCase().startsWith('access-control-'));
          if (isAllowed(origin)) writeActual(message, origin, reply.headers);
        }
        // Also where no origin was sent: a cache must not give that answer to a page (Fetch standard §3.2.5).
        if (!isPublic) addVary(reply.headers);
      },
    };
  },
});

const originFact = 'corsOrigin';
const preflightFact = 'corsPreflight';

function addVary(headers: HeaderList): void {
  const varies = (headers.combined('vary') ?? '').toLowerCase().split(/ *, */);
  if (!varies.includes('origin') && !varies.includes('*')) headers.append('vary', 'Origin');
}

function writeActual(
  { allowOrigins, allowCredentials, exposeHeaders }: CORS,
  origin: string,
  headers: HeaderList,
): void {
  // With credentials a browser takes `*` for a name, so what it stands for is written out.
  const exposed =
    exposeHeaders.includes('*') && allowCredentials
      ? [...new Set(Array.from(headers.entries(), ([name]) => name.toLowerCase()))]
      : exposeHeaders;
  headers.set('access-control-allow-origin', allowOrigins.includes('*') && !allowCredentials ? '*' : origin);
  if (allowCredentials) headers.set('access-control-allow-credentials', 'true');
  if (exposed.length > 0) headers.set('access-control-expose-headers', exposed.join(', '));
}

function writePreflight(message: CORS, exchange: Exchange, origin: string, headers: HeaderList): void {
  writeActual(message, origin, headers);
  const { allowMethods, allowHeaders, allowCredentials } = message;
  const method = exchange.headers.get('access-control-request-method') ?? '';
  const asked = exchange.headers.combined('access-control-request-headers');
  if (allowMethods.length > 0)
    headers.set(
      'access-control-allow-methods',
      allowMethods.includes('*') ? (allowCredentials ? method : '*') : allowMethods.join(', '),
    );
  // `*` does not cover Authorization (Fetch standard §3.2.4), so what was asked for is echoed.
  const granted = allowHeaders.includes('*') ? (asked ?? (allowCredentials ? '' : '*')) : allowHeaders.join(', ');
  if (granted) headers.set('access-control-allow-headers', granted);
  headers.set('access-control-max-age', String(message.maxAgeSeconds ?? maxAgeDefaultSeconds));
}
