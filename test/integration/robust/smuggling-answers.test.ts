// Answers of upstreams that could be read in two ways: what one client is told, and that no byte of it ever reaches another.
import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { fields, frame, preface, settings } from '../../kit/http2-frames.ts';
import { Http2Client, type Upstream, ask, openLane, startRawUpstream } from '../../kit/http.ts';

/** `answer` is the status that the first client sees; `body` what it reads, as far as it gets. */
type Row = readonly [name: string, bytes: string, answer: number, why: string, body?: string];

const evil = 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil';

function ok(...lines: readonly string[]): string {
  return `${['HTTP/1.1 200 OK', ...lines].join('\r\n')}\r\n\r\n`;
}

const framing = 'where it ends is not sure, so neither is where the next begins (RFC 9112 §6.3)';
const lines = 'who takes this for the end of a line sees other fields (RFC 9112 §2.2)';
const behind = 'bytes that nobody asked for would be the answer to who comes next (RFC 9112 §9.2)';
const switched = 'the protocol was not offered (RFC 9110 §15.2.2)';
const oversize = 'a head is held whole before it is judged, so it has a limit';

const poisoned: readonly Row[] = [
  ['a length and a coding', `${ok('content-length: 4', 'transfer-encoding: chunked')}0\r\n\r\n${evil}`, 502, framing],
  ['two lengths that differ', `${ok('content-length: 4', 'content-length: 8')}fine${evil}`, 502, framing],
  ['a length that is none', `${ok('content-length: +4')}fine`, 502, framing],
  ['another coding', `${ok('transfer-encoding: gzip')}fine`, 502, framing],
  ['a coding before chunked', `${ok('transfer-encoding: gzip, chunked')}4\r\nfine\r\n0\r\n\r\n`, 502, framing],
  ['a space before a colon', `${ok('content-length : 4')}fine`, 502, framing],
  ['a bare line feed', 'HTTP/1.1 200 OK\ncontent-length: 4\n\nfine', 502, lines],
  ['a bare line feed in a value', `${ok('x: y\nset-cookie: evil=1', 'content-length: 4')}fine`, 502, lines],
  ['a bare carriage return in a value', `${ok('x: y\rset-cookie: evil=1', 'content-length: 4')}fine`, 502, lines],
  ['a folded field', `${ok('x: y', ' set-cookie: evil=1', 'content-length: 4')}fine`, 502, lines],
  ['a NUL in a value', `${ok('x: y\u0000z', 'content-length: 4')}fine`, 502, lines],
  ['another version', 'HTTP/2.0 200 OK\r\ncontent-length: 4\r\n\r\nfine', 502, framing],
  ['no answer at all', 'SSH-2.0-evil\r\n\r\n', 502, framing],
  ['a status that is none', 'HTTP/1.1 2000 OK\r\ncontent-length: 4\r\n\r\nfine', 502, framing],
  [
    '101 that nobody asked for',
    `HTTP/1.1 101 Switching\r\nupgrade: evil\r\nconnection: upgrade\r\n\r\n${evil}`,
    502,
    switched,
  ],
  ['a head that is too large', `${ok(`x: ${'y'.repeat(70_000)}`, 'content-length: 4')}fine`, 502, oversize],
  ['two answers at once', `${ok('content-length: 4')}fine${evil}`, 200, behind, 'fine'],
  ['more than its length', `${ok('content-length: 4')}fineevil`, 200, behind, 'fine'],
  [
    'bytes behind the last chunk',
    `${ok('transfer-encoding: chunked')}4\r\nfine\r\n0\r\n\r\n${evil}`,
    200,
    behind,
    'fine',
  ],
  ['a body behind 204', `HTTP/1.1 204 No Content\r\n\r\n${evil}`, 204, behind, ''],
  ['a body behind 304', `HTTP/1.1 304 Not Modified\r\ncontent-length: 4\r\n\r\n${evil}`, 304, behind, ''],
  ['a chunk size that is none', `${ok('transfer-encoding: chunked')}4\r\nfine\r\nzz\r\n${evil}`, 200, framing, 'fine'],
  ['a chunk longer than its size', `${ok('transfer-encoding: chunked')}4\r\nfine!\r\n0\r\n\r\n`, 200, framing, 'fine'],
  [
    'a bare line feed behind a chunk size',
    `${ok('transfer-encoding: chunked')}4\r\nfine\r\n0\n\n${evil}`,
    200,
    framing,
    'fine',
  ],
];

