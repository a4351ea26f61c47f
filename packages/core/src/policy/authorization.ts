// Admits or refuses by rules in CEL: any deny refuses, every require must hold, and where allow rules exist one must match.
import { type CelContext, type Expression, compile } from '@agentgateway/cel';
import { create } from '@bufbuild/protobuf';
import {
  AuthorizationRule_Action,
  AuthorizationRuleSchema,
  AuthorizationSchema,
} from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { GatewayError } from '../errors.ts';
import { celContext, readsRequestBody } from '../expression.ts';
import { cel, exactlyOne, list, strict } from '../schema/dialect.ts';
import { celProblems, celRoots } from './check.ts';
import { definePolicy } from './define.ts';

const actions = {
  allow: AuthorizationRule_Action.ALLOW,
  deny: AuthorizationRule_Action.DENY,
  require: AuthorizationRule_Action.REQUIRE,
} as const;

/** Refuses what its rules do not admit. */
export const authorization = definePolicy({
  kind: 'authorization',
  summary: 'Admits or refuses requests by CEL rules.',
  phase: 'authorize',
  attach: ['gateway', 'listener', 'route', 'rule'],
  merge: 'all',
  schema: strict({
    rules: list(
      exactlyOne(['allow', 'deny', 'require'], {
        allow: cel().optional().describe('Where allow rules exist, one must be true.'),
        deny: cel().optional().describe('Refuses when true, and when it fails to evaluate.'),
        require: cel().optional().describe('Must be true.'),
      }),
      64,
    )
      .min(1)
      .describe('All of them are asked; their order means nothing.'),
  }),
  translate({ rules }) {
    const translated = rules.map((rule) => {
      const action = rule.allow !== undefined ? 'allow' : rule.deny !== undefined ? 'deny' : 'require';
      return create(AuthorizationRuleSchema, { action: actions[action], expression: rule[action]! });
    });
    return create(AuthorizationSchema, { rules: translated });
  },
  check: ({ rules }) =>
    rules.flatMap((rule, index) =>
      celProblems(rule.expression, `rules[${index}]`, { half: 'request', result: 'bool' }),
    ),
  compile({ rules }) {
    const compiled = rules.map(({ action, expression }) => ({
      action,
      expression: compile(expression, { roots: celRoots.request, result: 'bool' }),
    }));
    const hasAllow = compiled.some(({ action }) => action === actions.allow);
    return {
      readsRequestBody: readsRequestBody(compiled.map(({ expression }) => expression)),
      request(exchange) {
        const context = celContext(exchange);
        let isAllowed = !hasAllow;
        for (const { action, expression } of compiled) {
          const verdict = holds(expression, context);
          if (action === actions.deny ? verdict !== false : action === actions.require && verdict !== true) {
            throw new GatewayError(
              'forbidden',
              action === actions.deny
                ? 'an authorization rule denies this request'
                : 'an authorization rule that must hold does not',
            );
          }
          if (action === actions.allow && verdict === true) isAllowed = true;
        }
        if (!isAllowed) throw new GatewayError('forbidden', 'no authorization rule allows this request');
        return undefined;
      },
    };
  },
});

/** The rule's word; undefined where it cannot be evaluated, which never admits. */
function holds(expression: Expression, context: CelContext): boolean | undefined {
  try {
    return expression.test(context);
  } catch {
    return undefined;
  }
}
