// TLS on one port: passed through or handed over by the name in the ClientHello, closed without an alert where nobody wants it.
import { once } from 'node:events';
import { type Server as NetServer, type Socket, connect as dialTcp } from 'node:net';
import { type Server, type TLSSocket, connect, createServer } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type TestCertificate, makeCertificate } from '../../../../test/kit/certificate.ts';
import { skipAloud } from '../../../../test/skip.ts';
import { type TestTunnels, backendAt, bindOf, listenerOf, openTunnels, routeTo, silent } from './fixture.ts';
import type { TunnelLimits } from './limits.ts';
import type { TunnelBindPlan, TunnelListener } from './plan.ts';
import { writeProxyProtocol } from './proxy-protocol.ts';
import { type HandedOver, TcpBind } from './tcp-bind.ts';

const certificate = makeCertificate('a.example', '*.wild.example');
const cleanup: (() => void)[] = [];
beforeAll(() => {
  if (!certificate) skipAloud('TLS passthrough with real TLS: openssl is missing');
});
afterEach(() => {
  for (const end of cleanup.splice(0).reverse()) end();
});

interface Running {
  readonly tunnels: TestTunnels;
  readonly bind: TcpBind;
}

/** Listeners by exact name. */
async function start(
  listeners: Readonly<Record<string, Partial<TunnelListener>>>,
  handOver: (connection: HandedOver, bind: TcpBind) => void = ({ socket }) => socket.destroy(),
  limits: Partial<TunnelLimits> = {},
): Promise<Running> {
  const tunnels = openTunnels(limits);
  const all = new Map(
    Object.entries(listeners).map(([hostname, listener]) => [
      hostname,
      listenerOf({ key: `listener/default/test/${hostname}`, mode: 'passthrough', hostname, ...listener }),
    ]),
  );
  const plan: TunnelBindPlan = bindOf(
    {},
    { isTls: true, listeners: [...all.values()], select: (name) => all.get(name ?? '') },
  );
  const bind: TcpBind = new TcpBind({
    key: ':1',
    address: '127.0.0.1',
    port: 0,
    log: silent,
    parts: tunnels.parts,
    plan: () => plan,
    handOver: (connection) => handOver(connection, bind),
  });
  await bind.listen();
  cleanup.push(() => {
    void bind.drain(0);
    tunnels[Symbol.dispose]();
  });
  return { tunnels, bind };
}

async function listen<S extends NetServer>(server: S): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanup.push(() => server.close());
  return (server.address() as { port: number }).port;
}

/** A TLS server that says who it is and which name it was asked for, then echoes. */
function tlsServer({ cert, key }: TestCertificate, name: string): Server {
  return createServer({ cert, key, ALPNProtocols: ['echo'] }, (socket) => {
    cleanup.push(() => socket.destroy());
    socket.on('error', () => {});
    socket.write(`${name} ${String(socket.servername)} `);
    socket.pipe(socket);
  });
}

function dial({ bind }: Running, servername: string, first?: Buffer): TLSSocket {
  const raw = dialTcp({ port: bind.port, host: '127.0.0.1' });
  if (first) raw.write(first);
  const socket = connect({ socket: raw, servername, rejectUnauthorized: false, ALPNProtocols: ['echo'] });
  socket.on('error', () => {});
  cleanup.push(() => raw.destroy());
  return socket;
}

/** What a TCP client gets until the end, and how it ended. */
async function watch(socket: Socket): Promise<{ bytes: number; end: string }> {
  let bytes = 0;
  const end = await new Promise<string>((resolve) => {
    socket.on('data', (chunk: Buffer) => (bytes += chunk.length));
    socket.on('end', () => resolve('end')).on('error', (error) => resolve((error as NodeJS.ErrnoException).code ?? ''));
  });
  return { bytes, end };
}

