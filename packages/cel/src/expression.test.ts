// Compiling and evaluating: errors with their places and hints, what is read, result types, and no values in any message.
import { describe, expect, test } from 'vitest';
import { CelError, compile, rootNames } from './cel.ts';
import type { ResultType } from './cel.ts';

function failure(action: () => unknown): CelError {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(CelError);
    return error as CelError;
  }
  throw new Error('nothing was thrown');
}

describe('errors of compiling', () => {
  test.each([
    ['', 'syntax', undefined, /is empty/],
    ['   ', 'syntax', undefined, /is empty/],
    ['request.path ==', 'syntax', { line: 1, column: 16 }, /unexpected/],
    ['true &&\n  request.pth == "/"', 'unknown-name', { line: 2, column: 11 }, /did you mean "path"\?/],
    ['reqest.path', 'unknown-name', { line: 1, column: 1 }, /did you mean "request"\?/],
    ['request.path.startWith("/")', 'unknown-name', { line: 1, column: 14 }, /did you mean "startsWith"\?/],
    ['sise("a")', 'unknown-name', { line: 1, column: 1 }, /did you mean "size"\?/],
    ['math.flor(1.5)', 'unknown-name', { line: 1, column: 6 }, /did you mean "math.floor"\?/],
    ['wholly_unknown', 'unknown-name', { line: 1, column: 1 }, /known are request, response/],
    ['1 + "a"', 'type', { line: 1, column: 1 }, /no such overload/],
    ['"a".matches("(")', 'value', { line: 1, column: 13 }, /not valid RE2/],
    ['has(request.headers["x"])', 'type', { line: 1, column: 5 }, /in request\.headers/],
    ['uuid()', 'unknown-name', { line: 1, column: 1 }, /not available here/],
    ['[1].exists(1, true)', 'syntax', { line: 1, column: 1 }, /name of a variable/],
    ['[1].exists(x, x, true)', 'syntax', { line: 1, column: 1 }, /different names/],
  ])('%j', (source, code, position, message) => {
    const error = failure(() => compile(source));
    expect(error.message).toMatch(message);
    expect([error.code, error.position]).toEqual([code, position]);
  });

  test('our own names for functions are never told', () => {
    expect(failure(() => compile('"a".charAt("b")')).message).not.toMatch(/own_|Namespace/);
    expect(failure(() => compile('math.abs("b")')).message).not.toMatch(/own_|Namespace/);
  });

  test('a root that exists elsewhere is told apart from an unknown one', () => {
    const options = { roots: ['request'] as const };
    expect(failure(() => compile('llm.provider', options)).message).toMatch(
      /"llm" is not available here; available are request/,
    );
    expect(failure(() => compile('lllm.provider', options)).message).toMatch(/unknown name/);
  });
});

describe('errors of evaluating', () => {
  const secret = 'sk-very-secret';
  test.each([
    ['jwt.a.b', { a: { c: secret } }, 'missing'],
    ['int(jwt.a)', { a: secret }, 'value'],
    ['jwt.a + 1', { a: secret }, 'type'],
    ['jwt.a && true', { a: secret }, 'type'],
    ['jwt.a ? 1 : 2', { a: secret }, 'type'],
    ['jwt.a[7]', { a: [secret] }, 'missing'],
    ['jwt.a % 0', { a: 5 }, 'value'],
    ['jwt.a + 9223372036854775807', { a: 5 }, 'value'],
    ['-jwt.a', { a: -(2n ** 63n) }, 'value'],
    ['timestamp(jwt.a)', { a: secret }, 'value'],
    ['json(jwt.a)', { a: secret }, 'value'],
    ['fail(jwt.a)', { a: secret }, 'failed'],
    ['"x".matches(jwt.a)', { a: `(${secret}` }, 'value'],
    ['{jwt.a: 1, jwt.b: 2}', { a: secret, b: secret }, 'value'],
    ['jwt.a.matches("x")', { a: 1 }, 'type'],
  ])('%s', (source, jwt, code) => {
    const error = failure(() => compile(source).evaluate({ jwt }));
    expect(error.code).toBe(code);
    expect(error.message).not.toContain(secret);
    expect(JSON.stringify(error)).not.toContain(secret);
    expect(error.cause).toBeUndefined();
  });

  test('the place and the part of the source are told', () => {
    const error = failure(() => compile('true &&\n jwt.a.b == "x"').evaluate({ jwt: { a: {} } }));
    expect(error.message).toBe('there is no such member: jwt.a.b (line 2, column 8)');
    expect(error.position).toEqual({ line: 2, column: 8 });
  });

  test('a literal message of fail() is told', () => {
    expect(failure(() => compile('fail("no team")').evaluate({})).message).toMatch(/^fail\(\): no team/);
  });

  test('a getter that throws is an error without its text', () => {
    const jwt = Object.defineProperty({}, 'a', {
      enumerable: true,
      get: () => {
        throw new Error(secret);
      },
    });
    expect(failure(() => compile('jwt.a').evaluate({ jwt })).message).not.toContain(secret);
  });
});

