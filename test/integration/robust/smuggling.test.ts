// Request smuggling: each thing that two parties could read differently, the answer that is given, why, and what an upstream saw of it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Lane, RawClient, ask, openLane } from '../../kit/http.ts';
import { type Recorder, type Sent, startRecorder, toHttp1, toHttp2 } from './recorder.ts';

/** A request with fields, by lines. */
function get(...lines: readonly string[]): string {
  return `${['GET /a HTTP/1.1', 'host: a', ...lines].join('\r\n')}\r\n\r\n`;
}

function post(...lines: readonly string[]): string {
  return `${['POST /a HTTP/1.1', 'host: a', ...lines].join('\r\n')}\r\n\r\n`;
}

function chunked(body: string): string {
  return post('transfer-encoding: chunked') + body;
}

function line(requestLine: string, host = 'a'): string {
  return `${requestLine}\r\nhost: ${host}\r\n\r\n`;
}

const whole = '3\r\nabc\r\n0\r\n\r\n';
const hidden = 'GET /hidden HTTP/1.1\r\nhost: a\r\n\r\n';

type Row = readonly [name: string, bytes: string, answer: number, why: string];

const lengths = 'who counts by one length and who by the other see different requests (RFC 9112 §6.3)';
const number = 'a length is digits and nothing else; lenient readers disagree about the rest (RFC 9110 §8.6)';
const coding = 'who does not understand the coding would take the body for a request (RFC 9112 §6.1, §6.3)';
const lines = 'who takes this for the end of a line sees other fields (RFC 9112 §2.2)';
const named = 'who reads another name sees another framing (RFC 9112 §5.1)';
const authority = 'who routes by one name and who by the other see different hosts (RFC 9112 §3.2)';
const version = 'what is not HTTP/1.0 or 1.1 to the letter may be framed in another way (RFC 9112 §2.3)';
const chunks = 'who reads another size sees other bytes as the next request (RFC 9112 §7.1)';
const dots = 'who resolves the path after a rule was chosen by it sees what the rule should have kept away';
const oversize = 'a head is held whole before it is judged, so it has a limit';