/** The first bytes that a real client says. */
async function helloFor(servername: string): Promise<Buffer> {
  const heard = Promise.withResolvers<Buffer>();
  const { createServer: createTcpServer } = await import('node:net');
  const port = await listen(
    createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', (chunk: Buffer) => {
        heard.resolve(chunk);
        socket.destroy();
      });
    }),
  );
  const client = connect({ port, host: '127.0.0.1', servername, rejectUnauthorized: false });
  client.on('error', () => {});
  return heard.promise;
}

describe.runIf(certificate)('passthrough', () => {
  test('each name reaches its own backend, which sees the handshake as the client began it', async () => {
    const running = await start({
      'a.example': { route: () => routeTo(['a']) },
      'b.wild.example': { route: () => routeTo(['b']) },
    });
    running.tunnels.backends.set('a', backendAt(await listen(tlsServer(certificate!, 'first'))));
    running.tunnels.backends.set('b', backendAt(await listen(tlsServer(certificate!, 'second'))));
    for (const [name, said] of [
      ['a.example', 'first a.example '],
      ['b.wild.example', 'second b.wild.example '],
    ] as const) {
      const client = dial(running, name);
      const [greeting] = (await once(client, 'data')) as [Buffer];
      expect(greeting.toString()).toBe(said);
      expect(client.alpnProtocol).toBe('echo');
      expect(client.getPeerCertificate().subject.CN).toBe('a.example');
      client.end();
    }
    const record = await running.tunnels.record();
    expect(record).toMatchObject({ protocol: 'tls', serverName: 'a.example', reason: undefined });
    expect(record.listener).toBe('listener/default/test/a.example');
  });

  test.each([
    ['a name without a listener', 'unknown.example', 'listener-not-found'],
    ['a name without a route', 'a.example', 'route-not-found'],
    ['an invalid backend', 'b.example', 'backend-invalid'],
    ['a backend without endpoints', 'c.example', 'no-healthy-endpoint'],
  ])('%s: the connection is closed and no alert is sent', async (_, name, reason) => {
    const running = await start({
      'a.example': {},
      'b.example': { route: () => routeTo([{ key: 'b', invalid: 'BackendNotFound' }]) },
      'c.example': { route: () => routeTo(['c']) },
    });
    const client = dialTcp({ port: running.bind.port, host: '127.0.0.1' });
    client.write(await helloFor(name));
    expect(await watch(client)).toEqual({ bytes: 0, end: 'ECONNRESET' });
    expect(await running.tunnels.record()).toMatchObject({ reason, serverName: name });
  });

  test('the PROXY protocol comes before the ClientHello', async () => {
    const source = { address: '192.0.2.7', port: 7 };
    const running = await start({
      'a.example': { route: () => routeTo(['a']), proxyHeader: { mode: 'required', trusts: () => true } },
    });
    running.tunnels.backends.set('a', backendAt(await listen(tlsServer(certificate!, 'first'))));
    const client = dial(running, 'a.example', writeProxyProtocol(2, { source, destination: source }));
    await once(client, 'data');
    client.end();
    expect(await running.tunnels.record()).toMatchObject({ client: source, serverName: 'a.example' });
  });
});

