// Upgraded connections: WebSocket and other protocols, over HTTP/1.1 and by extended CONNECT, between any pair of versions.
import { once } from 'node:events';
import { type IncomingMessage, createServer } from 'node:http';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ServerHttp2Stream,
  connect,
  createServer as createHttp2Server,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import {
  type Lane,
  type LaneOptions,
  RawClient,
  ask,
  openLane,
  startRawUpstream,
  startUpstream,
} from '../../kit/http.ts';
import { startTestGateway } from '../../kit/gateway.ts';

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

async function lane(options: LaneOptions): Promise<Lane> {
  const opened = await openLane(options);
  open.push(() => opened[Symbol.asyncDispose]());
  return opened;
}

/** Echoes messages, text as text and bytes as bytes. */
async function startEcho(): Promise<{ readonly port: number; readonly asked: IncomingMessage[] }> {
  const asked: IncomingMessage[] = [];
  const server = createServer();
  const sockets = new WebSocketServer({ server, handleProtocols: (offered) => [...offered][0] ?? false });
  sockets.on('connection', (socket, request) => {
    asked.push(request);
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push(() => {
    for (const client of sockets.clients) client.terminate();
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as { port: number }).port, asked };
}

/** The next message of a client. */
async function message(socket: WebSocket): Promise<{ text: string; isBinary: boolean }> {
  const [data, isBinary] = (await once(socket, 'message')) as [Buffer, boolean];
  return { text: data.toString('latin1'), isBinary };
}

describe('WebSocket over HTTP/1.1', () => {
  test('carries text and bytes both ways, of any size', async () => {
    const echo = await startEcho();
    const { port, recorded } = await lane({ upstream: echo.port });
    const socket = new WebSocket(`ws://127.0.0.1:${port}/chat?room=1`, ['a', 'b'], { headers: { 'x-own': 'yes' } });
    await once(socket, 'open');
    expect(socket.protocol).toBe('a');
    expect(echo.asked[0]).toMatchObject({
      url: '/chat?room=1',
      headers: { 'x-own': 'yes', 'x-forwarded-for': '127.0.0.1' },
    });
    socket.send('hello');
    expect(await message(socket)).toEqual({ text: 'hello', isBinary: false });
    const large = Buffer.alloc(1024 * 1024, 7);
    socket.send(large);
    expect(await message(socket)).toEqual({ text: large.toString('latin1'), isBinary: true });
    socket.close(1000, 'done');
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([1000, 'done']);
    const { reply, end } = await recorded();
    expect(reply.status).toBe(101);
    expect(end.bodyBytes).toBeGreaterThan(large.byteLength);
    expect(end.error).toBeUndefined();
  });

  test('is not cut by the time-outs of requests', async () => {
    const echo = await startEcho();
    const { port } = await lane({ upstream: echo.port, timeouts: { requestMs: 100, backendRequestMs: 100 } });
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
    await once(socket, 'open');
    await new Promise((resolve) => setTimeout(resolve, 300));
    socket.send('still here');
    expect((await message(socket)).text).toBe('still here');
    socket.terminate();
  });

  test('is ended when neither side says anything for too long', async () => {
    const echo = await startEcho();
    const { port, recorded } = await lane({ upstream: echo.port, timeouts: { idleMs: 100 } });
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
    await once(socket, 'close');
    expect((await recorded()).end.error).toMatchObject({ reason: 'idle-timeout' });
  });

  test('that the upstream refuses is its answer, and the connection goes on', async () => {
    await using upstream = await startUpstream((_request, response) => response.writeHead(403).end('no'));
    const { port } = await lane({ upstream: upstream.port });
    using client = new RawClient(port);
    client.send('GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
    const answer = await client.answer();
    expect([answer.status, answer.body]).toEqual([403, 'no']);
    client.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    expect((await client.answer()).status).toBe(403);
  });

  test('a client that leaves takes its upstream along, and the reverse', async () => {
    const echo = await startEcho();
    const { port, recorded } = await lane({ upstream: echo.port });
    const first = new WebSocket(`ws://127.0.0.1:${port}/`);
    await once(first, 'open');
    const gone = once(echo.asked[0]!.socket, 'close');
    first.terminate();
    await gone;
    // A side that has ended is as done as one that says goodbye: what is spoken here is not the gateway's to judge.
    expect((await recorded()).end.error).toBeUndefined();
    const second = new WebSocket(`ws://127.0.0.1:${port}/`);
    await once(second, 'open');
    echo.asked[1]!.socket.resetAndDestroy();
    await once(second, 'close');
    expect((await recorded(2)).end.error).toMatchObject({ reason: 'upstream-reset' });
  });

  test('lasts through a drain until the deadline', async () => {
    const echo = await startEcho();
    const { port, bind } = await lane({ upstream: echo.port });
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
    await once(socket, 'open');
    const drained = bind.drain(200);
    socket.send('x');
    expect((await message(socket)).text).toBe('x');
    await once(socket, 'close');
    await drained;
  });
});

describe('other protocols', () => {
  test('pass as they are, with bytes that come right behind the head', async () => {
    await using upstream = await startRawUpstream((socket) => {
      socket.once('data', (head: Buffer) => {
        expect(head.toString()).toMatch(/connection: upgrade\r\nupgrade: chat\/2\r\n/);
        socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: chat/2\r\n\r\nearly');
        socket.on('data', (bytes: Buffer) => socket.write(bytes));
        socket.on('end', () => socket.end('bye'));
      });
    });
    const { port } = await lane({ upstream: upstream.port });
    using client = new RawClient(port);
    client.send('GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: Chat/2\r\n\r\nfirst');
    await client.until((text) => text.includes('earlyfirst'));
    expect(client.pending).toMatch(
      /^HTTP\/1\.1 101 Switching Protocols\r\n(?:.+\r\n)*connection: upgrade\r\nupgrade: chat\/2\r\n/,
    );
    expect(client.pending).not.toMatch(/transfer-encoding|content-length/);
  });

  test('are not offered where the request has a body, or h2c is', async () => {
    await using upstream = await startUpstream((request, response) => response.end(String(request.headers.upgrade)));
    const { port } = await lane({ upstream: upstream.port });
    using client = new RawClient(port);
    client.send(
      'POST / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\ncontent-length: 1\r\n\r\nx',
    );
    expect((await client.answer()).body).toBe('undefined');
    const h2c = await ask(port, 'GET / HTTP/1.1\r\nconnection: upgrade\r\nupgrade: h2c');
    expect(h2c.body).toBe('undefined');
  });
});

/** A WebSocket that speaks over a stream of HTTP/2: `ws` does the frames, the stream is its socket. */
async function openOverHttp2(
  session: ClientHttp2Session,
  path: string,
): Promise<{ status: number; stream: ClientHttp2Stream }> {
  if (!session.remoteSettings.enableConnectProtocol) await once(session, 'remoteSettings');
  const stream = session.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': 'http',
    ':path': path,
    ':authority': 'a',
    'sec-websocket-version': '13',
  });
  const [headers] = (await once(stream, 'response')) as [{ ':status': number }];
  return { status: headers[':status'], stream };
}

/** A session that ends with the test. */
function client(port: number): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`);
  open.push(() => session.destroy());
  return session;
}

/** A masked text frame of at most 125 bytes (RFC 6455 §5.2), with a mask of zeros. */
function textFrame(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);
}

describe('extended CONNECT', () => {
  test('from an HTTP/2 client reaches an HTTP/1.1 WebSocket server', async () => {
    const echo = await startEcho();
    const { port, recorded } = await lane({ upstream: echo.port });
    const { status, stream } = await openOverHttp2(client(port), '/h2?x');
    expect(status).toBe(200);
    expect(echo.asked[0]).toMatchObject({ method: 'GET', url: '/h2?x' });
    stream.write(textFrame('over h2'));
    const [bytes] = (await once(stream, 'data')) as [Buffer];
    expect(bytes.toString('latin1', 2)).toBe('over h2');
    stream.end();
    await once(stream, 'close');
    expect((await recorded()).reply.status).toBe(101);
  });

  test('from an HTTP/1.1 client reaches an HTTP/2 server, with a proof that the client believes', async () => {
    const server = createHttp2Server({ settings: { enableConnectProtocol: true } });
    const asked: unknown[] = [];
    server.on('stream', (stream: ServerHttp2Stream, headers) => {
      asked.push(headers);
      stream.respond({ ':status': 200 });
      stream.on('error', () => {});
      // An unmasked frame for each that comes: the payload of the client's is unmasked by `ws` on its side.
      stream.on('data', () => stream.write(Buffer.from([0x81, 2, 0x6f, 0x6b])));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    open.push(() => void server.close());
    const upstream = (server.address() as { port: number }).port;
    const { port } = await lane({ upstream, protocol: 'http2' });
    const socket = new WebSocket(`ws://127.0.0.1:${port}/x`);
    await once(socket, 'open');
    socket.send('hi');
    expect((await message(socket)).text).toBe('ok');
    expect(asked[0]).toMatchObject({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/x' });
    expect(asked[0]).not.toHaveProperty('sec-websocket-key');
    socket.terminate();
  });

  test('to an HTTP/2 server that takes none is 502', async () => {
    const server = createHttp2Server();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    open.push(() => void server.close());
    const { port } = await lane({ upstream: (server.address() as { port: number }).port, protocol: 'http2' });
    const answer = await ask(port, 'GET / HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket');
    expect(answer.status).toBe(502);
    expect(answer.body).toContain('takes no upgrades over HTTP/2');
  });

  test('without a protocol is refused', async () => {
    const echo = await startEcho();
    const { port } = await lane({ upstream: echo.port });
    const stream = client(port).request({ ':method': 'CONNECT', ':authority': 'a:443' });
    const [headers] = (await once(stream, 'response')) as [{ ':status': number }];
    expect(headers[':status']).toBe(405);
  });
});

