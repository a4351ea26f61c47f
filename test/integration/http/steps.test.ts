// Every request step that ran, and only those, gets its response half, in reverse, whatever made the reply (contract 7).
import { describe, expect, test } from 'vitest';
import { Body } from '@agentgateway/core/body.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { Reply } from '@agentgateway/core/exchange.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import type { Step } from '@agentgateway/core/phases.ts';
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
