// Datagrams: a flow for each client, answers from the listener's address, forgetting, bounds, and drops that are counted.
import { type Socket, createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { EndpointAddress } from '@agentgateway/core/exchange.ts';
import { afterEach, describe, expect, test } from 'vitest';
import { type TestTunnels, bindOf, openTunnels, routeTo, silent } from './fixture.ts';
import type { TunnelLimits } from './limits.ts';
import type { TunnelBindPlan, TunnelListener } from './plan.ts';
import { UdpBind } from './udp-bind.ts';

const cleanup: (() => void)[] = [];
afterEach(() => {
  for (const end of cleanup.splice(0).reverse()) end();
});

interface Running {
  readonly tunnels: TestTunnels;
  readonly bind: UdpBind;
}

async function start(
  listener: Partial<TunnelListener>,
  limits: Partial<TunnelLimits> = {},
  address = '127.0.0.1',
): Promise<Running> {
  const tunnels = openTunnels(limits);
  const plan: TunnelBindPlan = bindOf({ mode: 'udp', ...listener }, { transport: 'udp' });
  const bind = new UdpBind({ key: 'udp :1', address, port: 0, log: silent, parts: tunnels.parts, plan: () => plan });
  await bind.listen();
  cleanup.push(() => {
    void bind.drain(0);
    tunnels[Symbol.dispose]();
  });
  return { tunnels, bind };
}

async function open(address = '127.0.0.1'): Promise<Socket> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  cleanup.push(() => socket.close());
  return socket;
}

/** Answers each datagram with a name, the sender's port and what it said. */
async function echo(name: string, address = '127.0.0.1'): Promise<readonly EndpointAddress[]> {
  const socket = await open(address);
  socket.on('message', (message, from) =>
    socket.send(`${name} ${from.port} ${message.toString()}`, from.port, from.address),
  );
  return [{ address, port: socket.address().port }];
}

async function ask(socket: Socket, { bind }: Running, text: string): Promise<{ text: string; from: string }> {
  const answered = once(socket, 'message') as Promise<[Buffer, { address: string; port: number }]>;
  socket.send(text, bind.port, bind.address);
  const [message, from] = await answered;
  return { text: message.toString(), from: `${from.address} ${from.port}` };
}

describe('flows', () => {
  test('an answer comes from the address that was asked, and a flow keeps its endpoint', async () => {
    const route = routeTo(['a', 'b']);
    const running = await start({ route: () => route });
    running.tunnels.backends.set('a', await echo('a')).set('b', await echo('b'));
    const [first, second] = [await open(), await open()];
    const one = await ask(first, running, 'one');
    expect(one).toMatchObject({ from: `127.0.0.1 ${running.bind.port}` });
    expect((await ask(first, running, 'two')).text).toBe(one.text.replace('one', 'two'));
    const other = await ask(second, running, 'one');
    expect(new Set([one.text[0], other.text[0]])).toEqual(new Set(['a', 'b']));
    expect(running.bind.flows.size).toBe(2);
  });

  test('weights are those of flows', async () => {
    const route = routeTo([
      { key: 'a', weight: 3 },
      { key: 'b', weight: 1 },
    ]);
    const running = await start({ route: () => route });
    running.tunnels.backends.set('a', await echo('a')).set('b', await echo('b'));
    const served: string[] = [];
    for (let i = 0; i < 8; i++) served.push((await ask(await open(), running, 'x')).text[0]!);
    expect(served.sort().join('')).toBe('aaaaaabb');
  });

  test('over IPv6', async () => {
    const running = await start({ route: () => routeTo(['a']) }, {}, '::1');
    running.tunnels.backends.set('a', await echo('six', '::1'));
    expect(await ask(await open('::1'), running, 'x')).toMatchObject({
      text: expect.stringMatching(/^six \d+ x$/),
      from: `::1 ${running.bind.port}`,
    });
  });

  test('of a stranger nothing reaches the client', async () => {
    const running = await start({ route: () => routeTo(['a']) });
    running.tunnels.backends.set('a', await echo('a'));
    const client = await open();
    const upstreamPort = Number((await ask(client, running, 'x')).text.split(' ')[1]);
    const heard: string[] = [];
    client.on('message', (message) => heard.push(message.toString()));
    (await open()).send('forged', upstreamPort, '127.0.0.1');
    await ask(client, running, 'after');
    expect(heard).toEqual([`a ${upstreamPort} after`]);
  });
});

