// TCP is passed through whole: both directions, half-closes, a slow reader's pressure, failures; and every connection is told of.
import { once } from 'node:events';
import { type Server, type Socket, connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { type TestTunnels, backendAt, bindOf, openTunnels, routeTo, silent } from './fixture.ts';
import type { TunnelLimits } from './limits.ts';
import type { TunnelBindPlan, TunnelListener } from './plan.ts';
import { writeProxyProtocol } from './proxy-protocol.ts';
import { TcpBind } from './tcp-bind.ts';
import { Tunnel } from './tunnel.ts';

const cleanup: (() => void)[] = [];
afterEach(() => {
  for (const end of cleanup.splice(0).reverse()) end();
});

const ends = { source: { address: '192.0.2.7', port: 7 }, destination: { address: '198.51.100.1', port: 443 } };

interface Running {
  readonly tunnels: TestTunnels;
  readonly bind: TcpBind;
  plan: TunnelBindPlan | undefined;
}

async function start(listener: Partial<TunnelListener>, limits: Partial<TunnelLimits> = {}): Promise<Running> {
  const tunnels = openTunnels(limits);
  const running = {
    tunnels,
    plan: bindOf(listener) as TunnelBindPlan | undefined,
    bind: undefined as unknown as TcpBind,
  };
  running.bind = new TcpBind({
    key: ':1',
    address: '127.0.0.1',
    port: 0,
    log: silent,
    parts: tunnels.parts,
    plan: () => running.plan,
    handOver: ({ socket }) => socket.destroy(),
  });
  await running.bind.listen();
  cleanup.push(() => {
    void running.bind.drain(0);
    tunnels[Symbol.dispose]();
  });
  return running;
}

async function serve(onConnection: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanup.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as { port: number }).port;
}

function dial({ bind }: Running): Socket {
  const socket = connect({ port: bind.port, host: '127.0.0.1', allowHalfOpen: true });
  cleanup.push(() => socket.destroy());
  return socket;
}

/** All that the other side says; iterating would close the own half with it. */
function readAll(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject);
    socket.on('end', () => resolve(Buffer.concat(chunks).toString('latin1')));
  });
}

/** How a connection ended for its client: `end`, or an error's code. */
function endOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.on('end', () => resolve('end')).on('error', (error) => resolve((error as NodeJS.ErrnoException).code ?? ''));
    socket.resume();
  });
}

describe('copying', () => {
  test('a server that speaks first is heard before the client has said a word', async () => {
    const running = await start({ route: () => routeTo(['b']) });
    running.tunnels.backends.set('b', backendAt(await serve((socket) => socket.write('220 ready'))));
    const [greeting] = (await once(dial(running), 'data')) as [Buffer];
    expect(greeting.toString()).toBe('220 ready');
  });

  test('what a client says before its backend is reached is not lost', async () => {
    const heard = Promise.withResolvers<string>();
    const running = await start({ route: () => routeTo(['b']) });
    running.tunnels.backends.set('b', backendAt(await serve((socket) => void readAll(socket).then(heard.resolve))));
    dial(running).end('early and whole');
    expect(await heard.promise).toBe('early and whole');
  });

  test('half-closes pass in both directions', async () => {
    const running = await start({ route: () => routeTo(['b']) });
    const port = await serve((socket) => void readAll(socket).then((text) => socket.end(`you said ${text}`)));
    running.tunnels.backends.set('b', backendAt(port));
    const client = dial(running);
    client.end('question');
    expect(await readAll(client)).toBe('you said question');

    // The other way round: the server closes its half first, and still hears.
    const heard = Promise.withResolvers<string>();
    running.tunnels.backends.set(
      'b',
      backendAt(
        await serve((socket) => {
          socket.end('all I have');
          void readAll(socket).then(heard.resolve);
        }),
      ),
    );
    const second = dial(running);
    expect(await readAll(second)).toBe('all I have');
    second.end('late answer');
    expect(await heard.promise).toBe('late answer');
    await running.tunnels.record();
    expect(await running.tunnels.record()).toMatchObject({
      protocol: 'tcp',
      receivedBytes: 11,
      sentBytes: 10,
      reason: undefined,
      route: 'tcproute/default/test',
      backend: 'b',
    });
  });

  test('many bytes arrive as they were sent, through small and large read buffers, held by readers that wait', async () => {
    // More than the kernel keeps for both sides together.
    const bytes = Buffer.alloc(40_000_000);
    for (let i = 0; i < bytes.length; i += 4) bytes.writeUInt32LE(i, i);
    const running = await start({ route: () => routeTo(['b']) });
    const port = await serve((socket) => void socket.pipe(socket));
    running.tunnels.backends.set('b', backendAt(port));
    const client = dial(running).pause();
    client.end(bytes);
    const [tunnel] = await new Promise<readonly Tunnel[]>((resolve) => {
      const look = (): void => {
        const open = [...running.bind.tunnels];
        if (open.length > 0 && open[0]!.buffered > 0) resolve(open);
        else setTimeout(look, 5);
      };
      look();
    });
    expect(tunnel!.buffered).toBeLessThanOrEqual(2 * running.tunnels.parts.limits.bulkBufferBytes);
    const chunks: Buffer[] = [];
    for await (const chunk of client) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
    expect(await running.tunnels.record()).toMatchObject({ receivedBytes: bytes.length, sentBytes: bytes.length });
    expect(running.tunnels.parts.buffers.lent).toBe(0);
  });

  test('connections share the lent buffers without seeing each other’s bytes', async () => {
    const running = await start({ route: () => routeTo(['b']) }, { bulkBuffersMax: 2 });
    running.tunnels.backends.set(
      'b',
      backendAt(
        await serve((socket) => socket.once('data', (seed: Buffer) => socket.end(Buffer.alloc(2_000_000, seed)))),
      ),
    );
    const texts = await Promise.all(
      ['a', 'b', 'c', 'd', 'e', 'f'].map(async (seed) => {
        const client = dial(running);
        client.write(seed);
        const isWhole = (await readAll(client)) === seed.repeat(2_000_000);
        client.end();
        await running.tunnels.record();
        return isWhole;
      }),
    );
    expect(texts).toEqual(Array(6).fill(true));
    expect(running.tunnels.parts.buffers.lent).toBe(0);
  });
});

