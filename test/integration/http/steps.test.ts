// Every request step that ran, and only those, gets its response half, in reverse, whatever made the reply (contract 7).
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, test } from 'vitest';
import { Body, bodyBuffers } from '@agentgateway/core/body.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { Reply } from '@agentgateway/core/exchange.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import type { Step } from '@agentgateway/core/phases.ts';
import type { Target } from '@agentgateway/core/target.ts';
import { type Lane, RawClient, ask, openLane, planned, startUpstream } from '../../kit/http.ts';

const stop = (): Reply => ({ status: 418, headers: new HeaderList(), body: Body.of('stopped'), origin: 'policy' });

/** Steps that write down when their halves run. */
function told(log: string[], name: string, more: Step = {}): ReturnType<typeof planned> {
  return planned(name, {
    ...more,
    request(exchange) {
      log.push(`> ${name}`);
      return more.request?.(exchange);
    },
    response(exchange, reply) {
      log.push(`< ${name} ${reply.status}`);
      return more.response?.(exchange, reply);
    },
  });
}

const cases: readonly (readonly [string, Step, string[], number])[] = [
  ['all go on', {}, ['> a', '> b', '> c', '< c 200', '< b 200', '< a 200'], 200],
  [
    'all go on, one later',
    { request: () => Promise.resolve(undefined) },
    ['> a', '> b', '> c', '< c 200', '< b 200', '< a 200'],
    200,
  ],
  ['one answers', { request: stop }, ['> a', '> b', '< b 418', '< a 418'], 418],
  ['one answers later', { request: () => Promise.resolve(stop()) }, ['> a', '> b', '< b 418', '< a 418'], 418],
  [
    'one refuses',
    {
      request: () => {
        throw new GatewayError('forbidden', 'no');
      },
    },
    ['> a', '> b', '< b 403', '< a 403'],
    403,
  ],
  [
    'one refuses and breaks on its own refusal: what went wrong first is told',
    {
      request: () => {
        throw new GatewayError('forbidden', 'no');
      },
      response: () => {
        throw new TypeError('bug');
      },
    },
    ['> a', '> b', '< b 403', '< a 403'],
    403,
  ],
  [
    'one refuses later',
    { request: () => Promise.reject(new GatewayError('forbidden', 'no')) },
    ['> a', '> b', '< b 403', '< a 403'],
    403,
  ],
  [
    'one breaks',
    {
      request: () => {
        throw new TypeError('bug');
      },
    },
    ['> a', '> b', '< b 500', '< a 500'],
    500,
  ],
  [
    'a response half breaks',
    {
      response: () => {
        throw new TypeError('bug');
      },
    },
    ['> a', '> b', '> c', '< c 200', '< b 200', '< a 500'],
    500,
  ],
  [
    'a response half breaks later',
    { response: () => Promise.reject(new TypeError('bug')) },
    ['> a', '> b', '> c', '< c 200', '< b 200', '< a 500'],
    500,
  ],
  ['one sees upstream replies only', { on: 'upstream', request: stop }, ['> a', '> b', '< a 418'], 418],
];

test.each(cases)('%s', async (_name, middle, expected, status) => {
  await using upstream = await startUpstream((_request, response) => void response.end('fine'));
  const log: string[] = [];
  await using lane = await openLane({
    upstream: upstream.port,
    steps: [told(log, 'a'), told(log, 'b', middle), told(log, 'c')],
  });
  expect((await ask(lane.port, 'GET / HTTP/1.1')).status).toBe(status);
  expect(log).toEqual(expected);
  expect(lane.records).toHaveLength(1);
});

test('no route and no backend still get the response halves of what ran', async () => {
  const log: string[] = [];
  const cors: Step = {
    response: (_exchange, reply) => reply.headers.set('access-control-allow-origin', '*'),
  };
  await using lane = await openLane({ upstream: 1, steps: [told(log, 'cors', cors)] });
  for (const path of ['/nowhere', '/'])
    expect((await ask(lane.port, `GET ${path} HTTP/1.1`)).header('access-control-allow-origin')).toBe('*');
  expect(log).toEqual(['> cors', '< cors 404', '> cors', '< cors 503']);
  const [record] = lane.records;
  expect(record!.exchange.verdicts).toEqual([{ policy: 'policy/default/cors', verdict: 'passed' }]);
});

test('headers of a refusal reach the client', async () => {
  const limit = planned('limit', {
    request() {
      throw new GatewayError('rate-limited', 'too often', {
        headers: [['retry-after', '7']],
        cause: new Error('hidden'),
      });
    },
  });
  await using lane = await openLane({ upstream: 1, steps: [limit] });
  const answer = await ask(lane.port, 'GET / HTTP/1.1');
  expect(answer.status).toBe(429);
  expect(answer.header('retry-after')).toBe('7');
  expect(answer.body).toContain('too often');
  expect(answer.body).not.toContain('hidden');
});

