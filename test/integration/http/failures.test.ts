// When something breaks, everyone involved learns it at once and a cut answer never looks complete (contracts 8, 10).
import { type ServerHttp2Stream, connect as connectHttp2 } from 'node:http2';
import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { Reply } from '@agentgateway/core/exchange.ts';
import { Body } from '@agentgateway/core/body.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import { replayBytesMax } from '@agentgateway/proxy/backend/attempt.ts';
import {
  Http2Client,
  RawClient,
  ask,
  openLane,
  planned,
  readHttp2,
  startHttp2Upstream,
  startRawUpstream,
  startUpstream,
} from '../../kit/http.ts';

const get = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';

/** Says when something happened. */
function moment(): { readonly came: Promise<void>; come(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { came: promise, come: resolve };
}

describe('a client that leaves', () => {
  const stages = {
    'before the head': (socket: Socket) => void socket,
    'in the middle of the body': (socket: Socket) => void socket.write('HTTP/1.1 200 OK\r\n\r\nbegun'),
  };
  for (const [when, answer] of Object.entries(stages)) {
    test.each(['HTTP/1.1', 'HTTP/2'])(`${when} closes the upstream's connection, over %s`, async (version) => {
      const [asked, closed] = [moment(), moment()];
      await using upstream = await startRawUpstream((socket) => {
        socket.on('data', () => {
          answer(socket);
          asked.come();
        });
        socket.on('close', closed.come);
      });
      await using lane = await openLane({ upstream: upstream.port });
      if (version === 'HTTP/1.1') {
        using client = new RawClient(lane.port);
        client.send(get);
        await asked.came;
        if (when !== 'before the head') await client.until((text) => text.includes('begun'));
      } else {
        using client = new Http2Client(lane.port);
        const stream = client.open('GET', '/', [], { endStream: true });
        const begun = new Promise((resolve) => stream.on('data', resolve));
        await asked.came;
        if (when !== 'before the head') await begun;
        stream.close(8);
        await new Promise((resolve) => stream.on('close', resolve));
      }
      await closed.came;
      const { exchange, end } = await lane.recorded();
      expect(exchange.cancelReason).toBe('client-gone');
      expect(end.isClientGone).toBe(true);
      expect(exchange.attempts[0]!.endMs).toBeGreaterThanOrEqual(0);
    });
  }

  test('resets the stream of an HTTP/2 upstream', async () => {
    const [asked, closed] = [moment(), moment()];
    let code: number | undefined;
    await using upstream = await startHttp2Upstream((stream: ServerHttp2Stream) => {
      asked.come();
      stream.on('close', () => {
        code = stream.rstCode;
        closed.come();
      });
    });
    await using lane = await openLane({ upstream: upstream.port, protocol: 'http2' });
    {
      using client = new RawClient(lane.port);
      client.send(get);
      await asked.came;
    }
    await closed.came;
    expect(code).toBe(8);
  });

  test.each(['HTTP/1.1', 'HTTP/2'])(
    'in the middle of its request never looks done to the upstream, over %s',
    async (version) => {
      const [begun, closed] = [moment(), moment()];
      let isWhole: boolean | undefined;
      await using upstream = await startUpstream((request) => {
        request.on('data', begun.come);
        request.on('error', () => {});
        request.on('end', () => (isWhole = true));
        request.on('close', () => {
          isWhole ??= false;
          closed.come();
        });
      });
      await using lane = await openLane({ upstream: upstream.port });
      if (version === 'HTTP/1.1') {
        using client = new RawClient(lane.port);
        client.send('POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n4\r\nsome\r\n');
        await begun.came;
      } else {
        using client = new Http2Client(lane.port);
        // Node's way to send CANCEL without ending the body first, as close() would.
        const leaving = new AbortController();
        const stream = client.session.request({ ':method': 'POST', ':path': '/' }, { signal: leaving.signal });
        stream.on('error', () => {});
        stream.write('some');
        await begun.came;
        leaving.abort();
        await new Promise((resolve) => stream.on('close', resolve));
        expect(stream.rstCode).toBe(8);
      }
      await closed.came;
      expect(isWhole).toBe(false);
      expect((await lane.recorded()).exchange.cancelReason).toBe('client-gone');
    },
  );

  test('between two attempts ends the tries', async () => {
    const asked = moment();
    await using upstream = await startUpstream((_request, response) => {
      response.writeHead(503).end();
      asked.come();
    });
    await using lane = await openLane({
      upstream: upstream.port,
      retry: { attempts: 5, codes: [503], backoffMs: 60_000 },
    });
    {
      using client = new RawClient(lane.port);
      client.send(get);
      await asked.came;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const { exchange } = await lane.recorded();
    expect(exchange.attempts).toHaveLength(1);
  });
});

describe('a client that leaves in the middle of its request', () => {
  test('is not an end to an HTTP/2 upstream', async () => {
    const [begun, closed] = [moment(), moment()];
    let hasEnded = false;
    let code: number | undefined;
    await using upstream = await startHttp2Upstream((stream) => {
      stream.on('data', begun.come);
      stream.on('end', () => (hasEnded = stream.rstCode === 0));
      stream.on('close', () => {
        code = stream.rstCode;
        closed.come();
      });
    });
    await using lane = await openLane({ upstream: upstream.port, protocol: 'http2' });
    {
      using client = new RawClient(lane.port);
      client.send('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nsome');
      await begun.came;
    }
    await closed.came;
    expect(code).toBe(2);
    expect(hasEnded).toBe(false);
  });
});

/** An upstream that takes everything and says nothing. */
function silent(): ReturnType<typeof startRawUpstream> {
  return startRawUpstream((socket) => socket.resume());
}

describe('time-outs', () => {
  test.each(['http1', 'http2'] as const)('first byte, over %s', async (protocol) => {
    await using upstream = await (protocol === 'http1' ? silent() : startHttp2Upstream(() => {}));
    await using lane = await openLane({
      upstream: upstream.port,
      protocol,
      timeouts: { firstByteMs: 50, connectMs: 50 },
    });
    const answer = await ask(lane.port, 'GET / HTTP/1.1');
    expect(answer.status).toBe(504);
    expect(JSON.parse(answer.body)).toMatchObject({ error: { reason: 'first-byte-timeout' } });
    expect((await lane.recorded()).exchange.attempts[0]!.reason).toBe('first-byte-timeout');
  });

  test('the whole attempt', async () => {
    await using upstream = await silent();
    await using lane = await openLane({ upstream: upstream.port, timeouts: { backendRequestMs: 50 } });
    const answer = await ask(lane.port, 'GET / HTTP/1.1');
    expect(answer.status).toBe(504);
    expect(JSON.parse(answer.body)).toMatchObject({ error: { reason: 'attempt-timeout' } });
  });

  test('the whole exchange, also while the request is being read', async () => {
    const closed = moment();
    await using upstream = await startRawUpstream((socket) => socket.resume().on('close', closed.come));
    const reads = planned('reads', { request: () => undefined, readsRequestBody: true });
    await using waiting = await openLane({ upstream: upstream.port, timeouts: { requestMs: 50 } });
    const answer = await ask(waiting.port, 'GET / HTTP/1.1');
    expect(answer.status).toBe(504);
    expect(JSON.parse(answer.body)).toMatchObject({ error: { reason: 'exchange-timeout' } });
    await closed.came;
    await using reading = await openLane({ upstream: 1, steps: [reads], timeouts: { requestMs: 50 } });
    expect((await ask(reading.port, 'POST / HTTP/1.1\r\ncontent-length: 10', 'some')).status).toBe(504);
  });

  test('idle breaks an answer that stalls, and only then', async () => {
    await using upstream = await startUpstream((request, response) => {
      response.write('begun');
      if (request.url === '/alive') {
        let left = 10;
        const more = setInterval(() => {
          if (left-- > 0) return void response.write('.');
          clearInterval(more);
          response.end();
        }, 30);
      }
    });
    await using lane = await openLane({ upstream: upstream.port, timeouts: { idleMs: 200 } });
    const alive = await ask(lane.port, 'GET /alive HTTP/1.1');
    expect(alive.isWhole).toBe(true);
    const stalled = await ask(lane.port, 'GET / HTTP/1.1');
    expect(stalled.body).toBe('begun');
    expect(stalled.isWhole).toBe(false);
    expect((await lane.recorded(2)).end.error).toMatchObject({ reason: 'idle-timeout' });
  });

  test('a client that sends nothing of its body gets 408', async () => {
    await using upstream = await startUpstream((request) => void request.resume());
    await using lane = await openLane({ upstream: upstream.port, limits: { requestIdleTimeoutMs: 50 } });
    expect((await ask(lane.port, 'POST / HTTP/1.1\r\ncontent-length: 10', 'some')).status).toBe(408);
  });

  test('a refused connection is 503 and says where', async () => {
    await using lane = await openLane({ upstream: 1 });
    const answer = await ask(lane.port, 'GET / HTTP/1.1');
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.body)).toMatchObject({ error: { reason: 'upstream-connect-failed' } });
    await using second = await openLane({ upstream: 1, protocol: 'http2' });
    expect((await ask(second.port, 'GET / HTTP/1.1')).status).toBe(503);
  });
});

