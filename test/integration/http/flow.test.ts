// Back-pressure both ways: whoever is slow stops whoever is fast, and what lies between is bounded (contract 8).
import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { bodyBuffers } from '@agentgateway/core/body.ts';
import { Http2Client, RawClient, ask, openLane, planned, startHttp2Upstream, startUpstream } from '../../kit/http.ts';

/** What kernel buffers on both sides of two loopback connections may swallow, with room. */
const kernelBytesMax = 24 * 1024 * 1024;
const chunk = Buffer.alloc(64 * 1024, 0x61);

/** Waits until a count stops growing. */
async function settled(count: () => number): Promise<number> {
  let before = -1;
  while (before !== count()) {
    before = count();
    await wait(200);
  }
  return before;
}

describe('a client that does not read', () => {
  test.each([
    ['HTTP/1.1', 'http1'],
    ['HTTP/2', 'http1'],
    ['HTTP/1.1', 'http2'],
    ['HTTP/2', 'http2'],
  ] as const)('over %s stops the upstream over %s', async (version, protocol) => {
    let sent = 0;
    const totalBytes = 64 * 1024 * 1024;
    const pour = (sink: NodeJS.WritableStream): void => {
      while (sent < totalBytes) {
        sent += chunk.byteLength;
        if (!sink.write(chunk)) return void sink.once('drain', () => pour(sink));
      }
      sink.end();
    };
    await using upstream = await (protocol === 'http1'
      ? startUpstream((_request, response) => pour(response))
      : startHttp2Upstream((stream) => {
          stream.respond({ ':status': 200 });
          pour(stream);
        }));
    // The upstream is not to blame for the client: its idle time-out must not run meanwhile.
    await using lane = await openLane({ upstream: upstream.port, protocol, timeouts: { idleMs: 300 } });
    let received = 0;
    const count = (part: Buffer): void => {
      received += part.byteLength;
    };
    if (version === 'HTTP/1.1') {
      using client = new RawClient(lane.port);
      client.socket.removeAllListeners('data').pause();
      client.send('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
      const held = await settled(() => sent);
      expect(held).toBeGreaterThan(0);
      expect(held).toBeLessThan(kernelBytesMax);
      await wait(600);
      client.socket.on('data', count).resume();
      await client.ended();
    } else {
      using client = new Http2Client(lane.port);
      const stream = client.open('GET', '/', [], { endStream: true });
      const held = await settled(() => sent);
      expect(held).toBeGreaterThan(0);
      expect(held).toBeLessThan(kernelBytesMax);
      await wait(600);
      stream.on('data', count);
      await new Promise((resolve) => stream.on('close', resolve));
    }
    expect(received).toBeGreaterThanOrEqual(totalBytes);
    expect((await lane.recorded()).end.error).toBeUndefined();
  });
});

describe('an upstream that does not read', () => {
  test.each([
    ['HTTP/1.1', 'http1'],
    ['HTTP/2', 'http1'],
    ['HTTP/1.1', 'http2'],
    ['HTTP/2', 'http2'],
  ] as const)('stops the client over %s when it speaks %s', async (version, protocol) => {
    const totalBytes = 64 * 1024 * 1024;
    let received = 0;
    const go = Promise.withResolvers<void>();
    const read = (source: NodeJS.ReadableStream, done: () => void): void => {
      source.pause();
      go.promise.then(
        () => {
          source.on('data', (part: Buffer) => (received += part.byteLength));
          source.on('end', done);
          source.resume();
        },
        () => {},
      );
    };
    await using upstream = await (protocol === 'http1'
      ? startUpstream((request, response) => read(request, () => response.end('got it')))
      : startHttp2Upstream((stream) =>
          read(stream, () => {
            stream.respond({ ':status': 200 });
            stream.end('got it');
          }),
        ));
    // The client is not to blame for the upstream: its own idle limit must not run meanwhile.
    await using lane = await openLane({ upstream: upstream.port, protocol, limits: { requestIdleTimeoutMs: 300 } });
    let sent = 0;
    const pour = (sink: NodeJS.WritableStream): void => {
      while (sent < totalBytes) {
        sent += chunk.byteLength;
        if (!sink.write(chunk)) return void sink.once('drain', () => pour(sink));
      }
      if (sink !== raw?.socket) sink.end();
    };
    using raw = version === 'HTTP/1.1' ? new RawClient(lane.port) : undefined;
    using modern = version === 'HTTP/2' ? new Http2Client(lane.port) : undefined;
    raw?.send(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${totalBytes}\r\n\r\n`);
    const stream = modern?.open('POST', '/');
    pour(raw?.socket ?? stream!);
    const held = await settled(() => sent);
    expect(held).toBeLessThan(kernelBytesMax);
    await wait(600);
    go.resolve();
    if (raw) expect((await raw.answer()).body).toBe('got it');
    else {
      let body = '';
      stream!.on('data', (part: Buffer) => (body += part.toString()));
      await new Promise((resolve) => stream!.on('end', resolve));
      expect(body).toBe('got it');
    }
    expect(received).toBe(totalBytes);
  });

  test('is noticed when it takes nothing for too long', async () => {
    await using upstream = await startUpstream((request) => void request.pause());
    await using lane = await openLane({ upstream: upstream.port, timeouts: { idleMs: 200 } });
    using client = new RawClient(lane.port);
    client.send(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${64 * 1024 * 1024}\r\n\r\n`);
    client.send(Buffer.alloc(64 * 1024 * 1024));
    const answer = await client.answer();
    expect(answer.status).toBe(504);
    expect(JSON.parse(answer.body)).toMatchObject({ error: { reason: 'idle-timeout' } });
  });
});

test('bytes arrive as they were sent, through every pair of versions', async () => {
  const bytes = randomBytes(3 * 1024 * 1024 + 17);
  await using first = await startUpstream((request, response) => void request.pipe(response));
  await using second = await startHttp2Upstream((stream) => {
    stream.respond({ ':status': 200 });
    stream.pipe(stream);
  });
  for (const [upstream, protocol] of [
    [first, 'http1'],
    [second, 'http2'],
  ] as const) {
    await using lane = await openLane({ upstream: upstream.port, protocol });
    using client = new RawClient(lane.port);
    client.send(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${bytes.byteLength}\r\n\r\n`);
    client.send(bytes);
    expect(Buffer.from((await client.answer()).body, 'latin1').equals(bytes)).toBe(true);
    using modern = new Http2Client(lane.port);
    const stream = modern.open('POST', '/');
    stream.end(bytes);
    const parts: Buffer[] = [];
    stream.on('data', (part: Buffer) => parts.push(part));
    await new Promise((resolve) => stream.on('end', resolve));
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
  }
});

describe('bodies that are collected', () => {
  const reads = planned('reads', { request: () => undefined, response: () => {}, readsRequestBody: true });
  const readsAnswer = planned('reads', { response: () => {}, readsResponseBody: true });

  test('have a limit in either direction, and say so', async () => {
    await using upstream = await startUpstream((request, response) => {
      if (request.url === '/large') response.end(Buffer.alloc(2 * 1024 * 1024));
      else request.pipe(response);
    });
    await using lane = await openLane({ upstream: upstream.port, steps: [reads], replayBytesMax: 1000 });
    expect((await ask(lane.port, 'POST / HTTP/1.1\r\ncontent-length: 1000', 'x'.repeat(1000))).status).toBe(200);
    const announced = await ask(lane.port, 'POST / HTTP/1.1\r\ncontent-length: 1001', 'x'.repeat(1001));
    expect(announced.status).toBe(413);
    const counted = await ask(
      lane.port,
      'POST / HTTP/1.1\r\ntransfer-encoding: chunked',
      `3e9\r\n${'x'.repeat(1001)}\r\n0\r\n\r\n`,
    );
    expect(counted.status).toBe(413);
    expect(counted.body).toContain('1000 bytes');
    await using second = await openLane({ upstream: upstream.port, steps: [readsAnswer] });
    const large = await ask(second.port, 'GET /large HTTP/1.1');
    expect(large.status).toBe(502);
    expect(JSON.parse(large.body)).toMatchObject({ error: { reason: 'response-too-large' } });
  });

  test('share what the process may hold, and give it back', async () => {
    await using upstream = await startUpstream((request, response) => void request.pipe(response));
    await using lane = await openLane({ upstream: upstream.port, steps: [reads] });
    const { bytesMax } = bodyBuffers;
    try {
      bodyBuffers.bytesMax = bodyBuffers.heldBytes + 1500;
      using slow = new RawClient(lane.port);
      slow.send(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1100\r\n\r\n${'x'.repeat(1000)}`);
      await wait(50);
      const refused = await ask(lane.port, 'POST / HTTP/1.1\r\ncontent-length: 1000', 'x'.repeat(1000));
      expect(refused.status).toBe(503);
      expect(JSON.parse(refused.body)).toMatchObject({ error: { reason: 'overloaded' } });
      slow.send('x'.repeat(100));
      expect((await slow.answer()).status).toBe(200);
      for (let i = 0; i < 5; i++) {
        const served = await ask(lane.port, 'POST / HTTP/1.1\r\ncontent-length: 1000', 'x'.repeat(1000));
        expect(served.status).toBe(200);
      }
    } finally {
      bodyBuffers.bytesMax = bytesMax;
    }
  });
});
