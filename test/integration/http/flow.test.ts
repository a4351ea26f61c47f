// Back-pressure both ways: whoever is slow stops whoever is fast, and what lies between is bounded (contract 8).
import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { connect as connectHttp2 } from 'node:http2';
import { Body, bodyBuffers } from '@agentgateway/core/body.ts';
import type { Exchange, Reply } from '@agentgateway/core/exchange.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import type { Target } from '@agentgateway/core/target.ts';
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

/** A backend that answers at once, and says when it is told to stop. */
const answering = (body: () => Body): { target: Target; cancelled: Promise<unknown> } => {
  const cancelled = Promise.withResolvers<unknown>();
  const call = async (exchange: Exchange): Promise<Reply> => {
    exchange.onCancel((reason) => cancelled.resolve(reason));
    return { status: 200, headers: new HeaderList(), body: body(), origin: 'upstream' };
  };
  return { target: { key: 'backend/default/test', call }, cancelled: cancelled.promise };
};
const endless = (): Body =>
  Body.from({
    async pipe(sink) {
      for (;;) await sink.write(chunk);
    },
    cancel() {},
  });
const whole = (): Body => Body.of(Buffer.alloc(64 * 1024 * 1024));

describe('a client that takes nothing for too long', () => {
  test.each([
    ['an endless answer', 'HTTP/1.1', endless],
    ['a long answer', 'HTTP/1.1', whole],
    ['an endless answer', 'HTTP/2', endless],
    ['a long answer', 'HTTP/2', whole],
  ] as const)('of %s over %s has left', async (_name, version, body) => {
    const { target, cancelled } = answering(body);
    await using lane = await openLane({ upstream: target, limits: { writeIdleTimeoutMs: 100 } });
    using client = new RawClient(lane.port);
    client.socket.removeAllListeners('data').pause();
    if (version === 'HTTP/1.1') client.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    else {
      const session = connectHttp2('http://a', { createConnection: () => client.socket });
      session.on('error', () => {});
      session.request({ ':path': '/', ':authority': 'a' }).on('error', () => {});
    }
    expect(await cancelled).toBe('client-gone');
    const { end } = await lane.recorded();
    expect(end).toMatchObject({
      isClientGone: true,
      isHeadSent: true,
      error: { reason: 'client-gone', message: 'the client took nothing of the answer for 100 ms' },
    });
  });

  test('one that reads slowly stays', async () => {
    const { target } = answering(() => Body.of(Buffer.alloc(32 * 1024 * 1024)));
    await using lane = await openLane({ upstream: target, limits: { writeIdleTimeoutMs: 2000 } });
    using client = new RawClient(lane.port);
    let received = 0;
    client.socket.removeAllListeners('data').on('data', (part: Buffer) => {
      received += part.byteLength;
      client.socket.pause();
      setTimeout(() => client.socket.resume(), 5);
    });
    client.send('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
    expect(await client.ended()).toBe(false);
    expect(received).toBeGreaterThan(32 * 1024 * 1024);
    expect((await lane.recorded()).end.isClientGone).toBe(false);
  });

  test('of answers that are all written over HTTP/2 loses its connection', async () => {
    await using upstream = await startUpstream((_request, response) => void response.end('x'.repeat(1000)));
    await using lane = await openLane({ upstream: upstream.port, limits: { keepAliveTimeoutMs: 100 } });
    const session = connectHttp2(`http://127.0.0.1:${lane.port}`, { settings: { initialWindowSize: 0 } });
    session.on('error', () => {});
    session.request({ ':path': '/' }).on('error', () => {});
    await lane.recorded();
    await expect.poll(() => lane.bind.connections, { timeout: 10_000 }).toBe(0);
    session.destroy();
  });
});

test('a client that stalls is waited for no longer because the upstream paused once', async () => {
  const target: Target = {
    key: 'backend/default/test',
    async call(exchange) {
      let isFirst = true;
      await exchange.body.pipe({
        write() {
          if (!isFirst) return true;
          isFirst = false;
          return wait(20);
        },
      });
      return { status: 200, headers: new HeaderList(), body: Body.none(), origin: 'upstream' };
    },
  };
  await using lane = await openLane({ upstream: target, limits: { requestIdleTimeoutMs: 100 } });
  const answer = await ask(lane.port, 'POST / HTTP/1.1\r\ncontent-length: 10', 'x');
  expect(answer.status).toBe(408);
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
