// Where requests go: weights, references that do not resolve, kinds of Services, grants, protocols (Gateway API BackendRef).
import { readFileSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import type { TestGateway } from '../../kit/gateway.ts';
import { type Upstream, startHttp2Upstream } from '../../kit/http.ts';
import { type Echo, ask, gateway, httpRoutes, manifests, ref, service, startApi, startEcho } from './kit.ts';

let echoes: Record<string, Echo>;
let h2c: Upstream;
let api: TestGateway;

const at = (path: string) => [{ path: { type: 'PathPrefix', value: path } }];
const slice = (name: string, service: string, fields: object) => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': service } },
  addressType: 'IPv4',
  ...fields,
});
const headless = (name: string, spec: object) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { clusterIP: 'None', ...spec },
});
const grant = manifests({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'ReferenceGrant',
  metadata: { name: 'web', namespace: 'backends' },
  spec: {
    from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'default' }],
    to: [{ group: '', kind: 'Service', name: 'elsewhere' }],
  },
});

const rule = (path: string, backendRefs: readonly object[], more: object = {}) => ({
  matches: at(path),
  ...(backendRefs.length > 0 && { backendRefs }),
  ...more,
});
const modify = (type: string, field: string, value: object) => ({ type, [field]: value });

beforeAll(async () => {
  const started = await Promise.all(['a', 'b', 'c'].map((name) => startEcho(name)));
  echoes = Object.fromEntries(started.map((echo) => [echo.name, echo]));
  h2c = await startHttp2Upstream((stream, headers) => {
    stream.respond({ ':status': 200, 'content-type': 'application/json' });
    stream.end(JSON.stringify({ backend: 'h2c', path: headers[':path'] }));
  });
  const port = (name: string): number => echoes[name]!.port;
  api = await startApi(
    gateway(),
    ...['a', 'b', 'c'].map((name) => service(name, port(name))),
    service('empty', 1, { ports: [] }),
    service('h2c', h2c.port, { appProtocol: 'kubernetes.io/h2c' }),
    service('strange', port('a'), { appProtocol: 'acme.example.com/strange' }),
    service('elsewhere', port('c'), { namespace: 'backends' }),
    manifests(
      headless('headless', {
        ports: [
          { name: 'first', port: 80 },
          { name: 'second', port: 81 },
        ],
      }),
      slice('headless-1', 'headless', {
        ports: [
          { name: 'second', port: port('b') },
          { name: 'first', port: port('a') },
        ],
        endpoints: [{ addresses: ['127.0.0.1'] }],
      }),
      headless('manual', { ports: [{ port: 80 }] }),
      slice('manual-1', 'manual', {
        ports: [{ port: port('c') }],
        endpoints: [{ addresses: ['127.0.0.1'], conditions: {} }],
      }),
      slice('manual-2', 'manual', { addressType: 'IPv6', ports: [{ port: port('c') }], endpoints: [] }),
      headless('leaving', { ports: [{ port: 80 }] }),
      slice('leaving-1', 'leaving', {
        ports: [{ port: port('a') }],
        endpoints: [
          { addresses: ['127.0.0.1'], conditions: { ready: false } },
          { addresses: ['127.0.0.1'], conditions: { ready: true, terminating: true } },
        ],
      }),
    ),
    httpRoutes('r', [
      rule('/weights', [ref('a', { weight: 70 }), ref('b', { weight: 30 }), ref('c', { weight: 0 })]),
      rule('/many', [
        ref('a', { weight: 70 }),
        ref('b', { weight: 25 }),
        ref('gone', { weight: 5 }),
        ref('c', { weight: 0 }),
      ]),
      rule('/partly', [ref('a', { weight: 3 }), ref('gone', { weight: 1 })]),
      rule('/none', []),
      rule('/zero', [ref('a', { weight: 0 })]),
      rule('/gone', [ref('gone')]),
      rule('/port', [ref('a', { port: 81 })]),
      rule('/kind', [{ group: 'example.com', kind: 'Thing', name: 'a' }]),
      rule('/strange', [ref('strange')]),
      rule('/empty', [ref('empty')]),
      rule('/leaving', [ref('leaving')]),
      rule('/granted', [ref('elsewhere', { namespace: 'backends' })]),
      rule('/headless-1', [ref('headless')]),
      rule('/headless-2', [ref('headless', { port: 81 })]),
      rule('/manual', [ref('manual')]),
      rule('/h2c', [ref('h2c')]),
      rule('/named', [ref('b')], { name: 'named' }),
      rule('/filters', [
        ref('a', {
          filters: [
            modify('RequestHeaderModifier', 'requestHeaderModifier', {
              set: [{ name: 'X-Backend', value: 'a' }],
              remove: ['x-gone'],
            }),
            modify('ResponseHeaderModifier', 'responseHeaderModifier', { add: [{ name: 'x-from', value: 'a' }] }),
          ],
        }),
        ref('b', {
          filters: [
            modify('RequestHeaderModifier', 'requestHeaderModifier', { set: [{ name: 'X-Backend', value: 'b' }] }),
            modify('URLRewrite', 'urlRewrite', { path: { type: 'ReplaceFullPath', replaceFullPath: '/only-b' } }),
          ],
        }),
      ]),
    ]),
    grant,
  );
});

afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await h2c[Symbol.asyncDispose]();
  await Promise.all(Object.values(echoes).map((echo) => echo[Symbol.asyncDispose]()));
});

/** How often each backend answered, or each status was given, of so many requests. */
async function tally(path: string, count: number): Promise<Record<string, number>> {
  const told: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const { backend, status } = await ask(api, path);
    told[backend ?? status] = (told[backend ?? status] ?? 0) + 1;
  }
  return told;
}

