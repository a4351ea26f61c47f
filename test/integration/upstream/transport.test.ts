// The transport by itself: pools that end, repeats that stay unseen, and failures that blame the right one.
import { createServer as createTlsServer } from 'node:tls';
import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { Body } from '@agentgateway/core/body.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import { systemClock } from '@agentgateway/proxy/environment.ts';
import type { UpstreamRequest } from '@agentgateway/proxy/upstream/request.ts';
import { transportLimits } from '@agentgateway/proxy/upstream/request.ts';
import { type Transport, createTransport } from '@agentgateway/proxy/upstream/transport.ts';
import { quiet, startHttp2Upstream, startRawUpstream, startUpstream } from '../../kit/http.ts';

const protocols = ['http1', 'http2'] as const;
type Protocol = (typeof protocols)[number];

/** A transport whose clock the test moves; the wheel turns by itself. */
function open(): Transport & Disposable & { skip(ms: number): void } {
  let skippedMs = 0;
  const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + skippedMs };
  const transport = createTransport({ log: quiet, clock });
  return {
    ...transport,
    skip(ms) {
      skippedMs += ms;
    },
    [Symbol.dispose]: () => transport.close(),
  };
}

function request(port: number, more: Partial<UpstreamRequest> = {}): UpstreamRequest {
  return {
    endpoint: { address: '127.0.0.1', port },
    protocol: 'http1',
    method: 'GET',
    path: '/',
    authority: 'client.test',
    headers: new HeaderList(),
    body: Body.none(),
    timeouts: { connectMs: 10_000, firstByteMs: 0, idleMs: 0, totalMs: 0 },
    onCancel: () => () => {},
    ...more,
  };
}

async function text(transport: Transport, sent: UpstreamRequest): Promise<string> {
  const { body } = await transport.dispatch(sent);
  return Buffer.from(await body.bytes(1024)).toString();
}

/** An upstream that counts, and says when its first connection closes. */
async function counting(protocol: Protocol): Promise<{
  readonly port: number;
  readonly connections: number;
  readonly closed: Promise<void>;
  [Symbol.asyncDispose](): PromiseLike<void>;
}> {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  let asked = 0;
  const upstream =
    protocol === 'http1'
      ? await startUpstream((incoming, response) => {
          if (asked === 0) incoming.socket.once('close', resolve);
          response.end(String(asked++));
        })
      : await startHttp2Upstream((stream) => {
          if (asked === 0) stream.session!.once('close', resolve);
          stream.respond({ ':status': 200 });
          stream.end(String(asked++));
        });
  return {
    port: upstream.port,
    get connections() {
      return upstream.connections;
    },
    closed,
    [Symbol.asyncDispose]: () => upstream[Symbol.asyncDispose](),
  };
}