const refused: readonly Row[] = [
  ['CL.TE', `${post('content-length: 30', 'transfer-encoding: chunked')}0\r\n\r\n${hidden}`, 400, lengths],
  ['TE.CL', `${post('transfer-encoding: chunked', 'content-length: 3')}8\r\nSMUGGLED\r\n0\r\n\r\n`, 400, lengths],
  ['CL.CL that differ', `${post('content-length: 3', 'content-length: 4')}abcd`, 400, lengths],
  ['CL.CL that agree', `${post('content-length: 3', 'content-length: 3')}abc`, 400, lengths],
  ['a list of lengths', `${post('content-length: 3, 3')}abc`, 400, lengths],
  [
    'CL.0: a length, and another with a space before its colon',
    `${post('content-length: 3', 'content-length : 0')}abc`,
    400,
    named,
  ],
  ['a signed length', `${post('content-length: +3')}abc`, 400, number],
  ['a negative length', `${post('content-length: -3')}abc`, 400, number],
  ['a hexadecimal length', `${post('content-length: 0x3')}abc`, 400, number],
  ['an empty length', `${post('content-length:')}abc`, 400, number],
  ['a length with something behind it', `${post('content-length: 3;x')}abc`, 400, number],
  ['a length in two parts', `${post('content-length: 3 3')}abc`, 400, number],
  ['a length beyond all numbers', `${post('content-length: 99999999999999999999')}abc`, 400, number],
  ['TE.TE: another coding first', `${post('transfer-encoding: x', 'transfer-encoding: chunked')}${whole}`, 400, coding],
  ['TE.TE: chunked twice', `${post('transfer-encoding: chunked', 'transfer-encoding: chunked')}${whole}`, 400, coding],
  ['TE.TE: a name that almost is one', `${post('transfer-encoding: xchunked')}${whole}`, 400, coding],
  ['TE.TE: behind a vertical tab', `${post('transfer-encoding: \u000bchunked')}${whole}`, 400, coding],
  ['TE.TE: in quotes', `${post('transfer-encoding: "chunked"')}${whole}`, 400, coding],
  ['TE.TE: with a comma behind', `${post('transfer-encoding: chunked,')}${whole}`, 400, coding],
  ['TE.TE: with a parameter', `${post('transfer-encoding: chunked;q=1')}${whole}`, 400, coding],
  ['TE.TE: identity', `${post('transfer-encoding: identity', 'content-length: 3')}abc`, 400, coding],
  ['TE.TE: empty', `${post('transfer-encoding:')}${whole}`, 400, coding],
  ['TE.TE: a space before the colon', `${post('transfer-encoding : chunked', 'content-length: 3')}abc`, 400, named],
  ['TE.TE: behind a bare line feed', `${post('x: y\ntransfer-encoding: chunked', 'content-length: 3')}abc`, 400, lines],
  ['TE.TE: folded', `${post('x: y', ' transfer-encoding: chunked', 'content-length: 3')}abc`, 400, lines],
  ['a coding that is not chunked', `${post('transfer-encoding: gzip')}abc`, 400, coding],
  ['a coding after chunked', `${post('transfer-encoding: chunked, gzip')}${whole}`, 400, coding],
  ['a coding before chunked', `${post('transfer-encoding: gzip, chunked')}${whole}`, 400, coding],
  [
    'transfer-encoding in HTTP/1.0',
    `POST /a HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n${whole}`,
    400,
    coding,
  ],
  ['two hosts', get('host: b'), 400, authority],
  ['two equal hosts', get('Host: a'), 400, authority],
  ['no host', 'GET /a HTTP/1.1\r\nx: y\r\n\r\n', 400, authority],
  ['an empty host', line('GET /a HTTP/1.1', ''), 400, authority],
  ['a host with a space', line('GET /a HTTP/1.1', 'a b'), 400, authority],
  ['a host with a path', line('GET /a HTTP/1.1', 'a/b'), 400, authority],
  ['a host with user information', line('GET /a HTTP/1.1', 'u@a'), 400, authority],
  ['a host with two ports', line('GET /a HTTP/1.1', 'a:80:80'), 400, authority],
  ['a port that is none', line('GET /a HTTP/1.1', 'a:65536'), 400, authority],
  ['an absolute form unlike the host', line('GET http://b/ HTTP/1.1'), 400, authority],
  ['an absolute form with user information', line('GET http://a@b/ HTTP/1.1', 'b'), 400, authority],
  ['an absolute form without a host', line('GET http:///a HTTP/1.1'), 400, authority],
  ['an absolute form of another scheme', line('GET ftp://a/ HTTP/1.1'), 400, authority],
  ['a target without a slash', line('GET a HTTP/1.1'), 400, authority],
  ['a target with a fragment', line('GET /#x HTTP/1.1'), 400, authority],
  ['a bare LF after a field', 'GET /a HTTP/1.1\r\nhost: a\nx: y\r\n\r\n', 400, lines],
  ['a bare LF after the request line', 'GET /a HTTP/1.1\nhost: a\r\n\r\n', 400, lines],
  ['a bare CR in a value', get('x: y\rz'), 400, lines],
  ['a folded field', get('x: y', ' z'), 400, lines],
  ['a space before the first field', 'GET /a HTTP/1.1\r\n host: a\r\n\r\n', 400, lines],
  ['a NUL in a value', get('x: y\u0000z'), 400, lines],
  ['a control character in a value', get('x: y\u0001z'), 400, lines],
  ['a space before a colon', get('x : y'), 400, named],
  ['a field without a name', get(': y'), 400, named],
  ['a field without a colon', get('x'), 400, named],
  ['a field name with a slash', get('x/y: z'), 400, named],
  ['a control character in a name', get('x\u0001: z'), 400, named],
  ['two spaces in the request line', line('GET  /a HTTP/1.1'), 400, version],
  ['a space in the target', line('GET /a b HTTP/1.1'), 400, version],
  ['a space behind the version', line('GET /a HTTP/1.1 '), 400, version],
  ['a version in lower case', line('GET /a http/1.1'), 400, version],
  ['a version of the future', line('GET /a HTTP/3.7'), 400, version],
  ['HTTP/2 without its preface', line('GET /a HTTP/2.0'), 400, version],
  ['HTTP/0.9', 'GET /a\r\n\r\n', 400, version],
  ['a method that is not known', line('NOTHING /a HTTP/1.1'), 400, version],
  ['a method in lower case', line('get /a HTTP/1.1'), 400, version],
  ['TLS to a port without it', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003', 400, version],
  ['a chunk size that is no number', chunked('zz\r\nabc\r\n0\r\n\r\n'), 400, chunks],
  ['a chunk size with a prefix', chunked('0x3\r\nabc\r\n0\r\n\r\n'), 400, chunks],
  ['a chunk size that overflows', chunked('fffffffffffffffffff\r\nabc\r\n'), 400, chunks],
  ['a chunk size with a sign', chunked('+3\r\nabc\r\n0\r\n\r\n'), 400, chunks],
  ['a chunk longer than its size', chunked('2\r\nabc\r\n0\r\n\r\n'), 400, chunks],
  ['a chunk size before a bare LF', chunked('3\nabc\r\n0\r\n\r\n'), 400, chunks],
  ['a chunk before a bare LF', chunked('3\r\nabc\n0\r\n\r\n'), 400, chunks],
  ['a last chunk before a bare LF', chunked('3\r\nabc\r\n0\n\n'), 400, chunks],
  ['a bare LF in a chunk extension', chunked(`3;a=\n\r\nabc\r\n0\r\n\r\n`), 400, chunks],
  ['a bare CR in a chunk extension', chunked('3;a=\r\r\nabc\r\n0\r\n\r\n'), 400, chunks],
  ['a trailer with a space before its colon', chunked('3\r\nabc\r\n0\r\nx : y\r\n\r\n'), 400, named],
  ['chunk extensions without end', chunked(`3;${'e'.repeat(20_000)}\r\nabc\r\n0\r\n\r\n`), 431, oversize],
  ['trailers without end', chunked(`3\r\nabc\r\n0\r\n${`x: ${'y'.repeat(1000)}\r\n`.repeat(30)}\r\n`), 431, oversize],
  ['a head that is too large', get(`x: ${'y'.repeat(9000)}`), 431, oversize],
  ['a target that is too long', line(`GET /${'y'.repeat(9000)} HTTP/1.1`), 431, oversize],
  ['a name that is too long', get(`${'x'.repeat(9000)}: y`), 431, oversize],
  ['too many fields', get(...Array.from({ length: 60 }, () => 'x: y')), 431, oversize],
  ...['/public/../admin', '/public/%2e%2e/admin', '/public/.%2E/admin', '/a/./b', '/a/..', '/..%2fadmin', '/a%2F..%2fb']
    .concat(['/a\\..\\b', '/a/..;x/b', '/a/%2e', '/.', 'http://a/b/../c'])
    .map((path): Row => [`the path ${path}`, line(`GET ${path}?q HTTP/1.1`), 400, dots]),
  ['CONNECT', line('CONNECT a:443 HTTP/1.1', 'a:443'), 405, 'a tunnel would carry requests past every rule'],
  ['CONNECT with a path', line('CONNECT /a HTTP/1.1'), 405, 'a tunnel would carry requests past every rule'],
  [
    'another expectation',
    `${post('expect: a miracle', 'content-length: 3')}abc`,
    417,
    'the client waits for something that nobody does (RFC 9110 §10.1.1)',
  ],
];

type Served = readonly [name: string, bytes: string, seen: readonly Sent[], why: string];

const once = { method: 'POST', path: '/a', body: 'abc' } as const;
const inChunks = { ...once, isChunked: true } as const;

const served: readonly Served[] = [
  [
    'a request inside a body',
    `${post(`content-length: ${hidden.length}`)}${hidden}`,
    [{ ...once, body: hidden }],
    'its length says that it is one',
  ],
  [
    'a body behind GET',
    `${get('content-length: 3')}abc`,
    [{ method: 'GET', path: '/a', body: 'abc' }],
    'the length counts, whatever the method',
  ],
  [
    'POST without a length, and a request behind it',
    post() + hidden,
    [
      { ...once, body: '' },
      { method: 'GET', path: '/hidden' },
    ],
    'without a length there is no body (RFC 9112 §6.3), which is said to the upstream',
  ],
  ['zeros before a length', `${post('content-length: 003')}abc`, [once], 'digits; the number is written anew'],
  ['zeros before a chunk size', chunked('0003\r\nabc\r\n0\r\n\r\n'), [inChunks], 'digits; the number is written anew'],
  [
    'chunk extensions',
    chunked('3;a=b;c="d"\r\nabc\r\n0;f\r\n\r\n'),
    [inChunks],
    'they are for one connection (RFC 9112 §7.1.1) and are dropped',
  ],
  [
    'chunked in upper case',
    `${post('Transfer-Encoding: CHUNKED')}${whole}`,
    [inChunks],
    'names of codings have no case; it is written anew',
  ],
  [
    'chunked between tabs',
    `${post('transfer-encoding:\tchunked\t')}${whole}`,
    [inChunks],
    'white space around a value is none of it (RFC 9110 §5.5)',
  ],
  [
    'framing that connection names',
    `${post('connection: content-length, host', 'content-length: 3')}abc`,
    [once],
    'framing and host are not the client’s to take out',
  ],
  [
    'codings that connection names',
    `${post('connection: transfer-encoding', 'transfer-encoding: chunked')}${whole}`,
    [inChunks],
    'framing is not the client’s to take out',
  ],
  [
    'trailers that are framing, routing or claims of proxies',
    chunked(
      '3\r\nabc\r\n0\r\nhost: b\r\ncontent-length: 9\r\nconnection: x\r\nauthorization: x\r\nx-forwarded-for: 1.2.3.4\r\nx-late: y\r\n\r\n',
    ),
    [{ ...inChunks, trailers: ['x-late: y'] }],
    'an upstream may take trailers for fields (RFC 9110 §6.5.1)',
  ],
  [
    'fields of one connection',
    get('connection: x-mine, keep-alive', 'x-mine: 1', 'keep-alive: 1', 'te: gzip', 'proxy-connection: x'),
    [{ method: 'GET', path: '/a' }],
    'they end here (RFC 9110 §7.6.1)',
  ],
  [
    'an offer of h2c',
    get('connection: upgrade, http2-settings', 'upgrade: h2c', 'http2-settings: AAMAAABkAAQAAP__'),
    [{ method: 'GET', path: '/a' }],
    'an upstream that takes it would be out of our sight',
  ],
  [
    'an absolute form like the host',
    line('GET http://A:80/x?y HTTP/1.1', 'a:80'),
    [{ method: 'GET', path: '/x?y', host: 'A:80' }],
    'the names agree; the path alone goes on, and of the host the one of the target (RFC 9112 §3.2.2)',
  ],
  [
    'line endings that are encoded',
    line('GET /a%0d%0aX:%20y HTTP/1.1'),
    [{ method: 'GET', path: '/a%0d%0aX:%20y' }],
    'nothing decodes them on the way',
  ],
  [
    'an empty line before the request',
    `\r\n${get()}`,
    [{ method: 'GET', path: '/a' }],
    'old clients send one behind a body (RFC 9112 §2.2)',
  ],
  [
    'a coding spelt with an underscore',
    `${post('transfer_encoding: chunked', 'content-length: 3')}abc`,
    [{ ...once, fields: ['transfer_encoding: chunked'] }],
    'another name; the length is said beside it',
  ],
];

const toText = { http1: toHttp1, http2: toHttp2 } as const;

describe.each(['http1', 'http2'] as const)('HTTP/1.1 clients, %s upstreams', (protocol) => {
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

  /** What came whole so far is what should have come, and an honest request right after. */
  async function hasSeen(...texts: readonly string[]): Promise<void> {
    expect((await ask(lane.port, 'GET /after HTTP/1.1')).body).toBe('fine');
    expect(recorder.wholes.splice(0)).toEqual([...texts, sentinel]);
  }

  test.each(refused)('%s is refused', async (_name, bytes, status, why) => {
    expect(why).not.toBe('');
    using client = new RawClient(lane.port);
    client.send(bytes);
    const answer = await client.answer();
    expect(answer.status).toBe(status);
    expect(answer.header('connection')).toBe('close');
    expect(answer.header('x-request-id')).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(answer.header('content-type')).toBe('application/json');
    const { error } = JSON.parse(answer.body) as { error: { message: string; requestId: string } };
    expect(error.message).not.toBe('');
    expect(error.requestId).toBe(answer.header('x-request-id'));
    // It is told once: to whoever keeps account of refusals, or, where it is a body that is bad, as an exchange.
    const refusals = lane.refusals.filter(({ id }) => id === error.requestId).length;
    expect(refusals + lane.records.filter(({ exchange }) => exchange.id === error.requestId).length).toBe(1);
    // What stands behind it is nobody's request.
    client.send(hidden);
    await client.ended();
    expect(client.pending).toBe('');
    await hasSeen();
  });

  test.each(served)('%s', async (_name, bytes, seen, why) => {
    expect(why).not.toBe('');
    using client = new RawClient(lane.port);
    client.send(bytes);
    for (const _ of seen) expect((await client.answer()).body).toBe('fine');
    await hasSeen(...seen.map(toText[protocol]));
    expect(client.pending).toBe('');
  });

  test('what broke off was never whole, and never went on as another request', () => {
    for (const text of recorder.broken) {
      expect(text.startsWith(protocol === 'http1' ? 'POST /a HTTP/1.1\r\n' : ':method: POST\n')).toBe(true);
      expect(text).not.toContain('hidden');
    }
  });
});
