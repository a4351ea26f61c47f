// Rewrites: the table of the Gateway API, and that what is sent is always a path.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isAccepted, makeExchange, write, writeStep } from './fixture.ts';

function rewritten(path: string, matchedPrefix: string | undefined, modifier: object): string {
  const exchange = makeExchange({ path, query: 'q=1', placement: { matchedPrefix } });
  expect(writeStep('urlRewrite', { path: modifier }).request?.(exchange)).toBeUndefined();
  expect(exchange.query).toBe('q=1');
  return exchange.path;
}

const prefix = (replacePrefixMatch: string) => ({ type: 'ReplacePrefixMatch', replacePrefixMatch });

describe('prefix', () => {
  test.each([
    ['/foo/bar', '/foo', '/xyz', '/xyz/bar'],
    ['/foo/bar', '/foo', '/xyz/', '/xyz/bar'],
    ['/foo/bar', '/foo/', '/xyz', '/xyz/bar'],
    ['/foo/bar', '/foo/', '/xyz/', '/xyz/bar'],
    ['/foo', '/foo', '/xyz', '/xyz'],
    ['/foo/', '/foo', '/xyz', '/xyz/'],
    ['/foo/bar', '/foo', '', '/bar'],
    ['/foo/', '/foo', '', '/'],
    ['/foo', '/foo', '', '/'],
    ['/foo/', '/foo', '/', '/'],
    ['/foo', '/foo', '/', '/'],
    ['/foo/bar', '/foo', 'xyz', '/xyz/bar'],
    ['/foo', '/', '/xyz', '/xyz/foo'],
    ['/prefix/one/two', '/prefix', '/', '/one/two'],
    ['/strip-prefix/three', '/strip-prefix', '/', '/three'],
    ['/strip-prefix', '/strip-prefix', '/', '/'],
    ['/foo/a%2Fb//c', '/foo', '/x', '/x/a%2Fb//c'],
  ])('%s with %s → %j is %s', (path, matched, replacement, wanted) => {
    expect(rewritten(path, matched, prefix(replacement))).toBe(wanted);
  });

  test('without a matched prefix the path stays', () => {
    expect(rewritten('/foo/bar', undefined, prefix('/xyz'))).toBe('/foo/bar');
  });

  test('the result is a path, and ends as the rest did', () => {
    const segment = fc.stringMatching(/^[a-z]{0,3}$/);
    const path = fc.array(segment, { maxLength: 4 }).map((segments) => `/${segments.join('/')}`);
    fc.assert(
      fc.property(path, path, fc.oneof(path, fc.constant('')), (matched, rest, replacement) => {
        const before = (matched === '/' ? '' : matched) + rest;
        const after = rewritten(before, matched, prefix(replacement));
        expect(after.startsWith('/')).toBe(true);
        expect(after.endsWith(before.slice((matched.endsWith('/') ? matched.slice(0, -1) : matched).length))).toBe(
          true,
        );
      }),
    );
  });
});

test('a full path replaces all of it', () => {
  expect(rewritten('/full/one/two', '/full', { type: 'ReplaceFullPath', replaceFullPath: '/one' })).toBe('/one');
  expect(rewritten('/x', undefined, { type: 'ReplaceFullPath', replaceFullPath: 'one' })).toBe('/one');
  expect(rewritten('/x', undefined, { type: 'ReplaceFullPath', replaceFullPath: '' })).toBe('/');
});

test('a host name takes the place of host and port', () => {
  const exchange = makeExchange({ authority: 'example.com:8080', path: '/a' });
  void writeStep('urlRewrite', { hostname: 'backend.local' }).request?.(exchange);
  expect([exchange.authority, exchange.path]).toEqual(['backend.local', '/a']);
});

test.each([
  [{ hostname: 'a b' }, 'hostname'],
  [{ path: prefix('/a b') }, 'path'],
  [{ path: prefix('/a#b') }, 'path'],
  [{ path: { type: 'ReplacePrefixMatch' } }, 'path.replacePrefixMatch'],
])('%j is a problem at %s', (spec, path) => {
  expect(write('urlRewrite', spec).problems.map((problem) => problem.path)).toEqual([path]);
});

test('schema', () => {
  expect(isAccepted('urlRewrite', { path: { type: 'Replace', replaceFullPath: '/' } })).toBe(false);
  expect(isAccepted('urlRewrite', { host: 'x' })).toBe(false);
  expect(isAccepted('urlRewrite', {})).toBe(true);
});