describe('bodies', () => {
  test('are collected for steps that read them, and replaced by steps that edit them', async () => {
    await using upstream = await startUpstream((request, response) => {
      response.setHeader('x-length', request.headers['content-length'] ?? 'none');
      request.pipe(response);
    });
    const shout = planned('shout', {
      readsRequestBody: true,
      readsResponseBody: true,
      request({ body }) {
        body.replace(Buffer.from(Buffer.from(body.buffered!).toString().toUpperCase()));
        return undefined;
      },
      response(_exchange, { body }) {
        body.replace(Buffer.from(`${Buffer.from(body.buffered!).toString()}!`));
      },
    });
    await using lane = await openLane({ upstream: upstream.port, steps: [shout] });
    const answer = await ask(lane.port, 'POST / HTTP/1.1\r\ntransfer-encoding: chunked', '3\r\nabc\r\n0\r\n\r\n');
    expect(answer.body).toBe('ABC!');
    expect(answer.header('content-length')).toBe('4');
    expect(answer.header('x-length')).toBe('3');
  });
});

const text = (body: Body): string => Buffer.from(body.buffered ?? []).toString();

describe('bodies of requests', () => {
  const cors = planned('cors', {
    response: (_exchange, reply) => reply.headers.set('access-control-allow-origin', '*'),
  });
  const refuse = planned('key', {
    request() {
      throw new GatewayError('unauthenticated', 'who are you');
    },
  });
  /** Refuses bodies that hold a word. */
  const deny = planned('deny', {
    readsRequestBody: true,
    request({ body }) {
      if (text(body).includes('forbidden word')) throw new GatewayError('forbidden', 'no such words');
      return undefined;
    },
  });
  const head = 'POST / HTTP/1.1\r\nhost: a\r\n';

  test('are not asked for before the steps ahead have let the client in', async () => {
    await using lane = await openLane({ upstream: 1, steps: [cors, refuse, deny] });
    using client = new RawClient(lane.port);
    client.send(`${head}content-length: 5\r\nexpect: 100-continue\r\n\r\n`);
    const answer = await client.answer();
    expect(answer.status).toBe(401);
    expect(answer.header('access-control-allow-origin')).toBe('*');
  });

  test('that cannot be had are refused within the steps that ran', async () => {
    const log: string[] = [];
    await using lane = await openLane({
      upstream: 1,
      steps: [cors, told(log, 'a'), deny, told(log, 'b')],
      replayBytesMax: 10,
      limits: { requestIdleTimeoutMs: 50 },
    });
    const large = await ask(lane.port, 'POST / HTTP/1.1\r\ncontent-length: 11', 'x'.repeat(11));
    expect([large.status, large.header('access-control-allow-origin')]).toEqual([413, '*']);
    const late = await ask(lane.port, 'POST / HTTP/1.1\r\ncontent-length: 5', 'x');
    expect([late.status, late.header('access-control-allow-origin')]).toEqual([408, '*']);
    expect(log).toEqual(['> a', '< a 413', '> a', '< a 408']);
  });

  test('are there for a response half that reads them', async () => {
    await using upstream = await startUpstream((request, response) => void request.pipe(response));
    const seen: string[] = [];
    const late = planned('late', {
      readsRequestBody: true,
      response: ({ body }) => void seen.push(text(body)),
    });
    await using lane = await openLane({ upstream: upstream.port, steps: [late] });
    expect((await ask(lane.port, 'POST / HTTP/1.1\r\ncontent-length: 5', 'hello')).body).toBe('hello');
    expect(seen).toEqual(['hello']);
  });

  test('are judged decoded, and go on decoded', async () => {
    const received: { encoding: string | undefined; body: string }[] = [];
    await using upstream = await startUpstream((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        received.push({ encoding: request.headers['content-encoding'], body });
        response.end();
      });
    });
    await using lane = await openLane({ upstream: upstream.port, steps: [deny] });
    const post = async (encoding: string, bytes: Uint8Array): Promise<number> => {
      using client = new RawClient(lane.port);
      client.send(`${head}content-encoding: ${encoding}\r\ncontent-length: ${bytes.byteLength}\r\n\r\n`);
      client.send(bytes);
      return (await client.answer()).status;
    };
    const bad = Buffer.from('a forbidden word');
    expect(await post('gzip', gzipSync(bad))).toBe(403);
    expect(await post('deflate, br', brotliCompressSync(deflateSync(bad)))).toBe(403);
    expect(await post(' identity', bad)).toBe(403);
    expect(await post('compress', bad)).toBe(415);
    expect(await post('gzip', bad)).toBe(400);
    expect(await post('gzip', gzipSync(Buffer.alloc(2 * 1024 * 1024)))).toBe(413);
    expect(received).toEqual([]);
    expect(await post('gzip', gzipSync('a fine word'))).toBe(200);
    expect(received).toEqual([{ encoding: undefined, body: 'a fine word' }]);
    expect(bodyBuffers.heldBytes).toBe(0);
  });
});

