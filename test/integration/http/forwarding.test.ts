// What passes through the gateway is what was sent: fields, lengths, bodies, trailers, interim answers; and what must not pass, does not.
import { describe, expect, test } from 'vitest';
import { Body } from '@agentgateway/core/body.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import type { ServerHttp2Stream } from 'node:http2';
import {
  Http2Client,
  RawClient,
  ask,
  openLane,
  planned,
  startHttp2Upstream,
  startRawUpstream,
  startUpstream,
} from '../../kit/http.ts';

/** The head lines that an HTTP/1.1 upstream receives for one request. */
async function received(
  bytes: string,
  options: { trustedHops?: number } = {},
): Promise<{ lines: string[]; body: string; status: number }> {
  let text = '';
  await using upstream = await startRawUpstream((socket) => {
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (text.includes('\r\n\r\n')) setTimeout(() => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'), 20);
    });
  });
  await using lane = await openLane({ upstream: upstream.port, ...options });
  using client = new RawClient(lane.port);
  client.send(bytes);
  const { status } = await client.answer();
  const [head = '', body = ''] = text.split('\r\n\r\n', 2);
  return { lines: head.split('\r\n'), body, status };
}

const without = (lines: string[]): string[] => lines.filter((line) => !line.startsWith('x-request-id: '));

