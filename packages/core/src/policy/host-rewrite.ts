// Which host the backend is told: its own, a given one, or one that a header names.
import { create } from '@bufbuild/protobuf';
import { HostRewriteSchema } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { exactlyOne, strict, text } from '../schema/dialect.ts';
import type { HostRewriteSettings } from '../settings.ts';
import { hostnameProblems, token } from './check.ts';
import { definePolicy } from './define.ts';

/** Rewrites the host for each attempt; a route's own URLRewrite filter wins over it. */
export const hostRewrite = definePolicy({
  kind: 'hostRewrite',
  summary: 'Says which host the backend is told.',
  phase: 'setting',
  attach: ['gateway', 'listener', 'route', 'rule', 'service', 'httpBackend'],
  merge: 'fields',
  schema: exactlyOne(['auto', 'hostname', 'header'], {
    auto: strict({})
      .optional()
      .describe('The backend’s own name: that of an HTTPBackend or an external host, else SERVICE.NAMESPACE.svc.'),
    hostname: text(253).optional().describe('This name.'),
    header: text(256).optional().describe('The value of this request header; the host stays where there is none.'),
  }),
  translate({ hostname, header }) {
    if (hostname !== undefined) return create(HostRewriteSchema, { to: { case: 'hostname', value: hostname } });
    if (header !== undefined) return create(HostRewriteSchema, { to: { case: 'header', value: header.toLowerCase() } });
    return create(HostRewriteSchema, { to: { case: 'auto', value: true } });
  },
  check({ to }) {
    if (to.case === 'header' && !token.test(to.value))
      return [{ path: 'header', message: `'${to.value}' is not a valid header name` }];
    return hostnameProblems(to.case === 'hostname' ? to.value : undefined, 'hostname');
  },
  compile({ to }): HostRewriteSettings {
    switch (to?.case) {
      case 'hostname':
        return Object.freeze({ kind: 'hostname', hostname: to.value });
      case 'header':
        return Object.freeze({ kind: 'header', header: to.value });
      default:
        return Object.freeze({ kind: 'auto' });
    }
  },
});
