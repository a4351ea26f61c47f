// Cross-origin requests: answers preflights, and adds what a browser needs to replies (Fetch standard §3.2; GEP-1767).
import { create } from '@bufbuild/protobuf';
import { type CORS, CORSSchema } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { Body } from '../body.ts';
import type { Exchange, Reply } from '../exchange.ts';
import { HeaderList } from '../header-list.ts';
import { boolean, integer, list, strict, text } from '../schema/dialect.ts';
import { definePolicy } from './define.ts';

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
    allowMethods: list(text(64), 16).optional(),
    allowHeaders: list(text(256)).optional(),
    exposeHeaders: list(text(256)).optional(),
    allowCredentials: boolean().optional(),
    maxAge: integer(1, 2_147_483_647).optional().describe('Seconds; 5 when left out.'),
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
  check: ({ allowOrigins }) =>
    allowOrigins.flatMap((origin, index) =>
      origin === '*' || /^[a-z][a-z0-9+.-]*:\/\/(\*|(\*\.)?[a-zA-Z0-9.-]+)(:(\*|[0-9]+))?$/.test(origin)
        ? []
        : [{ path: `allowOrigins[${index}]`, message: `'${origin}' is not an origin such as https://app.example.com` }],
    ),
  compile(message) {
    const origins = message.allowOrigins.map(toOriginTest);
    const isAllowed = (origin: string): boolean => origins.some((test) => test(origin));
    return {
      request(exchange) {
        const origin = exchange.headers.get('origin');
        if (
          origin === undefined ||
          exchange.method !== 'OPTIONS' ||
          !exchange.headers.has('access-control-request-method')
        )
          return undefined;
        const headers = new HeaderList();
        if (isAllowed(origin)) writePreflight(message, exchange, origin, headers);
        headers.append('vary', 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers');
        return { status: 204, headers, body: Body.none(), origin: 'policy' } satisfies Reply;
      },
      response(exchange, reply) {
        const origin = exchange.headers.get('origin');
        if (origin === undefined || exchange.method === 'OPTIONS') return;
        reply.headers.removeWhere((name) => name.toLowerCase().startsWith('access-control-'));
        if (isAllowed(origin)) writeActual(message, origin, reply.headers);
        reply.headers.append('vary', 'Origin');
      },
    };
  },
});

function writeActual(
  { allowOrigins, allowCredentials, exposeHeaders }: CORS,
  origin: string,
  headers: HeaderList,
): void {
  headers.set('access-control-allow-origin', allowOrigins.includes('*') && !allowCredentials ? '*' : origin);
  if (allowCredentials) headers.set('access-control-allow-credentials', 'true');
  if (exposeHeaders.length > 0) headers.set('access-control-expose-headers', exposeHeaders.join(', '));
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
  const granted = allowHeaders.includes('*') ? (allowCredentials ? asked : '*') : allowHeaders.join(', ');
  if (granted) headers.set('access-control-allow-headers', granted);
  headers.set('access-control-max-age', String(message.maxAgeSeconds ?? maxAgeDefaultSeconds));
}

/** Exact; `*`; or one wildcard label after the scheme, which is greedy; a port of `*` matches any. */
function toOriginTest(origin: string): (candidate: string) => boolean {
  if (origin === '*') return () => true;
  if (!origin.includes('*')) return (candidate) => candidate.toLowerCase() === origin.toLowerCase();
  const source = origin
    .toLowerCase()
    .split('*')
    .map((part) => part.replaceAll(/[.+?^${}()|[\]\\/-]/g, String.raw`\$&`));
  const pattern = new RegExp(`^${source[0]}[^/:]+${source.slice(1).join('[0-9]+')}$`);
  return (candidate) => pattern.test(candidate.toLowerCase());
}