describe('requests', () => {
  test('fields keep their order, case and duplicates; those of the connection go', async () => {
    const { lines } = await received(
      'GET /a/%2E%41//b?x=1&x=/../2 HTTP/1.1\r\nX-B: 1\r\nHost: Example.test\r\nx-a: 2\r\nX-b: 3\r\nCookie: a=1\r\nCookie: b=2\r\n' +
        'Connection: keep-alive, X-Hop , close\r\nX-Hop: 1\r\nKeep-Alive: timeout=1\r\nTE: trailers\r\nTrailer: x\r\n' +
        'Proxy-Connection: close\r\nProxy-Authorization: Basic x\r\nUpgrade: foo\r\nx-empty:\r\nx-latin: \u00e9\r\n\r\n',
    );
    expect(without(lines)).toEqual([
      'GET /a/%2E%41//b?x=1&x=/../2 HTTP/1.1',
      'host: Example.test',
      'X-B: 1',
      'x-a: 2',
      'X-b: 3',
      'Cookie: a=1',
      'Cookie: b=2',
      'x-empty: ',
      'x-latin: \u00e9',
      'x-forwarded-for: 127.0.0.1',
      'x-forwarded-proto: http',
      'x-forwarded-host: Example.test',
    ]);
  });

  test('forwarding facts are believed from trusted hops only', async () => {
    const bytes =
      'GET / HTTP/1.1\r\nhost: a\r\nx-forwarded-for: 9.9.9.9, 10.0.0.1\r\nx-forwarded-proto: https\r\nx-forwarded-host: evil\r\nx-request-id: given-1\r\n\r\n';
    const doubted = await received(bytes);
    expect(doubted.lines).toContain('x-forwarded-for: 127.0.0.1');
    expect(doubted.lines).toContain('x-forwarded-proto: http');
    expect(doubted.lines).toContain('x-forwarded-host: a');
    expect(doubted.lines).not.toContain('x-request-id: given-1');
    const believed = await received(bytes, { trustedHops: 1 });
    expect(believed.lines).toContain('x-forwarded-for: 9.9.9.9, 10.0.0.1, 127.0.0.1');
    expect(believed.lines).toContain('x-forwarded-proto: https');
    expect(believed.lines).toContain('x-forwarded-host: evil');
    expect(believed.lines).toContain('x-request-id: given-1');
  });

  test('what a client claims of hops before it does not pass at all', async () => {
    const claims = [
      'Forwarded: for=9.9.9.9',
      'X-Forwarded-Port: 1',
      'x-forwarded-client-cert: x',
      'X-Real-IP: 9.9.9.9',
    ];
    const bytes = `GET / HTTP/1.1\r\nhost: a\r\n${claims.join('\r\n')}\r\nx-forwardedness: kept\r\n\r\n`;
    const doubted = await received(bytes);
    expect(doubted.lines.filter((line) => /forward|real-ip/i.test(line)).toSorted()).toEqual([
      'x-forwarded-for: 127.0.0.1',
      'x-forwarded-host: a',
      'x-forwarded-proto: http',
      'x-forwardedness: kept',
    ]);
    expect((await received(bytes, { trustedHops: 1 })).lines).toEqual(expect.arrayContaining(claims));
  });

  test.each(['unknown', '_hidden', '9.9.9.9:80', '<script>', ''])(
    'a trusted hop that says %j says nothing of the client',
    async (said) => {
      await using upstream = await startUpstream((_request, response) => response.end());
      await using lane = await openLane({ upstream: upstream.port, trustedHops: 1 });
      await ask(lane.port, `GET / HTTP/1.1\r\nx-forwarded-for: 9.9.9.9, ${said}`);
      expect((await lane.recorded()).exchange.head.client.address).toBe('127.0.0.1');
    },
  );

  test.each([
    [1, '10.0.0.1'],
    [2, '9.9.9.9'],
    [5, '9.9.9.9'],
  ])('with %i trusted hops the client is %s', async (trustedHops, address) => {
    await using upstream = await startUpstream((_request, response) => response.end());
    await using lane = await openLane({ upstream: upstream.port, trustedHops });
    await ask(lane.port, 'GET / HTTP/1.1\r\nx-forwarded-for: 9.9.9.9, 10.0.0.1');
    expect((await lane.recorded()).exchange.head.client.address).toBe(address);
  });

  test('a known length stays one, an unknown one is chunked, and none stays none', async () => {
    const known = await received('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello');
    expect(known.lines).toContain('content-length: 5');
    expect(known.body).toBe('hello');
    const empty = await received('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n');
    expect(empty.lines).toContain('content-length: 0');
    const chunked = await received(
      'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-late: 1\r\n\r\n',
    );
    expect(chunked.lines).toContain('transfer-encoding: chunked');
    expect(chunked.lines.join().toLowerCase()).not.toContain('content-length');
    expect(chunked.body).toContain('hello');
    const get = await received('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    expect(get.lines.join()).not.toMatch(/content-length|transfer-encoding/);
    const getWithBody = await received('GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi');
    expect(getWithBody.lines).toContain('content-length: 2');
    expect(getWithBody.body).toBe('hi');
  });

  test('over HTTP/2 the length, order, duplicates and request trailers pass', async () => {
    let fields: string[] = [];
    let trailers: object | undefined;
    await using upstream = await startHttp2Upstream((stream, _headers, raw) => {
      fields = raw;
      stream.on('trailers', (headers) => (trailers = headers));
      stream.on('end', () => {
        stream.respond({ ':status': 200 });
        stream.end('ok');
      });
      stream.resume();
    });
    await using lane = await openLane({ upstream: upstream.port, protocol: 'http2' });
    using client = new Http2Client(lane.port);
    const stream = client.session.request(
      [':method', 'POST', ':path', '/p?q', ':scheme', 'http', ':authority', 'Test', 'x-b', '1', 'x-a', '2', 'x-b', '3'],
      { waitForTrailers: true },
    );
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-late': 'yes' }));
    stream.end('hello');
    await new Promise((resolve) => stream.resume().on('close', resolve));
    expect(fields.slice(0, 14)).toEqual([
      ...[':method', 'POST', ':path', '/p?q', ':scheme', 'http', ':authority', 'Test'],
      ...['x-b', '1', 'x-a', '2', 'x-b', '3'],
    ]);
    expect(trailers).toMatchObject({ 'x-late': 'yes' });
    await client.ask('POST', '/', ['content-length', '5'], 'hello');
    expect(fields.join()).toContain('content-length,5');
  });

  test('te: trailers reaches a gRPC upstream', async () => {
    let te: unknown;
    await using upstream = await startHttp2Upstream((stream, headers) => {
      te = headers['te'];
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': 0 }, { endStream: true });
    });
    await using lane = await openLane({ upstream: upstream.port, protocol: 'http2' });
    using client = new Http2Client(lane.port);
    const answer = await client.ask('POST', '/s/M', ['content-type', 'application/grpc', 'te', 'trailers'], 'x');
    expect(answer.header('grpc-status')).toBe('0');
    expect(te).toBe('trailers');
  });

  test('an attempt does not change the exchange', async () => {
    await using upstream = await startUpstream((_request, response) => response.end());
    let before: string[] = [];
    const look = planned('look', {
      request(exchange) {
        before = exchange.headers.raw.slice();
        return undefined;
      },
    });
    await using lane = await openLane({ upstream: upstream.port, steps: [look] });
    await ask(lane.port, 'GET / HTTP/1.1\r\nexpect: 100-continue\r\nx-a: 1');
    expect((await lane.recorded()).exchange.headers.raw).toEqual(before);
  });
});

describe('100-continue', () => {
  const head = 'POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n';

  test('is said when the body is first read, and the expectation does not pass', async () => {
    let expectation: string | undefined = 'unset';
    await using upstream = await startUpstream((request, response) => {
      expectation = request.headers.expect;
      request.pipe(response);
    });
    await using lane = await openLane({ upstream: upstream.port });
    using client = new RawClient(lane.port);
    client.send(head);
    expect((await client.answer()).status).toBe(100);
    client.send('hello');
    const answer = await client.answer();
    expect(answer.body).toBe('hello');
    expect(answer.header('connection')).not.toBe('close');
    expect(expectation).toBeUndefined();
  });

  test('is never said to a request that is refused unread, and the connection is closed', async () => {
    const refuse = planned('refuse', {
      request: () => ({ status: 403, headers: new HeaderList(), body: Body.of('no'), origin: 'policy' }),
    });
    await using lane = await openLane({ upstream: 1, steps: [refuse] });
    using client = new RawClient(lane.port);
    client.send(head);
    const answer = await client.answer();
    expect(answer.status).toBe(403);
    expect(answer.header('connection')).toBe('close');
    await client.ended();
  });

  test('holds for HTTP/2 as well', async () => {
    const refuse = planned('refuse', {
      request: ({ path }) =>
        path === '/refused'
          ? { status: 403, headers: new HeaderList(), body: Body.of('no'), origin: 'policy' }
          : undefined,
    });
    await using upstream = await startUpstream((request, response) => void request.pipe(response));
    await using lane = await openLane({ upstream: upstream.port, steps: [refuse] });
    using client = new Http2Client(lane.port);
    let continued = 0;
    const refused = client.open('POST', '/refused', ['expect', '100-continue']);
    refused.on('continue', () => continued++);
    await new Promise((resolve) => refused.resume().on('end', resolve));
    expect(continued).toBe(0);
    const served = client.open('POST', '/', ['expect', '100-continue']);
    served.on('continue', () => served.end('hello'));
    let body = '';
    served.on('data', (chunk: Buffer) => (body += chunk.toString()));
    await new Promise((resolve) => served.on('end', resolve));
    expect(body).toBe('hello');
  });
});

describe('answers', () => {
  test('fields keep their order, case and duplicates; those of the connection go', async () => {
    await using upstream = await startRawUpstream((socket) => {
      socket.on('data', () =>
        socket.write(
          'HTTP/1.1 203 Whatever\r\nX-B: 1\r\nSet-Cookie: a=1\r\nx-a: 2\r\nSet-Cookie: b=2\r\nx-b: 3\r\nDate: Tue, 24 Nov 2026 00:00:00 GMT\r\n' +
            'Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\nProxy-Authenticate: x\r\nContent-Length: 2\r\n\r\nok',
        ),
      );
    });
    await using lane = await openLane({ upstream: upstream.port });
    using client = new RawClient(lane.port);
    client.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    const { status, lines } = await client.answer();
    expect(status).toBe(203);
    expect(without(lines)).toEqual([
      'X-B: 1',
      'Set-Cookie: a=1',
      'x-a: 2',
      'Set-Cookie: b=2',
      'x-b: 3',
      'Date: Tue, 24 Nov 2026 00:00:00 GMT',
      'Content-Length: 2',
    ]);
    using modern = new Http2Client(lane.port);
    const answer = await modern.ask('GET', '/');
    expect(answer.raw.slice(0, 16)).toEqual([
      ...[':status', '203', 'x-b', '1', 'set-cookie', 'a=1', 'x-a', '2', 'set-cookie', 'b=2', 'x-b', '3'],
      ...['date', 'Tue, 24 Nov 2026 00:00:00 GMT', 'content-length', '2'],
    ]);
    expect(answer.raw.filter((field) => field === 'date')).toHaveLength(1);
  });

  test.each(['http1', 'http2'] as const)('HEAD, 204 and 304 have no body over %s', async (protocol) => {
    const start = {
      http1: () =>
        startUpstream((request, response) => {
          if (request.url === '/204') response.writeHead(204).end();
          else if (request.url === '/304') response.writeHead(304, { etag: '"x"', 'content-length': 7 }).end();
          else response.writeHead(200, { 'content-length': 7 }).end(request.method === 'HEAD' ? undefined : 'content');
        }),
      http2: () =>
        startHttp2Upstream((stream: ServerHttp2Stream, headers) => {
          const path = headers[':path'];
          if (path === '/204') stream.respond({ ':status': 204 }, { endStream: true });
          else if (path === '/304')
            stream.respond({ ':status': 304, etag: '"x"', 'content-length': 7 }, { endStream: true });
          else {
            stream.respond({ ':status': 200, 'content-length': 7 }, { endStream: headers[':method'] === 'HEAD' });
            if (headers[':method'] !== 'HEAD') stream.end('content');
          }
        }),
    };
    await using upstream = await start[protocol]();
    await using lane = await openLane({ upstream: upstream.port, protocol });
    using client = new RawClient(lane.port);
    for (let round = 0; round < 2; round++) {
      client.send('HEAD / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n');
      expect((await client.answer('HEAD')).header('content-length')).toBe('7');
      expect((await client.answer()).body).toBe('content');
      client.send('GET /204 HTTP/1.1\r\nhost: a\r\n\r\nGET /304 HTTP/1.1\r\nhost: a\r\n\r\n');
      const none = await client.answer();
      expect(none.status).toBe(204);
      expect(none.header('content-length')).toBeUndefined();
      expect(none.header('transfer-encoding')).toBeUndefined();
      const same = await client.answer();
      expect(same.status).toBe(304);
      expect(same.header('etag')).toBe('"x"');
    }
    using modern = new Http2Client(lane.port);
    expect((await modern.ask('HEAD', '/')).header('content-length')).toBe('7');
    expect((await modern.ask('GET', '/204')).status).toBe(204);
  });

  test('trailers pass from either version to either', async () => {
    await using first = await startUpstream((_request, response) => {
      response.write('some');
      response.addTrailers([
        ['X-Late', '1'],
        ['x-late', '2'],
      ]);
      response.end();
    });
    await using second = await startHttp2Upstream((stream) => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-late': ['1', '2'] }));
      stream.end('some');
    });
    for (const [upstream, protocol] of [
      [first, 'http1'],
      [second, 'http2'],
    ] as const) {
      await using lane = await openLane({ upstream: upstream.port, protocol });
      using client = new RawClient(lane.port);
      client.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
      const answer = await client.answer();
      expect(answer.body).toBe('some');
      expect(answer.trailers.map((line) => line.toLowerCase())).toEqual(['x-late: 1', 'x-late: 2']);
      using modern = new Http2Client(lane.port);
      expect((await modern.ask('GET', '/')).trailers).toMatchObject({ 'x-late': '1, 2' });
    }
  });

  test('103 passes, more than once, and not to HTTP/1.0', async () => {
    const interim = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nx-other: 1\r\nconnection: x\r\n\r\n';
    await using upstream = await startRawUpstream((socket) => {
      socket.on('data', () => socket.write(`${interim}${interim}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok`));
    });
    await using lane = await openLane({ upstream: upstream.port });
    using client = new RawClient(lane.port);
    client.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    for (let i = 0; i < 2; i++) {
      const early = await client.answer();
      expect(early.status).toBe(103);
      expect(early.header('link')).toBe('</a.css>; rel=preload');
      expect(early.header('x-other')).toBe('1');
      expect(early.header('connection')).toBeUndefined();
    }
    expect((await client.answer()).body).toBe('ok');
    using modern = new Http2Client(lane.port);
    const answer = await modern.ask('GET', '/');
    expect(answer.interim).toHaveLength(2);
    expect(answer.interim[0]).toMatchObject({ ':status': 103, link: '</a.css>; rel=preload' });
    expect(answer.body).toBe('ok');
    using old = new RawClient(lane.port);
    old.send('GET / HTTP/1.0\r\nhost: a\r\n\r\n');
    expect((await old.answer()).status).toBe(200);
  });

  test('103 passes from HTTP/2', async () => {
    await using upstream = await startHttp2Upstream((stream) => {
      stream.additionalHeaders({ ':status': 103, link: '</a.css>; rel=preload' });
      stream.respond({ ':status': 200 });
      stream.end('ok');
    });
    await using lane = await openLane({ upstream: upstream.port, protocol: 'http2' });
    using client = new RawClient(lane.port);
    client.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    expect((await client.answer()).status).toBe(103);
    expect((await client.answer()).body).toBe('ok');
  });

  test('HTTP/1.0 gets a plain body and a closed connection', async () => {
    await using upstream = await startUpstream((_request, response) => {
      response.write('one');
      response.end('two');
    });
    await using lane = await openLane({ upstream: upstream.port });
    using client = new RawClient(lane.port);
    client.send('GET / HTTP/1.0\r\nhost: a\r\n\r\n');
    const answer = await client.answer();
    expect(answer.header('transfer-encoding')).toBeUndefined();
    expect(answer.body).toBe('onetwo');
  });

  test('pipelined requests are answered in order', async () => {
    await using upstream = await startUpstream((request, response) => {
      setTimeout(() => response.end(request.url), request.url === '/1' ? 30 : 0);
    });
    await using lane = await openLane({ upstream: upstream.port });
    using client = new RawClient(lane.port);
    client.send([1, 2, 3].map((n) => `GET /${n} HTTP/1.1\r\nhost: a\r\n\r\n`).join(''));
    expect([(await client.answer()).body, (await client.answer()).body, (await client.answer()).body]).toEqual([
      '/1',
      '/2',
      '/3',
    ]);
  });
});

