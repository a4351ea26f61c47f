// Streams of the two OpenAI formats: quirks of vendors on the way in, order and closing events on the way out.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { unwrapOpaque } from '../carrier.ts';
import { type AnswerContext, type FormatCodec, plainDialect } from '../hub/codec.ts';
import type { Part } from '../hub/content.ts';
import type { JsonObject } from '../hub/extra.ts';
import type { HubEvent } from '../hub/response.ts';
import { Frame, SseSplitter } from '../stream/sse.ts';
import { chatCodec } from './chat/codec.ts';
import { responsesCodec } from './responses/codec.ts';

const context: AnswerContext = {
  vendor: 'maker',
  upstreamModel: 'up',
  request: { model: 'm', turns: [], stream: true, includeUsage: true },
  clock: { nowSeconds: 1_700_000_000, id: 'f00d' },
  note: () => undefined,
};

function write(codec: FormatCodec, events: readonly HubEvent[], over: Partial<AnswerContext> = {}): Frame[] {
  const encoder = codec.encodeStream({ ...context, ...over });
  const bytes = Buffer.concat(events.flatMap((event) => encoder.push(event)));
  const splitter = new SseSplitter();
  return [...splitter.push(bytes), ...splitter.end()];
}

function read(
  codec: FormatCodec,
  frames: readonly (Frame | string | JsonObject)[],
  dialectal = plainDialect,
): HubEvent[] {
  const decoder = codec.decodeStream(dialectal);
  const events = frames.flatMap((frame) => decoder.push(frame instanceof Frame ? frame : toFrame(frame)));
  return [...events, ...decoder.end()].filter(({ type }) => type !== 'opaque');
}

function toFrame(data: string | JsonObject): Frame {
  return new Frame(Buffer.from(typeof data === 'string' ? data : `data: ${JSON.stringify(data)}\n\n`));
}

function jsonOf(frames: readonly Frame[]): JsonObject[] {
  return frames.flatMap((frame) => {
    const json = frame.json() as JsonObject | undefined;
    return json ? [json] : [];
  });
}

/** The parts that ended, in order of their numbers, without what only their format says. */
function endedParts(events: readonly HubEvent[]): unknown[] {
  const ended = events.flatMap((event) => (event.type === 'partEnd' ? [event] : []));
  return ended
    .sort((a, b) => a.part - b.part)
    .map(({ value }) => {
      const { extra: _extra, path: _path, ...rest } = value;
      return rest;
    });
}

function chunk(delta: JsonObject, more: JsonObject = {}): JsonObject {
  const choices = [{ index: 0, delta, finish_reason: null, ...more }];
  return { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'up', choices };
}

const start: HubEvent = { type: 'start', id: 'x', model: 'up' };
const closing: HubEvent[] = [
  { type: 'stop', choice: 0, stop: { reason: 'end' } },
  { type: 'usage', usage: { inputTotal: 5, inputCacheRead: 2, outputTotal: 3, source: 'reported' } },
  { type: 'end' },
];
const told = (part: number, value: Part, ...texts: string[]): HubEvent[] => {
  const type = { text: 'textDelta', reasoning: 'reasoningDelta', toolCall: 'argumentsDelta', refusal: 'refusalDelta' }[
    value.type as 'text'
  ] as 'textDelta';
  const whole =
    value.type === 'toolCall' ? { ...value, arguments: texts.join('') } : { ...value, text: texts.join('') };
  return [
    { type: 'partStart', choice: 0, part, value },
    ...texts.map((text): HubEvent => ({ type, choice: 0, part, text })),
    { type: 'partEnd', choice: 0, part, value: whole as Part },
  ];
};
const text: Part = { type: 'text', text: '' };
const look = (id: string): Part => ({ type: 'toolCall', kind: 'function', id, name: 'look', arguments: '' });

const usageOf = (outputTotal: number) => ({ usage: { prompt_tokens: 5, completion_tokens: outputTotal } });

const firstPiece = (id: string) =>
  chunk({ tool_calls: [{ index: 0, id, function: { name: 'look', arguments: '{}' } }] });

