// Sessions: the same caller keeps being sent to the same endpoint.
import { compile, toText } from '@agentgateway/cel';
import { create } from '@bufbuild/protobuf';
import {
  type SessionPersistence,
  SessionAffinitySchema,
  SessionPersistenceSchema,
  SessionPersistence_Lifetime as Lifetime,
  SessionPersistence_Type as Type,
} from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { SecretRefSchema } from '@agentgateway/api/gen/agentgateway/v1/secret_pb.ts';
import type { z } from 'zod';
import type { Environment } from '../environment.ts';
import type { Exchange } from '../exchange.ts';
import { celContext, readsRequestBody } from '../expression.ts';
import { cel, duration, exactlyOne, oneOf, secret, strict, text, toMs } from '../schema/dialect.ts';
import type { PersistenceSettings, SessionAffinitySettings } from '../settings.ts';
import { celProblems, celRoots, token } from './check.ts';
import { type Problem, type References, definePolicy } from './define.ts';

const persistence = strict({
  type: oneOf('Cookie', 'Header').default('Cookie').describe('Where the mark stands.'),
  sessionName: text(128).optional().describe('Name of the cookie or header; one is made when left out.'),
  absoluteTimeout: duration().optional().describe('How long after its beginning a session ends; never when left out.'),
  idleTimeout: duration().optional().describe('How long after its last request a session ends; never when left out.'),
  cookieConfig: strict({
    lifetimeType: oneOf('Session', 'Permanent')
      .default('Session')
      .describe('Whether the cookie ends with the browser’s session, or with absoluteTimeout, which Permanent needs.'),
  })
    .optional()
    .describe('More about the cookie.'),
  key: secret()
    .optional()
    .describe(
      'Seals the mark; the gateway’s own key (AGENTGATEWAY_SESSION_KEY) when left out. Any text of 16 bytes or more.',
    ),
});

/** Keeps a caller at an endpoint. */
export const sessionAffinity = definePolicy({
  kind: 'sessionAffinity',
  summary: 'Sends the same caller to the same endpoint for as long as it is there.',
  phase: 'setting',
  attach: ['gateway', 'listener', 'route', 'rule', 'service', 'filter'],
  merge: 'fields',
  schema: exactlyOne(['persistence', 'header', 'expression'], {
    persistence: persistence
      .optional()
      .describe('The gateway marks the session with a sealed cookie or header; it goes before weights.'),
    header: text(256).optional().describe('Requests with the same value of this header go to the same endpoint.'),
    expression: cel().optional().describe('Requests for which this has the same value go to the same endpoint.'),
  }),
  translate({ persistence: marked, header, expression }, references) {
    if (marked)
      return create(SessionAffinitySchema, {
        by: { case: 'persistence', value: translatePersistence(marked, references) },
      });
    if (header !== undefined)
      return create(SessionAffinitySchema, { by: { case: 'header', value: header.toLowerCase() } });
    return create(SessionAffinitySchema, { by: { case: 'expression', value: expression ?? '' } });
  },
  check({ by }): Problem[] {
    switch (by.case) {
      case 'header':
        return token.test(by.value) ? [] : [{ path: 'header', message: `'${by.value}' is not a valid header name` }];
      case 'expression':
        return expressionProblems(by.value);
      case 'persistence':
        return token.test(by.value.sessionName || 'none')
          ? []
          : [{ path: 'persistence.sessionName', message: `'${by.value.sessionName}' is not a valid name` }];
      default:
        return [];
    }
  },
  compile({ by }, environment): SessionAffinitySettings {
    switch (by?.case) {
      case 'persistence':
        return Object.freeze({ kind: 'persistence', ...toPersistence(by.value, environment) });
      case 'expression': {
        const compiled = compile(by.value, { roots: celRoots.request, result: 'any' });
        const keyOf = (exchange: Exchange): string | undefined => {
          try {
            const value = compiled.evaluate(celContext(exchange));
            return value === undefined || value === null ? undefined : toText(value);
          } catch {
            // What an expression cannot be evaluated for belongs to no session.
            return undefined;
          }
        };
        return Object.freeze({ kind: 'hash', by: by.value, keyOf });
      }
      default: {
        const name = by?.value ?? '';
        return Object.freeze({ kind: 'hash', by: name, keyOf: ({ headers }: Exchange) => headers.combined(name) });
      }
    }
  },
});

function expressionProblems(source: string): Problem[] {
  const problems = celProblems(source, 'expression', { half: 'request', result: 'any' });
  // An endpoint is chosen before anybody waits for the body.
  if (problems.length === 0 && readsRequestBody([compile(source, { roots: celRoots.request, result: 'any' })]))
    problems.push({ path: 'expression', message: 'cannot read the body' });
  return problems;
}

/** The message of a rule's `sessionPersistence`, and of the policy's field; what contradicts itself is reported. */
function translatePersistence(spec: z.output<typeof persistence>, references: References): SessionPersistence {
  const { type, sessionName = '', absoluteTimeout, idleTimeout, cookieConfig, key } = spec;
  const isPermanent = cookieConfig?.lifetimeType === 'Permanent';
  if (type === 'Header' && cookieConfig)
    references.problem('persistence.cookieConfig', 'cannot be given with type Header');
  if (isPermanent && absoluteTimeout === undefined)
    references.problem('persistence.absoluteTimeout', 'is required by lifetimeType Permanent');
  const sealedBy = key && references.secret(key, 'persistence.key');
  return create(SessionPersistenceSchema, {
    type: type === 'Header' ? Type.HEADER : Type.COOKIE,
    sessionName,
    absoluteTimeoutMs: BigInt(toMs(absoluteTimeout ?? '0s')),
    idleTimeoutMs: BigInt(toMs(idleTimeout ?? '0s')),
    lifetime: isPermanent ? Lifetime.PERMANENT : Lifetime.SESSION,
    ...(sealedBy && { key: create(SecretRefSchema, { secret: sealedBy.secret, entry: sealedBy.entry }) }),
  });
}

function toPersistence(message: SessionPersistence, environment: Environment): PersistenceSettings {
  const { key } = message;
  return {
    type: message.type === Type.HEADER ? 'header' : 'cookie',
    sessionName: message.sessionName,
    absoluteMs: Number(message.absoluteTimeoutMs),
    idleMs: Number(message.idleTimeoutMs),
    isPermanent: message.lifetime === Lifetime.PERMANENT,
    key: key && environment.secret({ secret: key.secret, entry: key.entry }),
  };
}
