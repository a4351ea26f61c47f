// Text spans of the three formats: found, read, and written back where they stand, and nothing else is touched.
import { describe, expect, test } from 'vitest';
import { type FormatName, type Span, formats } from '../format.ts';
import { Frame, SseSplitter, encodeFrame, writeEvent } from '../stream/sse.ts';
import { echoBody, echoStream } from '../echo.ts';

const names = ['chat', 'responses', 'messages'] as const;
const clock = { nowSeconds: 1, id: 'x' };
const request = {
  input: 'one two  three ü😀',
  messages: [{ role: 'user', content: 'one two  three ü😀' }],
  max_tokens: 100,
};

/** `channel choice.block.part form text` */
const told = ({ channel, choice, block, part, form, text }: Span): string =>
  `${channel} ${choice}.${block}.${part} ${form} ${text}`;

const toldByEvent = (event: object): string[] =>
  formats.responses.frameSpans(new Frame(Buffer.from(writeEvent('x', event)))).map(told);

describe.each(names)('%s', (format) => {
  test('a buffered answer: read and written back', () => {
    const body = echoBody(format, request, clock);
    const [span, ...others] = formats[format].bodySpans(body);
    expect(others).toEqual([]);
    expect(span).toMatchObject({ channel: 'text', form: 'whole', text: 'one two  three ü😀' });
    span!.replace('four');
    expect(JSON.stringify(body)).toContain('"four"');
    expect(JSON.stringify(body)).not.toContain('three');
    expect(formats[format].bodySpans(body)[0]!.text).toBe('four');
  });

  test('a stream: the deltas joined are the text, and repeats say it again', () => {
    const splitter = new SseSplitter();
    const frames = [...echoStream(format, request, clock)].flatMap((chunk) => splitter.push(chunk));
    const spans = frames.flatMap((frame) => formats[format].frameSpans(frame));
    const joined = spans.filter(({ form }) => form === 'delta').map(({ text }) => text);
    expect(joined.join('')).toBe('one two  three ü😀');
    for (const repeat of spans.filter(({ form, text }) => form === 'repeat' && text !== ''))
      expect(repeat.text).toBe('one two  three ü😀');
    expect(new Set(spans.map(({ channel, choice, block, part }) => `${channel} ${choice} ${block} ${part}`)).size).toBe(
      1,
    );
    for (const span of spans) span.replace('#');
    const written = frames.map((frame) => Buffer.from(encodeFrame(frame)).toString()).join('');
    expect(written).not.toMatch(/two|three/);
  });

  test('what is not an answer has no text', () => {
    for (const value of [undefined, null, 1, 'x', [], {}, { choices: [null, 1, { delta: null, message: [] }] }]) {
      expect(formats[format].bodySpans(value)).toEqual([]);
      expect(formats[format].frameSpans(new Frame(Buffer.from(writeEvent(undefined, value ?? null))))).toEqual([]);
    }
    for (const odd of [
      { output: [null, 1, { content: [null, 1], summary: 'x' }], content: [null, 1, 'x'] },
      {
        type: 'response.output_text.delta',
        delta: 1,
        part: null,
        item: null,
        response: 1,
        index: 'x',
        content_block: 1,
      },
    ]) {
      expect(formats[format].bodySpans(odd)).toEqual([]);
      expect(formats[format].frameSpans(new Frame(Buffer.from(writeEvent(undefined, odd))))).toEqual([]);
    }
  });
});

describe('every kind of text', () => {
  const bodies: readonly (readonly [FormatName, object, string[]])[] = [
    [
      'chat',
      {
        choices: [
          {
            index: 1,
            message: {
              content: [
                { type: 'thinking', thinking: [{ type: 'text', text: 'hm' }] },
                { type: 'text', text: 'hi' },
              ],
              reasoning: 'r',
              reasoning_details: [{ type: 'reasoning.text', text: 'd', signature: 's' }, { summary: 'e' }],
              refusal: 'no',
              audio: { id: 'a', data: 'b', transcript: 'spoken' },
              tool_calls: [
                { id: 'a', function: { name: 'f', arguments: '{}' } },
                { id: 'b', custom: { name: 'g', input: 'raw' } },
              ],
            },
          },
          { message: { function_call: { name: 'old', arguments: '[]' } } },
        ],
      },
      [
        'reasoning 1.0.reasoning whole r',
        'refusal 1.0.refusal whole no',
        'reasoning 1.0.content.0.0 whole hm',
        'text 1.0.content.1 whole hi',
        'reasoning 1.0.reasoning_details.0 whole d',
        'reasoning 1.0.reasoning_details.1 whole e',
        'text 1.0.audio whole spoken',
        'toolArguments 1.0.arguments whole {}',
        'toolArguments 1.1.input whole raw',
        'toolArguments 1.0.arguments whole []',
      ],
    ],
    [
      'messages',
      {
        content: [
          { type: 'thinking', thinking: 't', signature: 's' },
          { type: 'redacted_thinking', data: 'x' },
          { type: 'text', text: 'a' },
          { type: 'tool_use', id: 'i', name: 'n', input: { q: 1 } },
          { type: 'server_tool_use', id: 'i', name: 'n', input: { q: 2 } },
        ],
      },
      [
        'reasoning 0.0.thinking whole t',
        'text 0.2.text whole a',
        'toolArguments 0.3.input whole {"q":1}',
        'toolArguments 0.4.input whole {"q":2}',
      ],
    ],
    [
      'responses',
      {
        output: [
          { type: 'reasoning', summary: [{ type: 'summary_text', text: 's' }], content: [{ type: 'reasoning_text', text: 'r' }] },
          { type: 'message', content: [{ type: 'output_text', text: 'a' }, { type: 'refusal', refusal: 'no' }] },
          { type: 'function_call', arguments: '{}' },
          { type: 'custom_tool_call', input: 'raw' },
          { type: 'code_interpreter_call', code: 'print' },
        ],
      },
      [
        'reasoning 0.0.content.0 whole r',
        'reasoning 0.0.summary.0 whole s',
        'text 0.1.content.0 whole a',
        'refusal 0.1.content.1 whole no',
        'toolArguments 0.2.arguments whole {}',
        'toolArguments 0.3.input whole raw',
        'toolArguments 0.4.code whole print',
      ],
    ],
  ]; // prettier-ignore
  test.each(bodies)('%s', (format, body, expected) => {
    const spans = formats[format].bodySpans(body);
    // Two choices may have the same place within them.
    expect(spans.map(told)).toEqual(expected);
    for (const span of spans) span.replace(span.text);
    expect(formats[format].bodySpans(body).map(told)).toEqual(expected);
  });

  test('events of Responses name the part they belong to', () => {
    const at = { output_index: 2, content_index: 1, summary_index: 3 };
    expect(toldByEvent({ type: 'response.output_text.delta', ...at, delta: 'd' })).toEqual([
      'text 0.2.content.1 delta d',
    ]);
    expect(toldByEvent({ type: 'response.reasoning_summary_text.done', ...at, text: 'd' })).toEqual([
      'reasoning 0.2.summary.3 repeat d',
    ]);
    expect(toldByEvent({ type: 'response.mcp_call_arguments.delta', ...at, delta: 'd' })).toEqual([
      'toolArguments 0.2.arguments delta d',
    ]);
    expect(
      toldByEvent({
        type: 'response.content_part.done',
        output_index: 0,
        content_index: 1,
        part: { type: 'refusal', refusal: 'n' },
      }),
    ).toEqual(['refusal 0.0.content.1 repeat n']);
  });
});