/** An upstream whose first answer is as told, and whose others are honest: each names the path that it was asked for. */
function startEvil(first: (socket: Socket) => void): Promise<Upstream> {
  let asked = 0;
  return startRawUpstream((socket) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        const path = text.split(' ', 2)[1]!;
        text = text.slice(end + 4);
        if (asked++ === 0) first(socket);
        else socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${path.length}\r\n\r\n${path}`);
      }
    });
  });
}

describe.each(['HTTP/1.1', 'HTTP/2'])('HTTP/1.1 upstreams, %s clients', (version) => {
  async function get(port: number, path: string): Promise<{ status: number; body: string; fields: string }> {
    if (version === 'HTTP/1.1') {
      const { status, body, lines: head } = await ask(port, `GET ${path} HTTP/1.1`);
      return { status, body, fields: head.join('\n') };
    }
    using client = new Http2Client(port);
    const { status, body, raw } = await client.ask('GET', path);
    return { status, body, fields: raw.join('\n') };
  }

  test.each(poisoned.map(([name, bytes, status, why, body]) => ({ name, bytes, status, why, body })))(
    '$name',
    async ({ bytes, status, why, body }) => {
      expect(why).not.toBe('');
      await using upstream = await startEvil((socket) => socket.write(Buffer.from(bytes, 'latin1')));
      await using lane = await openLane({ upstream: upstream.port });
      const first = await get(lane.port, '/first');
      expect(first.status).toBe(status);
      if (body === undefined)
        expect(JSON.parse(first.body)).toMatchObject({ error: { reason: 'upstream-protocol-error' } });
      else expect(first.body).toBe(body);
      expect(first.body + first.fields).not.toContain('evil');
      // The connection that said it is never used again.
      for (const path of ['/second', '/third'])
        expect(await get(lane.port, path)).toMatchObject({ status: 200, body: path });
      expect(upstream.connections).toBe(2);
    },
  );
});

test('bytes on a kept connection between two requests reach nobody', async () => {
  let kept: Socket | undefined;
  await using upstream = await startEvil((socket) => {
    kept = socket;
    socket.write(`${ok('content-length: 4')}fine`);
  });
  await using lane = await openLane({ upstream: upstream.port });
  expect((await ask(lane.port, 'GET /first HTTP/1.1')).body).toBe('fine');
  const closed = new Promise((resolve) => kept!.once('close', resolve));
  kept!.write(evil);
  await closed;
  expect((await ask(lane.port, 'GET /second HTTP/1.1')).body).toBe('/second');
  expect(upstream.connections).toBe(2);
});

test('an answer to HEAD with a body reaches nobody', async () => {
  await using upstream = await startEvil((socket) => socket.write(`${ok('content-length: 4')}${evil}`));
  await using lane = await openLane({ upstream: upstream.port });
  expect((await ask(lane.port, 'HEAD /first HTTP/1.1')).status).toBe(200);
  expect((await ask(lane.port, 'GET /second HTTP/1.1')).body).toBe('/second');
  expect(upstream.connections).toBe(2);
});

test('an answer before the request is whole is passed, and its connection not used again', async () => {
  await using upstream = await startEvil((socket) => socket.write(`${ok('content-length: 4')}fine`));
  await using lane = await openLane({ upstream: upstream.port });
  const body = 'x'.repeat(10);
  const answer = await ask(lane.port, 'POST /first HTTP/1.1\r\ncontent-length: 20', body);
  expect(answer.status).toBe(200);
  expect((await ask(lane.port, 'GET /second HTTP/1.1')).body).toBe('/second');
  expect(upstream.connections).toBe(2);
});

type Http2Row = readonly [name: string, flat: readonly string[], answer: number, why: string, body?: string];

const connection = 'HTTP/2 frames answers itself; to an HTTP/1.1 client this would be framing (RFC 9113 §8.2.2)';
const pseudo = 'an answer has one status, in front, and no other pseudo-fields (RFC 9113 §8.3.2)';
const injected = 'written to HTTP/1.1 it would be a line of its own (RFC 9113 §8.2.1)';
const length = 'the length that is said is the one that an HTTP/1.1 client would frame by (RFC 9113 §8.1.1)';

const poisonedHttp2: readonly Http2Row[] = [
  ['a transfer-encoding', [':status', '200', 'transfer-encoding', 'chunked'], 502, connection],
  ['connection', [':status', '200', 'connection', 'close'], 502, connection],
  ['no status', ['x', 'y'], 502, pseudo],
  ['two statuses', [':status', '200', ':status', '204'], 502, pseudo],
  ['a pseudo-field of requests', [':status', '200', ':path', '/evil'], 502, pseudo],
  ['a status that is none', [':status', '2oo'], 502, pseudo],
  ['101', [':status', '101'], 502, pseudo],
  ['two lengths that differ', [':status', '200', 'content-length', '4', 'content-length', '8'], 502, length],
  ['a line ending in a value', [':status', '200', 'x', 'y\r\nset-cookie: evil=1'], 200, injected, 'fine'],
  ['a line ending in a name', [':status', '200', 'x: y\r\nset-cookie', 'evil=1'], 200, injected, 'fine'],
];

test.each(poisonedHttp2.map(([name, flat, status, why, body]) => ({ name, flat, status, why, body })))(
  'HTTP/2 upstreams: $name',
  async ({ flat, status, why, body }) => {
    expect(why).not.toBe('');
    await using upstream = await startRawUpstream((socket) => {
      let isAnswered = false;
      socket.write(settings);
      socket.on('data', (chunk) => {
        // The preface, SETTINGS and the request may come in one piece or in several: the request is whatever opens stream 1.
        if (isAnswered || !opensStream(Buffer.from(chunk))) return;
        isAnswered = true;
        socket.write(frame(1, 4, 1, fields(...flat)));
        socket.write(frame(0, 1, 1, Buffer.from('fine')));
      });
    });
    await using lane = await openLane({ upstream: upstream.port, protocol: 'http2' });
    const answer = await ask(lane.port, 'GET /first HTTP/1.1');
    expect(answer.status).toBe(status);
    if (body !== undefined) expect(answer.body).toBe(body);
    expect(answer.lines.join('\n') + answer.body).not.toContain('evil');
  },
);

/** Whether HEADERS are among the frames of a piece. */
function opensStream(piece: Buffer): boolean {
  for (let at = piece.indexOf(preface) === 0 ? preface.length : 0; at + 9 <= piece.length;) {
    if (piece[at + 3] === 1) return true;
    at += 9 + piece.readUIntBE(at, 3);
  }
  return false;
}
