// Framing: messages that come in pieces, slowly, or with what is no message; HTTP/2 by prior knowledge. What is ambiguous is in ../robust/smuggling.test.ts.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fields, frame, preface, settings } from '../../kit/http2-frames.ts';
import { Http2Client, type Lane, RawClient, type Upstream, ask, openLane, startUpstream } from '../../kit/http.ts';

let upstream: Upstream;
let lane: Lane;
const seen: { method: string; url: string; body: string; names: string[] }[] = [];

beforeAll(async () => {
  upstream = await startUpstream((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')));
    request.on('end', () => {
      seen.push({ method: request.method ?? '', url: request.url ?? '', body, names: Object.keys(request.headers) });
      response.end('fine');
    });
  });
  lane = await openLane({ upstream: upstream.port, limits: { headerBytesMax: 8192, headersMax: 50 } });
});

afterAll(async () => {
  await lane[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

const uuid7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('HTTP/1.1', () => {
  test('bytes that are no request do not end up inside an answer that is under way', async () => {
    let finish: (() => void) | undefined;
    await using slow = await startUpstream((_request, response) => {
      response.write('begun');
      finish = () => response.end(' and ended');
    });
    await using lane = await openLane({ upstream: slow.port });
    using client = new RawClient(lane.port);
    client.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    await client.until((text) => text.includes('begun'));
    client.send('\u0001\u0002\r\n\r\n');
    await new Promise((resolve) => setTimeout(resolve, 20));
    finish!();
    const answer = await client.answer();
    expect(answer.body).toBe('begun and ended');
    // They stand where the next request would, and are answered as that.
    expect((await client.answer()).status).toBe(400);
    await client.ended();
    expect(client.pending).toBe('');
  });

  test('an absolute form that agrees with the host, HTTP/1.0 without a host, and OPTIONS * are served', async () => {
    using absolute = new RawClient(lane.port);
    absolute.send('GET http://A:80/x?y HTTP/1.1\r\nhost: a:80\r\n\r\n');
    expect((await absolute.answer()).status).toBe(200);
    expect(seen.at(-1)!.url).toBe('/x?y');
    using old = new RawClient(lane.port);
    old.send('GET /old HTTP/1.0\r\n\r\n');
    expect((await old.answer()).status).toBe(200);
    using star = new RawClient(lane.port);
    star.send('OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n');
    const answer = await star.answer();
    expect(answer.status).toBe(404);
    expect(answer.header('x-request-id')).toMatch(uuid7);
  });

  test('a slow head ends the connection with 408', async () => {
    await using lane = await openLane({ upstream: upstream.port, limits: { headersTimeoutMs: 100 } });
    using client = new RawClient(lane.port);
    client.send('GET / HTTP/1.1\r\nhost: a\r\nx: ');
    const answer = await client.answer();
    expect(answer.status).toBe(408);
    expect(answer.header('x-request-id')).toMatch(uuid7);
    await client.ended();
    expect(lane.refusals).toEqual([
      {
        id: answer.header('x-request-id'),
        reason: 'request-timeout',
        status: 408,
        message: expect.any(String) as string,
        peer: { address: '127.0.0.1', port: expect.any(Number) as number },
        method: '',
        httpVersion: '1.1',
      },
    ]);
    using silent = new RawClient(lane.port);
    await silent.ended();
    expect(silent.pending).toBe('');
  });

  test('one message split at every byte is one message', async () => {
    using client = new RawClient(lane.port);
    for (const byte of 'PUT /slow HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi') {
      client.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await client.answer()).status).toBe(200);
    expect(seen.at(-1)).toMatchObject({ method: 'PUT', url: '/slow', body: 'hi' });
  });

  test('every answer has a request id, and a client cannot choose it', async () => {
    const answer = await ask(lane.port, 'GET / HTTP/1.1\r\nx-request-id: mine');
    expect(answer.header('x-request-id')).toMatch(uuid7);
    const nowhere = await ask(lane.port, 'GET /nowhere HTTP/1.1');
    expect(nowhere.status).toBe(404);
    expect(nowhere.header('x-request-id')).toMatch(uuid7);
  });
});

describe('HTTP/2', () => {
  const usual = [':method', 'GET', ':path', '/h2', ':scheme', 'http', ':authority', 'a'];
  test('the preface is recognised when it comes byte by byte', async () => {
    using client = new RawClient(lane.port);
    for (const byte of preface) {
      client.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    client.send(settings);
    client.send(frame(1, 0x05, 1, fields(...usual)));
    await client.until((text) => text.includes('fine'));
    expect(seen.at(-1)!.url).toBe('/h2');
  });

  test('something that only begins like the preface is HTTP/1.1', async () => {
    using client = new RawClient(lane.port);
    client.send('P');
    await new Promise((resolve) => setTimeout(resolve, 20));
    client.send('UT /p HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n');
    expect((await client.answer()).status).toBe(200);
  });

  test('too many fields are answered with 431, or the stream is reset', async () => {
    using client = new Http2Client(lane.port);
    const many = Array.from({ length: 52 }, (_, index) => [`x-${index}`, 'y']).flat();
    const answer = await client.ask('GET', '/', many);
    expect(answer.status === 431 || answer.error !== undefined).toBe(true);
    expect((await client.ask('GET', '/after')).status).toBe(200);
  });
});