const thinking = (words: string) => ({ type: 'thinking', thinking: [{ type: 'text', text: words }] });

describe('chat chunks in', () => {
  test('an empty first chunk, usage in every chunk and no index on calls', () => {
    const events = read(chatCodec, [
      { id: 'c', model: 'up', choices: [], prompt_filter_results: [] },
      { ...chunk({ role: 'assistant', content: 'a' }), ...usageOf(1) },
      { ...chunk({ tool_calls: [{ id: 't1', function: { name: 'look', arguments: '{"a"' } }] }), ...usageOf(2) },
      { ...chunk({ tool_calls: [{ function: { arguments: ':1}' } }] }), ...usageOf(3) },
      { ...chunk({ tool_calls: [{ id: 't2', function: { name: 'look', arguments: '{}' } }] }), ...usageOf(4) },
      { ...chunk({}, { finish_reason: 'stop' }), ...usageOf(5) },
      'data: [DONE]\n\n',
    ]);
    expect(endedParts(events)).toEqual([
      { type: 'text', text: 'a' },
      { ...look('t1'), arguments: '{"a":1}' },
      { ...look('t2'), arguments: '{}' },
    ]);
    const usages = events.flatMap((event) => (event.type === 'usage' ? [event.usage.outputTotal] : []));
    expect(usages).toEqual([1, 2, 3, 4, 5]);
    expect(events.find(({ type }) => type === 'stop')).toMatchObject({ stop: { reason: 'tools', raw: 'stop' } });
    expect(events.at(-1)).toEqual({ type: 'end' });
  });

  test('a reused index with a new id and name is a new call', () => {
    expect(endedParts(read(chatCodec, [firstPiece('a'), firstPiece('b'), 'data: [DONE]\n\n']))).toHaveLength(2);
  });

  test('thoughts and text that stream as content parts', () => {
    const events = read(chatCodec, [
      chunk({ content: [thinking('h')] }),
      chunk({ content: [thinking('m')] }),
      chunk({ content: [{ type: 'text', text: 'so' }] }),
      chunk({}, { finish_reason: 'stop' }),
    ]);
    expect(endedParts(events)).toEqual([
      { type: 'reasoning', text: 'hm' },
      { type: 'text', text: 'so' },
    ]);
  });

  test('a signature belongs to the thought that it follows', () => {
    const detail = (index: number, more: JsonObject) =>
      chunk({ reasoning_details: [{ type: 'reasoning.text', index, format: 'f', ...more }] });
    const events = read(chatCodec, [
      detail(0, { text: 'h' }),
      detail(0, { text: 'm' }),
      detail(0, { signature: 'S' }),
      detail(1, { text: 'more' }),
      chunk({ content: 'so' }),
      'data: [DONE]\n\n',
    ]);
    expect(endedParts(events)).toEqual([
      { type: 'reasoning', text: 'hm', opaque: { vendor: 'openrouter', values: { signature: 'S', format: 'f' } } },
      { type: 'reasoning', text: 'more' },
      { type: 'text', text: 'so' },
    ]);
  });

  test('annotations are citations of the text', () => {
    const annotation = {
      type: 'url_citation',
      url_citation: { url: 'https://x', title: 't', start_index: 0, end_index: 1 },
    };
    const events = read(chatCodec, [chunk({ content: 'a' }), chunk({ annotations: [annotation] }), 'data: [DONE]\n\n']);
    const written = jsonOf(write(responsesCodec, events)).find(({ type }) => String(type).endsWith('annotation.added'));
    expect(written).toMatchObject({
      output_index: 0,
      content_index: 0,
      annotation_index: 0,
      annotation: { type: 'url_citation', url: 'https://x', title: 't', start_index: 0, end_index: 1 },
    });
  });

  test('interleaved calls stay apart', () => {
    const piece = (index: number, more: JsonObject, args: string) =>
      chunk({
        tool_calls: [{ index, ...more, function: { ...(more['id'] ? { name: 'look' } : {}), arguments: args } }],
      });
    const events = read(chatCodec, [
      piece(0, { id: 'a' }, '{'),
      piece(1, { id: 'b' }, '['),
      piece(0, {}, '}'),
      piece(1, {}, ']'),
      chunk({}, { finish_reason: 'tool_calls' }),
    ]);
    expect(endedParts(events)).toEqual([
      { ...look('a'), arguments: '{}' },
      { ...look('b'), arguments: '[]' },
    ]);
  });

  test('reasoning counted beside the completion is added, where the vendor counts so', () => {
    const usage = { prompt_tokens: 1, completion_tokens: 2, completion_tokens_details: { reasoning_tokens: 3 } };
    const last = { ...chunk({}, { finish_reason: 'stop' }), usage };
    const total = (isReasoningOutsideCompletion: boolean) =>
      read(chatCodec, [last], { ...plainDialect, isReasoningOutsideCompletion }).find(({ type }) => type === 'usage');
    expect(total(false)).toMatchObject({ usage: { outputTotal: 2 } });
    expect(total(true)).toMatchObject({ usage: { outputTotal: 5 } });
  });

  test('a stream that is cut has no end', () => {
    const types = read(chatCodec, [chunk({ content: 'a' })]).map(({ type }) => type);
    expect(types).toEqual(['start', 'partStart', 'textDelta']);
  });

  test.each([
    [{ error: { message: 'busy', code: 503 } }, { message: 'busy', code: '503' }],
    [{ error: 'busy' }, { message: 'busy' }],
    [{ id: 'c', choices: [], error: {} }, { message: 'the provider failed' }],
  ] satisfies [JsonObject, JsonObject][])('a failure inside: %j', (frame, failure) => {
    const events = read(chatCodec, [chunk({ content: 'a' }), frame, 'data: [DONE]\n\n']);
    expect(events.at(-1)).toMatchObject({ type: 'failure', failure });
  });
});

