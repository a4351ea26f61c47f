// Redirects: scheme, host, port, path and status, row by row (Gateway API HTTPRequestRedirectFilter).
import { describe, expect, test } from 'vitest';
import { type HeadInput, isAccepted, makeExchange, write, writeStep } from './fixture.ts';

function location(spec: object, head: HeadInput = {}): string | undefined {
  const reply = writeStep('requestRedirect', spec).request?.(makeExchange(head));
  if (!reply || reply instanceof Promise) throw new Error('a redirect answers at once');
  expect(reply.body.kind).toBe('none');
  return reply.headers.get('location');
}

describe('port (HTTPRouteRedirectPort, HTTPRouteRedirectPortAndScheme)', () => {
  test.each<[number, string | undefined, number | undefined, string]>([
    [80, undefined, undefined, 'http://example.com/'],
    [80, undefined, 8080, 'http://example.com:8080/'],
    [80, 'https', undefined, 'https://example.com/'],
    [80, 'https', 8443, 'https://example.com:8443/'],
    [8080, undefined, undefined, 'http://example.com:8080/'],
    [8080, undefined, 80, 'http://example.com/'],
    [8080, 'https', undefined, 'https://example.com/'],
    [443, undefined, undefined, 'https://example.com/'],
    [443, undefined, 8443, 'https://example.com:8443/'],
    [443, 'http', undefined, 'http://example.com/'],
    [443, 'http', 8080, 'http://example.com:8080/'],
    [8443, 'https', 443, 'https://example.com/'],
  ])('listener %d, scheme %s, port %s → %s', (listener, scheme, port, wanted) => {
    const head: HeadInput = {
      scheme: listener === 443 ? 'https' : 'http',
      authority: 'example.com',
      placement: { bind: `0.0.0.0:${listener}` },
    };
    expect(location({ ...(scheme && { scheme }), ...(port && { port }) }, head)).toBe(wanted);
  });

  test('the port of the request does not count, the listener’s does', () => {
    expect(location({}, { authority: 'example.com:9999', placement: { bind: ':80' } })).toBe('http://example.com/');
    expect(location({}, { authority: '[::1]:9999', placement: { bind: '[::]:8080' } })).toBe('http://[::1]:8080/');
    expect(location({}, { scheme: 'https', authority: 'a.test', placement: { bind: ':8443/tls' } })).toBe(
      'https://a.test:8443/',
    );
    expect(location({}, { scheme: 'https', authority: 'a.test', placement: { bind: '::1:443/tls' } })).toBe(
      'https://a.test/',
    );
    expect(location({}, { authority: '[::1]', placement: { bind: ':80' } })).toBe('http://[::1]/');
  });
});

describe('host, path, query', () => {
  const head: HeadInput = {
    authority: 'example.com',
    path: '/original-prefix/lemon',
    query: 'a=1&b=%20',
    placement: { bind: ':80', matchedPrefix: '/original-prefix' },
  };
  test.each<[object, string]>([
    [{}, 'http://example.com/original-prefix/lemon?a=1&b=%20'],
    [{ hostname: 'example.org' }, 'http://example.org/original-prefix/lemon?a=1&b=%20'],
    [
      { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/replacement-prefix' } },
      'http://example.com/replacement-prefix/lemon?a=1&b=%20',
    ],
    [{ path: { type: 'ReplaceFullPath', replaceFullPath: '/full' } }, 'http://example.com/full?a=1&b=%20'],
    [
      { hostname: 'example.org', path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' } },
      'http://example.org/lemon?a=1&b=%20',
    ],
  ])('%j → %s', (spec, wanted) => expect(location(spec, head)).toBe(wanted));

  test('an empty query keeps its mark', () => {
    expect(location({}, { ...head, path: '/', query: '' })).toBe('http://example.com/?');
  });
});

describe('status', () => {
  test.each([301, 302, 303, 307, 308])('%d', (statusCode) => {
    expect(writeStep('requestRedirect', { statusCode }).request?.(makeExchange())).toMatchObject({
      status: statusCode,
      origin: 'policy',
    });
  });

  test('302 where nothing is said; others are refused', () => {
    expect(writeStep('requestRedirect', {}).request?.(makeExchange())).toMatchObject({ status: 302 });
    for (const statusCode of [304, 305, 306])
      expect(write('requestRedirect', { statusCode }).problems).toMatchObject([{ path: 'statusCode' }]);
    for (const statusCode of [200, 300, 309]) expect(isAccepted('requestRedirect', { statusCode })).toBe(false);
  });
});

test.each([
  [{ hostname: 'exa mple.com' }, 'hostname'],
  [{ hostname: 'example.com/path' }, 'hostname'],
  [{ path: { type: 'ReplaceFullPath', replaceFullPath: '/a?b=1' } }, 'path'],
  [{ path: { type: 'ReplaceFullPath', replaceFullPath: '/a\r\nx' } }, 'path'],
  [{ path: { type: 'ReplaceFullPath' } }, 'path.replaceFullPath'],
  [{ path: { type: 'ReplacePrefixMatch', replaceFullPath: '/a' } }, 'path.replaceFullPath'],
])('%j is a problem at %s', (spec, path) => {
  expect(write('requestRedirect', spec).problems.map((problem) => problem.path)).toEqual([path]);
});
