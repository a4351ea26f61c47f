// Clients that mean harm: each is bounded or cut off, and the others are served as before.
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Http2Client, type Lane, RawClient, type Upstream, ask, openLane, startUpstream } from '../../kit/http.ts';

let upstream: Upstream;
let lane: Lane;

beforeAll(async () => {
  upstream = await startUpstream((_request, response) => void response.end('fine'));
  lane = await openLane({ upstream: upstream.port, limits: { headersTimeoutMs: 500 } });
});

afterAll(async () => {
  await lane[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

/** Heap and buffers after a collection would need a flag; what is bounded stays far below what the flood sends. */
function heldBytes(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Serves others while something goes on. */
async function served(): Promise<void> {
  expect((await ask(lane.port, 'GET / HTTP/1.1')).status).toBe(200);
  using modern = new Http2Client(lane.port);
  expect((await modern.ask('GET', '/')).status).toBe(200);
}

/** An HTTP/2 frame (RFC 9113 §4.1). */
function frame(type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.byteLength, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const settings = frame(4, 0, 0);
/** GET http://a/ by the static table (RFC 7541 appendix A): method, scheme, path, authority `a`. */
const get = Buffer.from([0x82, 0x86, 0x84, 0x01, 0x01, 0x61]);

/** A connection of HTTP/2 that speaks frames. */
function openFrames(): RawClient {
  const client = new RawClient(lane.port);
  client.send(Buffer.concat([preface, settings, frame(4, 1, 0)]));
  return client;
}

/** Sends pieces until the connection is ended by the gateway or the pieces are used up; whether it was ended. */
async function flood(client: RawClient, pieces: number, piece: (index: number) => Buffer): Promise<boolean> {
  const { socket } = client;
  for (let i = 0; i < pieces && !socket.destroyed && !socket.readableEnded; i++) {
    if (!socket.write(piece(i))) await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => {});
  }
  await Promise.race([client.ended(), new Promise((resolve) => setTimeout(resolve, 1000))]);
  return socket.destroyed || socket.readableEnded;
}

describe('HTTP/1.1', () => {
  test('heads that never end are cut off in time, however many there are', async () => {
    const clients = Array.from({ length: 200 }, () => new RawClient(lane.port));
    for (const client of clients) client.send('GET / HTTP/1.1\r\nhost: a\r\nx-');
    const drip = setInterval(() => {
      for (const client of clients) if (!client.socket.destroyed) client.send('y');
    }, 50);
    await served();
    for (const client of clients) expect((await client.answer()).status).toBe(408);
    clearInterval(drip);
    for (const client of clients) client[Symbol.dispose]();
  });

  test('bodies that never end are cut off when nothing comes', async () => {
    await using slow = await openLane({ upstream: upstream.port, limits: { discardTimeoutMs: 200 } });
    using client = new RawClient(slow.port);
    client.send('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\nx');
    expect((await client.answer()).status).toBe(200);
    await client.ended();
  });

  test('sockets that are half closed are let go', async () => {
    const clients = Array.from({ length: 100 }, () => new RawClient(lane.port));
    for (const { socket } of clients) socket.end('GET / HTTP/1.1\r\nhost: a\r\n');
    await Promise.all(clients.map((client) => client.ended()));
    await served();
    for (const client of clients) client[Symbol.dispose]();
    while (lane.bind.connections > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  });

  test('endless requests behind a slow one are not read ahead', async () => {
    await using stuck = await startUpstream(() => {});
    await using slow = await openLane({ upstream: stuck.port });
    using client = new RawClient(slow.port);
    client.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    client.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(1_000_000));
    await new Promise((resolve) => setTimeout(resolve, 500));
    // The kernel takes some on both sides, the gateway one read more than it may hold.
    expect(client.socket.writableLength).toBeGreaterThan(0);
    expect(stuck.connections).toBe(1);
  });
});

describe('HTTP/2', () => {
  test('streams that are opened and reset at once end the connection', async () => {
    using client = openFrames();
    const before = lane.records.length;
    const pairs = 50;
    const isEnded = await flood(client, 2000, (batch) =>
      Buffer.concat(
        Array.from({ length: pairs }, (_, index) => {
          const stream = 1 + 2 * (batch * pairs + index);
          return Buffer.concat([frame(1, 0x05, stream, get), frame(3, 0, stream, Buffer.from([0, 0, 0, 8]))]);
        }),
      ),
    );
    expect(isEnded).toBe(true);
    // Far fewer exchanges than were asked for.
    expect(lane.records.length - before).toBeLessThan(20_000);
    await served();
  });

  test('pings and settings that nobody waits for do not pile up', async () => {
    using client = openFrames();
    client.socket.pause();
    const before = heldBytes();
    const many = Buffer.concat(Array.from({ length: 500 }, () => frame(6, 0, 0, Buffer.alloc(8))));
    await flood(client, 1000, () => many);
    expect(heldBytes() - before).toBeLessThan(64 * 1024 * 1024);
    using other = openFrames();
    other.socket.pause();
    const settle = Buffer.concat(Array.from({ length: 500 }, () => settings));
    await flood(other, 1000, () => settle);
    expect(heldBytes() - before).toBeLessThan(64 * 1024 * 1024);
    await served();
  });

  test('a head that is continued for ever ends the connection', async () => {
    using client = openFrames();
    const before = heldBytes();
    client.send(frame(1, 0x01, 1, get));
    const field = Buffer.concat([Buffer.from([0x00, 0x01, 0x78, 0x7f, 0x81, 0x7e]), Buffer.alloc(16_256, 0x79)]);
    const isEnded = await flood(client, 4000, () => frame(9, 0, 1, field));
    expect(isEnded).toBe(true);
    expect(heldBytes() - before).toBeLessThan(64 * 1024 * 1024);
    await served();
  });

  test('empty frames of data do not keep a request alive for free', async () => {
    using client = openFrames();
    client.send(frame(1, 0x04, 1, Buffer.concat([Buffer.from([0x83]), get.subarray(1)])));
    const empty = Buffer.concat(Array.from({ length: 1000 }, () => frame(0, 0, 1)));
    await flood(client, 1000, () => empty);
    await served();
  });

  test('a window that is never opened holds one stream’s answer back, and no more than a buffer of it', async () => {
    const size = 64 * 1024 * 1024;
    let written = 0;
    await using large = await startUpstream((_request, response) => {
      const chunk = Buffer.alloc(64 * 1024);
      const more = (): void => {
        while (written < size) {
          written += chunk.byteLength;
          if (!response.write(chunk)) return void response.once('drain', more);
        }
        response.end();
      };
      more();
    });
    await using open = await openLane({ upstream: large.port });
    using client = new RawClient(open.port);
    // A window of no bytes (SETTINGS_INITIAL_WINDOW_SIZE).
    client.send(
      Buffer.concat([preface, frame(4, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0])), frame(4, 1, 0), frame(1, 0x05, 1, get)]),
    );
    let before = -1;
    while (before !== written) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(written).toBeLessThan(size / 2);
  });
});
