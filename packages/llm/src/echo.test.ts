// The embedded model: every format's own answer, whole and streamed, cut at the client's limit, and its refusals.
import { describe, expect, test } from 'vitest';
import { checkEcho, echoBody, echoCount, echoStream } from './echo.ts';
import { emptyFacts, formats } from './format.ts';
import { CodecError } from './hub/extra.ts';
import { SseSplitter } from './stream/sse.ts';

const clock = { nowSeconds: 1_700_000_000, id: 'abc' };
const limitNames = { chat: 'max_tokens', responses: 'max_output_tokens', messages: 'max_tokens' } as const;
const names = ['chat', 'responses', 'messages'] as const;

describe.each(names)('%s', (format) => {
  const ask = (text: unknown, more: object = {}): Record<string, unknown> => ({
    model: 'echo',
    [format === 'responses' ? 'input' : 'messages']: [
      { role: 'user', content: 'first' },
      { role: 'assistant', content: 'then' },
      { role: 'user', content: text },
    ],
    ...(format === 'messages' && { max_tokens: 1000 }),
    ...more,
  });

  test('the last user text comes back, with usage, whole and streamed alike', () => {
    for (const text of ['Hello there', '  leading  ', 'ü😀', '']) {
      const body = echoBody(format, ask(text), clock);
      const [span] = formats[format].bodySpans(body);
      expect(span!.text).toBe(text);
      const splitter = new SseSplitter();
      const facts = emptyFacts();
      let streamed = '';
      const request = ask(text, { stream_options: { include_usage: true } });
      for (const chunk of echoStream(format, request, clock)) {
        for (const frame of splitter.push(chunk)) {
          formats[format].readFrame(frame, facts);
          for (const { form, text: piece } of formats[format].frameSpans(frame))
            if (form === 'delta') streamed += piece;
        }
      }
      expect(streamed).toBe(text);
      expect(facts).toMatchObject({ isEnded: true, model: 'echo' });
      expect(facts.usage).toMatchObject(formats[format].readUsage(body)!);
    }
  });

  test('parts of a text are joined', () => {
    const parts = [{ type: 'text', text: 'a' }, { type: 'image' }, { type: 'input_text', text: 'b' }];
    expect(formats[format].bodySpans(echoBody(format, ask(parts), clock))[0]!.text).toBe('a\nb');
  });

  test('the limit cuts the answer, never within a character, and says so', () => {
    const body = echoBody(format, ask('😀😀😀', { [limitNames[format]]: 2 }), clock);
    expect(formats[format].bodySpans(body)[0]!.text).toBe('😀😀');
    expect(JSON.stringify(body)).toMatch(/"(finish_reason|stop_reason)":"(length|max_tokens)"|"max_output_tokens"/);
    const odd = echoBody(format, ask('aaa😀', { [limitNames[format]]: 1 }), clock);
    expect(formats[format].bodySpans(odd)[0]!.text).toBe('aaa');
  });

  test('what no model would take is refused in the format’s words', () => {
    const list = format === 'responses' ? 'input' : 'messages';
    const missing = format === 'messages' ? 'messages: Field required' : `Missing required parameter: '${list}'.`;
    const refuse = (change: object): string => {
      try {
        checkEcho(format, { ...ask('x'), ...change }, false);
      } catch (error) {
        expect(error).toBeInstanceOf(CodecError);
        return (error as CodecError).message;
      }
      return 'taken';
    };
    expect(refuse({})).toBe('taken');
    expect(refuse({ [list]: undefined })).toBe(missing);
    expect(refuse({ [list]: null })).toBe(missing);
    for (const value of [[], {}, 1, ['x'], [null]]) expect(refuse({ [list]: value })).toContain(list);
    expect(refuse({ [list]: 'text' })).toBe(
      format === 'responses' ? 'taken' : `${list}: must be a list of at least one object`,
    );
    for (const limit of [0, -1, 1.5, 'x'])
      expect(refuse({ [limitNames[format]]: limit })).toContain(limitNames[format]);
  });
});

test('Messages demands max_tokens, except to count', () => {
  const body = { messages: [{ role: 'user', content: 'x' }] };
  expect(() => checkEcho('messages', body, false)).toThrow('max_tokens: Field required');
  expect(() => checkEcho('messages', body, true)).not.toThrow();
  expect(echoCount(body)).toEqual({ input_tokens: expect.any(Number) });
});