describe('a slow reader', () => {
  test('stops its backend: what waits is bounded', async () => {
    let written = 0;
    const running = await start({ route: () => routeTo(['b']) });
    running.tunnels.backends.set(
      'b',
      backendAt(
        await serve((socket) => {
          const flood = (): void => {
            let isTaken = true;
            while (isTaken && !socket.destroyed) {
              isTaken = socket.write(Buffer.alloc(65_536));
              written += 65_536;
            }
          };
          socket.on('drain', flood);
          flood();
        }),
      ),
    );
    const client = dial(running).pause();
    await once(client, 'connect');
    // Until nothing moves any more.
    for (let before = -1; before !== written; await sleep(100)) before = written;
    const [tunnel] = running.bind.tunnels;
    expect(tunnel!.buffered).toBeLessThanOrEqual(running.tunnels.parts.limits.bulkBufferBytes);
    const stuck = written;
    client.resume();
    await expect.poll(() => written).toBeGreaterThan(stuck + 1_000_000);
  });

  test('that is a backend stops its client', async () => {
    const stopped = Promise.withResolvers<Socket>();
    const running = await start({ route: () => routeTo(['b']) });
    running.tunnels.backends.set('b', backendAt(await serve((socket) => stopped.resolve(socket.pause()))));
    const client = dial(running);
    let written = 0;
    const flood = (): void => {
      while (!client.destroyed && client.write(Buffer.alloc(65_536))) written += 65_536;
    };
    client.on('drain', flood).on('error', () => {});
    flood();
    for (let before = -1; before !== written; await sleep(100)) before = written;
    const [tunnel] = running.bind.tunnels;
    const { writeBufferBytesMax } = running.tunnels.parts.limits;
    expect(tunnel!.buffered).toBeLessThanOrEqual(4 * writeBufferBytesMax);
    const stuck = written;
    (await stopped.promise).resume();
    await expect.poll(() => written).toBeGreaterThan(stuck + 1_000_000);
  });
});