describe('an upstream that breaks', () => {
  const broken: readonly (readonly [string, string, number, string])[] = [
    ['closes without a word', '', 502, 'upstream-reset'],
    ['talks nonsense', '\u0001\u0002nonsense\r\n\r\n', 502, 'upstream-protocol-error'],
    ['sends half a head', 'HTTP/1.1 200 OK\r\nx: y', 502, 'upstream-reset'],
    ['sends a head with a bad length', 'HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n', 502, 'upstream-protocol-error'],
    [
      'sends length and chunks',
      'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      502,
      'upstream-protocol-error',
    ],
    ['sends too large a head', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`, 502, 'upstream-protocol-error'],
    [
      'switches protocols',
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
      502,
      'upstream-protocol-error',
    ],
  ];
  test.each(broken)('%s', async (_name, bytes, status, reason) => {
    await using upstream = await startRawUpstream((socket) => {
      socket.on('data', () => socket.end(Buffer.from(bytes, 'latin1')));
    });
    await using lane = await openLane({ upstream: upstream.port });
    const answer = await ask(lane.port, 'GET / HTTP/1.1');
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toMatchObject({ error: { reason } });
    expect(answer.body).not.toMatch(/ECONN|HPE|UND_ERR|node:|\.ts/);
  });

  const cut: readonly (readonly [string, string])[] = [
    ['by length', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nbegun'],
    ['in chunks', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nbegun\r\n'],
    ['in a chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nbegun'],
    ['by a bad chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nbegun\r\nzz\r\n'],
  ];
  test.each(cut)(
    'in the middle of a body (%s) leaves both kinds of client with an incomplete answer',
    async (_name, bytes) => {
      await using upstream = await startRawUpstream((socket) => {
        socket.on('data', () => {
          socket.write(bytes);
          setTimeout(() => socket.destroy(), 20);
        });
      });
      await using lane = await openLane({ upstream: upstream.port });
      const answer = await ask(lane.port, 'GET / HTTP/1.1');
      expect(answer).toMatchObject({ status: 200, body: 'begun', isWhole: false });
      using client = new Http2Client(lane.port);
      const modern = await client.ask('GET', '/');
      expect(modern.body).toBe('begun');
      expect(modern.error).toBeDefined();
      expect((await lane.recorded(2)).exchange.attempts[0]!.reason).toMatch(/^upstream-/);
    },
  );

  test.each([0, 2, 8])('an HTTP/2 upstream that resets with code %i in the middle of a body', async (code) => {
    await using upstream = await startHttp2Upstream((stream) => {
      stream.respond({ ':status': 200, ...(code === 0 && { 'content-length': 10 }) });
      stream.write('begun');
      // A session torn down and a stream destroyed are resets on the wire; close() would end the body first.
      setTimeout(
        () => (code === 8 ? stream.session!.destroy() : stream.destroy(code === 0 ? undefined : new Error('x'))),
        20,
      );
    });
    await using lane = await openLane({ upstream: upstream.port, protocol: 'http2' });
    const answer = await ask(lane.port, 'GET / HTTP/1.1');
    expect(answer).toMatchObject({ body: 'begun', isWhole: false });
  });
});

/** A backend that answers with a body of its own making. */
function answering(reply: () => Reply): Parameters<typeof openLane>[0] {
  return { upstream: { key: 'backend/default/own', call: () => Promise.resolve(reply()) } };
}

describe('a failure after the head', () => {
  const event = 'event: error\ndata: {"message":"it broke"}\n\n';
  const failing = (pendingBytes: number, contentType = 'text/event-stream'): Reply => ({
    status: 200,
    headers: HeaderList.from([['content-type', contentType]]),
    body: Body.from({
      async pipe(sink) {
        await sink.write(Buffer.from('data: 1\n\n'));
        for (let sent = 0; sent < pendingBytes; sent += 10_000) {
          // Not waited for: the bytes are pending when it breaks.
          const result = sink.write(Buffer.alloc(10_000, 0x2e));
          if (result !== true) result.catch(() => undefined);
        }
        throw new GatewayError('upstream-reset', 'it broke');
      },
      cancel() {},
    }),
    origin: 'upstream',
    ...(contentType === 'text/event-stream' && { renderFailure: () => Buffer.from(event) }),
  });

  test.each([0, 300_000])('is told, delivered and broken, with %i bytes pending', async (pendingBytes) => {
    await using lane = await openLane(answering(() => failing(pendingBytes)));
    const answer = await ask(lane.port, 'GET / HTTP/1.1');
    expect(answer.status).toBe(200);
    expect(answer.body.endsWith(event)).toBe(true);
    expect(answer.body.length).toBe('data: 1\n\n'.length + pendingBytes + event.length);
    expect(answer.isWhole).toBe(false);
    using client = new Http2Client(lane.port);
    const modern = await client.ask('GET', '/');
    expect(modern.body.endsWith(event)).toBe(true);
    expect(modern.error).toBe('ERR_HTTP2_STREAM_ERROR');
    const { end } = await lane.recorded(2);
    expect(end.error).toMatchObject({ reason: 'upstream-reset' });
  });

  test('without a format is broken alone', async () => {
    await using lane = await openLane(answering(() => failing(0, 'text/plain')));
    expect(await ask(lane.port, 'GET / HTTP/1.1')).toMatchObject({ body: 'data: 1\n\n', isWhole: false });
  });

  test('is a status in trailers for gRPC', async () => {
    await using lane = await openLane(answering(() => failing(0, 'application/grpc')));
    using client = new Http2Client(lane.port);
    const answer = await client.ask('POST', '/s/M', ['content-type', 'application/grpc'], 'x');
    expect(answer.trailers).toMatchObject({ 'grpc-status': '14', 'grpc-message': 'it broke' });
    expect(answer.error).toBeUndefined();
  });

  test('of a body shorter than its length is no complete answer', async () => {
    const short: Reply = {
      status: 200,
      headers: new HeaderList(),
      body: Body.from({
        lengthBytes: 10,
        async pipe(sink) {
          await sink.write(Buffer.from('short'));
          return undefined;
        },
        cancel() {},
      }),
      origin: 'upstream',
    };
    await using lane = await openLane(answering(() => short));
    using client = new RawClient(lane.port);
    client.send(get);
    expect(await client.answer()).toMatchObject({ body: 'short', isWhole: false });
  });
});

describe('what the gateway itself cannot do', () => {
  test('a fault is a 500 without its cause, recorded once', async () => {
    await using lane = await openLane({
      upstream: 1,
      steps: [
        planned('faulty', {
          request() {
            throw new Error('secret detail');
          },
        }),
      ],
    });
    const answer = await ask(lane.port, 'GET / HTTP/1.1');
    expect(answer.status).toBe(500);
    expect(answer.body).not.toContain('secret');
    await ask(lane.port, 'GET / HTTP/1.1');
    expect(lane.records).toHaveLength(2);
    expect(lane.records[0]!.reply.reason).toBe('internal');
  });

  test('an answer that node refuses to write is a 500, not a broken connection', async () => {
    await using lane = await openLane(
      answering(() => ({
        status: 200,
        headers: HeaderList.from([['x-bad', 'a\r\nb']]),
        body: Body.of('x'),
        origin: 'upstream',
      })),
    );
    const answer = await ask(lane.port, 'GET / HTTP/1.1');
    expect(answer.status).toBe(500);
    expect(answer.header('x-request-id')).toBeDefined();
    using client = new Http2Client(lane.port);
    const modern = await client.ask('GET', '/');
    expect(modern.status === 500 || modern.error !== undefined).toBe(true);
    expect((await lane.recorded(2)).end.error).toBeDefined();
  });

  test('every dialect gets its own error', async () => {
    await using lane = await openLane({ upstream: 1, backend: 'llmbackend/default/test' });
    const bodyOf = async (path: string, field = ''): Promise<unknown> =>
      JSON.parse((await ask(lane.port, `POST ${path} HTTP/1.1${field}`)).body);
    expect(await bodyOf('/v1/chat/completions')).toMatchObject({
      error: { type: 'server_error', code: 'upstream_connect_failed' },
    });
    expect(await bodyOf('/v1/responses')).toMatchObject({ error: { type: 'server_error' } });
    expect(await bodyOf('/v1/messages')).toMatchObject({ type: 'error', error: { type: 'api_error' } });
    expect(await bodyOf('/v1/models', '\r\nanthropic-version: 2023-06-01')).toMatchObject({ type: 'error' });
    expect(await bodyOf('/x')).toMatchObject({ error: { reason: 'upstream-connect-failed' } });
    expect(await bodyOf('/v1/messages-archive')).toMatchObject({ error: { code: 'upstream_connect_failed' } });
    await using plain = await openLane({ upstream: 1 });
    for (const path of ['/v1/users', '/v1/messages', '/v1/chat/completions'])
      expect(JSON.parse((await ask(plain.port, `POST ${path} HTTP/1.1`)).body)).toMatchObject({
        error: { reason: 'upstream-connect-failed' },
      });
    using client = new Http2Client(lane.port);
    const grpc = await client.ask('POST', '/s/M', ['content-type', 'application/grpc'], 'x');
    expect(grpc.status).toBe(200);
    expect(grpc.header('grpc-status')).toBe('14');
  });
});

describe('retries', () => {
  test('repeat what failed before the first byte, each with the same request', async () => {
    const bodies: string[] = [];
    await using upstream = await startUpstream((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        bodies.push(`${String(request.headers['x-a'])} ${body}`);
        if (bodies.length === 1) request.socket.destroy();
        else response.writeHead(bodies.length === 2 ? 503 : 200).end('done');
      });
    });
    await using lane = await openLane({ upstream: upstream.port, retry: { attempts: 2, codes: [503], backoffMs: 1 } });
    const answer = await ask(lane.port, 'POST / HTTP/1.1\r\nx-a: 1\r\ncontent-length: 4', 'body');
    expect(answer).toMatchObject({ status: 200, body: 'done' });
    expect(bodies).toEqual(['1 body', '1 body', '1 body']);
    const { exchange } = await lane.recorded();
    expect(exchange.attempts.map(({ status, reason }) => status ?? reason)).toEqual(['upstream-reset', 503, 200]);
    expect(new Set(exchange.attempts.map(({ id }) => id)).size).toBe(3);
  });

  test('stop at their number, and the last answer counts', async () => {
    let count = 0;
    await using upstream = await startUpstream(
      (_request, response) => void response.writeHead(503).end(String(++count)),
    );
    await using lane = await openLane({ upstream: upstream.port, retry: { attempts: 2, codes: [503], backoffMs: 0 } });
    expect(await ask(lane.port, 'GET / HTTP/1.1')).toMatchObject({ status: 503, body: '3' });
  });

  test('do not happen for a body longer than is kept, nor after the first byte', async () => {
    let count = 0;
    await using upstream = await startUpstream((request, response) => {
      count++;
      if (request.url === '/cut') {
        response.write('x');
        setTimeout(() => request.socket.destroy(), 10);
      } else response.writeHead(503).end();
    });
    await using lane = await openLane({ upstream: upstream.port, retry: { attempts: 3, codes: [503], backoffMs: 0 } });
    using client = new RawClient(lane.port);
    const long = 'x'.repeat(replayBytesMax + 1);
    client.send(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${long.length}\r\n\r\n${long}`);
    expect((await client.answer()).status).toBe(503);
    expect(count).toBe(1);
    expect((await lane.recorded()).exchange.notes).toEqual([
      `not retried: the request's body is longer than ${replayBytesMax} bytes`,
    ]);
    expect((await ask(lane.port, 'GET /cut HTTP/1.1')).isWhole).toBe(false);
    expect(count).toBe(2);
  });

  test('an idle connection that dies as it is used again is not the client\u2019s trouble, if the method may be repeated', async () => {
    const paths: string[] = [];
    await using upstream = await startRawUpstream((socket, index) => {
      let asked = 0;
      socket.on('data', (chunk: Buffer) => {
        paths.push(`${index} ${chunk.toString().split(' ')[0]}`);
        // The first connection answers once; the second request on it finds it closed.
        if (index === 0 && asked++ > 0) socket.destroy();
        else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
      });
    });
    await using lane = await openLane({ upstream: upstream.port });
    expect((await ask(lane.port, 'GET / HTTP/1.1')).body).toBe('ok');
    expect((await ask(lane.port, 'GET / HTTP/1.1')).body).toBe('ok');
    expect(paths).toEqual(['0 GET', '0 GET', '1 GET']);
  });

  test('a POST on such a connection is not sent twice', async () => {
    let count = 0;
    await using upstream = await startRawUpstream((socket) => {
      let asked = 0;
      socket.on('data', () => {
        count++;
        if (asked++ > 0) socket.destroy();
        else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
      });
    });
    await using lane = await openLane({ upstream: upstream.port });
    await ask(lane.port, 'GET / HTTP/1.1');
    expect((await ask(lane.port, 'POST / HTTP/1.1\r\ncontent-length: 0')).status).toBe(502);
    expect(count).toBe(2);
  });
});