describe('chat chunks out', () => {
  test('role first, ids and names once, usage last and only if asked for', () => {
    const events = [start, ...told(0, text, 'a', 'b'), ...told(1, look('t1'), '{"a"', ':1}'), ...closing];
    const frames = write(chatCodec, events);
    const chunks = jsonOf(frames);
    const deltas = chunks.map(({ choices }) => (choices as { delta?: JsonObject }[])[0]?.delta);
    expect(deltas).toEqual([
      { role: 'assistant', content: '' },
      { content: 'a' },
      { content: 'b' },
      { tool_calls: [{ index: 0, id: 't1', type: 'function', function: { name: 'look', arguments: '' } }] },
      { tool_calls: [{ index: 0, function: { arguments: '{"a"' } }] },
      { tool_calls: [{ index: 0, function: { arguments: ':1}' } }] },
      {},
      undefined,
    ]);
    expect(chunks.at(-2)).toMatchObject({ choices: [{ finish_reason: 'tool_calls' }], usage: null });
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8, prompt_tokens_details: { cached_tokens: 2 } },
    });
    expect(frames.at(-1)?.data).toBe('[DONE]');
    const unasked = { request: { ...context.request, includeUsage: false } };
    expect(jsonOf(write(chatCodec, events, unasked)).every((each) => !('usage' in each))).toBe(true);
  });

  test('cut and failed streams never look complete', () => {
    const cut = write(chatCodec, [start, ...told(0, text, 'a')]);
    expect(cut.some(({ data }) => data === '[DONE]')).toBe(false);
    const failed = write(chatCodec, [start, { type: 'failure', failure: { message: 'busy', code: 'x' } }, ...closing]);
    expect(jsonOf(failed).at(-1)).toEqual({ error: { message: 'busy', type: 'api_error', param: null, code: 'x' } });
    expect(failed.at(-1)?.data).not.toBe('[DONE]');
  });

  test('a thought’s signature follows it in a carrier', () => {
    const value: Part = { type: 'reasoning', text: '', opaque: { vendor: '', values: { signature: 'S' } } };
    const entries = jsonOf(write(chatCodec, [start, ...told(0, value, 'h', 'm'), ...closing])).flatMap(
      ({ choices }) => ((choices as { delta?: JsonObject }[])[0]?.delta?.['reasoning_details'] ?? []) as JsonObject[],
    );
    expect(entries).toMatchObject([{ type: 'reasoning.text', text: 'hm' }]);
    expect(unwrapOpaque(String(entries[0]?.['signature']))).toEqual({
      vendor: 'maker',
      model: 'up',
      values: { signature: 'S' },
    });
  });

  test('output cut in mid-arguments says length', () => {
    const events: HubEvent[] = [
      start,
      ...told(0, look('t'), '{"a'),
      { type: 'stop', choice: 0, stop: { reason: 'length' } },
    ];
    expect(jsonOf(write(chatCodec, events)).at(-1)).toMatchObject({ choices: [{ finish_reason: 'length' }] });
  });
});

