// From results back to JSON and text, as headers, keys and labels need them.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compile, toJson, toText } from './cel.ts';

function evaluate(source: string, jwt: unknown = {}): unknown {
  return compile(source).evaluate({ jwt });
}

describe('toText', () => {
  test.each([
    ['"a"', 'a'],
    ['1', '1'],
    ['9223372036854775807', '9223372036854775807'],
    ['1.5', '1.5'],
    ['true', 'true'],
    ['null', ''],
    ['b"abc"', 'abc'],
    ['[1, "a"]', '[1,"a"]'],
    ['{"a": {"b": null}}', '{"a":{"b":null}}'],
    ['timestamp("2026-01-02T03:04:05.120Z")', '2026-01-02T03:04:05.12Z'],
    ['timestamp("2026-01-02T03:04:05Z")', '2026-01-02T03:04:05Z'],
    ['duration("-1.5s")', '-1.5s'],
    ['duration("90m")', '5400s'],
    ['ip("2001:db8:0:0:0:0:0:1")', '2001:db8::1'],
    ['cidr("10.0.0.0/8")', '10.0.0.0/8'],
    ['3u', '3'],
    ['1.0 / 0.0', 'Infinity'],
    ['optional.of("x")', 'x'],
    ['type(1)', 'int'],
  ])('%s', (source, wanted) => expect(toText(evaluate(source))).toBe(wanted));
});

describe('toJson', () => {
  test.each<[string, unknown]>([
    ['9007199254740991', 9_007_199_254_740_991],
    ['9007199254740993', '9007199254740993'],
    ['[b"a", null, 0.5]', ['YQ==', null, 0.5]],
    ['{1: "a", true: "b"}', { 1: 'a', true: 'b' }],
    ['optional.none()', null],
  ])('%s', (source, wanted) => expect(toJson(evaluate(source))).toEqual(wanted));

  test('what JSON holds survives the way in and out', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const wanted: unknown = JSON.parse(JSON.stringify(value));
        expect(toJson(evaluate('jwt.value', { value: wanted }))).toEqual(wanted);
        expect(JSON.parse(evaluate('toJson(jwt.value)', { value: wanted }) as string)).toEqual(wanted);
        expect(toJson(evaluate('json(jwt.text)', { text: JSON.stringify(value) }))).toEqual(wanted);
      }),
      { numRuns: 200 },
    );
  });
});