describe('bodies of answers', () => {
  const seen: (string | undefined)[] = [];
  const reads = planned('reads', {
    readsResponseBody: true,
    response: (_exchange, { body }) =>
      void seen.push(body.kind === 'source' ? undefined : Buffer.from(body.buffered ?? []).toString()),
  });
  beforeEach(() => {
    seen.length = 0;
  });

  test('are judged decoded, and go on decoded', async () => {
    await using upstream = await startUpstream((request, response) => {
      response.setHeader('content-encoding', request.url === '/unknown' ? 'compress' : 'gzip');
      response.setHeader('etag', '"x"');
      if (request.url === '/part') response.statusCode = 206;
      response.end(gzipSync('an answer'));
    });
    await using lane = await openLane({ upstream: upstream.port, steps: [reads] });
    const answer = await ask(lane.port, 'GET / HTTP/1.1');
    expect(answer).toMatchObject({ status: 200, body: 'an answer' });
    expect(answer.header('content-encoding')).toBeUndefined();
    expect(answer.header('content-length')).toBe('9');
    expect(answer.header('etag')).toBe('W/"x"');
    expect((await ask(lane.port, 'GET /unknown HTTP/1.1')).status).toBe(502);
    const part = await ask(lane.port, 'GET /part HTTP/1.1');
    expect([part.status, part.header('content-encoding')]).toEqual([206, 'gzip']);
    const asked = await ask(lane.port, 'HEAD / HTTP/1.1');
    expect([asked.status, asked.header('content-encoding')]).toEqual([200, 'gzip']);
    expect(seen).toEqual(['an answer', undefined, '']);
    expect(bodyBuffers.heldBytes).toBe(0);
  });

  test.each(['text/event-stream; charset=utf-8', 'application/grpc+proto'])(
    'of type %s are not waited for: whoever reads them finds none',
    async (type) => {
      const ends: (() => void)[] = [];
      await using upstream = await startUpstream((_request, response) => {
        response.setHeader('content-type', type);
        response.write('first');
        ends.push(() => response.end(' last'));
      });
      await using lane = await openLane({ upstream: upstream.port, steps: [reads] });
      using client = new RawClient(lane.port);
      client.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
      await client.until((received) => received.includes('first'));
      ends[0]!();
      expect((await client.answer()).body).toBe('first last');
      expect(seen).toEqual([undefined]);
    },
  );

  test('have a limit, whoever made them', async () => {
    let cancelled = 0;
    const endless = Body.from({
      async pipe(sink) {
        for (;;) await sink.write(Buffer.alloc(100));
      },
      cancel: () => void cancelled++,
    });
    const target: Target = {
      key: 'backend/default/test',
      call: async () => ({ status: 200, headers: new HeaderList(), body: endless, origin: 'upstream' }),
    };
    await using lane = await openLane({ upstream: target, steps: [reads], responseBytesMax: 1000 });
    const answer = await ask(lane.port, 'GET / HTTP/1.1');
    expect(answer.status).toBe(502);
    expect(JSON.parse(answer.body)).toMatchObject({ error: { reason: 'response-too-large' } });
    expect(cancelled).toBeGreaterThan(0);
    expect(bodyBuffers.heldBytes).toBe(0);
  });
});

test('whoever looks into answers gets each as it is sent, errors too', async () => {
  const answers: [number, string | undefined][] = [];
  await using lane = await openLane({
    upstream: 1,
    steps: [planned('late', { response: (_exchange, reply) => reply.headers.set('x-late', '1') })],
    answer: (_exchange, reply) => answers.push([reply.status, reply.headers.get('x-late')]),
  });
  await ask(lane.port, 'GET / HTTP/1.1');
  await ask(lane.port, 'GET /nowhere HTTP/1.1');
  expect(answers).toEqual([
    [503, '1'],
    [404, '1'],
  ]);
});

describe('a step that waits', () => {
  const waiting = planned('waiting', { request: () => new Promise(() => {}) });

  test('does not hold up the deadline', async () => {
    await using lane = await openLane({ upstream: 1, steps: [waiting], timeouts: { requestMs: 50 } });
    expect((await ask(lane.port, 'GET / HTTP/1.1')).status).toBe(504);
  });

  test('does not hold up the record of a client that left', async () => {
    const entered = Promise.withResolvers<void>();
    const enter = planned('enter', {
      request() {
        entered.resolve();
        return undefined;
      },
    });
    await using lane: Lane = await openLane({ upstream: 1, steps: [enter, waiting] });
    {
      using client = new RawClient(lane.port);
      client.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
      await entered.promise;
    }
    const { exchange, end } = await lane.recorded();
    expect(exchange.cancelReason).toBe('client-gone');
    expect(end).toMatchObject({ isClientGone: true, isHeadSent: false });
  });
});
