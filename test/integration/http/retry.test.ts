// Retries and time-outs by the rules of Gateway API (GEP-1731, GEP-1742): the suite's table, bodies, budgets, deadlines.
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { replayBytesMax } from '@agentgateway/proxy/backend/attempt.ts';
import { type TestGateway, startTestGateway } from '../../kit/gateway.ts';
import { Http2Client, RawClient, ask, startRawUpstream, startUpstream } from '../../kit/http.ts';

/** A gateway with one Service of these endpoints. */
function start(rule: object, ports: readonly number[], more: Record<string, unknown> = {}): Promise<TestGateway> {
  const config = {
    services: [
      { name: 'api', ports: [{ port: 80 }], endpoints: ports.map((port) => ({ address: '127.0.0.1', port })) },
    ],
    httpRoutes: [{ name: 'site', rules: [{ name: 'main', backendRefs: [{ name: 'api', port: 80 }], ...rule }] }],
    ...more,
  };
  return startTestGateway(
    Object.entries(config)
      .map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
      .join('\n'),
  );
}

const portOf = ({ url }: TestGateway): number => Number(new URL(url).port);

/** An upstream that fails so many times with a status and then answers 200. */
function failing(times: number, status: number) {
  let count = 0;
  return startUpstream((request, response) => {
    request.resume();
    response.writeHead(count++ < times ? status : 200).end(String(count));
  });
}

const all = [500, 502, 503, 504];

/** An upstream that never answers. */
function silent() {
  return startUpstream((request) => void request.resume());
}

/** Breaks the first connection after it has read so much, and tells what the second was sent. */
async function breaking(afterBytes: number) {
  let index = 0;
  const bodies: string[] = [];
  const upstream = await startUpstream((request, response) => {
    const at = index++;
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
      if (at === 0 && body.length >= afterBytes) request.socket.resetAndDestroy();
    });
    request.on('error', () => {});
    request.on('end', () => {
      bodies.push(body);
      response.end('ok');
    });
  });
  return { upstream, bodies, asked: () => index };
}

describe('HTTPRouteRetry', () => {
  test.each([
    { codes: [500], attempts: 3, times: 2, status: 500, seen: 200, asked: 3 },
    { codes: [500], attempts: 3, times: 4, status: 500, seen: 500, asked: 4 },
    { codes: [500], attempts: 3, times: 4, status: 503, seen: 503, asked: 1 },
    { codes: all, attempts: 2, times: 1, status: 500, seen: 200, asked: 2 },
    { codes: all, attempts: 2, times: 1, status: 502, seen: 200, asked: 2 },
    { codes: all, attempts: 2, times: 1, status: 503, seen: 200, asked: 2 },
    { codes: all, attempts: 2, times: 1, status: 504, seen: 200, asked: 2 },
    { codes: all, attempts: 2, times: 3, status: 502, seen: 502, asked: 3 },
    { codes: all, attempts: 2, times: 3, status: 504, seen: 504, asked: 3 },
    { codes: [500], attempts: 0, times: 4, status: 500, seen: 500, asked: 1 },
  ])('codes $codes, attempts $attempts, fails $times times with $status → $seen', async (row) => {
    const { codes, attempts, times, status, seen, asked } = row;
    await using upstream = await failing(times, status);
    await using gateway = await start({ retry: { codes, attempts, backoff: '1ms' } }, [upstream.port]);
    const answer = await ask(portOf(gateway), 'GET / HTTP/1.1');
    expect(answer).toMatchObject({ status: seen, body: String(asked) });
  });

  test('the last answer passes as it is', async () => {
    await using upstream = await startUpstream((_request, response) => {
      response.writeHead(503, { 'x-own': 'yes', 'retry-after': '7' }).end('own words');
    });
    await using gateway = await start({ retry: { codes: [503], attempts: 1, backoff: '1ms' } }, [upstream.port]);
    const answer = await ask(portOf(gateway), 'GET / HTTP/1.1');
    expect(answer).toMatchObject({ status: 503, body: 'own words' });
    expect([answer.header('x-own'), answer.header('retry-after')]).toEqual(['yes', '7']);
  });
});

describe('HTTPRouteRetryConnectionError', () => {
  test.each([
    ['without codes', {}],
    ['with codes', { codes: [500] }],
  ])('%s: broken connections are repeated', async (_name, retry) => {
    let count = 0;
    await using upstream = await startRawUpstream((socket) => {
      socket.on('data', () => {
        if (count++ < 2) socket.resetAndDestroy();
        else socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok');
      });
    });
    await using gateway = await start({ retry: { attempts: 2, backoff: '1ms', ...retry } }, [upstream.port]);
    expect(await ask(portOf(gateway), 'POST / HTTP/1.1\r\ncontent-length: 1', 'x')).toMatchObject({ status: 200 });
    expect(count).toBe(3);
  });

  test('spent, it is 503', async () => {
    let count = 0;
    await using upstream = await startRawUpstream((socket) => {
      socket.on('data', () => {
        count++;
        socket.resetAndDestroy();
      });
    });
    await using gateway = await start({ retry: { attempts: 2, backoff: '1ms' } }, [upstream.port]);
    expect((await ask(portOf(gateway), 'POST / HTTP/1.1\r\ncontent-length: 1', 'x')).status).toBe(503);
    expect(count).toBe(3);
  });

  test('another endpoint is tried', async () => {
    const unused = createServer();
    await new Promise<void>((resolve) => unused.listen(0, '127.0.0.1', resolve));
    const { port } = unused.address() as { port: number };
    await new Promise((resolve) => unused.close(resolve));
    await using upstream = await failing(0, 500);
    await using gateway = await start({ retry: { attempts: 1, backoff: '1ms' } }, [port, upstream.port]);
    for (let i = 0; i < 6; i++) expect((await ask(portOf(gateway), 'GET / HTTP/1.1')).status).toBe(200);
  });
});

