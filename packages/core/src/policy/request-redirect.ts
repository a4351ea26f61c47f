// Answers with a redirect (Gateway API HTTPRequestRedirectFilter).
import { create } from '@bufbuild/protobuf';
import { RequestRedirectSchema } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { Body } from '../body.ts';
import type { Exchange } from '../exchange.ts';
import { HeaderList } from '../header-list.ts';
import { integer, oneOf, strict, text } from '../schema/dialect.ts';
import { hostnameProblems } from './check.ts';
import { definePolicy } from './define.ts';
import { fieldProblems, modifierProblems, modifyPath, pathModifier, toPathModifier } from './path-modifier.ts';

const statuses = [301, 302, 303, 307, 308];
const wellKnown = { http: 80, https: 443 } as const;

/** Redirects; only as a route's filter. */
export const requestRedirect = definePolicy({
  kind: 'requestRedirect',
  summary: 'Answers with a redirect.',
  phase: 'rewrite',
  attach: ['filter'],
  merge: 'fields',
  schema: strict({
    scheme: oneOf('http', 'https').optional().describe('The request’s own when left out.'),
    hostname: text(253).optional().describe('The request’s own when left out.'),
    path: pathModifier.optional().describe('How the path changes; the request’s own when left out.'),
    port: integer(1, 65_535)
      .optional()
      .describe('The scheme’s own where a scheme is given, else the listener’s, when left out.'),
    statusCode: integer(301, 308).default(302).describe('301, 302, 303, 307 or 308.'),
  }),
  translate({ scheme, hostname, path, port, statusCode }, references) {
    for (const problem of path ? fieldProblems(path) : []) references.problem(problem.path, problem.message);
    return create(RequestRedirectSchema, {
      ...(scheme && { scheme }),
      ...(hostname !== undefined && { hostname }),
      ...(port !== undefined && { port }),
      ...(path && { path: toPathModifier(path) }),
      status: statusCode,
    });
  },
  check: ({ status, hostname, path }) => [
    ...(statuses.includes(status) ? [] : [{ path: 'statusCode', message: `must be one of ${statuses.join(', ')}` }]),
    ...hostnameProblems(hostname, 'hostname'),
    ...modifierProblems(path, 'path'),
  ],
  compile(message) {
    return {
      request(exchange) {
        const scheme = message.scheme ?? exchange.scheme;
        const host = message.hostname ?? exchange.authority.replace(/:[0-9]*$/, '');
        const port = message.port ?? (message.scheme === undefined ? listenerPort(exchange) : undefined);
        const suffix = port === undefined || port === wellKnown[scheme as keyof typeof wellKnown] ? '' : `:${port}`;
        const path = message.path
          ? modifyPath(message.path, exchange.path, exchange.placement.matchedPrefix)
          : exchange.path;
        const query = exchange.query === undefined ? '' : `?${exchange.query}`;
        const headers = HeaderList.from([['location', `${scheme}://${host}${suffix}${path}${query}`]]);
        return { status: message.status, headers, body: Body.none(), origin: 'policy' };
      },
    };
  },
});

/** The port the listener is bound to; undefined where it has none that a client could use. */
function listenerPort(exchange: Exchange): number | undefined {
  // The key of a bind is `address:port`, and of HTTPS `address:port/tls`.
  const port = Number(/:([0-9]+)(?:\/|$)/.exec(exchange.placement.bind)?.[1]);
  return port > 0 ? port : undefined;
}
