// Request smuggling by HTTP/2 clients: what an HTTP/1.1 upstream would read as another request never becomes one (RFC 9113 §8.2, §8.3).
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Lane, RawClient, ask, openLane } from '../../kit/http.ts';
import { fields, frame, preface, settings, verdictOf } from '../../kit/http2-frames.ts';
import { type Recorder, type Sent, startRecorder, toHttp1, toHttp2 } from './recorder.ts';

const [method, path, scheme, authority] = [
  [':method', 'GET'],
  [':path', '/a'],
  [':scheme', 'http'],
  [':authority', 'a'],
] as const;
const usual = [...method, ...path, ...scheme, ...authority];
const posted = [':method', 'POST', ...path, ...scheme, ...authority];
const endStream = 1;

/** `answer` is the status, or how the stream or the connection ends. */
type Row = readonly [
  name: string,
  flat: readonly string[],
  answer: ReturnType<typeof verdictOf>,
  why: string,
  body?: string,
];

const pseudo = 'a request has each of its pseudo-fields once, in front, and no others (RFC 9113 §8.3)';
const injected = 'written to HTTP/1.1 it would be a line, or more than one, of its own (RFC 9113 §8.2.1)';
const connection = 'HTTP/2 frames requests itself; to an HTTP/1.1 upstream this would be framing (RFC 9113 §8.2.2)';
const length = 'the length that is said is the one that HTTP/1.1 would frame by (RFC 9113 §8.1.1)';
const host = 'who routes by one name and who by the other see different hosts (RFC 9113 §8.3.1)';
const oversize = 'a head is held whole before it is judged, so it has a limit';

const refused: readonly Row[] = [
  ['no :method', usual.slice(2), 'reset', pseudo],
  ['no :path', [...method, ...scheme, ...authority], 'reset', pseudo],
  ['an empty :path', [...method, ':path', '', ...scheme, ...authority], 'reset', pseudo],
  ['no :scheme', [...method, ...path, ...authority], 'reset', pseudo],
  [':method twice', [...method, ...usual], 'reset', pseudo],
  [':path twice', [...path, ...usual], 'reset', pseudo],
  [':authority twice', [...authority, ...usual], 'reset', pseudo],
  ['an unknown pseudo-field', [':wish', 'x', ...usual], 'reset', pseudo],
  ['a pseudo-field of answers', [':status', '200', ...usual], 'reset', pseudo],
  ['a pseudo-field after the others', [...method, ...path, ...scheme, 'x', 'y', ...authority], 'reset', pseudo],
  [':protocol without CONNECT', [...usual, ':protocol', 'websocket'], 'reset', pseudo],
  ['CONNECT with a path', [':method', 'CONNECT', ...path, ...scheme, ...authority], 'reset', pseudo],
  [
    'CONNECT',
    [':method', 'CONNECT', ':authority', 'a:443'],
    'other status',
    'a tunnel would carry requests past every rule',
  ],
  [
    'a request line in :method',
    [':method', 'GET /hidden HTTP/1.1\r\nhost: a\r\n\r\nGET', ...path, ...scheme, ...authority],
    'reset',
    injected,
  ],
  ['a space in :method', [':method', 'GET /hidden', ...path, ...scheme, ...authority], 'reset', injected],
  ['a line ending in :path', [...method, ':path', '/a HTTP/1.1\r\nx: y', ...scheme, ...authority], 'reset', injected],
  ['a space in :path', [...method, ':path', '/a b', ...scheme, ...authority], 'reset', injected],
  ['a line ending in :authority', [...method, ...path, ...scheme, ':authority', 'a\r\nx: y'], 'reset', injected],
  ['a line ending in :scheme', [...method, ...path, ':scheme', 'http\r\nx: y', ...authority], 'reset', injected],
  ['upper case in a name', [...usual, 'X-Upper', 'y'], 'reset', injected],
  ['connection', [...usual, 'connection', 'close'], 'reset', connection],
  [
    'H2.TE: transfer-encoding',
    [...posted, 'transfer-encoding', 'chunked'],
    'reset',
    connection,
    '0\r\n\r\nGET /hidden HTTP/1.1\r\n\r\n',
  ],
  ['upgrade', [...usual, 'upgrade', 'h2c'], 'reset', connection],
  ['te other than trailers', [...usual, 'te', 'gzip'], 'reset', connection],
  [
    'H2.CL: a body longer than its length',
    [...posted, 'content-length', '0'],
    'goaway',
    length,
    'GET /hidden HTTP/1.1\r\nhost: a\r\n\r\n',
  ],
  ['H2.CL: a body shorter than its length', [...posted, 'content-length', '30'], 'reset', length, 'abc'],
  ['two lengths that differ', [...posted, 'content-length', '1', 'content-length', '2'], 'reset', length, 'a'],
  ['a length that is no number', [...posted, 'content-length', '+3'], 'reset', length, 'abc'],
  ['an authority unlike the host', [...usual, 'host', 'b'], 400, host],
  ['two hosts', [...method, ...path, ...scheme, 'host', 'a', 'host', 'b'], 'reset', host],
  ['neither authority nor host', [...method, ...path, ...scheme], 'reset', host],
  ['an authority with a space', [...method, ...path, ...scheme, ':authority', 'a b'], 'reset', host],
  ['an authority with user information', [...method, ...path, ...scheme, ':authority', 'u@a'], 'reset', host],
  ['an absolute :path', [...method, ':path', 'http://b/', ...scheme, ...authority], 'reset', host],
  [
    'a dot segment',
    [...method, ':path', '/a/%2e%2e/b', ...scheme, ...authority],
    400,
    'a rule is chosen by a path that nobody resolves afterwards',
  ],
  ['a fragment', [...method, ':path', '/a#b', ...scheme, ...authority], 400, host],
  ['a head that is too large', [...usual, 'x', 'y'.repeat(12_000)], 'other status', oversize],
  ['too many fields', [...usual, ...Array.from({ length: 52 }, () => ['x', 'y']).flat()], 'other status', oversize],
];

