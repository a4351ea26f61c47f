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
  ['//evil/x', 'a', { authority: 'a', path: '//evil/x', query: undefined }],
])('%s on %s', (url, host, expected) => {
  expect(splitTarget(url, host)).toEqual(expected);
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
])('%s on %s is refused', (url, host) => {
  expect(() => splitTarget(url, host)).toThrow();
});

test('path and query join back to what was sent', () => {
  const text = fc.stringMatching(/^[A-Za-z0-9/?%._~-]*$/);
  fc.assert(
    fc.property(text, (rest) => {
      const { path, query } = splitTarget(`/${rest}`, 'a');
      expect(query === undefined ? path : `${path}?${query}`).toBe(`/${rest}`);
      expect(path).not.toContain('?');
    }),
  );
});