describe('references', () => {
  test.each<[string, string[]]>([
    ['principal.team == "a"', ['principal.team']],
    ['request.headers["x"] + request.path', ['request.headers', 'request.path']],
    ['request["path"]', ['request.path']],
    ['request[principal.team]', ['principal.team', 'request']],
    ['toJson(request)', ['request']],
    ['jwt.groups.exists(g, g == principal.subject)', ['jwt.groups', 'principal.subject']],
    ['[1].map(request, request)', []],
    ['[1].exists(request, jwt, request == jwt)', []],
    ['cel.bind(jwt, request.path, jwt)', ['request.path']],
    ['cel.bind(x, jwt, x.sub)', ['jwt']],
    ['jwt.?sub.orValue(request.host)', ['jwt.sub', 'request.host']],
    ['jwt.?sub.optMap(request, request + "x").orValue("")', ['jwt.sub']],
    ['has(llm.provider) ? 1 : 2', ['llm.provider']],
    ['"a" in request.headers', ['request.headers']],
    ['{"a": request.path, request.host: 1}', ['request.host', 'request.path']],
    ['coalesce(jwt.a, default(jwt.b, principal.team))', ['jwt.a', 'jwt.b', 'principal.team']],
    ['1 + 1 == 2', []],
  ])('%s', (source, wanted) => expect([...compile(source).references].sort()).toEqual(wanted));

  test('reads() answers for roots, members and whole roots', () => {
    const one = compile('request.body.model == "x"');
    expect(['request.body', 'request', 'request.path', 'req', 'jwt'].map((path) => one.reads(path))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
    expect(compile('toJson(request)').reads('request.body')).toBe(true);
    expect(compile('request["bo" + "dy"]').reads('request.body')).toBe(true);
  });
});

describe('results', () => {
  test.each<[string, ResultType, unknown]>([
    ['1 + 1', 'int', 2],
    ['1 + 1', 'any', 2n],
    ['"a" + "b"', 'string', 'ab'],
    ['1 < 2', 'bool', true],
  ])('%s as %s', (source, result, wanted) => expect(compile(source, { result }).evaluate({})).toBe(wanted));

  test.each<[string, ResultType]>([
    ['1', 'bool'],
    ['"a"', 'int'],
    ['true', 'string'],
    ['[true]', 'bool'],
  ])('%s is no %s, which compiling says', (source, result) => {
    expect(failure(() => compile(source, { result })).code).toBe('type');
  });

  test.each<[unknown, ResultType]>([
    ['text', 'bool'],
    [1, 'string'],
    [1.5, 'int'],
    [2n ** 60n, 'int'],
    [null, 'bool'],
  ])('a value %s that is no %s is an error when it is read', (value, result) => {
    expect(failure(() => compile('jwt.value', { result }).evaluate({ jwt: { value } })).code).toBe('type');
  });

  test('test() never takes a truthy value for true', () => {
    for (const value of ['true', 1, [true], {}])
      expect(failure(() => compile('jwt.value').test({ jwt: { value } })).code).toBe('type');
  });

  test('uuid() and random() are what the caller gives', () => {
    const functions = { uuid: () => 'an-id', random: () => 0.25 };
    expect(compile('uuid() + string(random())', { functions }).evaluate({})).toBe('an-id0.25');
  });

  test('one expression evaluates within another: a getter may evaluate', () => {
    const inner = compile('jwt.n + 1');
    const outer = compile('jwt.n + 10');
    const jwt = {
      get n() {
        return inner.evaluate({ jwt: { n: 1 } });
      },
    };
    expect(outer.evaluate({ jwt: Object.defineProperty({}, 'n', { enumerable: true, get: () => jwt.n }) })).toBe(12n);
  });
});

test('every root can be read', () => {
  for (const name of rootNames) {
    const context = { [name]: { x: 1 } };
    expect(compile(`${name}.size()`, { roots: [name] }).evaluate(context)).toBeTypeOf('bigint');
  }
});
