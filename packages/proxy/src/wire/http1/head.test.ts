// A head means one thing or is refused, however its bytes arrive.
import { describe, expect, test } from 'vitest';
import * as fc from 'fast-check';
import { FramingError } from './framing-error.ts';
import { checkBeginning, findHeadEnd, parseRequestHead, parseResponseHead, skipEmptyLines } from './head.ts';

const limits = { headerBytesMax: 1024, headersMax: 20 };

function parse(text: string): ReturnType<typeof parseRequestHead> {
  const bytes = Buffer.from(text, 'latin1');
  const from = skipEmptyLines(bytes, 0);
  const end = findHeadEnd(bytes, from, limits);
  expect(end).toBe(bytes.byteLength);
  return parseRequestHead(bytes, from, end, limits);
}

function parseAnswer(text: string): ReturnType<typeof parseResponseHead> {
  const bytes = Buffer.from(text, 'latin1');
  return parseResponseHead(bytes, 0, findHeadEnd(bytes, 0, limits), limits);
}

describe('requests', () => {
  test('keep names, order and duplicates, and lose the white space around values', () => {
    const head = parse('\r\nPOST /a?b HTTP/1.1\r\nHost: A\r\nx:\t 1 2 \t\r\nX: \r\ncontent-length: 12\r\n\r\n');
    expect(head).toMatchObject({ method: 'POST', target: '/a?b', host: 'A', lengthBytes: 12, isChunked: false });
    expect(head.fields).toEqual(['Host', 'A', 'x', '1 2', 'X', '', 'content-length', '12']);
  });

  test.each([
    ['', true],
    ['connection: close\r\n', false],
    ['Connection: x, CLOSE\r\n', false],
    ['connection: keep-alive\r\n', true],
  ])('%j of HTTP/1.1 keeps the connection: %s', (field, isKeptAlive) => {
    expect(parse(`GET / HTTP/1.1\r\nhost: a\r\n${field}\r\n`).isKeptAlive).toBe(isKeptAlive);
  });

  test.each([
    ['', false],
    ['connection: Keep-Alive\r\n', true],
    ['connection: keep-alive, x\r\n', true],
  ])('%j of HTTP/1.0 keeps the connection: %s', (field, isKeptAlive) => {
    expect(parse(`GET / HTTP/1.0\r\n${field}\r\n`)).toMatchObject({ isHttp10: true, isKeptAlive });
  });

  test('offer an upgrade only where connection names it', () => {
    expect(parse('GET / HTTP/1.1\r\nhost: a\r\nupgrade: WebSocket\r\n\r\n').upgrade).toBeUndefined();
    const offered = parse('GET / HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: WebSocket\r\n\r\n');
    expect(offered.upgrade).toBe('websocket');
  });

  test('that another protocol sends are known for that at once', () => {
    expect(() => checkBeginning(Buffer.from('\u0016\u0003\u0001', 'latin1'), 0)).toThrow(FramingError);
    expect(() => checkBeginning(Buffer.from(' GET'), 0)).toThrow(FramingError);
    expect(() => checkBeginning(Buffer.from('A'.repeat(40)), 0)).toThrow(FramingError);
    expect(() => checkBeginning(Buffer.from('GE'), 0)).not.toThrow();
    expect(() => checkBeginning(Buffer.from('GET /'), 0)).not.toThrow();
  });
});

describe('answers', () => {
  test.each([
    ['HTTP/1.1 200 OK', 200],
    ['HTTP/1.1 204 ', 204],
    ['HTTP/1.1 404', 404],
    ['HTTP/1.0 599 \u00e9t\u00e9', 599],
  ])('%j is a status line', (line, status) => {
    expect(parseAnswer(`${line}\r\nx: y\r\n\r\n`)).toMatchObject({ status, fields: ['x', 'y'] });
  });

  test.each([
    'HTTP/1.1 20 OK',
    'HTTP/1.1 2000',
    'HTTP/1.1  200',
    'HTTP/1.1 099 x',
    'HTTP/2 200',
    'ICY 200 OK',
    'HTTP/1.1',
  ])('%j is none', (line) => {
    expect(() => parseAnswer(`${line}\r\nx: y\r\n\r\n`)).toThrow(FramingError);
  });
});

test('a head that comes in pieces is found where a whole one is', () => {
  const line = fc.stringMatching(/^[a-z]{1,8}: ?[ -~]{0,12}$/);
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), fc.nat(), fc.string(), (lines, cut, rest) => {
      const head = `GET / HTTP/1.1\r\n${lines.map((each) => `${each}\r\n`).join('')}\r\n`;
      const bytes = Buffer.from(head + rest, 'latin1');
      const whole = findHeadEnd(bytes, 0, limits);
      expect(whole).toBe(head.length);
      const first = bytes.subarray(0, cut % bytes.byteLength);
      const seen = findHeadEnd(first, 0, limits) < 0 ? first.byteLength : 0;
      expect(findHeadEnd(bytes, 0, limits, seen)).toBe(whole);
    }),
  );
});

test('what is written and read is the same', () => {
  const name = fc
    .stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/)
    .filter((text) => !/^(host|expect|upgrade|connection|content-length|transfer-encoding)$/i.test(text));
  const value = fc.stringMatching(/^([!-~\u0080-\u00ff]([ \t!-~\u0080-\u00ff]{0,20}[!-~\u0080-\u00ff])?)?$/);
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 10 }), (fields) => {
      const text = fields.map(([key, each]) => `${key}: ${each}\r\n`).join('');
      expect(parseAnswer(`HTTP/1.1 200 OK\r\n${text}\r\n`).fields).toEqual(fields.flat());
    }),
  );
});

test('limits are named', () => {
  const many = 'x: y\r\n'.repeat(21);
  expect(() => parse(`GET / HTTP/1.1\r\n${many}\r\n`)).toThrow(/headersMax/);
  expect(() => findHeadEnd(Buffer.from('x'.repeat(1025)), 0, limits)).toThrow(/headerBytesMax/);
});