const typesOf = (given: HubEvent[]) => jsonOf(write(responsesCodec, given)).map(({ type }) => type);

function again(codec: FormatCodec, given: readonly JsonObject[], over: Partial<AnswerContext> = {}) {
  const decoder = codec.decodeStream();
  return write(
    codec,
    given.flatMap((each) => decoder.push(toFrame(each))),
    over,
  );
}

describe('streams of the same format', () => {
  const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 };
  const chunks = [
    chunk({ role: 'assistant', content: 'a' }),
    chunk({}, { finish_reason: 'stop' }),
    { ...chunk({}), choices: [], usage },
  ];

  test('a usage chunk is hidden from a client that did not ask', () => {
    expect(jsonOf(again(chatCodec, chunks))).toEqual(chunks);
    const unasked = { request: { ...context.request, includeUsage: false } };
    expect(jsonOf(again(chatCodec, chunks, unasked))).toEqual(chunks.slice(0, 2));
  });

  test('an event whose pieces were dropped on the way is still written, without them', () => {
    const decoder = chatCodec.decodeStream();
    const events = chunks.flatMap((each) => decoder.push(toFrame(each)));
    const written = jsonOf(
      write(
        chatCodec,
        events.filter(({ type }) => type !== 'textDelta'),
      ),
    );
    expect(written.map(({ choices }) => (choices as JsonObject[])[0]?.['delta'])).toEqual([
      { role: 'assistant' },
      {},
      undefined,
    ]);
  });

  test('a failure of the gateway’s own goes on counting', () => {
    const decoder = responsesCodec.decodeStream();
    const response = { id: 'r', model: 'up', status: 'in_progress', output: [] };
    const native = decoder.push(toFrame({ type: 'response.created', sequence_number: 7, response }));
    const failure: HubEvent = { type: 'failure', failure: { message: 'cut' } };
    const written = jsonOf(write(responsesCodec, [...native, failure]));
    expect(written.map(({ sequence_number: sequence }) => sequence)).toEqual([7, 8]);
  });
});