describe('HTTPRouteRetryWithTimeouts', () => {
  test('an attempt that takes too long is repeated, and spent it is 504', async () => {
    let count = 0;
    await using upstream = await startUpstream((_request, response) => {
      if (count++ > 0) response.end('late');
    });
    const rule = { retry: { attempts: 1, backoff: '1ms' }, timeouts: { backendRequest: '100ms' } };
    await using gateway = await start(rule, [upstream.port]);
    expect(await ask(portOf(gateway), 'GET / HTTP/1.1')).toMatchObject({ status: 200, body: 'late' });
    await using never = await silent();
    await using other = await start(rule, [never.port]);
    const answer = await ask(portOf(other), 'GET / HTTP/1.1');
    expect(answer.status).toBe(504);
    expect(await other.line(answer.header('x-request-id')!)).toMatchObject({ reason: 'attempt-timeout' });
  });

  test('the request’s time-out bounds everything', async () => {
    await using never = await silent();
    const rule = {
      retry: { attempts: 100, backoff: '1ms' },
      timeouts: { request: '300ms', backendRequest: '100ms' },
    };
    await using gateway = await start(rule, [never.port]);
    const answer = await ask(portOf(gateway), 'GET / HTTP/1.1');
    expect(answer.status).toBe(504);
    expect(await gateway.line(answer.header('x-request-id')!)).toMatchObject({ reason: 'exchange-timeout' });
  });

  test('0s switches one off', async () => {
    await using upstream = await startUpstream(
      (_request, response) => void setTimeout(() => response.end('at last'), 150),
    );
    const policies = [{ name: 'short', timeouts: { request: '50ms', backendRequest: '50ms' } }];
    await using gateway = await start({ timeouts: { request: '0s', backendRequest: '0s' } }, [upstream.port], {
      policies,
    });
    expect(await ask(portOf(gateway), 'GET / HTTP/1.1')).toMatchObject({ status: 200, body: 'at last' });
  });

  test.each(['request', 'backendRequest'])('a backend’s own %s holds for calls to it', async (field) => {
    await using never = await silent();
    const targetRefs = [{ group: '', kind: 'Service', name: 'api' }];
    const policies = [{ name: 'short', targetRefs, timeouts: { [field]: '50ms' } }];
    await using gateway = await start({}, [never.port], { policies });
    expect((await ask(portOf(gateway), 'GET / HTTP/1.1')).status).toBe(504);
  });
});

describe('bodies', () => {
  test('a streamed body of unknown length is sent again from its beginning, and on with what comes', async () => {
    const { upstream, bodies } = await breaking(3);
    await using _ = upstream;
    await using gateway = await start({ retry: { attempts: 1, backoff: '1ms' } }, [upstream.port]);
    using client = new RawClient(portOf(gateway));
    client.send('POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n');
    await expect.poll(() => upstream.connections, { timeout: 15_000 }).toBe(2);
    client.send('3\r\ndef\r\n0\r\n\r\n');
    expect((await client.answer()).status).toBe(200);
    expect(bodies).toEqual(['abcdef']);
  });

  test('over HTTP/2 too', async () => {
    const { upstream, bodies } = await breaking(4);
    await using _ = upstream;
    await using gateway = await start({ retry: { attempts: 1, backoff: '1ms' } }, [upstream.port]);
    using client = new Http2Client(portOf(gateway));
    expect((await client.ask('POST', '/', [], 'body')).status).toBe(200);
    expect(bodies.at(-1)).toBe('body');
  });

  test('one longer than is kept is sent once, and the story says so', async () => {
    const { upstream, asked } = await breaking(replayBytesMax + 1);
    await using _ = upstream;
    await using gateway = await start({ retry: { attempts: 3, backoff: '1ms' } }, [upstream.port]);
    using client = new RawClient(portOf(gateway));
    const long = 'x'.repeat(replayBytesMax + 1);
    client.send(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${long.length}\r\n\r\n${long}`);
    const answer = await client.answer();
    expect([answer.status, asked()]).toEqual([502, 1]);
    const story = await fetch(`${gateway.adminUrl}/requests/${answer.header('x-request-id')}`);
    expect(await story.text()).toContain(`not retried: the request's body is longer than ${replayBytesMax} bytes`);
  });
});

test('a budget bounds the retries of all requests to a backend together', async () => {
  await using upstream = await failing(Number.POSITIVE_INFINITY, 503);
  const policies = [
    {
      name: 'frugal',
      targetRefs: [{ group: '', kind: 'Service', name: 'api' }],
      retry: {
        attempts: 3,
        codes: [503],
        backoff: '1ms',
        budget: { percent: 0, interval: '1h', minRetryRate: { count: 4, interval: '1h' } },
      },
    },
  ];
  await using gateway = await start({}, [upstream.port], { policies });
  let last = '';
  for (let i = 0; i < 5; i++) last = (await ask(portOf(gateway), 'GET / HTTP/1.1')).body;
  // Five requests and four retries.
  expect(last).toBe('9');
});