describe('ends', () => {
  test('a backend that breaks breaks its client, which takes nothing for whole', async () => {
    const running = await start({ route: () => routeTo(['b']) });
    running.tunnels.backends.set(
      'b',
      backendAt(await serve((socket) => socket.write('half', () => setTimeout(() => socket.resetAndDestroy(), 20)))),
    );
    expect(await endOf(dial(running))).toBe('ECONNRESET');
    expect(await running.tunnels.record()).toMatchObject({ reason: 'upstream-reset', sentBytes: 4 });
  });

  test('a client that breaks breaks its backend', async () => {
    const ended = Promise.withResolvers<string>();
    const running = await start({ route: () => routeTo(['b']) });
    running.tunnels.backends.set(
      'b',
      backendAt(
        await serve((socket) => {
          socket.write('hello');
          void endOf(socket).then(ended.resolve);
        }),
      ),
    );
    const client = dial(running);
    await once(client, 'data');
    client.resetAndDestroy();
    expect(await ended.promise).toBe('ECONNRESET');
    expect(await running.tunnels.record()).toMatchObject({ reason: 'client-gone' });
  });

  test('a client that leaves while its backend is being connected leaves nothing behind', async () => {
    const tunnels = openTunnels();
    tunnels.backends.set('b', backendAt(await serve(() => {})));
    const accepted = Promise.withResolvers<Socket>();
    const client = connect({ port: await serve((socket) => accepted.resolve(socket)), host: '127.0.0.1' });
    client.on('error', () => {});
    const socket = await accepted.promise;
    const { source } = ends;
    const connection = { id: '1', bind: ':1', protocol: 'tcp', ends, serverName: undefined, startMs: 0 } as const;
    const tunnel = new Tunnel(
      { ...connection, client: socket, listener: bindOf({ route: () => routeTo(['b']) }).listeners[0]! },
      tunnels.parts,
    );
    tunnel.open();
    expect(tunnels.parts.load.open(tunnels.backends.get('b')![0]!)).toBe(1);
    socket.destroy();
    await tunnel.ended;
    expect(await tunnels.record()).toMatchObject({ reason: 'client-gone', client: source, receivedBytes: 0 });
    expect(tunnels.parts.load.open(tunnels.backends.get('b')![0]!)).toBe(0);
  });

  test('a connection without a byte is given up, one with bytes is not', async () => {
    const running = await start({ route: () => routeTo(['b'], { idleMs: 150 }) });
    running.tunnels.backends.set('b', backendAt(await serve((socket) => void socket.pipe(socket))));
    const busy = dial(running);
    const talk = setInterval(() => busy.write('x'), 30);
    cleanup.push(() => clearInterval(talk));
    busy.on('error', () => {}).resume();
    expect(await endOf(dial(running))).toBe('ECONNRESET');
    expect(await running.tunnels.record()).toMatchObject({ reason: 'idle-timeout' });
    await sleep(400);
    expect(busy.destroyed).toBe(false);
    clearInterval(talk);
    expect(await running.tunnels.record()).toMatchObject({ reason: 'idle-timeout' });
  });

  test('a drain lets connections go on, and breaks them at the deadline', async () => {
    const running = await start({ route: () => routeTo(['b']) });
    running.tunnels.backends.set('b', backendAt(await serve((socket) => void socket.pipe(socket))));
    const client = dial(running);
    client.write('one');
    await once(client, 'data');
    const drained = running.bind.drain(300);
    client.write('two');
    const [echo] = (await once(client, 'data')) as [Buffer];
    expect(echo.toString()).toBe('two');
    const refused = dial(running);
    expect(((await once(refused, 'error')) as [NodeJS.ErrnoException])[0].code).toBe('ECONNREFUSED');
    const end = endOf(client);
    await drained;
    expect(await end).toBe('ECONNRESET');
    expect(await running.tunnels.record()).toMatchObject({ reason: 'draining' });
  });
});

describe('choosing', () => {
  test.each([
    ['no route', () => undefined, 'route-not-found'],
    ['an invalid backend', () => routeTo([{ key: 'b', invalid: 'BackendNotFound' }]), 'backend-invalid'],
    ['no weight', () => routeTo([{ key: 'b', weight: 0 }]), 'backend-invalid'],
    ['no endpoints', () => routeTo(['none']), 'no-healthy-endpoint'],
  ])('%s resets the connection', async (_, route, reason) => {
    const running = await start({ route });
    expect(await endOf(dial(running))).toBe('ECONNRESET');
    expect(await running.tunnels.record()).toMatchObject({ reason, receivedBytes: 0 });
  });

  test('weights are those of connections', async () => {
    const route = routeTo([
      { key: 'a', weight: 3 },
      { key: 'b', weight: 1 },
    ]);
    const running = await start({ route: () => route });
    running.tunnels.backends.set('a', backendAt(await serve((socket) => socket.end('a'))));
    running.tunnels.backends.set('b', backendAt(await serve((socket) => socket.end('b'))));
    const served: string[] = [];
    for (let i = 0; i < 8; i++) {
      const client = dial(running);
      served.push(await readAll(client));
      client.end();
    }
    expect(served.sort().join('')).toBe('aaaaaabb');
  });

  test('an endpoint that refuses is passed over for one that does not', async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as { port: number };
    await new Promise((resolve) => closed.close(resolve));
    const running = await start({ route: () => routeTo(['b']) });
    running.tunnels.backends.set('b', backendAt(port, await serve((socket) => socket.end('served'))));
    for (let i = 0; i < 6; i++) {
      const client = dial(running);
      client.end();
      expect(await readAll(client)).toBe('served');
    }
    running.tunnels.backends.set('b', backendAt(port));
    expect(await endOf(dial(running))).toBe('ECONNRESET');
    const records = await Promise.all(Array.from({ length: 7 }, () => running.tunnels.record()));
    expect(records.at(-1)).toMatchObject({ reason: 'upstream-connect-failed', endpoint: `127.0.0.1:${port}` });
  });

  test('more than connectionsMax are refused and counted, the others are unharmed', async () => {
    const running = await start({ route: () => routeTo(['b']) }, { connectionsMax: 3 });
    running.tunnels.backends.set('b', backendAt(await serve((socket) => void socket.pipe(socket))));
    const held = [dial(running), dial(running), dial(running)];
    for (const client of held) {
      client.write('x');
      await once(client, 'data');
    }
    expect(await endOf(dial(running))).not.toBe('');
    expect(running.tunnels.dropped).toMatchObject([{ reason: 'overloaded', protocol: 'tcp' }]);
    held[0]!.write('y');
    expect(String((await once(held[0]!, 'data'))[0])).toBe('y');
    // A place that is left is free again.
    held[0]!.end();
    await running.tunnels.record();
    await expect
      .poll(async () => {
        const next = dial(running);
        next.write('z');
        return once(next, 'data').then(
          ([chunk]) => String(chunk),
          () => 'refused',
        );
      })
      .toBe('z');
  });
});

