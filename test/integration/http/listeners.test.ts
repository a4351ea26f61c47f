// Which listener a request belongs to, by the rules of the Gateway API: isolation, addresses, ListenerSets, conflicts and grants.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type IncomingMessage, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test, vi } from 'vitest';
import type { ObjectStatus } from '@agentgateway/core/world.ts';
import { type TestGateway, startTestGateway } from '../../kit/gateway.ts';

/** A route that answers with a redirect to its own name, so that an answer says which route made it. */
function marker(name: string, parent: string, path = '/'): string {
  return `- { name: ${name}, parentRefs: [${parent}], rules: [{ matches: [{ path: { value: ${path} } }], filters: [{ type: RequestRedirect, requestRedirect: { hostname: ${name}.test } }] }] }\n`;
}

/** The name of the route that answers, or the status. */
async function answered(
  gateway: TestGateway,
  host: string,
  path = '/',
  address = '127.0.0.1',
): Promise<string | number> {
  const { port } = new URL(gateway.url);
  const sent = request({ host: address, port, path, headers: { host: `${host}:${port}` }, agent: false }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  const { location } = response.headers;
  return location === undefined ? response.statusCode! : new URL(location).hostname.replace('.test', '');
}

function statusOf(gateway: TestGateway, kind: string, name: string): ObjectStatus | undefined {
  return gateway.gateway.source.state.statuses.find((status) => status.kind === kind && status.name === name);
}

describe('GatewayHTTPListenerIsolation', () => {
  const hosts = { any: '', wide: '*.example.com', narrow: '*.foo.example.com', exact: 'abc.foo.example.com' };
  const listeners = Object.entries(hosts)
    .map(([name, host]) => `  - { name: ${name}, port: PORT${host === '' ? '' : `, hostname: "${host}"`} }\n`)
    .join('');
  const routes = Object.keys(hosts)
    .map((name) => marker(name, `{ name: edge, sectionName: ${name} }`, `/${name}`))
    .join('');
  const config = `gateways:\n- name: edge\n  listeners:\n${listeners}httpRoutes:\n${routes}`;

  test('a request belongs to the most specific listener, and to its routes alone', async () => {
    await using gateway = await startTestGateway(config);
    const owners = {
      'bar.com': 'any',
      'example.com': 'any',
      'bar.example.com': 'wide',
      'a.bar.example.com': 'wide',
      'bar.foo.example.com': 'narrow',
      'ABC.foo.example.com': 'exact',
    };
    for (const [host, owner] of Object.entries(owners))
      for (const name of Object.keys(hosts))
        expect([host, name, await answered(gateway, host, `/${name}`)]).toEqual([
          host,
          name,
          name === owner ? owner : 404,
        ]);
  });
});

const addresses = (...values: string[]) => ({ addresses: values.map((value) => ({ type: 'IPAddress', value })) });

test('Gateways with addresses of their own use the same port, and say where they are', async () => {
  await using gateway = await startTestGateway(
    `gateways:\n- { name: one, listeners: [{ name: http, port: PORT }] }\n- { name: two, addresses: [{ value: 127.0.0.2 }, { value: 127.0.0.3 }], listeners: [{ name: http, port: PORT }] }\nhttpRoutes:\n${marker('first', '{ name: one }')}${marker('second', '{ name: two }')}`,
  );
  expect(await answered(gateway, 'any.test')).toBe('first');
  expect(await answered(gateway, 'any.test', '/', '127.0.0.2')).toBe('second');
  expect(await answered(gateway, 'any.test', '/', '127.0.0.3')).toBe('second');
  await vi.waitFor(
    () => {
      expect(statusOf(gateway, 'Gateway', 'one')?.status).toMatchObject(addresses('127.0.0.1'));
      expect(statusOf(gateway, 'Gateway', 'two')?.status).toMatchObject(addresses('127.0.0.2', '127.0.0.3'));
    },
    { timeout: 10_000 },
  );
});

test('Gateways on one address share the port by host; where both have a host, the first serves it', async () => {
  await using gateway = await startTestGateway(
    `gateways:\n- { name: z, listeners: [{ name: a, port: PORT, hostname: a.test }] }\n- { name: y, listeners: [{ name: b, port: PORT, hostname: b.test }, { name: a, port: PORT, hostname: a.test }] }\nhttpRoutes:\n${marker('first', '{ name: z }')}${marker('second', '{ name: y }')}`,
  );
  expect(await answered(gateway, 'a.test')).toBe('first');
  expect(await answered(gateway, 'b.test')).toBe('second');
  expect(await answered(gateway, 'c.test')).toBe(404);
  expect(gateway.messages.join('\n')).toContain('a listener of Gateway default/z has the same port and host name');
});

test('ListenerSetHTTPRouting: a set’s listeners serve its routes, and the Gateway’s routes are not theirs', async () => {
  await using gateway = await startTestGateway(
    `gateways:\n- { name: edge, allowedListeners: { namespaces: { from: Same } }, listeners: [{ name: http, port: PORT, hostname: gateway.test }] }\nlistenerSets:\n- { name: extra, parentRef: { name: edge }, listeners: [{ name: http, port: PORT, hostname: set.test }, { name: taken, port: PORT, hostname: gateway.test }] }\nhttpRoutes:\n${marker('own', '{ name: edge }')}${marker('sets', '{ kind: ListenerSet, name: extra }')}${marker('strict', '{ kind: ListenerSet, name: extra, sectionName: http }', '/strict')}`,
  );
  expect(await answered(gateway, 'gateway.test')).toBe('own');
  expect(await answered(gateway, 'set.test')).toBe('sets');
  expect(await answered(gateway, 'set.test', '/strict')).toBe('strict');
  expect(await answered(gateway, 'gateway.test', '/strict')).toBe('own');
  await vi.waitFor(
    () =>
      expect(statusOf(gateway, 'ListenerSet', 'extra')?.status).toMatchObject({
        listeners: [{ name: 'http', attachedRoutes: 2 }, { name: 'taken' }],
      }),
    { timeout: 10_000 },
  );
});

const manifest = (apiVersion: string, kind: string, rest: string): string =>
  `---\napiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: { name: x, namespace: other${kind === 'EndpointSlice' ? ', labels: { kubernetes.io/service-name: x }' : ''} }\n${rest}\n`;

const head = (at: string): string =>
  `gateways:\n- { name: edge, listeners: [{ name: http, port: ${at} }] }\nhttpRoutes:\n- { name: r, rules: [{ backendRefs: [{ name: x, namespace: other, port: 80 }] }] }\n`;

test('HTTPRouteReferenceGrant: a grant lets a route through, and taking it away brings back 500', async () => {
  await using server = createServer((_request, response) => response.end('ok')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = (server.address() as AddressInfo).port;
  const objects =
    manifest('v1', 'Service', `spec: { ports: [{ port: 80, targetPort: ${port} }] }`) +
    manifest(
      'discovery.k8s.io/v1',
      'EndpointSlice',
      `ports: [{ port: ${port} }]\nendpoints: [{ addresses: [127.0.0.1] }]`,
    );
  const grant = manifest(
    'gateway.networking.k8s.io/v1',
    'ReferenceGrant',
    'spec: { from: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default }], to: [{ group: "", kind: Service }] }',
  );
  await using gateway = await startTestGateway(`${head('PORT')}${objects}${grant}`);
  expect(await answered(gateway, 'a.test')).toBe(200);
  const own = new URL(gateway.url).port;
  writeFileSync(gateway.file, `${head(own)}${objects}`);
  await vi.waitFor(async () => expect(await answered(gateway, 'a.test')).toBe(500), { timeout: 10_000 });
  writeFileSync(gateway.file, `${head(own)}${objects}${grant}`);
  await vi.waitFor(async () => expect(await answered(gateway, 'a.test')).toBe(200), { timeout: 10_000 });
});
