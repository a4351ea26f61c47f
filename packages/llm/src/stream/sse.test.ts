// Server-sent events: any split of any stream gives the same frames, and they say what the specification says.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EventTooLong, Frame, SseSplitter, encodeFrame, eventBytesMax, writeEvent } from './sse.ts';

const line = fc.oneof(
  fc.stringMatching(/^(data|event|id|retry|x|)(:| : |: |)[^\r\n]{0,6}$/),
  fc.constantFrom('data: {"a":1}', 'data:', 'data', ': comment', ':', 'event: ping', 'data: [DONE]', 'data: ü😀', ''),
);
const ending = fc.constantFrom('\n', '\r\n', '\r');
const stream = fc
  .tuple(fc.constantFrom('', '\uFEFF'), fc.array(fc.tuple(line, ending), { maxLength: 14 }), line)
  .map(([bom, lines, tail]) => Buffer.from(bom + lines.flat().join('') + tail));

/** What WHATWG HTML §9.2.6 dispatches, and beside it an event that the stream ends in. */
function dispatched(bytes: Buffer): { event: string | undefined; data: string }[] {
  const events: { event: string | undefined; data: string }[] = [];
  let event: string | undefined;
  let data: string[] = [];
  const flush = (): void => {
    if (data.length > 0) events.push({ event, data: data.join('\n') });
    event = undefined;
    data = [];
  };
  for (const text of bytes
    .toString()
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\r|\n/)) {
    if (text === '') flush();
    const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(text)!;
    if (field === 'data') data.push(value);
    if (field === 'event') event = value;
  }
  flush();
  return events;
}

function framesOf(chunks: readonly Uint8Array[]): Frame[] {
  const splitter = new SseSplitter();
  return [...chunks.flatMap((chunk) => splitter.push(chunk)), ...splitter.end()];
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length]!;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

const texts = (frames: readonly Frame[]): string[] => frames.map(({ bytes }) => Buffer.from(bytes).toString('latin1'));

describe('splitting', () => {
  test('any split gives the same frames, and the frames joined are the stream', () => {
    fc.assert(
      fc.property(stream, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }), (bytes, sizes) => {
        const whole = texts(framesOf([bytes]));
        expect(whole.join('')).toBe(bytes.toString('latin1'));
        expect(texts(framesOf(cut(bytes, sizes)))).toEqual(whole);
        expect(texts(framesOf(cut(bytes, [1])))).toEqual(whole);
      }),
      { numRuns: 1000 },
    );
  });

  test('events are those of the specification', () => {
    fc.assert(
      fc.property(stream, (bytes) => {
        const events = framesOf([bytes])
          .filter(({ data }) => data !== undefined)
          .map(({ event, data }) => ({ event, data }));
        expect(events).toEqual(dispatched(bytes));
      }),
      { numRuns: 1000 },
    );
  });

  test('an event is told with the byte that ends it, not later', () => {
    for (const end of ['\n\n', '\r\n\r\n']) {
      const splitter = new SseSplitter();
      const bytes = Buffer.from(`data: x${end}`);
      for (const byte of bytes.subarray(0, -1)) expect(splitter.push(Buffer.of(byte))).toEqual([]);
      expect(splitter.push(bytes.subarray(-1))).toHaveLength(1);
    }
  });

  test('an event without an end is given up at the limit; one of the limit is not', () => {
    const splitter = new SseSplitter();
    const block = Buffer.alloc(1024 * 1024, 120);
    for (let bytes = 0; bytes < eventBytesMax; bytes += block.length) splitter.push(block);
    expect(() => splitter.push(Buffer.from('x'))).toThrow(EventTooLong);
  });

  test('lines of one kind of ending are looked for once', () => {
    let looked = 0;
    const chunk = Buffer.from('a\ra\r'.repeat(2000));
    const find = chunk.indexOf.bind(chunk);
    const counting = (wanted: number, from = 0): number => {
      const index = find(wanted, from);
      looked += (index < 0 ? chunk.length : index) - from;
      return index;
    };
    Object.assign(chunk, { indexOf: counting });
    new SseSplitter().push(chunk);
    expect(looked).toBeLessThan(3 * chunk.length);
  });
});

const frameOf = (text: string): Frame => new Frame(Buffer.from(text));

describe('frames', () => {
  test('data may have several lines, and is parsed once', () => {
    const one = frameOf('data: {"a":\r\ndata: 1}\r\n\r\n');
    expect(one.json()).toEqual({ a: 1 });
    expect(one.json()).toBe(one.json());
    for (const text of [': comment\n\n', 'event: x\n\n', 'data: [DONE]\n\n', 'data: {\n\n', 'data:\n\n'])
      expect(frameOf(text).json()).toBeUndefined();
  });

  test('an edited frame keeps its other lines and its line endings', () => {
    const edited = (text: string): string => {
      const one = frameOf(text);
      (one.json() as { a: unknown }).a = 'ü';
      return Buffer.from(encodeFrame(one)).toString();
    };
    expect(edited('event: x\nid: 7\ndata: {"a":1}\n\n')).toBe('event: x\nid: 7\ndata: {"a":"ü"}\n\n');
    expect(edited(': c\r\ndata:{"a":\r\ndata:1}\r\nretry: 1\r\n\r\n')).toBe(
      ': c\r\ndata: {"a":"ü"}\r\nretry: 1\r\n\r\n',
    );
    expect(edited('data: {"a":1}')).toBe('data: {"a":"ü"}');
    const done = frameOf('data: [DONE]\n\n');
    expect(encodeFrame(done)).toBe(done.bytes);
  });

  test('a written event reads back', () => {
    fc.assert(
      fc.property(
        fc.option(fc.stringMatching(/^[a-z_.]{1,9}$/), { nil: undefined }),
        fc.dictionary(fc.string(), fc.jsonValue()),
        (event, data) => {
          const [read, ...others] = framesOf([Buffer.from(writeEvent(event, data))]);
          expect(others).toEqual([]);
          expect([read!.event, read!.json()]).toEqual([event, JSON.parse(JSON.stringify(data))]);
        },
      ),
    );
  });
});
