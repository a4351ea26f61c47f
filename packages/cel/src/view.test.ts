// How JavaScript values look to expressions: headers in any case, no prototypes, exact integers, getters only where read.
import { describe, expect, test } from 'vitest';
import { CelError, compile, headerMap, toJson } from './cel.ts';

function evaluate(source: string, context: object): unknown {
  return compile(source).evaluate(context);
}

const headers = headerMap(
  (name) => ({ 'x-team': 'red', cookie: 'a=1; b="two"' })[name],
  () => [
    ['X-Team', 'red'],
    ['Cookie', 'a=1; b="two"'],
    ['x-team', 'red'],
  ],
);
const request = { request: { headers } };

describe('headers', () => {
  test.each([
    ['request.headers["X-TEAM"]', 'red'],
    ['request.headers["x-team"]', 'red'],
    ['"X-Team" in request.headers', true],
    ['"x-missing" in request.headers', false],
    ['request.headers.exists(name, name == "cookie")', true],
    ['request.headers.size()', 2n],
    ['request.headers.cookie("b")', 'two'],
    ['default(request.headers.cookie("c"), "none")', 'none'],
    ['request.headers.all(name, value, name != "x-team" || value == "red")', true],
    ['default(request.headers["x-missing"], "none")', 'none'],
  ])('%s', (source, wanted) => expect(evaluate(source, request)).toBe(wanted));

  test('one that is not there is missing, not empty', () => {
    expect(() => evaluate('request.headers["x-missing"]', request)).toThrow(
      expect.objectContaining({ code: 'missing' }),
    );
  });
});

describe('prototypes', () => {
  const hostile: unknown = JSON.parse('{"own": 1, "__proto__": {"admin": true}, "constructor": "text"}');

  test.each(['constructor', '__proto__', 'hasOwnProperty', 'toString', 'length', 'get', 'size'])(
    '%s of an object of JSON is not there',
    (name) => {
      expect(evaluate(`has(jwt.inner.${name})`, { jwt: { inner: { own: 1 } } })).toBe(false);
      expect(evaluate(`"${name}" in jwt.inner`, { jwt: { inner: { own: 1 } } })).toBe(false);
      expect(evaluate(`default(jwt["${name}"], "absent")`, { jwt: { own: 1 } })).toBe('absent');
    },
  );

  test('names of prototypes that are members of the data are data', () => {
    expect(evaluate('jwt.constructor', { jwt: hostile })).toBe('text');
    expect(evaluate('jwt.__proto__.admin', { jwt: hostile })).toBe(true);
    expect(evaluate('has(jwt.admin)', { jwt: hostile })).toBe(false);
    expect(toJson(evaluate('jwt', { jwt: hostile }))).toEqual(hostile);
  });

  test('a literal cannot set a prototype', () => {
    expect(evaluate('{"__proto__": {"admin": true}}.size()', {})).toBe(1n);
    expect(evaluate('default({"__proto__": {"admin": true}}.admin, false)', {})).toBe(false);
  });

  test('members of a closed root are only those listed', () => {
    class Principal {
      subject = 'ada';
      secret = 'hidden';
    }
    expect(toJson(evaluate('principal', { principal: new Principal() }))).toEqual({ subject: 'ada' });
  });
});

describe('values', () => {
  test.each([
    ['jwt.exp + 1', { exp: 1_900_000_000 }, 1_900_000_001n],
    ['timestamp(jwt.exp).getFullYear()', { exp: 1_900_000_000 }, 2030n],
    ['jwt.share * 2', { share: 0.5 }, 1],
    ['jwt.share * 2', { share: 3 }, 6n],
    ['jwt.share / 2.0', { share: 3 }, 1.5],
    ['jwt.share == 1.0', { share: 1 }, true],
    ['jwt.big == 9007199254740993', { big: 9_007_199_254_740_993n }, true],
    ['jwt.huge > 1.0e300', { huge: 1e301 }, true],
    ['jwt.nothing == null', { nothing: null }, true],
    ['has(jwt.undefined)', { undefined }, false],
    ['jwt.list[1].name', { list: [1, { name: 'x' }] }, 'x'],
    ['jwt.set.exists(x, x == "b")', { set: new Set(['a', 'b']) }, true],
    ['jwt.map.a', { map: new Map([['a', 1]]) }, 1n],
  ])('%s of %o', (source, jwt, wanted) => expect(evaluate(source, { jwt })).toBe(wanted));

  test('an absent root is an empty map', () => {
    expect(evaluate('has(jwt.sub)', {})).toBe(false);
    expect(evaluate('jwt.size()', {})).toBe(0n);
    expect(() => evaluate('jwt.sub', {})).toThrow(CelError);
  });

  test('getters run only for what is read, and roots once', () => {
    const read: string[] = [];
    const context = {
      get request() {
        read.push('request');
        return {
          get path() {
            read.push('path');
            return '/x';
          },
          get body(): never {
            throw new Error('never read');
          },
        };
      },
      get principal(): never {
        throw new Error('never read');
      },
    };
    expect(evaluate('request.path == "/x" && request.path.size() == 2', context)).toBe(true);
    expect(read).toEqual(['request', 'path', 'path']);
  });

  test('what expressions cannot read is said without its value', () => {
    expect(() => evaluate('jwt.f', { jwt: { f: () => 'secret' } })).toThrow(/cannot read/);
  });
});