describe('weights', () => {
  test('are exact over time, and 0 gets nothing (HTTPRouteWeight)', async () => {
    expect(await tally('/weights', 100)).toEqual({ a: 70, b: 30 });
  });

  test('are exact over 500 requests, ten at a time, with an invalid share and one of nothing', async () => {
    const told = await Promise.all(Array.from({ length: 10 }, () => tally('/many', 50)));
    const sum = (key: string): number => told.reduce((total, one) => total + (one[key] ?? 0), 0);
    expect(['a', 'b', 'c', '500'].map(sum)).toEqual([350, 125, 0, 25]);
  });

  test('hold for what cannot be served: its share is answered 500 (HTTPRoutePartiallyInvalidViaInvalidReferenceGrant)', async () => {
    expect(await tally('/partly', 20)).toEqual({ a: 15, 500: 5 });
  });
});

describe('what cannot be served', () => {
  test.each([
    ['without backendRefs and without a filter that answers', '/none', 500, 'HTTPRouteNoBackendRefs'],
    ['with nothing of any weight', '/zero', 500, ''],
    ['with a Service that does not exist', '/gone', 500, 'HTTPRouteInvalidNonExistentBackendRef'],
    ['with a port that the Service has not', '/port', 500, ''],
    ['with a kind that is not known', '/kind', 500, 'HTTPRouteInvalidBackendRefUnknownKind'],
    ['with a protocol that is not known', '/strange', 500, ''],
    ['with a Service without ready endpoints', '/empty', 503, ''],
    ['with a Service whose endpoints are leaving', '/leaving', 503, ''],
  ])('%s answers %s with %i (%s)', async (_title, path, status) => {
    expect((await ask(api, path)).status).toBe(status);
  });

  test('is told in the conditions, by the standard’s reasons', async () => {
    const statuses = (await (await fetch(`${api.adminUrl}/status`)).json()) as {
      issues: string[] | { reason: string }[];
    };
    const text = JSON.stringify(statuses);
    for (const reason of ['BackendNotFound', 'InvalidKind', 'UnsupportedProtocol']) expect(text).toContain(reason);
  });
});

test('a Service of another namespace needs a grant there; without it, 500 again (HTTPRouteReferenceGrant)', async () => {
  expect((await ask(api, '/granted')).backend).toBe('c');
  const text = readFileSync(api.file, 'utf8');
  writeFileSync(api.file, text.replace(grant, ''));
  await expect.poll(async () => (await ask(api, '/granted')).status, { timeout: 20_000 }).toBe(500);
  writeFileSync(api.file, text);
  await expect.poll(async () => (await ask(api, '/granted')).status, { timeout: 20_000 }).toBe(200);
});

describe('Services', () => {
  test.each([
    ['ports of endpoints are found by name', '/headless-1', 'a'],
    ['whatever their order', '/headless-2', 'b'],
    ['slices by hand, an empty one of IPv6 beside; ready left out is true', '/manual', 'c'],
  ])('headless and manual: %s (HTTPRouteServiceTypes)', async (_title, path, backend) => {
    expect((await ask(api, path)).backend).toBe(backend);
  });

  test('kubernetes.io/h2c speaks HTTP/2 by prior knowledge (HTTPRouteBackendProtocolH2C)', async () => {
    expect(JSON.parse((await ask(api, '/h2c')).body)).toEqual({ backend: 'h2c', path: '/h2c' });
  });
});

test('kubernetes.io/ws: text and bytes go both ways after the upgrade (HTTPRouteBackendProtocolWebSocket)', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  server.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  const { port } = server.address() as { port: number };
  await using own = await startApi(
    gateway(),
    service('sockets', port, { appProtocol: 'kubernetes.io/ws' }),
    httpRoutes('r', [rule('/', [ref('sockets')], { timeouts: { request: '50ms' } })]),
  );
  const client = new WebSocket(own.url.replace('http', 'ws'));
  await once(client, 'open');
  // A time-out of requests does not cut what has become a connection.
  await new Promise((resolve) => setTimeout(resolve, 150));
  for (const sent of ['text', Buffer.from([0, 1, 255])]) {
    const answer = once(client, 'message') as Promise<[Buffer, boolean]>;
    client.send(sent);
    const [data, isBinary] = await answer;
    expect([data.toString('hex'), isBinary]).toEqual([Buffer.from(sent).toString('hex'), typeof sent !== 'string']);
  }
  client.terminate();
  for (const socket of server.clients) socket.terminate();
  await new Promise((resolve) => server.close(resolve));
});

test('a named rule is served as any other (HTTPRouteNamedRule)', async () => {
  expect((await ask(api, '/named')).backend).toBe('b');
});

test('filters of a backendRef act for its share alone (HTTPRouteBackendRequestHeaderModifier, HTTPRouteRequestHeaderModifierBackendWeights)', async () => {
  const answers = await Promise.all(
    Array.from({ length: 4 }, () => ask(api, '/filters', { headers: [['x-gone', '1']] })),
  );
  for (const { backend, got, header } of answers) {
    expect(got?.headers['x-backend']).toBe(backend);
    expect(got?.headers['x-gone']).toBe(backend === 'a' ? undefined : '1');
    expect(header('x-from')).toBe(backend === 'a' ? 'a' : undefined);
    expect(got?.path).toBe(backend === 'a' ? '/filters' : '/only-b');
  }
  expect(new Set(answers.map(({ backend }) => backend))).toEqual(new Set(['a', 'b']));
});
