// A request target means one thing: whatever is accepted splits and joins back, and names one host.
import { expect, test } from 'vitest';
import * as fc from 'fast-check';
import { splitTarget } from './framing.ts';

test.each([
  ['/a?b', 'Host:80', { authority: 'host:80', path: '/a', query: 'b' }],
  ['/?', 'a', { authority: 'a', path: '/', query: '' }],
  ['http://A/x', 'a', { authority: 'a', path: '/x', query: undefined }],
  ['HTTPS://a?x', 'a', { authority: 'a', path: '/', query: 'x' }],
  ['*', 'a', { authority: 'a', path: '*', query: undefined }],
  ['/a', undefined, { authority: '', path: '/a', query: undefined }],
  ['/a', '[::1]:8080', { authority: '[::1]:8080', path: '/a', query: undefined }],
  ['/a/.b/..c/d../.../%2e%2ee?/../', 'a', { authority: 'a', path: '/a/.b/..c/d../.../%2e%2ee', query: '/../' }],
  ['/a%2fb', 'a', { authority: 'a', path: '/a%2fb', query: undefined }],
  ['//evil/x', 'a', { authority: 'a', path: '//evil/x', query: undefined }],
])('%s on %s', (url, host, expected) => {
  expect(splitTarget(url, host)).toMatchObject(expected);
  expect(splitTarget(url, host).host.toLowerCase()).toBe(expected.authority);
});

test.each([
  ['http://b/', 'a'],
  ['http://user@a/', 'user@a'],
  ['ftp://a/', 'a'],
  ['a/b', 'a'],
  ['/#x', 'a'],
  ['/', 'a b'],
  ['/', 'a:port'],
  ['/', 'a:123456'],
  ['/', '[::1'],
  ['/', 'a/b'],
  ['/public/../admin', 'a'],
  ['/public/%2e%2E/admin', 'a'],
  ['/public/.%2e', 'a'],
  ['/a/./b', 'a'],
  ['/.', 'a'],
  ['/a/..?q', 'a'],
  ['/a/..%2fb', 'a'],
  ['/a%2f..%2Fb', 'a'],
  ['/a%5c..%5Cb', 'a'],
  ['/a\\..\\b', 'a'],
  ['/a/..;x=y/b', 'a'],
  ['http://a/..', 'a'],
])('%s on %s is refused', (url, host) => {
  expect(() => splitTarget(url, host)).toThrow();
});

test('path and query join back to what was sent', () => {
  const text = fc.stringMatching(/^[A-Za-z0-9/?%._~-]*$/);
  fc.assert(
    fc.property(text, (rest) => {
      fc.pre(!hasDotSegment(rest));
      const { path, query } = splitTarget(`/${rest}`, 'a');
      expect(query === undefined ? path : `${path}?${query}`).toBe(`/${rest}`);
      expect(path).not.toContain('?');
    }),
  );
});

/** As RFC 3986 reads a path: split at `/`, percent-encoded dots and slashes mean what they stand for. */
function hasDotSegment(rest: string): boolean {
  const path = rest
    .split('?', 1)[0]!
    .replace(/%2e/gi, '.')
    .replace(/%2f|%5c/gi, '/');
  return path.split('/').some((segment) => segment === '.' || segment === '..');
}

test('no path with a dot segment is accepted', () => {
  const part = fc.constantFrom('.', '%2e', '%2E', '/', '%2f', '%5c', 'a', '%', '2', '?');
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      const rest = parts.join('');
      if (hasDotSegment(rest)) expect(() => splitTarget(`/${rest}`, 'a')).toThrow('segment');
      else expect(splitTarget(`/${rest}`, 'a').path).toBe(`/${rest.split('?', 1)[0]}`);
    }),
  );
});