describe('responses events out', () => {
  test('the whole order of a message and a call', () => {
    const written = jsonOf(
      write(responsesCodec, [start, ...told(0, text, 'a', 'b'), ...told(1, look('t1'), '{}'), ...closing]),
    );
    expect(written.map(({ type }) => type)).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.done',
      'response.output_item.done',
      'response.completed',
    ]);
    expect(written.map(({ sequence_number: sequence }) => sequence)).toEqual(written.map((_each, index) => index));
    const done = written.filter(({ type }) => type === 'response.output_item.done').map(({ item }) => item);
    expect(written.at(-1)).toMatchObject({ response: { output: done } });
    expect(done).toMatchObject([
      { id: 'msg_f00d_0', role: 'assistant', content: [{ type: 'output_text', text: 'ab', annotations: [] }] },
      { id: 'fc_f00d_1', call_id: 't1', name: 'look', arguments: '{}', status: 'completed' },
    ]);
    expect(written.at(-1)).toMatchObject({
      response: {
        id: 'resp_f00d',
        status: 'completed',
        usage: { input_tokens: 5, input_tokens_details: { cached_tokens: 2 }, output_tokens: 3, total_tokens: 8 },
      },
    });
  });

  test('arguments that were never told are told once, at the end', () => {
    const whole: HubEvent = {
      type: 'partEnd',
      choice: 0,
      part: 0,
      value: { ...look('a'), arguments: '{"a":1}' } as Part,
    };
    const [begin] = told(0, look('a')) as [HubEvent];
    const written = jsonOf(write(responsesCodec, [start, begin, whole, ...closing]));
    const [delta, done] = ['delta', 'done'].map((word) =>
      written.find(({ type }) => type === `response.function_call_arguments.${word}`),
    );
    expect(delta).toMatchObject({ delta: '{"a":1}' });
    expect(done).toMatchObject({ arguments: '{"a":1}' });
  });

  test('interleaved calls keep their places', () => {
    const [startA, deltaA, endA] = told(0, look('a'), '{}') as [HubEvent, HubEvent, HubEvent];
    const [startB, deltaB, endB] = told(1, look('b'), '[]') as [HubEvent, HubEvent, HubEvent];
    const written = jsonOf(write(responsesCodec, [start, startA, startB, deltaB, deltaA, endB, endA, ...closing]));
    const deltas = written.filter(({ type }) => type === 'response.function_call_arguments.delta');
    expect(deltas.map(({ output_index: index, item_id: id, delta }) => [index, id, delta])).toEqual([
      [1, 'fc_f00d_1', '[]'],
      [0, 'fc_f00d_0', '{}'],
    ]);
    expect(written.at(-1)).toMatchObject({ response: { output: [{ call_id: 'a' }, { call_id: 'b' }] } });
  });

  test.each([
    ['length', 'response.incomplete', { reason: 'max_output_tokens' }],
    ['filtered', 'response.incomplete', { reason: 'content_filter' }],
    ['failed', 'response.failed', null],
    ['tools', 'response.completed', null],
  ] as const)('a stop for %s is %s', (reason, type, details) => {
    const stopped: HubEvent[] = [start, { type: 'stop', choice: 0, stop: { reason, detail: 'why' } }, { type: 'end' }];
    expect(jsonOf(write(responsesCodec, stopped)).at(-1)).toMatchObject({
      type,
      response: { incomplete_details: details },
    });
  });

  test('cut and failed streams never look complete', () => {
    expect(typesOf([start, ...told(0, text, 'a')])).not.toContain('response.completed');
    const failed = typesOf([start, { type: 'failure', failure: { message: 'busy' } }, ...closing]);
    expect(failed.at(-1)).toBe('error');
  });

  test('a thought is an item with a carrier as its encrypted content', () => {
    const value: Part = { type: 'reasoning', text: '', opaque: { vendor: '', values: { signature: 'S' } } };
    const written = jsonOf(write(responsesCodec, [start, ...told(0, value, 'hm'), ...told(1, text, 'so'), ...closing]));
    const item = written.find(({ type }) => type === 'response.output_item.done')?.['item'] as JsonObject;
    expect(item).toMatchObject({ id: 'rs_f00d_0', summary: [{ type: 'summary_text', text: 'hm' }] });
    expect(unwrapOpaque(String(item['encrypted_content']))?.values).toEqual({ signature: 'S' });
  });
});

const summaryDelta = (summary: number, words: string) => ({
  type: 'response.reasoning_summary_text.delta',
  output_index: 0,
  summary_index: summary,
  delta: words,
});

