// Which listeners serve a route, shown by requests: host names, ports, several Gateways, edits of listeners, HTTP/2 by prior knowledge.
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestGateway, freePort } from '../../kit/gateway.ts';
import { Http2Client } from '../../kit/http.ts';
import { type Echo, ask, manifests, ref, service, startApi, startEcho } from './kit.ts';

let echoes: Record<string, Echo>;
let api: TestGateway;
let second: number;
let third: number;

const route = (name: string, parentRefs: readonly object[], spec: object = {}): string =>
  manifests({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name, namespace: 'default' },
    spec: { parentRefs, rules: [{ backendRefs: [ref(name)] }], ...spec },
  });
const names = ['v1', 'v2', 'v3', 'v4', 'both', 'ports', 'late'];

beforeAll(async () => {
  echoes = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await startEcho(name)] as const)));
  [second, third] = [await freePort(), await freePort()];
  const gateways = [
    {
      name: 'hosts',
      listeners: [
        { name: 'bar', port: 'PORT', hostname: 'bar.com' },
        { name: 'foo-bar', port: 'PORT', hostname: 'foo.bar.com' },
        { name: 'wild-bar', port: 'PORT', hostname: '*.bar.com' },
        { name: 'wild-foo', port: 'PORT', hostname: '*.foo.com' },
        { name: 'specific', port: 'PORT', hostname: 'very.specific.com' },
        { name: 'wild', port: 'PORT', hostname: '*.wildcard.io' },
      ],
    },
    { name: 'one', listeners: [{ name: 'http', port: second, hostname: 'one.test' }] },
    {
      name: 'two',
      listeners: [
        { name: 'a', port: second, hostname: 'two.test' },
        { name: 'b', port: third },
      ],
    },
  ];
  api = await startApi(
    `gateways: ${JSON.stringify(gateways).replaceAll('"PORT"', 'PORT')}\n`,
    ...names.map((name) => service(name, echoes[name]!.port)),
    route('v1', [{ name: 'hosts', sectionName: 'bar' }]),
    route('v2', [
      { name: 'hosts', sectionName: 'foo-bar' },
      { name: 'hosts', sectionName: 'wild-bar' },
    ]),
    route('v3', [{ name: 'hosts', sectionName: 'wild-foo' }]),
    // The intersection of both lists: an exact name in a wildcard, a wildcard around an exact name, and what fits nothing.
    route(
      'v4',
      [
        { name: 'hosts', sectionName: 'specific' },
        { name: 'hosts', sectionName: 'wild' },
      ],
      {
        hostnames: ['non.matching.com', '*.nonmatching.io', '*.specific.com', 'a.wildcard.io', '*.b.wildcard.io'],
      },
    ),
    route('both', [{ name: 'one' }, { name: 'two', sectionName: 'a' }]),
    route('ports', [{ name: 'two', port: third }]),
  );
});

afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await Promise.all(Object.values(echoes).map((echo) => echo[Symbol.asyncDispose]()));
});

describe('HTTPRouteListenerHostnameMatching, HTTPRouteHostnameIntersection', () => {
  test.each([
    ['bar.com', 'v1'],
    ['bar.com:1234', 'v1'],
    ['BAR.com', 'v1'],
    ['foo.bar.com', 'v2'],
    ['baz.bar.com', 'v2'],
    ['boo.bar.com', 'v2'],
    ['multiple.prefixes.bar.com', 'v2'],
    ['multiple.prefixes.foo.com', 'v3'],
    ['foo.com', undefined],
    ['no.matching.host', undefined],
    ['very.specific.com', 'v4'],
    ['very.specific.com:1234', 'v4'],
    ['other.specific.com', undefined],
    ['non.matching.com', undefined],
    ['foo.nonmatching.io', undefined],
    ['a.wildcard.io', 'v4'],
    ['x.b.wildcard.io', 'v4'],
    ['x.y.b.wildcard.io:1234', 'v4'],
    ['b.wildcard.io', undefined],
    ['c.wildcard.io', undefined],
  ])('%s → %s', async (host, backend) => {
    const answer = await ask(api, '/', { host });
    expect([answer.status, answer.backend]).toEqual([backend === undefined ? 404 : 200, backend]);
    // It is told as it was sent, with its port.
    if (backend !== undefined) expect(answer.got!.host).toBe(host);
  });

  test('over HTTP/2 by prior knowledge the same (H2C on the port of HTTP/1.1)', async () => {
    using client = new Http2Client(Number(new URL(api.url).port));
    for (const [host, backend] of [
      ['foo.bar.com:1234', 'v2'],
      ['very.specific.com', 'v4'],
      ['foo.com', undefined],
    ] as const) {
      const stream = client.session.request({ ':path': '/', ':authority': host });
      let body = '';
      stream.setEncoding('utf8').on('data', (text: string) => (body += text));
      await new Promise((resolve) => stream.on('close', resolve));
      expect((JSON.parse(body) as { backend?: string }).backend).toBe(backend);
    }
  });
});

test('HTTPRouteMultipleGateways: a route of two Gateways is served by both', async () => {
  for (const host of ['one.test', 'two.test']) expect((await ask(second, '/', { host })).backend).toBe('both');
});

test('HTTPRouteListenerPortMatching: a parentRef with a port is served on that port alone', async () => {
  expect((await ask(third, '/', { host: 'two.test' })).backend).toBe('ports');
  expect((await ask(second, '/', { host: 'two.test' })).backend).toBe('both');
});

test('GatewayModifyListeners: a listener that is added is served, one that is removed is not, the others go on', async () => {
  const text = readFileSync(api.file, 'utf8');
  const late = route('late', [{ name: 'hosts', sectionName: 'late' }]);
  const edited = text.replace(
    '{"name":"bar",',
    `{"name":"late","port":${new URL(api.url).port},"hostname":"late.test"},{"name":"bar",`,
  );
  writeFileSync(api.file, edited + late);
  await expect.poll(async () => (await ask(api, '/', { host: 'late.test' })).backend, { timeout: 20_000 }).toBe('late');
  expect((await ask(api, '/', { host: 'bar.com' })).backend).toBe('v1');
  writeFileSync(api.file, text);
  await expect.poll(async () => (await ask(api, '/', { host: 'late.test' })).status, { timeout: 20_000 }).toBe(404);
  expect((await ask(api, '/', { host: 'bar.com' })).backend).toBe('v1');
});
