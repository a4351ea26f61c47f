// What filters do: header modifiers, redirects, rewrites, CORS, and filters that nobody knows (Gateway API HTTPRouteFilter).
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestGateway } from '../../kit/gateway.ts';
import { type Answered, type Echo, ask, gateway, httpRoutes, ref, service, startApi, startEcho } from './kit.ts';

let echo: Echo;
let api: TestGateway;

const rule = (path: string, filters: readonly object[], backends: readonly object[] = [ref('web')]) => ({
  matches: [{ path: { type: 'PathPrefix', value: path } }],
  filters,
  ...(backends.length > 0 && { backendRefs: backends }),
});
const request = (requestHeaderModifier: object) => ({ type: 'RequestHeaderModifier', requestHeaderModifier });
const response = (responseHeaderModifier: object) => ({ type: 'ResponseHeaderModifier', responseHeaderModifier });
const redirect = (path: string, requestRedirect: object) =>
  rule(path, [{ type: 'RequestRedirect', requestRedirect }], []);
const rewrite = (urlRewrite: object) => ({ type: 'URLRewrite', urlRewrite });
const replaced = (replacePrefixMatch: string) => ({ path: { type: 'ReplacePrefixMatch', replacePrefixMatch } });
const full = (replaceFullPath: string) => ({ path: { type: 'ReplaceFullPath', replaceFullPath } });
const field = (name: string, value: string) => ({ name, value });

beforeAll(async () => {
  echo = await startEcho('web', {
    headers: { 'x-remove': '1', 'x-set': 'old', 'access-control-allow-origin': 'backend' },
  });
  api = await startApi(
    gateway(),
    service('web', echo.port),
    httpRoutes('r', [
      rule('/set', [request({ set: [field('X-Header-Set', 'set-overwrites-values')] })]),
      rule('/add', [request({ add: [field('X-Header-Add', 'add-appends-values')] })]),
      rule('/remove', [request({ remove: ['X-Header-Remove'] })]),
      rule('/several', [
        request({ set: [field('x-set', 'new')], add: [field('x-add', 'more')], remove: ['x-remove'] }),
        rewrite({ hostname: 'inner.example', ...replaced('/inside') }),
        response({ set: [field('X-Set', 'new')], add: [field('x-add', 'more')], remove: ['X-Remove'] }),
      ]),
      redirect('/host-and-status', { hostname: 'example.org', statusCode: 301 }),
      ...[301, 302, 303, 307, 308].map((statusCode) => redirect(`/status-${statusCode}`, { statusCode })),
      redirect('/scheme', { scheme: 'https' }),
      redirect('/port', { port: 8083 }),
      redirect('/scheme-and-port', { scheme: 'https', port: 8443 }),
      redirect('/well-known', { port: 80 }),
      redirect('/original-prefix', replaced('/replacement-prefix')),
      redirect('/path-and-host', { hostname: 'example.org', ...replaced('/replacement-prefix') }),
      redirect('/full', full('/full-path-replacement')),
      rule('/prefix/one', [rewrite(replaced('/one'))]),
      rule('/strip-prefix', [rewrite(replaced('/'))]),
      rule('/full-rewrite', [rewrite(full('/one'))]),
      rule('/rewrite-host', [rewrite({ hostname: 'one.example.org' })]),
      rule('/extension', [{ type: 'ExtensionRef', extensionRef: { group: 'example.com', kind: 'Thing', name: 'x' } }]),
      rule('/unknown', [{ type: 'Sparkle' }]),
      rule('/cors', [
        {
          type: 'CORS',
          cors: {
            allowOrigins: ['https://www.foo.com', 'https://*.bar.com'],
            allowMethods: ['GET', 'OPTIONS'],
            allowHeaders: ['x-one', 'x-two'],
            exposeHeaders: ['x-three'],
            allowCredentials: true,
            maxAge: 3600,
          },
        },
      ]),
      rule('/any-origin', [{ type: 'CORS', cors: { allowOrigins: ['*'], allowMethods: ['*'], allowHeaders: ['*'] } }]),
      rule('/any-method', [
        {
          type: 'CORS',
          cors: { allowOrigins: ['*'], allowMethods: ['*'], allowHeaders: ['*'], allowCredentials: true },
        },
      ]),
    ]),
  );
});

afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await echo[Symbol.asyncDispose]();
});

describe('RequestHeaderModifier (HTTPRouteRequestHeaderModifier)', () => {
  test.each([
    ['/set', [], 'x-header-set', 'set-overwrites-values'],
    [
      '/set',
      [
        ['Some-Other', 'x'],
        ['x-header-set', 'some-other-value'],
      ],
      'x-header-set',
      'set-overwrites-values',
    ],
    ['/add', [], 'x-header-add', 'add-appends-values'],
    ['/add', [['X-header-add', 'some-other-value']], 'x-header-add', 'some-other-value, add-appends-values'],
    ['/remove', [['x-header-remove', 'val']], 'x-header-remove', undefined],
  ] as const)('%s of %j leaves %s: %s', async (path, headers, name, value) => {
    const { got } = await ask(api, path, { headers });
    expect(got?.headers[name]).toBe(value);
  });
});

test('modifiers of both ways go together with a rewrite (HTTPRouteResponseHeaderModifier)', async () => {
  const { got, header } = await ask(api, '/several/x?q=1', {
    headers: [
      ['X-Remove', 'a'],
      ['x-set', 'a'],
      ['x-add', 'a'],
    ],
  });
  expect(got).toMatchObject({ host: 'inner.example', path: '/inside/x?q=1' });
  expect(got?.headers).toMatchObject({ 'x-set': 'new', 'x-add': 'a, more' });
  expect(got?.headers['x-remove']).toBeUndefined();
  expect([header('x-set'), header('x-add'), header('x-remove')]).toEqual(['new', 'more', undefined]);
});