describe('an answer before the request is whole', () => {
  test('is delivered, and the connection goes on when the client finishes soon', async () => {
    await using upstream = await startUpstream((request, response) => {
      if (request.url === '/early') response.writeHead(413).end('too much');
      else request.pipe(response);
    });
    await using lane = await openLane({ upstream: upstream.port });
    using client = new RawClient(lane.port);
    client.send('POST /early HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhello');
    const answer = await client.answer();
    expect(answer.status).toBe(413);
    client.send('world');
    client.send('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nnext');
    expect((await client.answer()).body).toBe('next');
  });

  test('is delivered, and a client that sends on and on is cut off', async () => {
    await using upstream = await startUpstream((_request, response) => void response.writeHead(413).end('too much'));
    await using lane = await openLane({ upstream: upstream.port, limits: { discardBytesMax: 64 * 1024 } });
    using client = new RawClient(lane.port);
    client.send('POST /early HTTP/1.1\r\nhost: a\r\ncontent-length: 100000000\r\n\r\nhello');
    expect((await client.answer()).status).toBe(413);
    const more = setInterval(() => client.send(Buffer.alloc(32 * 1024)), 1);
    await client.ended();
    clearInterval(more);
  });

  test('resets nothing over HTTP/2 before it is delivered', async () => {
    await using upstream = await startUpstream((_request, response) => void response.writeHead(413).end('too much'));
    await using lane = await openLane({ upstream: upstream.port, limits: { discardTimeoutMs: 50 } });
    using client = new Http2Client(lane.port);
    const stream = client.open('POST', '/');
    stream.write('hello');
    let body = '';
    stream.on('data', (chunk: Buffer) => (body += chunk.toString()));
    await new Promise((resolve) => stream.on('close', resolve));
    expect(body).toBe('too much');
    expect(stream.rstCode).toBe(0);
  });
});
