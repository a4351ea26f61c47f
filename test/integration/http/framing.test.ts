// Framing that two parties could read differently is refused, answered and the connection closed (RFC 9112 §3.2, §5, §6, §11).
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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

const refused: readonly (readonly [name: string, bytes: string, status?: 400 | 405 | 417 | 431])[] = [
  [
    'content-length with transfer-encoding',
    'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  [
    'transfer-encoding with content-length',
    'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n',
  ],
  ['two lengths that differ', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd'],
  ['two lengths that agree', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc'],
  ['a list of lengths', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3, 3\r\n\r\nabc'],
  ['a signed length', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +3\r\n\r\nabc'],
  ['a negative length', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -3\r\n\r\nabc'],
  ['a hexadecimal length', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0x3\r\n\r\nabc'],
  ['an empty length', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length:\r\n\r\nabc'],
  ['another transfer coding', 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\nabc'],
  ['a coding after chunked', 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n'],
  ['a coding before chunked', 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
  [
    'chunked twice',
    'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['transfer-encoding in HTTP/1.0', 'POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['two hosts', 'GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n'],
  ['two equal hosts', 'GET / HTTP/1.1\r\nhost: a\r\nHost: a\r\n\r\n'],
  ['no host', 'GET / HTTP/1.1\r\nx: y\r\n\r\n'],
  ['a host that is none', 'GET / HTTP/1.1\r\nhost: a b\r\n\r\n'],
  ['a host with a path', 'GET / HTTP/1.1\r\nhost: a/b\r\n\r\n'],
  ['a host with user information', 'GET / HTTP/1.1\r\nhost: u@a\r\n\r\n'],
  ['an absolute form unlike the host', 'GET http://b/ HTTP/1.1\r\nhost: a\r\n\r\n'],
  ['a target of another scheme', 'GET ftp://a/ HTTP/1.1\r\nhost: a\r\n\r\n'],
  ['a target with a fragment', 'GET /#x HTTP/1.1\r\nhost: a\r\n\r\n'],
  ['a bare LF after a field', 'GET / HTTP/1.1\r\nhost: a\nx: y\r\n\r\n'],
  ['a bare LF after the request line', 'GET / HTTP/1.1\nhost: a\r\n\r\n'],
  ['a bare CR in a value', 'GET / HTTP/1.1\r\nhost: a\r\nx: y\rz\r\n\r\n'],
  ['a folded field', 'GET / HTTP/1.1\r\nhost: a\r\nx: y\r\n z\r\n\r\n'],
  ['a space before the colon', 'GET / HTTP/1.1\r\nhost: a\r\nx : y\r\n\r\n'],
  ['a space before the first field', 'GET / HTTP/1.1\r\n host: a\r\n\r\n'],
  ['a field without a name', 'GET / HTTP/1.1\r\nhost: a\r\n: y\r\n\r\n'],
  ['a field name with a slash', 'GET / HTTP/1.1\r\nhost: a\r\nx/y: z\r\n\r\n'],
  ['a control character in a value', 'GET / HTTP/1.1\r\nhost: a\r\nx: y\u0001z\r\n\r\n'],
  ['a NUL in a value', 'GET / HTTP/1.1\r\nhost: a\r\nx: y\u0000z\r\n\r\n'],
  ['a control character in a name', 'GET / HTTP/1.1\r\nhost: a\r\nx\u0001: z\r\n\r\n'],
  [
    'a chunk size that is no number',
    'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n',
  ],
  [
    'a chunk size that overflows',
    'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffffff\r\nabc\r\n',
  ],
  ['a chunk with a sign', 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n'],
  [
    'a chunk longer than its size',
    'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n',
  ],
  [
    'a chunk that ends in a bare LF',
    'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n',
  ],
  ['an empty host', 'GET / HTTP/1.1\r\nhost:\r\n\r\n'],
  ['a port that is none', 'GET / HTTP/1.1\r\nhost: a:65536\r\n\r\n'],
  ['an unknown method', 'NOTHING / HTTP/1.1\r\nhost: a\r\n\r\n'],
  ['a version of the future', 'GET / HTTP/3.7\r\nhost: a\r\n\r\n'],
  ['no version', 'GET /\r\nhost: a\r\n\r\n'],
  ['no HTTP at all', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003'],
  ['a head that is too large', `GET / HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(9000)}\r\n\r\n`, 431],
  ['a target that is too long', `GET /${'y'.repeat(9000)} HTTP/1.1\r\nhost: a\r\n\r\n`, 431],
  ['too many fields', `GET / HTTP/1.1\r\nhost: a\r\n${'x: y\r\n'.repeat(60)}\r\n`, 431],
  ...['/public/../admin', '/public/%2e%2e/admin', '/public/.%2E/admin', '/a/./b', '/a/..', '/..%2fadmin', '/a%2F..%2fb']
    .concat(['/a\\..\\b', '/a/..;x/b', '/a/%2e', '/.', 'http://a/b/../c'])
    .map((path) => [`the path ${path}`, `GET ${path}?q HTTP/1.1\r\nhost: a\r\n\r\n`] as const),
  ['CONNECT', 'CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n', 405],
  ['another expectation', 'POST / HTTP/1.1\r\nhost: a\r\nexpect: a miracle\r\ncontent-length: 3\r\n\r\nabc', 417],
];

describe('HTTP/1.1', () => {
  test.each(refused)('%s is refused', async (_name, bytes, status = 400) => {
    const before = seen.length;
    using client = new RawClient(lane.port);
    client.send(bytes as string);
    // The upstream may have got the head of a body that turns out bad; it never gets a whole request.
    const answer = await client.answer();
    expect(answer.status).toBe(status);
    expect(answer.header('connection')).toBe('close');
    expect(answer.header('x-request-id')).toMatch(uuid7);
    expect(answer.header('content-type')).toBe('application/json');
    const { error } = JSON.parse(answer.body) as { error: { message: string; hint: string; requestId: string } };
    expect(error.message).not.toBe('');
    expect(error.requestId).toBe(answer.header('x-request-id'));
    // It is told once: to whoever keeps account of refusals, or, where it is a body that is bad, as an exchange.
    const told = [
      ...lane.refusals.filter(({ id }) => id === error.requestId),
      ...lane.records.filter(({ exchange }) => exchange.id === error.requestId),
    ];
    expect(told).toHaveLength(1);
    client.send('GET /second HTTP/1.1\r\nhost: a\r\n\r\n');
    await client.ended();
    expect(client.pending).toBe('');
    expect(seen.length).toBe(before);
  });

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

  test('chunk extensions are dropped and trailers do not become part of the body', async () => {
    using client = new RawClient(lane.port);
    client.send(
      'POST /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3;a=b;c="d"\r\nabc\r\n2 \t;e\r\nde\r\n0;f\r\nx-late: y\r\n\r\n',
    );
    const answer = await client.answer();
    // A space before the extension is bad whitespace (RFC 9112 §7.1.1): it may be refused, but never read differently.
    if (answer.status === 200) expect(seen.at(-1)).toMatchObject({ method: 'POST', url: '/x', body: 'abcde' });
    else expect(answer.status).toBe(400);
    using second = new RawClient(lane.port);
    second.send(
      'POST /y HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3;a=b;c="d"\r\nabc\r\n0;f\r\nx-late: y\r\n\r\n',
    );
    expect((await second.answer()).status).toBe(200);
    expect(seen.at(-1)).toMatchObject({ method: 'POST', url: '/y', body: 'abc' });
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

  test('an offer to upgrade is ignored', async () => {
    using client = new RawClient(lane.port);
    client.send(
      'GET /up HTTP/1.1\r\nhost: a\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n',
    );
    expect((await client.answer()).status).toBe(200);
    expect(seen.at(-1)!.url).toBe('/up');
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

/** An HTTP/2 frame (RFC 9113 §4.1). */
function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.byteLength, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Literal fields without indexing (RFC 7541 §6.2.2); names and values shorter than 127 bytes. */
function fields(...flat: string[]): Buffer {
  const parts: Buffer[] = [];
  for (let i = 0; i < flat.length; i += 2) {
    const [name, value] = [Buffer.from(flat[i]!, 'latin1'), Buffer.from(flat[i + 1]!, 'latin1')];
    parts.push(Buffer.from([0, name.length]), name, Buffer.from([value.length]), value);
  }
  return Buffer.concat(parts);
}

const settings = frame(4, 0, 0, new Uint8Array(0));
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

describe('HTTP/2', () => {
  const usual = [':method', 'GET', ':path', '/h2', ':scheme', 'http', ':authority', 'a'];
  const misuse: readonly (readonly [string, string[]])[] = [
    ['no :method', usual.slice(2)],
    ['no :path', [':method', 'GET', ':scheme', 'http', ':authority', 'a']],
    ['an empty :path', [':method', 'GET', ':path', '', ':scheme', 'http', ':authority', 'a']],
    ['no :scheme', [':method', 'GET', ':path', '/', ':authority', 'a']],
    [':method twice', [':method', 'GET', ...usual]],
    [':path twice', [':path', '/', ...usual]],
    ['an unknown pseudo-field', [':wish', 'x', ...usual]],
    ['a pseudo-field of answers', [':status', '200', ...usual]],
    ['a pseudo-field after the others', [...usual.slice(0, 6), 'x', 'y', ':authority', 'a']],
    ['upper case', [...usual, 'X-Upper', 'y']],
    ['connection', [...usual, 'connection', 'close']],
    ['transfer-encoding', [...usual, 'transfer-encoding', 'chunked']],
    ['te other than trailers', [...usual, 'te', 'gzip']],
    ['two lengths that differ', [...usual, 'content-length', '1', 'content-length', '2']],
    ['an authority unlike the host', [...usual, 'host', 'b']],
    ['an authority that is none', [':method', 'GET', ':path', '/', ':scheme', 'http', ':authority', 'a b']],
    ['a dot segment', [':method', 'GET', ':path', '/a/%2e%2e/b', ':scheme', 'http', ':authority', 'a']],
    ['an absolute :path', [':method', 'GET', ':path', 'http://b/', ':scheme', 'http', ':authority', 'a']],
  ];

  test.each(misuse)('%s never reaches the upstream', async (_name, flat) => {
    const before = seen.length;
    using client = new RawClient(lane.port);
    client.send(preface);
    client.send(settings);
    client.send(frame(1, 0x05, 1, fields(...flat)));
    // A stream error, a connection error, or a 400: in any case bytes come back and nothing goes up.
    client.send(frame(6, 0, 0, new Uint8Array(8)));
    await Promise.race([client.until((text) => hasVerdict(text)), client.ended()]);
    expect(seen.length).toBe(before);
  });

  // nghttp2 drops such fields without a word; what matters is that they do not pass.
  test.each(['a\nb', 'a\0b'])('a value with a control character does not pass', async (value) => {
    using client = new RawClient(lane.port);
    client.send(preface);
    client.send(settings);
    client.send(frame(1, 0x05, 1, fields(...usual, 'x-bad', value)));
    await client.until((text) => hasVerdict(text));
    expect(seen.at(-1)!.names).not.toContain('x-bad');
  });

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

/** Whether a reset, a GOAWAY or an answer's head is among the frames. */
function hasVerdict(received: string): boolean {
  const bytes = Buffer.from(received, 'latin1');
  for (let at = 0; at + 9 <= bytes.length;) {
    const type = bytes[at + 3]!;
    if (type === 1 || type === 3 || type === 7) return true;
    at += 9 + bytes.readUIntBE(at, 3);
  }
  return false;
}
