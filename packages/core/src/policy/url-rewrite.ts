// Rewrites host and path on the way to the backend (Gateway API HTTPURLRewriteFilter).
import { create } from '@bufbuild/protobuf';
import { URLRewriteSchema } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { strict, text } from '../schema/dialect.ts';
import { hostnameProblems } from './check.ts';
import { definePolicy } from './define.ts';
import { fieldProblems, modifierProblems, modifyPath, pathModifier, toPathModifier } from './path-modifier.ts';

/** Rewrites; only as a route's filter. */
export const urlRewrite = definePolicy({
  kind: 'urlRewrite',
  summary: 'Rewrites host and path on the way to the backend.',
  phase: 'rewrite',
  attach: ['filter'],
  merge: 'fields',
  schema: strict({
    hostname: text(253).optional().describe('Host that the backend is told.'),
    path: pathModifier.optional().describe('How the path changes.'),
  }),
  translate({ hostname, path }, references) {
    for (const problem of path ? fieldProblems(path) : []) references.problem(problem.path, problem.message);
    return create(URLRewriteSchema, {
      ...(hostname !== undefined && { hostname }),
      ...(path && { path: toPathModifier(path) }),
    });
  },
  check: ({ hostname, path }) => [...hostnameProblems(hostname, 'hostname'), ...modifierProblems(path, 'path')],
  compile(message) {
    return {
      request(exchange) {
        if (message.hostname !== undefined) exchange.authority = message.hostname;
        if (message.path) exchange.path = modifyPath(message.path, exchange.path, exchange.placement.matchedPrefix);
        return undefined;
      },
    };
  },
});