const sent = { method: 'GET', path: '/a' } as const;
type Served = readonly [name: string, flat: readonly string[], seen: Sent, why: string, body?: string];

const served: readonly Served[] = [
  ['a line ending in a name', [...usual, 'x: y\r\ntransfer-encoding', 'chunked'], sent, injected],
  ['a colon in a name', [...usual, 'transfer-encoding: chunked\r\nx', 'y'], sent, injected],
  ['an empty name', [...usual, '', 'y'], sent, injected],
  ['a line ending in a value', [...usual, 'x-bad', 'y\r\nz: 1'], sent, injected],
  ['a bare line feed in a value', [...usual, 'x-bad', 'y\nz'], sent, injected],
  ['a NUL in a value', [...usual, 'x-bad', 'y\0z'], sent, injected],
  ['te: trailers', [...usual, 'te', 'trailers'], sent, connection],
  [
    'cookies in pieces',
    [...usual, 'cookie', 'a=1', 'cookie', 'b=2'],
    { ...sent, fields: ['cookie: a=1; b=2'] },
    'over HTTP/1.1 they are one field (RFC 9113 §8.2.3)',
  ],
  ['a host like the authority', [...usual, 'host', 'a'], sent, host],
  [
    'a request inside a body',
    posted,
    { method: 'POST', path: '/a', body: 'GET /hidden HTTP/1.1\r\n\r\n', isChunked: true },
    'DATA is a body, and framed as one',
    'GET /hidden HTTP/1.1\r\n\r\n',
  ],
];

const toText = { http1: toHttp1, http2: toHttp2 } as const;

describe.each(['http1', 'http2'] as const)('HTTP/2 clients, %s upstreams', (protocol) => {
  let recorder: Recorder;
  let lane: Lane;
  const sentinel = toText[protocol]({ method: 'GET', path: '/after', host: 'test' });

  beforeAll(async () => {
    recorder = await startRecorder(protocol);
    lane = await openLane({
      upstream: recorder.upstream.port,
      protocol,
      limits: { headerBytesMax: 8192, headersMax: 50 },
    });
  });
  afterAll(async () => {
    await lane[Symbol.asyncDispose]();
    await recorder.upstream[Symbol.asyncDispose]();
  });

  function send(flat: readonly string[], body?: string): RawClient {
    const client = new RawClient(lane.port);
    client.send(preface);
    client.send(settings);
    client.send(frame(1, body === undefined ? 0x04 | endStream : 0x04, 1, fields(...flat)));
    if (body !== undefined) client.send(frame(0, endStream, 1, Buffer.from(body)));
    return client;
  }

  /** What came whole is what should have come, and an honest request right after. */
  async function hasSeen(...texts: readonly string[]): Promise<void> {
    expect((await ask(lane.port, 'GET /after HTTP/1.1')).body).toBe('fine');
    expect(recorder.wholes.splice(0)).toEqual([...texts, sentinel]);
  }

  test.each(refused.map(([name, flat, answer, why, body]) => ({ name, flat, answer, why, body })))(
    '$name is refused',
    async ({ flat, answer, why, body }) => {
      expect(why).not.toBe('');
      using client = send(flat, body);
      await Promise.race([client.until((text) => verdictOf(text) !== undefined), client.ended()]);
      expect(verdictOf(client.pending)).toBe(answer);
      await hasSeen();
    },
  );

  test.each(served.map(([name, flat, seen, why, body]) => ({ name, flat, seen, why, body })))(
    '$name',
    async ({ flat, seen, why, body }) => {
      expect(why).not.toBe('');
      using client = send(flat, body);
      await client.until((text) => verdictOf(text) !== undefined);
      expect(verdictOf(client.pending)).toBe(200);
      await hasSeen(toText[protocol](seen));
    },
  );

  test('what broke off never went on as another request', () => {
    for (const text of recorder.broken) expect(text).not.toContain('hidden');
  });
});