test('a slow reader of an upgraded connection stops its peer', async () => {
  let sent = 0;
  let upstreamSocket: Duplex | undefined;
  await using upstream = await startRawUpstream((socket: Socket) => {
    upstreamSocket = socket;
    socket.once('data', () => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n');
      const chunk = Buffer.alloc(256 * 1024);
      const more = (): void => {
        while (sent < 256 * 1024 * 1024) {
          sent += chunk.byteLength;
          if (!socket.write(chunk)) break;
        }
      };
      socket.on('drain', more);
      more();
    });
  });
  const { port } = await lane({ upstream: upstream.port });
  using client = new RawClient(port);
  client.send('GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n');
  await client.until((text) => text.includes('101'));
  client.socket.pause();
  let before = -1;
  while (before !== sent) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  // The kernel's buffers on both sides, and little of ours.
  expect(sent).toBeLessThan(64 * 1024 * 1024);
  upstreamSocket?.destroy();
});

test('a copy of a request that is upgraded asks for no upgrade', async () => {
  const echo = await startEcho();
  const { promise: copied, resolve } = Promise.withResolvers<IncomingMessage>();
  await using shadow = await startUpstream((request, response) => {
    resolve(request);
    response.end();
  });
  await using gateway = await startTestGateway(`
gateways: [{ name: edge, listeners: [{ name: http, port: PORT }] }]
services:
- { name: echo, ports: [{ port: 80 }], endpoints: [{ address: 127.0.0.1, port: ${echo.port} }] }
- { name: shadow, ports: [{ port: 80 }], endpoints: [{ address: 127.0.0.1, port: ${shadow.port} }] }
httpRoutes:
- name: chat
  rules:
  - filters: [{ type: RequestMirror, requestMirror: { backendRef: { name: shadow, port: 80 } } }]
    backendRefs: [{ name: echo, port: 80 }]
`);
  const socket = new WebSocket(gateway.url.replace('http', 'ws'));
  await once(socket, 'open');
  expect((await copied).headers).not.toHaveProperty('upgrade');
  socket.terminate();
});