describe('RequestRedirect (HTTPRouteRedirectHostAndStatus, HTTPRouteRedirectScheme, HTTPRouteRedirectPort, HTTPRouteRedirectPath, HTTPRoute303Redirect, HTTPRoute307Redirect, HTTPRoute308Redirect)', () => {
  test.each([
    ['/host-and-status', 301, 'http://example.org:PORT/host-and-status'],
    ['/status-301', 301, 'http://example.com:PORT/status-301'],
    ['/status-302', 302, 'http://example.com:PORT/status-302'],
    ['/status-303', 303, 'http://example.com:PORT/status-303'],
    ['/status-307', 307, 'http://example.com:PORT/status-307'],
    ['/status-308', 308, 'http://example.com:PORT/status-308'],
    ['/scheme', 302, 'https://example.com/scheme'],
    ['/port?a=b', 302, 'http://example.com:8083/port?a=b'],
    ['/scheme-and-port', 302, 'https://example.com:8443/scheme-and-port'],
    ['/well-known', 302, 'http://example.com/well-known'],
    ['/original-prefix/lemon', 302, 'http://example.com:PORT/replacement-prefix/lemon'],
    ['/path-and-host', 302, 'http://example.org:PORT/replacement-prefix'],
    ['/full/path?x', 302, 'http://example.com:PORT/full-path-replacement?x'],
  ] as const)('%s is answered %i', async (path, status, location) => {
    const before = echo.received.length;
    const answer = await ask(api, path);
    const expected = location.replace('PORT', new URL(api.url).port);
    expect([answer.status, answer.header('location')]).toEqual([status, expected]);
    expect(echo.received.length).toBe(before);
  });
});

describe('URLRewrite (HTTPRouteRewritePath, HTTPRouteRewriteHost)', () => {
  test.each([
    ['/prefix/one/two', 'example.com', '/one/two'],
    ['/strip-prefix/three', 'example.com', '/three'],
    ['/strip-prefix', 'example.com', '/'],
    ['/full-rewrite/two?x=y', 'example.com', '/one?x=y'],
    ['/rewrite-host', 'one.example.org', '/rewrite-host'],
  ])('%s → %s%s', async (path, host, seen) => {
    expect((await ask(api, path)).got).toMatchObject({ host, path: seen });
  });
});

test.each(['/extension', '/unknown'])(
  '%s: a filter that nobody knows answers 500, and is never skipped',
  async (path) => {
    const before = echo.received.length;
    expect((await ask(api, path)).status).toBe(500);
    expect(echo.received.length).toBe(before);
  },
);

const preflight = (
  path: string,
  origin: string,
  more: readonly (readonly [string, string])[] = [],
): Promise<Answered> =>
  ask(api, path, {
    method: 'OPTIONS',
    headers: [['origin', origin], ['access-control-request-method', 'GET'], ...more],
  });

describe('CORS (HTTPRouteCORS)', () => {
  test.each(['https://www.foo.com', 'https://xpto.www.bar.com'])(
    'a preflight of %s is answered here',
    async (origin) => {
      const before = echo.received.length;
      const { status, header } = await preflight('/cors', origin, [['access-control-request-headers', 'x-one']]);
      expect(status).toBe(204);
      expect(header('access-control-allow-origin')).toBe(origin);
      expect(header('access-control-allow-methods')).toBe('GET, OPTIONS');
      expect(header('access-control-allow-headers')).toBe('x-one, x-two');
      expect(header('access-control-expose-headers')).toBe('x-three');
      expect(header('access-control-max-age')).toBe('3600');
      expect(header('access-control-allow-credentials')).toBe('true');
      expect(echo.received.length).toBe(before);
    },
  );

  test.each(['https://foo.com', 'http://www.foo.com', 'https://bar.com', 'https://www.foo.com:8443'])(
    'a preflight of %s is answered here, and allows nothing',
    async (origin) => {
      const before = echo.received.length;
      const { status, header } = await preflight('/cors', origin);
      expect([200, 204, 403]).toContain(status);
      expect(header('access-control-allow-origin')).toBeUndefined();
      expect(echo.received.length).toBe(before);
    },
  );

  test('a request goes on whatever its origin; what the backend says of origins does not pass', async () => {
    const allowed = await ask(api, '/cors', { headers: [['origin', 'https://www.foo.com']] });
    expect(allowed.got).toBeDefined();
    expect(allowed.header('access-control-allow-origin')).toBe('https://www.foo.com');
    expect(allowed.header('access-control-expose-headers')).toBe('x-three');
    const refused = await ask(api, '/cors', { headers: [['origin', 'https://evil.example']] });
    expect(refused.got).toBeDefined();
    expect(refused.header('access-control-allow-origin')).toBeUndefined();
  });

  test('* is said where no credentials are allowed; else what was asked for is echoed', async () => {
    const any = await preflight('/any-origin', 'https://a.example');
    expect([any.header('access-control-allow-origin'), any.header('access-control-allow-methods')]).toEqual(['*', '*']);
    expect(any.header('access-control-max-age')).toBe('5');
    expect(any.header('access-control-allow-credentials')).toBeUndefined();
    const echoed = await preflight('/any-method', 'https://a.example', [['access-control-request-headers', 'x-a']]);
    expect(echoed.header('access-control-allow-origin')).toBe('https://a.example');
    expect(echoed.header('access-control-allow-methods')).toBe('GET');
    expect(echoed.header('access-control-allow-headers')).toBe('x-a');
  });

  test('OPTIONS that is no preflight goes on', async () => {
    expect((await ask(api, '/cors', { method: 'OPTIONS' })).got?.method).toBe('OPTIONS');
  });
});
