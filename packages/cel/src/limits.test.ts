// Every limit of the language: reached it holds, passed it is an error; and no pattern takes more than linear time.
import { describe, expect, test } from 'vitest';
import { CelError, compile, limits, toJson } from './cel.ts';
import { cachedPattern, cachedPatternCount } from './pattern.ts';

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return error instanceof CelError ? error.code : String(error);
  }
  return 'fine';
}

function call(count: number): string {
  return `coalesce(${Array.from({ length: count }, () => '1').join(', ')})`;
}

/** Compiles so many patterns that are not in the cache. */
function fill(count: number, name: string): void {
  for (let index = 0; index < count; index++) cachedPattern(`${name}-${index}`);
}

function nested(depth: number): string {
  return '['.repeat(depth) + ']'.repeat(depth);
}

describe('size of the source', () => {
  test.each<[string, (size: number) => string, number, string]>([
    ['characters', (size) => `"${'a'.repeat(size - 2)}"`, limits.sourceLengthMax, 'syntax'],
    ['elements', (size) => `[${'1,'.repeat(size - 1)}1]`, limits.literalEntriesMax, 'syntax'],
    ['levels', (size) => '('.repeat(size - 1) + '1' + ')'.repeat(size - 1), limits.syntaxDepthMax, 'syntax'],
    ['characters of a pattern', (size) => `"a".matches("${'a'.repeat(size)}")`, limits.patternLengthMax, 'value'],
  ])('%s', (_what, make, max, code) => {
    expect(codeOf(() => compile(make(max)))).toBe('fine');
    expect(codeOf(() => compile(make(max + 2)))).toBe(code);
  });

  test('nodes of the tree', () => {
    expect(codeOf(() => compile(Array.from({ length: limits.syntaxNodesMax }, () => '1').join('+')))).toBe('syntax');
  });

  test('arguments', () => {
    expect(codeOf(() => compile(call(limits.callArgumentsMax)))).toBe('fine');
    expect(codeOf(() => compile(call(limits.callArgumentsMax + 1)))).not.toBe('fine');
  });

  test('thousands of brackets are an error, not a crash', () => {
    expect(codeOf(() => compile('['.repeat(8000)))).toBe('syntax');
    expect(codeOf(() => compile('!'.repeat(8000) + 'true'))).toBe('syntax');
  });
});

describe('cost of an evaluation', () => {
  const long = { jwt: { list: Array.from({ length: 1000 }, (_, index) => index), text: 'x'.repeat(1_000_000) } };

  test.each([
    ['nested walks', 'jwt.list.all(a, jwt.list.all(b, jwt.list.all(c, a + b + c >= 0)))'],
    ['nested walks with two variables', 'jwt.list.all(i, a, jwt.list.all(j, b, jwt.list.all(c, a + b + c >= 0)))'],
    ['growing text', 'jwt.list.map(x, jwt.text + jwt.text).size() > 0'],
    ['growing lists', 'jwt.list.map(x, jwt.list + jwt.list + jwt.list).size() > 0'],
    ['joining', 'jwt.list.map(x, jwt.text).join() == ""'],
    ['replacing', 'jwt.text.replace("x", jwt.text) == ""'],
    ['matching', 'jwt.list.all(x, !jwt.text.matches("y+$"))'],
  ])('%s ends', (_what, source) => expect(codeOf(() => compile(source).evaluate(long))).toBe('cost'));

  test.each([
    'true || jwt.list.all(a, jwt.list.all(b, true))',
    'jwt.list.all(a, jwt.list.all(b, jwt.list.all(c, true))) || true',
    'default(jwt.list.all(a, jwt.list.all(b, jwt.list.all(c, true))), true)',
    'coalesce(jwt.list.all(a, jwt.list.all(b, jwt.list.all(c, true))), true)',
  ])('an error for the cost cannot be absorbed: %s', (source) => {
    expect(codeOf(() => compile(source).evaluate(long))).toBe(source.startsWith('true') ? 'fine' : 'cost');
  });

  test('each evaluation has its whole allowance', () => {
    const walk = compile('jwt.list.all(a, jwt.list.all(b, true))');
    const context = { jwt: { list: Array.from({ length: 400 }, () => 1) } };
    for (let round = 0; round < 5; round++) expect(walk.evaluate(context)).toBe(true);
  });
});

describe('patterns', () => {
  const hostile = `${'a'.repeat(50_000)}!`;
  test.each(['(a+)+$', '^(a|a)*$', '(a|aa)+$', '(.*a){20}$', '^(([a-z])+.)+[A-Z]([a-z])+$'])(
    '%s does not backtrack',
    (pattern) => {
      // A backtracking engine would not finish this in the lifetime of the test run.
      expect(compile(`jwt.text.matches("${pattern}")`).evaluate({ jwt: { text: hostile } })).toBe(false);
      expect(compile('jwt.text.matches(jwt.pattern)').evaluate({ jwt: { text: hostile, pattern } })).toBe(false);
    },
  );

  test.each(['(?=a)', '(a)\\1', '(?<!b)a'])('%s is refused', (pattern) => {
    expect(codeOf(() => compile(`"a".matches(r"${pattern}")`))).toBe('value');
    expect(codeOf(() => compile('"a".matches(jwt.p)').evaluate({ jwt: { p: pattern } }))).toBe('value');
  });

  test('the cache of patterns is bounded and drops the least recently used', () => {
    const first = cachedPattern('first');
    fill(limits.patternCacheEntriesMax - 1, 'other');
    expect(cachedPattern('first')).toBe(first);
    fill(limits.patternCacheEntriesMax - 1, 'newer');
    expect(cachedPattern('first')).toBe(first);
    fill(limits.patternCacheEntriesMax, 'newest');
    expect(cachedPatternCount()).toBe(limits.patternCacheEntriesMax);
    expect(cachedPattern('first')).not.toBe(first);
  });
});

test('depth of JSON', () => {
  expect(codeOf(() => compile('json(jwt.t)').evaluate({ jwt: { t: nested(limits.jsonDepthMax) } }))).toBe('fine');
  expect(codeOf(() => compile('json(jwt.t)').evaluate({ jwt: { t: nested(limits.jsonDepthMax + 1) } }))).toBe('value');
  const deep: unknown = JSON.parse(nested(limits.jsonDepthMax + 2));
  expect(() => toJson(deep)).toThrow(CelError);
});