describe('forgetting', () => {
  test('a silent flow is told of with what went both ways', async () => {
    const running = await start({ route: () => routeTo(['a'], { idleMs: 60 }) });
    running.tunnels.backends.set('a', await echo('a'));
    const client = await open();
    const { text } = await ask(client, running, 'four');
    expect(await running.tunnels.record()).toMatchObject({
      protocol: 'udp',
      client: { address: '127.0.0.1', port: client.address().port },
      receivedBytes: 4,
      sentBytes: text.length,
      reason: undefined,
    });
    expect(running.bind.flows.size).toBe(0);
    expect(running.tunnels.parts.load.open(running.tunnels.backends.get('a')![0]!)).toBe(0);
  });

  test('the one that was idle longest makes room for a new one', async () => {
    const running = await start({ route: () => routeTo(['a']) }, { flowsMax: 2 });
    running.tunnels.backends.set('a', await echo('a'));
    const [first, second, third] = [await open(), await open(), await open()];
    await ask(first, running, '1');
    await ask(second, running, '2');
    await ask(first, running, '3');
    await ask(third, running, '4');
    expect(running.bind.flows.size).toBe(2);
    expect(await running.tunnels.record()).toMatchObject({
      reason: 'overloaded',
      client: { port: second.address().port },
    });
  });

  test('a flow whose endpoint is gone goes on with another', async () => {
    const running = await start({ route: () => routeTo(['a']) });
    running.tunnels.backends.set('a', await echo('old'));
    const client = await open();
    expect((await ask(client, running, 'x')).text).toContain('old');
    running.tunnels.backends.set('a', await echo('new'));
    running.bind.closeLost();
    expect((await ask(client, running, 'x')).text).toContain('new');
    expect(await running.tunnels.record()).toMatchObject({ reason: 'no-healthy-endpoint' });
  });

  test('a drain serves known flows only, and forgets them at the deadline', async () => {
    const running = await start({ route: () => routeTo(['a']) });
    running.tunnels.backends.set('a', await echo('a'));
    const client = await open();
    await ask(client, running, 'x');
    const drained = running.bind.drain(150);
    expect((await ask(client, running, 'y')).text).toContain('y');
    (await open()).send('late', running.bind.port, '127.0.0.1');
    await ask(client, running, 'z');
    expect(running.bind.flows.size).toBe(1);
    await drained;
    expect(await running.tunnels.record()).toMatchObject({ reason: 'draining', receivedBytes: 3 });
  });
});

describe('what cannot be passed on', () => {
  test.each([
    ['no route', { route: () => undefined }, 'route-not-found'],
    ['an invalid backend', { route: () => routeTo([{ key: 'a', invalid: 'BackendNotFound' }]) }, 'backend-invalid'],
    ['no endpoint', { route: () => routeTo(['none']) }, 'no-healthy-endpoint'],
    ['a policy', { refusal: () => 'no' }, 'forbidden'],
  ])('%s drops and counts', async (_, listener, reason) => {
    const running = await start(listener);
    const client = await open();
    client.send('x', running.bind.port, '127.0.0.1');
    await expect.poll(() => running.tunnels.dropped).toMatchObject([{ reason, protocol: 'udp' }]);
    expect(running.bind.flows.size).toBe(0);
    expect(running.tunnels.opened).toEqual([]);
  });

  test('an endpoint that nobody listens at harms nobody, and is tried again', async () => {
    const running = await start({ route: () => routeTo(['a']) });
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const { port } = socket.address();
    await new Promise<void>((resolve) => socket.close(resolve));
    running.tunnels.backends.set('a', [{ address: '127.0.0.1', port }]);
    const client = await open();
    // The second one meets what the kernel learned from the first.
    for (let i = 0; i < 3; i++) {
      client.send('x', running.bind.port, '127.0.0.1');
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    const late = createSocket('udp4');
    await new Promise<void>((resolve) => late.bind(port, '127.0.0.1', resolve));
    cleanup.push(() => late.close());
    late.on('message', (message, from) => late.send(`back ${message.toString()}`, from.port, from.address));
    expect((await ask(client, running, 'y')).text).toBe('back y');
  });
});