describe('draining', () => {
  test('finishes what is under way, tells connections to end, and accepts no more', async () => {
    const finishers: (() => void)[] = [];
    await using upstream = await startUpstream((_request, response) => {
      response.write('begun');
      finishers.push(() => response.end(' and ended'));
    });
    const lane = await openLane({ upstream: upstream.port });
    using first = new RawClient(lane.port);
    using idle = new RawClient(lane.port);
    using modern = new Http2Client(lane.port);
    first.send(get);
    idle.send(get);
    await idle.until((text) => text.includes('begun'));
    finishers[0]!();
    finishers[1]!();
    await idle.answer();
    await first.answer();
    first.send(get);
    await first.until((text) => text.includes('begun'));
    const goaway = new Promise((resolve) => modern.session.on('goaway', resolve));
    const stream = modern.ask('GET', '/');
    await new Promise((resolve) => setTimeout(resolve, 50));
    const drained = Promise.all([lane.bind.drain(30_000), lane.bind.drain(30_000)]);
    await idle.ended();
    await goaway;
    await expect(ask(lane.port, 'GET / HTTP/1.1')).rejects.toThrow();
    for (const finish of finishers) finish();
    expect(await first.answer()).toMatchObject({ body: 'begun and ended', isWhole: true });
    expect(await stream).toMatchObject({ body: 'begun and ended', error: undefined });
    await drained;
    await first.ended();
    await lane[Symbol.asyncDispose]();
  });

  test('serves the first request of a connection that was accepted before', async () => {
    await using upstream = await startUpstream((_request, response) => void response.end('served'));
    const lane = await openLane({ upstream: upstream.port, limits: { drainFreshMs: 20_000 } });
    using first = new RawClient(lane.port);
    using modern = new RawClient(lane.port);
    await expect.poll(() => lane.bind.connections).toBe(2);
    const drained = lane.bind.drain(30_000);
    first.send(get);
    expect(await first.answer()).toMatchObject({ status: 200, body: 'served' });
    modern.socket.removeAllListeners('data');
    const session = connectHttp2('http://a', { createConnection: () => modern.socket });
    const stream = session.request({ ':path': '/', ':authority': 'a' });
    expect(await readHttp2(stream)).toMatchObject({ status: 200, body: 'served', error: undefined });
    await drained;
    await lane[Symbol.asyncDispose]();
  });

  test('does not wait for connections on which nothing comes', async () => {
    const lane = await openLane({ upstream: 1, limits: { drainFreshMs: 50 } });
    using silent = new RawClient(lane.port);
    await expect.poll(() => lane.bind.connections).toBe(1);
    await lane.bind.drain(30_000);
    await silent.ended();
    await lane[Symbol.asyncDispose]();
  });

  test('gives up what is left at the deadline: upstreams are let go and clients told', async () => {
    const closed = moment();
    await using upstream = await startRawUpstream((socket) => {
      socket.on('data', (chunk: Buffer) => {
        if (chunk.toString().includes('/begun')) socket.write('HTTP/1.1 200 OK\r\n\r\nbegun');
      });
      socket.on('close', closed.come);
    });
    await using lane = await openLane({ upstream: upstream.port });
    using waiting = new RawClient(lane.port);
    using reading = new RawClient(lane.port);
    waiting.send(get);
    reading.send('GET /begun HTTP/1.1\r\nhost: a\r\n\r\n');
    await reading.until((text) => text.includes('begun'));
    await lane.bind.drain(50);
    await closed.came;
    const answer = await waiting.answer();
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.body)).toMatchObject({ error: { reason: 'draining' } });
    expect(answer.header('connection')).toBe('close');
    expect((await reading.answer()).isWhole).toBe(false);
    expect(lane.records.map(({ exchange }) => exchange.cancelReason)).toEqual(['drain', 'drain']);
  });
});