describe.each(protocols)('connections over %s', (protocol) => {
  test('end when nobody has used them for a while, and are made anew for who comes then', async () => {
    await using upstream = await counting(protocol);
    using transport = open();
    const sent = request(upstream.port, { protocol });
    expect(await text(transport, sent)).toBe('0');
    expect(transport.pools()).toBe(1);
    // Again and again, for a stream is told to be over a little after its last byte.
    while (transport.pools() > 0) {
      transport.skip(transportLimits.idleConnectionMs + 1000);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await upstream.closed;
    expect(await text(transport, sent)).toBe('1');
    expect(upstream.connections).toBe(2);
  });

  test('are not closed under a request that comes in the moment they would be', async () => {
    await using upstream = await counting(protocol);
    using transport = open();
    for (let i = 0; i < 40; i++) {
      transport.skip(transportLimits.idleConnectionMs + 1000);
      // Sometimes before the wheel turns, sometimes in the midst of the closing.
      await new Promise((resolve) => setTimeout(resolve, i % 15));
      expect(
        await text(transport, request(upstream.port, { protocol, method: 'POST', body: Body.of(Buffer.from('x')) })),
      ).toBe(String(i));
    }
  });

  test('stay while a request is under way, however long it takes', async () => {
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
    await using upstream =
      protocol === 'http1'
        ? await startUpstream((_incoming, response) => {
            ask();
            void answered.then(() => response.end('late'));
          })
        : await startHttp2Upstream((stream) => {
            ask();
            void answered.then(() => stream.end('late'));
          });
    using transport = open();
    const reply = text(transport, request(upstream.port, { protocol }));
    await asked;
    transport.skip(2 * transportLimits.idleConnectionMs);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(transport.pools()).toBe(1);
    answer();
    expect(await reply).toBe('late');
  });

  test('to an endpoint that is gone end when what is under way has, and others stay', async () => {
    await using gone = await counting(protocol);
    await using stays = await counting(protocol);
    using transport = open();
    const endpoint = { address: '127.0.0.1', port: gone.port };
    await text(transport, request(gone.port, { protocol }));
    await text(transport, request(stays.port, { protocol }));
    transport.retire(endpoint);
    await gone.closed;
    while (transport.pools() > 1) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await text(transport, request(stays.port, { protocol }))).toBe('1');
    expect(stays.connections).toBe(1);
    // Whoever is sent there all the same, by an older snapshot, is served.
    expect(await text(transport, request(gone.port, { protocol }))).toBe('1');
  });

  test('to an endpoint that is gone carry their request to its end', async () => {
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
    await using upstream =
      protocol === 'http1'
        ? await startUpstream((_incoming, response) => {
            ask();
            void answered.then(() => response.end('late'));
          })
        : await startHttp2Upstream((stream) => {
            ask();
            void answered.then(() => stream.end('late'));
          });
    using transport = open();
    const reply = text(transport, request(upstream.port, { protocol }));
    await asked;
    transport.retire({ address: '127.0.0.1', port: upstream.port });
    answer();
    expect(await reply).toBe('late');
  });

  test('are shared by rules with different connect time-outs', async () => {
    await using upstream = await counting(protocol);
    using transport = open();
    for (const connectMs of [1000, 2000, 0]) {
      const timeouts = { connectMs, firstByteMs: 0, idleMs: 0, totalMs: 0 };
      await text(transport, request(upstream.port, { protocol, timeouts }));
      // A connection is free again a moment after its answer.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(upstream.connections).toBe(1);
    expect(transport.pools()).toBe(1);
  });

  test('are given up in the time that the request grants', async () => {
    await using silent = await startRawUpstream(() => {});
    using transport = open();
    const timeouts = { connectMs: 20, firstByteMs: 0, idleMs: 0, totalMs: 0 };
    const endpoint = { address: '127.0.0.1', port: silent.port, tls: { serverName: 'upstream.test' } };
    await expect(transport.dispatch(request(0, { protocol, endpoint, timeouts }))).rejects.toMatchObject({
      reason: 'connect-timeout',
    });
  });

  test.each([
    ['upstream.test', ['upstream.test']],
    // An address is no server name (RFC 6066 §3).
    ['127.0.0.1', []],
  ])('name the endpoint’s server %s to TLS, whatever authority the request names', async (serverName, named) => {
    const names: string[] = [];
    const server = createTlsServer({
      SNICallback(name, done) {
        names.push(name);
        done(new Error('no certificate'));
      },
    });
    const sockets = new Set<Socket>();
    server.on('tlsClientError', () => {}).on('connection', (socket: Socket) => sockets.add(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    using transport = open();
    const endpoint = { address: '127.0.0.1', port, tls: { serverName } };
    await expect(transport.dispatch(request(0, { protocol, endpoint }))).rejects.toThrow();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
    expect(names).toEqual(named);
  });
});

describe('a refused stream', () => {
  test.each([[true], [false]])(
    'that is repeated is not an end of the attempt; the repeat succeeds: %s',
    async (succeeds) => {
      let tries = 0;
      await using upstream = await startHttp2Upstream((stream) => {
        if (tries++ === 0 || !succeeds) stream.close(7);
        else {
          stream.respond({ ':status': 200 });
          stream.end('second');
        }
      });
      using transport = open();
      const ends: unknown[] = [];
      const sent = request(upstream.port, {
        protocol: 'http2',
        method: 'POST',
        body: Body.of(Buffer.from('x')),
        onOver: (error) => ends.push(error),
      });
      if (succeeds) expect(await text(transport, sent)).toBe('second');
      else await expect(transport.dispatch(sent)).rejects.toMatchObject({ reason: 'upstream-reset' });
      expect(ends).toHaveLength(1);
      expect(ends[0] === undefined).toBe(succeeds);
      expect(tries).toBe(2);
    },
  );
});

describe.each(protocols)('over %s', (protocol) => {
  const secret = 'sk-secret';
  test.each([
    ['a value with a line break', 'x-api-key', `${secret}\n`, '"x-api-key"'],
    ['a value beyond latin1', 'x-user', `${secret}Ł`, '"x-user"'],
    ['a name that is none', 'x user', secret, '"x user"'],
  ])('%s is the configuration’s fault, named without its value', async (_what, name, value, shown) => {
    await using upstream = await counting(protocol);
    using transport = open();
    const ends: unknown[] = [];
    const sent = request(upstream.port, { protocol });
    // A connection that was used before must not make it look like a broken one.
    await text(transport, sent);
    const failing = { ...sent, headers: new HeaderList([name, value]), onOver: (error: unknown) => ends.push(error) };
    const failure = await transport.dispatch(failing).catch((error: unknown) => error as Error & { hint: string });
    expect(failure).toMatchObject({ reason: 'provider-misconfigured', status: 500, retriable: false });
    expect((failure as Error).message).toContain(shown);
    expect(JSON.stringify([(failure as Error).message, (failure as { hint: string }).hint])).not.toContain(secret);
    expect(ends).toEqual([failure]);
    expect(await text(transport, sent)).toBe('1');
  });

  test('an address that is none says so', async () => {
    using transport = open();
    const endpoint = { address: 'a b', port: 80 };
    await expect(Promise.try(() => transport.dispatch(request(0, { protocol, endpoint })))).rejects.toMatchObject({
      reason: 'backend-invalid',
    });
  });

  test('an exchange that is given up already sends nothing', async () => {
    await using upstream = await counting(protocol);
    using transport = open();
    const sent = request(upstream.port, {
      protocol,
      onCancel(fn) {
        fn('client-gone');
        return () => {};
      },
    });
    await expect(transport.dispatch(sent)).rejects.toMatchObject({ reason: 'client-gone' });
    expect(upstream.connections).toBe(0);
  });
});

test('a request that is given up while its connection is made is never sent, and the connection serves the next', async () => {
  const received: string[] = [];
  await using upstream = await startRawUpstream((socket) => {
    socket.on('data', (bytes: Buffer) => {
      received.push(bytes.toString().split(' ')[1]!);
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
    });
  });
  using transport = open();
  let cancel: ((reason: 'client-gone') => void) | undefined;
  const given = transport.dispatch(
    request(upstream.port, {
      method: 'POST',
      path: '/given-up',
      body: Body.of('x'),
      onCancel(fn) {
        cancel = fn;
        return () => {};
      },
    }),
  );
  cancel!('client-gone');
  await expect(given).rejects.toMatchObject({ reason: 'client-gone' });
  while (upstream.connections === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(await text(transport, request(upstream.port, { path: '/next' }))).toBe('ok');
  expect(received).toEqual(['/next']);
  expect(upstream.connections).toBe(1);
});

test('a 100 Continue that nobody asked for is passed over', async () => {
  await using upstream = await startRawUpstream((socket) => {
    socket.on('data', () =>
      socket.write('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'),
    );
  });
  using transport = open();
  const told: number[] = [];
  expect(await text(transport, request(upstream.port, { onInformation: (status) => told.push(status) }))).toBe('ok');
  expect(told).toEqual([]);
});

test('trailers that HTTP/2 does not take fail the attempt, not the process', async () => {
  await using upstream = await startHttp2Upstream((stream) => void stream.resume());
  using transport = open();
  const body = Body.from({
    pipe: async (sink) => {
      await sink.write(Buffer.from('x'));
      return new HeaderList(['content-type', 'a', 'content-type', 'b']);
    },
    cancel() {},
  });
  await expect(
    transport.dispatch(request(upstream.port, { protocol: 'http2', method: 'POST', body })),
  ).rejects.toMatchObject({ reason: 'bad-request' });
});
