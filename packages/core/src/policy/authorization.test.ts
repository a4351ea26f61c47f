// Authorization: any deny refuses, every require must hold, where allow rules exist one must match; what fails never admits.
import { describe, expect, test } from 'vitest';
import { GatewayError } from '../errors.ts';
import { isAccepted, makeExchange, write, writeStep } from './fixture.ts';

type Rule = { readonly allow: string } | { readonly deny: string } | { readonly require: string };

function verdict(rules: readonly Rule[]): string {
  const exchange = makeExchange({ method: 'POST', headers: [['x-team', 'red']] });
  try {
    void writeStep('authorization', { rules }).request?.(exchange);
    return 'admitted';
  } catch (error) {
    return error instanceof GatewayError ? error.reason : String(error);
  }
}

const fails = 'request.headers["x-missing"] == "a"';
const isNoBool = 'principal.metadata';

test.each<[readonly Rule[], string]>([
  [[{ allow: 'true' }], 'admitted'],
  [[{ allow: 'false' }], 'forbidden'],
  [[{ allow: 'false' }, { allow: 'true' }], 'admitted'],
  [[{ allow: 'false' }, { allow: 'false' }], 'forbidden'],
  [[{ allow: fails }], 'forbidden'],
  [[{ allow: fails }, { allow: 'true' }], 'admitted'],
  [[{ allow: isNoBool }], 'forbidden'],
  [[{ deny: 'false' }], 'admitted'],
  [[{ deny: 'true' }], 'forbidden'],
  [[{ deny: fails }], 'forbidden'],
  [[{ deny: isNoBool }], 'forbidden'],
  [[{ allow: 'true' }, { deny: 'true' }], 'forbidden'],
  [[{ deny: 'false' }, { allow: 'false' }], 'forbidden'],
  [[{ require: 'true' }], 'admitted'],
  [[{ require: 'false' }], 'forbidden'],
  [[{ require: fails }], 'forbidden'],
  [[{ require: isNoBool }], 'forbidden'],
  [[{ require: 'true' }, { require: 'false' }], 'forbidden'],
  [[{ require: 'true' }, { allow: 'false' }], 'forbidden'],
  [[{ require: 'true' }, { allow: 'true' }, { deny: 'false' }], 'admitted'],
  [[{ allow: 'request.method == "POST" && request.headers["X-Team"] == "red"' }], 'admitted'],
  [[{ require: 'has(principal.subject)' }], 'forbidden'],
])('%j → %s', (rules, wanted) => expect(verdict(rules)).toBe(wanted));

describe('schema and checks', () => {
  test.each<[boolean, unknown]>([
    [true, { rules: [{ allow: 'true' }] }],
    [false, { rules: [] }],
    [false, { rules: [{}] }],
    [false, { rules: [{ allow: 'true', deny: 'true' }] }],
    [false, { rules: ['true'] }],
  ])('accepts: %s %j', (isFine, spec) => expect(isAccepted('authorization', spec)).toBe(isFine));

  test.each([
    ['request.pth == "/"', /did you mean "path"/],
    ['1 + 1', /must be a bool/],
    ['mcp.methodName == "x"', /not available here/],
    ['uuid() == ""', /not available here/],
    ['request.path ==', /line 1/],
  ])('%s is a problem at its rule', (allow, message) => {
    const { problems } = write('authorization', { rules: [{ allow: 'true' }, { allow }] });
    expect(problems).toMatchObject([{ path: 'rules[1]', message: expect.stringMatching(message) as string }]);
  });
});

test.each([
  ['request.path == "/"', false],
  ['request.body.model == "x"', true],
  ['size(request.bodyPrefix) > 0', true],
  ['toJson(request) == ""', true],
])('%s reads the body: %s', (allow, wanted) => {
  expect(writeStep('authorization', { rules: [{ deny: 'false' }, { allow }] }).readsRequestBody).toBe(wanted);
});

test.each(['llm.provider == "openai"', 'response.code == 200'])(
  '%s is refused, because nothing of it exists before the backend is called',
  (expression) => {
    for (const action of ['allow', 'deny', 'require']) {
      const [problem] = write('authorization', { rules: [{ [action]: expression }] }).problems;
      expect(problem).toMatchObject({
        path: 'rules[0]',
        message: expect.stringMatching(
          /not available here; available are request, source, principal, jwt, apiKey, proxy/,
        ),
      });
    }
  },
);