test('streams over the limit wait for those before them', async () => {
  const waiting: (() => void)[] = [];
  await using upstream = await startUpstream((_request, response) => waiting.push(() => void response.end('ok')));
  await using lane = await openLane({ upstream: upstream.port, limits: { concurrentStreamsMax: 2 } });
  using client = new Http2Client(lane.port);
  await new Promise((resolve) => client.session.on('remoteSettings', resolve));
  const answers = Array.from({ length: 4 }, () => client.ask('GET', '/'));
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(waiting).toHaveLength(2);
  const more = setInterval(() => waiting.pop()?.(), 5);
  expect((await Promise.all(answers)).map(({ body }) => body)).toEqual(['ok', 'ok', 'ok', 'ok']);
  clearInterval(more);
});

test('an HTTP/2 upstream that allows few streams gets more connections', async () => {
  const waiting: (() => void)[] = [];
  await using upstream = await startHttp2Upstream(
    (stream, headers) => {
      stream.respond({ ':status': 200 });
      if (headers[':path'] === '/first') stream.end('ok');
      else waiting.push(() => void stream.end('ok'));
    },
    { maxConcurrentStreams: 1 },
  );
  await using lane = await openLane({ upstream: upstream.port, protocol: 'http2' });
  await ask(lane.port, 'GET /first HTTP/1.1');
  const answers = Array.from({ length: 3 }, () => ask(lane.port, 'GET / HTTP/1.1'));
  while (waiting.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(upstream.connections).toBe(3);
  for (const finish of waiting) finish();
  expect((await Promise.all(answers)).map(({ body }) => body)).toEqual(['ok', 'ok', 'ok']);
  await ask(lane.port, 'GET /first HTTP/1.1');
  expect(upstream.connections).toBe(3);
});

test('an HTTP/2 upstream that goes away between requests is reached anew', async () => {
  await using upstream = await startHttp2Upstream((stream) => {
    const { session } = stream;
    stream.respond({ ':status': 200 });
    stream.end('ok');
    stream.on('close', () => session!.close());
  });
  await using lane = await openLane({ upstream: upstream.port, protocol: 'http2' });
  for (let i = 0; i < 3; i++) {
    expect((await ask(lane.port, 'GET / HTTP/1.1')).body).toBe('ok');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(upstream.connections).toBe(3);
});

test('connections that nobody uses end, those that wait for an answer do not', async () => {
  await using upstream = await startUpstream((_request, response) => {
    setTimeout(() => response.end('late'), 600);
  });
  await using lane = await openLane({ upstream: upstream.port, limits: { keepAliveTimeoutMs: 100 } });
  using first = new RawClient(lane.port);
  first.send(get);
  expect((await first.answer()).body).toBe('late');
  await first.ended();
  using second = new Http2Client(lane.port);
  expect((await second.ask('GET', '/')).body).toBe('late');
  await new Promise((resolve) => second.session.on('close', resolve));
});

test('connections over the limit are closed', async () => {
  await using upstream = await startUpstream((_request, response) => void response.end());
  await using lane = await openLane({ upstream: upstream.port, limits: { connectionsMax: 1 } });
  using first = new RawClient(lane.port);
  first.send(get);
  await first.answer();
  using second = new RawClient(lane.port);
  await second.ended();
  expect(lane.bind.connections).toBe(1);
});
