// TCP and UDP through a whole gateway: routes, edits under load, listeners that come and go, what is told of it.
import { renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type TestGateway, freePort, startTestGateway } from '../../kit/gateway.ts';
import { askUdp, dial, nextOf, openUdp, readAll, serveEcho, serveTcp, serveUdp } from './peers.ts';

interface Route {
  readonly name: string;
  readonly backends: readonly (readonly [name: string, weight: number])[];
}

interface Shape {
  readonly kind?: 'tcp' | 'udp';
  readonly port: number;
  readonly services: Readonly<Record<string, readonly number[]>>;
  readonly routes: readonly Route[];
  readonly extra?: string;
  readonly hasListener?: boolean;
}

/** A configuration with one listener of TCP or UDP beside one of HTTP. */
function configOf({ kind = 'tcp', port, services, routes, extra = '', hasListener = true }: Shape): string {
  const protocol = kind.toUpperCase();
  const lines = [
    'gateways:',
    '- name: edge',
    '  listeners:',
    '  - { name: http, port: HTTP }',
    ...(hasListener ? [`  - { name: l4, port: ${port}, protocol: ${protocol} }`] : []),
    `${kind}Routes:`,
    ...routes.map(({ name, backends }) => {
      const refs = backends.map(([service, weight]) => `{ name: ${service}, port: 9, weight: ${weight} }`).join(', ');
      return `- { name: ${name}, parentRefs: [{ name: edge, sectionName: l4 }], rules: [{ backendRefs: [${refs}] }] }`;
    }),
    ...(Object.keys(services).length > 0 ? ['services:'] : []),
    ...Object.entries(services).map(
      ([name, ports]) =>
        `- { name: ${name}, ports: [{ port: 9, protocol: ${protocol} }], endpoints: [${ports.map((one) => `{ address: 127.0.0.1, port: ${one} }`).join(', ')}] }`,
    ),
    extra,
  ];
  return lines.join('\n');
}

async function start(
  shape: Omit<Shape, 'port'>,
): Promise<{ gateway: TestGateway; port: number; edit(to: Partial<Shape>): Promise<void> }> {
  const [port, http] = [await freePort(), await freePort()];
  const textOf = (more: Partial<Shape> = {}): string =>
    configOf({ ...shape, port, ...more }).replace('HTTP', String(http));
  const gateway = await startTestGateway(textOf());
  onTestFinished(() => gateway[Symbol.asyncDispose]());
  return {
    gateway,
    port,
    async edit(more) {
      const before = gateway.gateway.store.current.generation;
      writeFileSync(`${gateway.file}.new`, textOf(more));
      renameSync(`${gateway.file}.new`, gateway.file);
      await expect.poll(() => gateway.gateway.store.current.generation, { timeout: 10_000 }).toBeGreaterThan(before);
    },
  };
}

const toA: Route = { name: 'a', backends: [['a', 1]] };
const toB: Route = { name: 'a', backends: [['b', 1]] };

