// Copies of requests: to one endpoint, as changed so far, by share, and never seen by the request itself (RequestMirror).
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestGateway } from '../../kit/gateway.ts';
import { RawClient, type Upstream, startRawUpstream, startUpstream } from '../../kit/http.ts';
import { type Echo, ask, gateway, httpRoutes, ref, service, startApi, startEcho } from './kit.ts';

let echoes: Record<string, Echo>;
let mute: Upstream;
let resetting: Upstream;
let api: TestGateway;

const mirror = (name: string, more: object = {}) => ({
  type: 'RequestMirror',
  requestMirror: { backendRef: ref(name), ...more },
});
const rule = (path: string, ...filters: object[]) => ({
  matches: [{ path: { type: 'PathPrefix', value: path } }],
  filters,
  backendRefs: [ref('main')],
});

beforeAll(async () => {
  const started = await Promise.all(['main', 'copy', 'other'].map((name) => startEcho(name)));
  echoes = Object.fromEntries(started.map((echo) => [echo.name, echo]));
  mute = await startRawUpstream(() => {});
  resetting = await startRawUpstream((socket) => socket.on('data', () => socket.resetAndDestroy()));
  api = await startApi(
    gateway(),
    ...started.map(({ name, port }) => service(name, port)),
    service('mute', mute.port),
    service('resetting', resetting.port),
    service('empty', 1, { ports: [] }),
    httpRoutes('r', [
      rule('/mirror', mirror('copy')),
      rule('/multi', mirror('copy'), mirror('other')),
      rule(
        '/changed',
        { type: 'URLRewrite', urlRewrite: { path: { type: 'ReplaceFullPath', replaceFullPath: '/rewritten' } } },
        mirror('copy'),
        {
          type: 'RequestHeaderModifier',
          requestHeaderModifier: { set: [{ name: 'x-set', value: '1' }], remove: ['x-gone'] },
        },
      ),
      rule(
        '/percent',
        mirror('copy', { percent: 20 }),
        mirror('other', { fraction: { numerator: 1, denominator: 3 } }),
      ),
      rule('/never', mirror('copy', { percent: 0 })),
      rule('/gone', mirror('gone')),
      rule('/mute', mirror('mute'), mirror('copy')),
      rule('/resetting', mirror('resetting'), mirror('empty')),
      {
        matches: [{ path: { value: '/redirect' } }],
        filters: [{ type: 'RequestRedirect', requestRedirect: { hostname: 'example.org' } }, mirror('copy')],
      },
      {
        matches: [{ path: { value: '/by-backend' } }],
        backendRefs: [ref('main', { filters: [mirror('copy')] }), ref('other')],
      },
    ]),
  );
});

afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await Promise.all([...Object.values(echoes), mute, resetting].map((one) => one[Symbol.asyncDispose]()));
});

/** What an echo got since, of one path. */
async function copies(name: string, path: string, count: number): Promise<Echo['received']> {
  const found = () => echoes[name]!.received.filter((one) => one.path.startsWith(path));
  await expect.poll(() => found().length, { timeout: 20_000 }).toBe(count);
  return found();
}

test('a copy has the method, path, query, headers, host and body (HTTPRouteRequestMirror)', async () => {
  const body = 'x'.repeat(100_000);
  const answer = await ask(api, '/mirror/a?b=c', { method: 'POST', body, headers: [['x-own', '1']] });
  expect(answer.backend).toBe('main');
  const [copy] = await copies('copy', '/mirror', 1);
  expect(copy).toMatchObject({ method: 'POST', path: '/mirror/a?b=c', host: 'example.com', body });
  expect(copy?.headers['x-own']).toBe('1');
  expect(copy?.headers['x-request-id']).toBe(answer.got?.headers['x-request-id']);
});

test('a body that comes in pieces is copied in pieces', async () => {
  using client = new RawClient(Number(new URL(api.url).port));
  client.send('POST /mirror/pieces HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n');
  await new Promise((resolve) => setTimeout(resolve, 20));
  client.send('3\r\ndef\r\n0\r\n\r\n');
  expect((await client.answer()).status).toBe(200);
  expect((await copies('copy', '/mirror/pieces', 1))[0]?.body).toBe('abcdef');
});

test('several mirrors each get one (HTTPRouteRequestMultipleMirrors)', async () => {
  expect((await ask(api, '/multi')).backend).toBe('main');
  await copies('copy', '/multi', 1);
  await copies('other', '/multi', 1);
});

test('copies are as the header modifiers leave them, and before a rewrite', async () => {
  const { got } = await ask(api, '/changed', { headers: [['x-gone', '1']] });
  expect(got?.path).toBe('/rewritten');
  const [copy] = await copies('copy', '/changed', 1);
  expect(copy?.headers).toMatchObject({ 'x-set': '1' });
  expect(copy?.headers['x-gone']).toBeUndefined();
});

test('a share of the requests is copied, exactly over time (HTTPRouteRequestPercentageMirror)', async () => {
  for (let i = 0; i < 30; i++) await ask(api, '/percent');
  await copies('copy', '/percent', 6);
  await copies('other', '/percent', 10);
  await ask(api, '/never');
  await ask(api, '/mirror/after');
  await copies('copy', '/mirror/after', 1);
  expect(echoes['copy']!.received.some(({ path }) => path === '/never')).toBe(false);
});

describe('the request itself goes on', () => {
  test.each([
    ['/gone', 'to a backend that does not exist'],
    ['/mute', 'to a backend that never answers'],
    ['/resetting', 'to a backend that breaks connections, and to one without endpoints'],
  ])('%s: mirrored %s', async (path) => {
    const body = 'y'.repeat(3_000_000);
    const answer = await ask(api, path, { method: 'POST', body });
    expect([answer.status, answer.got?.body.length]).toEqual([200, body.length]);
  });

  test('and a mirror that does not exist is a condition', async () => {
    const text = await (await fetch(`${api.adminUrl}/status`)).text();
    expect(text).toContain('requestMirror.backendRef: Service default/gone does not exist');
  });
});

test('a redirect is answered, and copied', async () => {
  expect((await ask(api, '/redirect')).status).toBe(302);
  await copies('copy', '/redirect', 1);
});

test('a mirror of a backendRef copies the share of that backend alone', async () => {
  const backends = [];
  for (let i = 0; i < 4; i++) backends.push((await ask(api, '/by-backend')).backend);
  expect(backends.filter((name) => name === 'main')).toHaveLength(2);
  await copies('copy', '/by-backend', 2);
});

test('what a mirror answers is dropped, however long', async () => {
  await using endless = await startUpstream((_request, response) => {
    response.writeHead(200);
    const write = (): void => {
      while (response.write('z'.repeat(65_536)));
      response.once('drain', write);
    };
    response.on('error', () => {});
    write();
  });
  await using own = await startApi(
    gateway(),
    service('main', echoes['main']!.port),
    service('endless', endless.port),
    httpRoutes('r', [rule('/', mirror('endless'))]),
  );
  expect((await ask(own, '/')).backend).toBe('main');
});