describe('responses events in', () => {
  test('paragraphs of a summary are apart in the text', () => {
    const item = {
      id: 'rs_1',
      type: 'reasoning',
      summary: ['a', 'b'].map((words) => ({ type: 'summary_text', text: words })),
      encrypted_content: 'E',
    };
    const events = read(responsesCodec, [
      summaryDelta(0, 'a'),
      summaryDelta(1, 'b'),
      { type: 'response.output_item.done', output_index: 0, item },
    ]);
    expect(endedParts(events)).toEqual([
      {
        type: 'reasoning',
        text: 'a\n\nb',
        summaries: ['a', 'b'],
        opaque: { vendor: 'openai', values: { id: 'rs_1', encrypted_content: 'E' } },
      },
    ]);
  });

  test('arguments that only come whole are told once', () => {
    const item = { type: 'function_call', id: 'fc', call_id: 't1', name: 'look', arguments: '' };
    const events = read(responsesCodec, [
      { type: 'response.output_item.added', output_index: 0, item },
      { type: 'response.output_item.done', output_index: 0, item: { ...item, arguments: '{"a":1}' } },
      { type: 'response.completed', response: { id: 'r', model: 'up', status: 'completed', output: [] } },
    ]);
    expect(events.filter(({ type }) => type === 'argumentsDelta')).toMatchObject([{ text: '{"a":1}' }]);
    expect(events.find(({ type }) => type === 'stop')).toMatchObject({ stop: { reason: 'tools' } });
  });

  test.each([
    [
      { type: 'error', code: 'x', message: 'busy', param: null, sequence_number: 3 },
      { message: 'busy', code: 'x' },
    ],
    [
      { type: 'error', error: { type: 't', code: 'x', message: 'busy' } },
      { message: 'busy', code: 'x', type: 't' },
    ],
    [
      { type: 'response.failed', response: { error: { code: 'x', message: 'busy' } } },
      { message: 'busy', code: 'x' },
    ],
  ] satisfies [JsonObject, JsonObject][])('a failure: %j', (frame, failure) => {
    const last = read(responsesCodec, [frame]).at(-1);
    expect(last).toEqual({ type: 'failure', failure });
  });
});

const words = fc.string({ minLength: 1, maxLength: 8 });
const partArbitrary: fc.Arbitrary<{ value: Part; texts: string[] }> = fc.oneof(
  fc.record({ value: fc.constant(text), texts: fc.array(words, { minLength: 1, maxLength: 4 }) }),
  fc.record({
    value: fc.constant<Part>({ type: 'reasoning', text: '', opaque: { vendor: '', values: { signature: 'S' } } }),
    texts: fc.array(words, { minLength: 1, maxLength: 4 }),
  }),
  fc.record({
    value: fc
      .string({ minLength: 1, maxLength: 6 })
      .map((name): Part => ({ ...(look('t') as Extract<Part, { type: 'toolCall' }>), name })),
    texts: fc.array(words, { maxLength: 4 }),
  }),
);

/** A part's kind and words; of a call its id, name and arguments. */
function gist(each: unknown): readonly string[] {
  const part = each as Part;
  if (part.type === 'toolCall') return [part.id, part.name, part.arguments || '{}'];
  return [part.type, 'text' in part ? part.text : ''];
}

/** Neighbouring texts of one kind are one text in a chat stream. */
function joinedTexts(list: readonly (readonly string[])[], type: string): string {
  return list.flatMap((each) => (each[0] === type ? [each[1]] : [])).join('');
}

function calls(list: readonly (readonly string[])[]): readonly (readonly string[])[] {
  return list.filter((each) => each.length === 3);
}

describe.each([
  ['chat', chatCodec],
  ['responses', responsesCodec],
] as const)('%s: what is told is what is read again', (name, codec) => {
  test('for any parts', () => {
    fc.assert(
      fc.property(fc.array(partArbitrary, { maxLength: 6 }), (parts) => {
        const numbered = parts.map(({ value, texts }, index) => ({
          value: value.type === 'toolCall' ? { ...value, id: `t${index}` } : value,
          texts,
        }));
        const events = [
          start,
          ...numbered.flatMap(({ value, texts }, part) => told(part, value, ...texts)),
          ...closing,
        ];
        const again = read(codec, write(codec, events));
        const given = endedParts(events).map(gist);
        const got = endedParts(again).map(gist);
        for (const type of ['text', 'reasoning']) expect(joinedTexts(got, type)).toBe(joinedTexts(given, type));
        expect(calls(got)).toEqual(calls(given));
        if (name === 'responses')
          expect(got.filter((each) => each[0] !== 'text')).toEqual(given.filter((each) => each[0] !== 'text'));
        expect(again.at(-1)?.type).toBe('end');
      }),
    );
  });
});