describe('TCP', () => {
  test('a connection reaches its backend and is told of', async () => {
    const a = await serveEcho('a');
    const { gateway, port } = await start({ services: { a: [a] }, routes: [toA] });
    const client = dial(port);
    expect(await nextOf(client)).toBe('a ');
    client.end('hello');
    expect(await readAll(client)).toBe('hello');
    await expect.poll(() => gateway.lines).toHaveLength(1);
    expect(gateway.lines[0]).toMatchObject({
      gateway: 'gateway/default/edge',
      route: 'tcproute/default/a',
      backend: 'service/default/a',
      endpoint: `127.0.0.1:${a}`,
      protocol: 'tcp',
      'bytes.received': 5,
      'bytes.sent': 7,
    });
    const metrics = await fetch(`http://127.0.0.1:${gateway.gateway.ports.get('metrics')!.port}/metrics`);
    expect(await metrics.text()).toMatch(/agentgateway_downstream_sent_bytes_total\{[^}]*protocol="tcp"\} 7\n/);
    expect(gateway.gateway.addresses()).toContain(`127.0.0.1:${port}`);
    const explained = await fetch(`${gateway.adminUrl}/explain?url=tcp://:${port}`);
    expect(await explained.json()).toMatchObject({
      route: 'tcproute/default/a',
      backends: [{ key: 'service/default/a' }],
    });
  });

  test('TCPRouteInvalidBackendRefNonexistent: connections are reset', async () => {
    const { gateway, port } = await start({ services: {}, routes: [toA] });
    expect(await readAll(dial(port))).toBe('error ECONNRESET');
    expect(gateway.lines).toMatchObject([{ reason: 'backend-invalid' }]);
  });

  test('an edit of a route is for new connections; old ones go on', async () => {
    const services = { a: [await serveEcho('a')], b: [await serveEcho('b')] };
    const { port, edit } = await start({ services, routes: [toA] });
    const old = dial(port);
    expect(await nextOf(old)).toBe('a ');
    await edit({ routes: [toB] });
    expect(await nextOf(dial(port))).toBe('b ');
    old.write('still here');
    expect(await nextOf(old)).toBe('still here');
  });

  test('a listener that is removed accepts nobody, and lets its connections go on', async () => {
    const services = { a: [await serveEcho('a')] };
    const { port, edit } = await start({ services, routes: [toA] });
    const old = dial(port);
    await nextOf(old);
    await edit({ hasListener: false });
    await expect.poll(() => readAll(dial(port)), { timeout: 5000 }).toBe('error ECONNREFUSED');
    old.write('still here');
    expect(await nextOf(old)).toBe('still here');
    await edit({});
    await expect.poll(() => nextOf(dial(port)).catch(() => ''), { timeout: 5000 }).toBe('a ');
  });

  test('swaps at full load lose no connection and no byte', async () => {
    const services = { a: [await serveEcho('a')], b: [await serveEcho('b')] };
    const { port, edit } = await start({ services, routes: [toA] });
    const state = { isOver: false };
    const served = { a: 0, b: 0, lost: 0 };
    const payload = 'x'.repeat(20_000);
    const clients = Array.from({ length: 8 }, async () => {
      while (!state.isOver) {
        const client = dial(port);
        client.end(payload);
        const text = await readAll(client);
        if (text === `a ${payload}`) served.a++;
        else if (text === `b ${payload}`) served.b++;
        else served.lost++;
      }
    });
    for (let i = 0; i < 4; i++) {
      await edit({ routes: [i % 2 === 0 ? toB : toA] });
      await sleep(50);
    }
    state.isOver = true;
    await Promise.all(clients);
    expect(served.lost).toBe(0);
    expect(served.a).toBeGreaterThan(0);
    expect(served.b).toBeGreaterThan(0);
  });

  test('a listener’s policy by address refuses connections', async () => {
    const services = { a: [await serveEcho('a')] };
    const extra =
      'policies:\n- { name: nobody, targetRefs: [{ kind: Gateway, name: edge, sectionName: l4 }], ipAccess: { deny: [127.0.0.0/8] } }';
    const { gateway, port } = await start({ services, routes: [toA], extra });
    expect(await readAll(dial(port))).toBe('error ECONNRESET');
    expect(gateway.lines).toMatchObject([{ reason: 'forbidden' }]);
    expect(gateway.lines[0]!['error']).toContain('nobody');
  });

  test('a port that is taken fails its listener alone, and is said', async () => {
    const taken = await serveTcp(() => {});
    const [http, a] = [await freePort(), await serveEcho('a')];
    const shape: Shape = { port: taken, services: { a: [a] }, routes: [toA] };
    const gateway = await startTestGateway(configOf(shape).replace('HTTP', String(http)));
    onTestFinished(() => gateway[Symbol.asyncDispose]());
    expect([...gateway.gateway.bindErrors()]).toMatchObject([
      ['listener/default/edge/l4', expect.stringContaining('EADDRINUSE')],
    ]);
    expect((await fetch(`http://127.0.0.1:${http}/`)).status).toBe(404);
  });
});

describe('UDP', () => {
  test('datagrams reach their backend by flow, on the port of TCP too', async () => {
    const a = await serveUdp('a');
    const { gateway, port, edit } = await start({ kind: 'udp', services: { a: [a] }, routes: [toA] });
    const client = await openUdp();
    expect(await askUdp(client, port, 'one')).toBe('a one');
    expect(gateway.gateway.addresses()).toContain(`udp 127.0.0.1:${port}`);
    const b = await serveUdp('b');
    // The endpoint goes: the flow goes on with the one that took its place.
    await edit({ services: { a: [b] } });
    expect(await askUdp(client, port, 'two')).toBe('b two');
    expect(gateway.lines).toMatchObject([
      { protocol: 'udp', 'bytes.received': 3, 'bytes.sent': 5, reason: 'no-healthy-endpoint' },
    ]);
  });

  test('UDPRouteInvalidBackendRef: datagrams are dropped and counted', async () => {
    const { gateway, port } = await start({ kind: 'udp', services: {}, routes: [toA] });
    const client = await openUdp();
    client.send('x', port, '127.0.0.1');
    const url = `http://127.0.0.1:${gateway.gateway.ports.get('metrics')!.port}/metrics`;
    await expect
      .poll(async () => (await fetch(url)).text())
      .toMatch(/agentgateway_downstream_failures_total\{[^}]*protocol="udp",reason="backend-invalid"\} 1\n/);
  });
});
