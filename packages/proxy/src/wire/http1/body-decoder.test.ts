// A body ends where its framing says, wherever its bytes are cut; what is ambiguous is refused.
import { expect, test } from 'vitest';
import * as fc from 'fast-check';
import { BodyDecoder, type BodyFraming } from './body-decoder.ts';
import { FramingError } from './framing-error.ts';

const limits = { headerBytesMax: 1024, headersMax: 20 };

interface Decoded {
  readonly body: string;
  readonly isDone: boolean;
  readonly trailers: string[] | undefined;
  /** What followed the body. */
  readonly rest: string;
}

/** Decodes bytes that come in pieces, cut at the offsets. */
function decode(framing: BodyFraming, text: string, cuts: readonly number[] = []): Decoded {
  const decoder = new BodyDecoder(framing, limits);
  const offsets = [0, ...cuts.map((cut) => cut % (text.length + 1)).toSorted((a, b) => a - b), text.length];
  let body = '';
  let rest = '';
  for (let i = 1; i < offsets.length; i++) {
    const piece = Buffer.from(text.slice(offsets[i - 1], offsets[i]), 'latin1');
    const end = decoder.isDone ? 0 : decoder.decode(piece, 0, (chunk) => (body += chunk.toString('latin1')));
    rest += piece.toString('latin1', end);
  }
  return { body, isDone: decoder.isDone, trailers: decoder.trailers, rest };
}

const cuts = fc.array(fc.nat(), { maxLength: 12 });

test('chunks are joined, at every cut, and what follows is left alone', () => {
  const chunk = fc.tuple(fc.stringMatching(/^[ -~\r\n]{1,20}$/), fc.constantFrom('', ';a', ';a=b;c="d e"'));
  const trailers = fc.array(fc.stringMatching(/^[a-z]{1,5}$/), { maxLength: 3 });
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 5 }), trailers, fc.string(), cuts, (chunks, names, after, at) => {
      const sent = chunks.map(([text, extension]) => `${text.length.toString(16)}${extension}\r\n${text}\r\n`).join('');
      const section = names.map((name) => `${name}: 1\r\n`).join('');
      const rest = Buffer.from(after, 'latin1').toString('latin1');
      expect(decode('chunked', `${sent}0\r\n${section}\r\n${rest}`, at)).toEqual({
        body: chunks.map(([text]) => text).join(''),
        isDone: true,
        trailers: names.length === 0 ? undefined : names.flatMap((name) => [name, '1']),
        rest,
      });
    }),
    { numRuns: 500 },
  );
});

test('a length counts bytes, at every cut', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[ -~]{0,40}$/), fc.nat(50), cuts, (text, length, at) => {
      const decoded = decode(length, text, at);
      expect(decoded.body).toBe(text.slice(0, length));
      expect(decoded.rest).toBe(text.slice(length));
      expect(decoded.isDone).toBe(text.length >= length);
    }),
  );
});

test('the end of the connection is nobody else’s', () => {
  expect(decode('close', 'abc', [1])).toMatchObject({ body: 'abc', isDone: false });
});

test.each([
  ['no size', '\r\n'],
  ['an extension without a size', ';a\r\nx\r\n'],
  ['a size with a sign', '+1\r\nx\r\n'],
  ['a size with 0x', '0x1\r\nx\r\n'],
  ['a size with white space', '1 \r\nx\r\n'],
  ['a size that no double holds', '1000000000000\r\n'],
  ['a size that ends in a bare line feed', '1\nx\r\n'],
  ['a chunk longer than its size', '1\r\nxy\r\n'],
  ['a chunk that ends in a bare line feed', '1\r\nx\n'],
  ['a chunk that ends in a lone carriage return', '1\r\nx\rx'],
  ['a control character in an extension', '1;a\u0001b\r\nx\r\n'],
  ['a carriage return in an extension', '1;a\rb\r\nx\r\n'],
  ['a trailer that is none', '0\r\nx y\r\n\r\n'],
  ['a bare line feed in the trailers', '0\r\nx: y\n\r\n'],
])('%s is refused, at every cut', (_name, text) => {
  fc.assert(
    fc.property(cuts, (at) => {
      expect(() => decode('chunked', text, at)).toThrow(FramingError);
    }),
  );
});

test('lines, extensions and trailers have limits', () => {
  expect(() => decode('chunked', `1;${'x'.repeat(5000)}`)).toThrow(/too long/);
  expect(() => decode('chunked', `1;${'x'.repeat(4000)}\r\nx\r\n`.repeat(20))).toThrow(/too long/);
  expect(() => decode('chunked', `0\r\nx: ${'y'.repeat(9000)}`)).toThrow(/headerBytesMax/);
  expect(() => decode('chunked', `0\r\n${'x: y\r\n'.repeat(30)}\r\n`)).toThrow(/headersMax/);
});