describe.runIf(certificate)('mixed', () => {
  test('what is not passed through is handed over with all its bytes, and proxied plain once it is decrypted', async () => {
    const { cert, key } = certificate!;
    const handedOver = new WeakMap<Socket, HandedOver>();
    let bind: TcpBind | undefined;
    const terminator = createServer({ cert, key }, (client) => {
      const { id, listener, ends, startMs, hello, bind: name } = handedOver.get(rawOf(client))!;
      bind!.proxy({ id, client, bind: name, listener, protocol: 'tls', ends, serverName: hello.serverName, startMs });
    });
    const raws = new Map<number, Socket>();
    const rawOf = (client: TLSSocket): Socket => raws.get(client.remotePort!)!;
    const running = await start(
      {
        'a.example': { route: () => routeTo(['a']) },
        'term.example': { mode: 'terminate', route: () => routeTo(['plain']) },
      },
      (connection, from) => {
        bind = from;
        handedOver.set(connection.socket, connection);
        raws.set(connection.socket.remotePort!, connection.socket);
        terminator.emit('connection', connection.socket);
      },
    );
    running.tunnels.backends.set('a', backendAt(await listen(tlsServer(certificate!, 'passed'))));
    const { createServer: createTcpServer } = await import('node:net');
    // The server speaks first, before the client has said anything but its handshake.
    const plain = createTcpServer({ allowHalfOpen: true }, (socket) => {
      socket.write('banner ');
      socket.on('data', (chunk) => socket.write(chunk)).on('end', () => socket.end());
    });
    running.tunnels.backends.set('plain', backendAt(await listen(plain)));
    const passed = dial(running, 'a.example');
    expect(String((await once(passed, 'data'))[0])).toBe('passed a.example ');
    const terminated = dial(running, 'term.example');
    expect(String((await once(terminated, 'data'))[0])).toBe('banner ');
    const bytes = Buffer.alloc(3_000_000, 'terminated ');
    const heard: Buffer[] = [];
    terminated.on('data', (chunk: Buffer) => heard.push(chunk));
    terminated.end(bytes);
    await once(terminated, 'end');
    expect(Buffer.concat(heard).equals(bytes)).toBe(true);
    expect(await running.tunnels.record()).toMatchObject({
      protocol: 'tls',
      serverName: 'term.example',
      backend: 'plain',
      receivedBytes: bytes.length,
      sentBytes: bytes.length + 'banner '.length,
      reason: undefined,
    });
  });
});

describe('floods', () => {
  test('a ClientHello that never ends is given up by name', async () => {
    const running = await start({ 'a.example': {} }, undefined, { clientHelloTimeoutMs: 100 });
    const client = dialTcp({ port: running.bind.port, host: '127.0.0.1' });
    client.write(Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252]));
    expect(await watch(client)).toEqual({ bytes: 0, end: 'ECONNRESET' });
    expect((await running.tunnels.record()).message).toContain('clientHelloTimeoutMs');
  });

  test('an oversized one is refused as soon as it says so', async () => {
    const running = await start({ 'a.example': {} });
    const client = dialTcp({ port: running.bind.port, host: '127.0.0.1' });
    client.write(Buffer.from([22, 3, 1, 64, 0, 1, 1, 0, 0]));
    expect((await watch(client)).end).toBe('ECONNRESET');
    const record = await running.tunnels.record();
    expect(record).toMatchObject({ reason: 'headers-too-large' });
    expect(record.message).toContain('clientHelloBytesMax');
  });

  test('another protocol is refused with its first byte', async () => {
    const running = await start({ 'a.example': {} });
    const client = dialTcp({ port: running.bind.port, host: '127.0.0.1' });
    client.write('G');
    expect((await watch(client)).end).toBe('ECONNRESET');
    expect(await running.tunnels.record()).toMatchObject({ reason: 'bad-framing' });
  });

  test('connections that say nothing are bounded, end by themselves, and then others are served', async () => {
    const running = await start({ 'a.example': {} }, undefined, { connectionsMax: 20, clientHelloTimeoutMs: 400 });
    const silentOnes = Array.from({ length: 30 }, () => dialTcp({ port: running.bind.port, host: '127.0.0.1' }));
    const ends = silentOnes.map((client) => {
      client.resume();
      return watch(client);
    });
    await expect.poll(() => running.tunnels.dropped.length).toBe(10);
    expect(running.tunnels.dropped[0]).toMatchObject({ reason: 'overloaded', protocol: 'tls' });
    await Promise.all(ends);
    expect(running.tunnels.records.filter(({ reason }) => reason === 'request-timeout')).toHaveLength(20);
    await sleep(50);
    const next = dialTcp({ port: running.bind.port, host: '127.0.0.1' });
    next.write('G');
    await watch(next);
    expect(running.tunnels.records.at(-1)).toMatchObject({ reason: 'bad-framing' });
  });
});