describe('who connects', () => {
  test('a policy on the listener refuses by address', async () => {
    const running = await start({
      route: () => routeTo(['b']),
      refusal: ({ address }) => (address === '127.0.0.1' ? 'not from here' : undefined),
    });
    running.tunnels.backends.set('b', backendAt(await serve((socket) => socket.end('served'))));
    expect(await endOf(dial(running))).toBe('ECONNRESET');
    expect(await running.tunnels.record()).toMatchObject({ reason: 'forbidden' });
  });

  test.each([1, 2] as const)(
    'the PROXY protocol, version %i, is read from the client and told to the backend',
    async (version) => {
      const heard = Promise.withResolvers<string>();
      const running = await start({
        route: () => routeTo([{ key: 'b', proxyVersion: version }]),
        proxyHeader: { mode: 'required', trusts: () => true },
      });
      const port = await serve((socket) => {
        void readAll(socket).then(heard.resolve);
        socket.end();
      });
      running.tunnels.backends.set('b', backendAt(port));
      const client = dial(running);
      const header = writeProxyProtocol(version, ends);
      // In pieces, the last of which holds the first bytes of what follows.
      client.write(header.subarray(0, 9));
      await sleep(20);
      client.end(Buffer.concat([header.subarray(9), Buffer.from('payload')]));
      expect(await heard.promise).toBe(`${header.toString('latin1')}payload`);
      client.resume();
      expect(await running.tunnels.record()).toMatchObject({ client: ends.source, receivedBytes: 7 });
    },
  );

  test.each([
    ['required and missing', 'required', 'hello there, more than a signature', 'bad-framing'],
    ['wrong', 'optional', 'PROXY TCP4 nonsense\r\n', 'bad-framing'],
    ['unfinished', 'optional', 'PROXY TCP4 192.0', 'request-timeout'],
  ] as const)('a header that is %s closes the connection', async (_, mode, bytes, reason) => {
    const running = await start(
      { route: () => routeTo(['b']), proxyHeader: { mode, trusts: () => true } },
      { proxyHeaderTimeoutMs: 100 },
    );
    running.tunnels.backends.set('b', backendAt(await serve((socket) => socket.end('served'))));
    const client = dial(running);
    client.write(bytes);
    expect(await endOf(client)).toBe('ECONNRESET');
    expect(await running.tunnels.record()).toMatchObject({ reason });
  });

  test('a header of those who are not trusted is refused where it is required, and passed on unread where it is optional', async () => {
    const strict = await start({ route: () => routeTo(['b']), proxyHeader: { mode: 'required', trusts: () => false } });
    expect(await endOf(dial(strict))).toBe('ECONNRESET');
    expect(await strict.tunnels.record()).toMatchObject({ reason: 'forbidden' });
    const running = await start({
      route: () => routeTo(['b']),
      proxyHeader: { mode: 'optional', trusts: () => false },
    });
    running.tunnels.backends.set('b', backendAt(await serve((socket) => void socket.pipe(socket))));
    const client = dial(running);
    client.end(writeProxyProtocol(1, ends));
    expect(await readAll(client)).toBe(writeProxyProtocol(1, ends).toString());
    expect(await running.tunnels.record()).toMatchObject({ client: { address: '127.0.0.1' } });
  });

  test('optional: a connection may do without', async () => {
    const running = await start({ route: () => routeTo(['b']), proxyHeader: { mode: 'optional', trusts: () => true } });
    running.tunnels.backends.set('b', backendAt(await serve((socket) => void socket.pipe(socket))));
    const client = dial(running);
    client.end('plain');
    expect(await readAll(client)).toBe('plain');
    expect(await running.tunnels.record()).toMatchObject({ client: { address: '127.0.0.1' } });
  });
});
