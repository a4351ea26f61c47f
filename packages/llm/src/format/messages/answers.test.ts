// Answers and streams of other formats become what Anthropic clients expect: the rules one by one.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { unwrapCarrier } from '../../carrier.ts';
import { type AnswerContext, plainDialect } from '../../hub/codec.ts';
import type { Part } from '../../hub/content.ts';
import type { JsonObject, Note } from '../../hub/extra.ts';
import type { HubRequest } from '../../hub/request.ts';
import type { HubEvent, HubResponse } from '../../hub/response.ts';
import { Frame, SseSplitter, writeEvent } from '../../stream/sse.ts';
import { messagesCodec } from './codec.ts';

function answerContext(notes: Note[] = [], request: Partial<HubRequest> = {}): AnswerContext {
  return {
    vendor: 'openai',
    upstreamModel: 'gpt-5',
    request: { model: 'm', turns: [], stream: false, ...request },
    clock: { nowSeconds: 1, id: 'abc' },
    note: (note) => notes.push(note),
  };
}

function encode(response: Partial<HubResponse>, context = answerContext()): JsonObject {
  return messagesCodec.encodeResponse({ id: 'chatcmpl-1', model: 'gpt-5', choices: [], ...response }, context);
}

function stream(events: readonly HubEvent[], context = answerContext()): JsonObject[] {
  const encoder = messagesCodec.encodeStream(context);
  const splitter = new SseSplitter();
  return splitter.push(Buffer.concat(events.flatMap((event) => encoder.push(event)))).map((frame) => {
    const json = frame.json() as JsonObject;
    expect(frame.event).toBe(json['type']);
    return json;
  });
}

function decode(events: readonly JsonObject[]): HubEvent[] {
  const decoder = messagesCodec.decodeStream();
  return [
    ...events.flatMap((event) => decoder.push(new Frame(writeEvent(String(event['type']), event)))),
    ...decoder.end(),
  ];
}

const start: HubEvent = { type: 'start', id: 'chatcmpl-1', model: 'gpt-5' };
const usage: HubEvent = {
  type: 'usage',
  usage: { inputTotal: 10, inputCacheRead: 4, outputTotal: 7, source: 'reported' },
};
const stop: HubEvent = { type: 'stop', choice: 0, stop: { reason: 'end' } };
const end: HubEvent = { type: 'end' };

const toolCall = (id: string, words = ''): Extract<Part, { type: 'toolCall' }> => ({
  type: 'toolCall',
  id,
  name: 'look',
  arguments: words,
  kind: 'function',
});

describe('buffered answers', () => {
  test('every member that the format demands is there', () => {
    const usage = {
      inputTotal: 10,
      inputCacheRead: 4,
      outputTotal: 7,
      outputReasoning: 2,
      source: 'reported',
    } as const;
    expect(
      encode({
        choices: [{ parts: [{ type: 'text', text: 'hi' }], stop: { reason: 'length', raw: 'length' } }],
        usage,
      }),
    ).toEqual({
      id: 'chatcmpl-1',
      type: 'message',
      role: 'assistant',
      model: 'gpt-5',
      content: [{ type: 'text', text: 'hi' }],
      stop_reason: 'max_tokens',
      stop_sequence: null,
      usage: {
        input_tokens: 6,
        cache_read_input_tokens: 4,
        output_tokens: 7,
        output_tokens_details: { thinking_tokens: 2 },
      },
    });
  });

  test.each([
    ['end', 'end_turn'],
    ['stopSequence', 'stop_sequence'],
    ['length', 'max_tokens'],
    ['contextFull', 'model_context_window_exceeded'],
    ['tools', 'tool_use'],
    ['filtered', 'refusal'],
    ['paused', 'pause_turn'],
  ] as const)('stop %s is %s', (reason, word) => {
    expect(encode({ choices: [{ parts: [], stop: { reason } }] })['stop_reason']).toBe(word);
  });

  test('an answer with calls stops for tools even if the provider says it ended, but not if it was cut', () => {
    const parts = [toolCall('1', '{"a":1}')];
    expect(encode({ choices: [{ parts, stop: { reason: 'end' } }] })['stop_reason']).toBe('tool_use');
    expect(encode({ choices: [{ parts, stop: { reason: 'length' } }] })['stop_reason']).toBe('max_tokens');
  });

  test('a refusal is a text and a stop reason with its words', () => {
    const answer = encode({ choices: [{ parts: [{ type: 'refusal', text: 'no' }], stop: { reason: 'end' } }] });
    expect(answer).toMatchObject({
      content: [{ type: 'text', text: 'no' }],
      stop_reason: 'refusal',
      stop_details: { type: 'refusal', category: null, explanation: 'no' },
    });
  });

  test('absent usage is said: the zeros are no count', () => {
    const notes: Note[] = [];
    expect(encode({ choices: [{ parts: [] }] }, answerContext(notes))['usage']).toEqual({
      input_tokens: 0,
      output_tokens: 0,
    });
    expect(notes.map(({ path }) => path)).toEqual(['usage']);
  });

  test("thoughts carry the maker's values; a call's own signature stands in a block beside it, and comes back to it", () => {
    const values = { encrypted_content: 'gAAA', id: 'rs_1' };
    const answer = encode({
      choices: [
        {
          parts: [
            { type: 'reasoning', text: 'hm', opaque: { vendor: 'openai', values } },
            { type: 'reasoning', text: '', isRedacted: true, opaque: { vendor: 'openai', values } },
            { ...toolCall('1', '{}'), opaque: { vendor: 'gemini', values: { thought_signature: 'CiQ=' } } },
          ],
        },
      ],
    });
    const content = answer['content'] as Record<string, string>[];
    expect(content.map(({ type }) => type)).toEqual(['thinking', 'redacted_thinking', 'redacted_thinking', 'tool_use']);
    expect(unwrapCarrier(content[0]?.['signature'] ?? '')?.opaque).toEqual({
      vendor: 'openai',
      model: 'gpt-5',
      values,
    });
    const [turn] = messagesCodec.decodeRequest({ model: 'm', messages: [{ role: 'assistant', content }] }).turns;
    expect(turn?.parts.map(({ type }) => type)).toEqual(['reasoning', 'reasoning', 'toolCall']);
    expect(turn?.parts[2]).toMatchObject({ opaque: { vendor: 'openai', values: { thought_signature: 'CiQ=' } } });
  });

  test("names of the client's tools come back", () => {
    const name = 'mail.send';
    const context = answerContext([], { tools: [{ kind: 'function', name }] });
    const sent = messagesCodec.encodeRequest(context.request, {
      vendor: 'anthropic',
      model: 'm',
      maxTokensDefault: { tokens: 1, source: 'x' },
      dialectal: plainDialect,
      note: () => undefined,
    });
    const wire = String((sent['tools'] as JsonObject[])[0]?.['name']);
    const answer = encode({ choices: [{ parts: [{ ...toolCall('1'), name: wire }] }] }, context);
    expect((answer['content'] as JsonObject[])[0]?.['name']).toBe(name);
  });
});

/** Types of the blocks that a thought without a word becomes. */
function thoughtBlocks(opaque: boolean, isRedacted: boolean): unknown[] {
  return stream([
    start,
    { type: 'partStart', choice: 0, part: 0, value: { type: 'reasoning', text: '' } },
    {
      type: 'partEnd',
      choice: 0,
      part: 0,
      value: {
        type: 'reasoning',
        text: '',
        ...(isRedacted && { isRedacted }),
        ...(opaque && { opaque: { vendor: 'openai', values: { encrypted_content: 'g' } } }),
      },
    },
    end,
  ]).flatMap(({ content_block: block }) => (block ? [(block as JsonObject)['type']] : []));
}

describe('streams', () => {
  test('parallel calls whose deltas interleave become blocks that follow each other', () => {
    const events: HubEvent[] = [
      start,
      { type: 'partStart', choice: 0, part: 0, value: toolCall('a') },
      { type: 'partStart', choice: 0, part: 1, value: toolCall('b') },
      { type: 'argumentsDelta', choice: 0, part: 1, text: '{"b"' },
      { type: 'argumentsDelta', choice: 0, part: 0, text: '{"a":1}' },
      { type: 'argumentsDelta', choice: 0, part: 1, text: ':2}' },
      { type: 'partEnd', choice: 0, part: 1, value: toolCall('b', '{"b":2}') },
      { type: 'partEnd', choice: 0, part: 0, value: toolCall('a', '{"a":1}') },
      stop,
      usage,
      end,
    ];
    expect(
      stream(events).map(({ type, index, delta }) => [
        type,
        index,
        (delta as JsonObject | undefined)?.['partial_json'],
      ]),
    ).toEqual([
      ['message_start', undefined, undefined],
      ['content_block_start', 0, undefined],
      ['content_block_delta', 0, '{"a":1}'],
      ['content_block_stop', 0, undefined],
      ['content_block_start', 1, undefined],
      ['content_block_delta', 1, '{"b"'],
      ['content_block_delta', 1, ':2}'],
      ['content_block_stop', 1, undefined],
      ['message_delta', undefined, undefined],
      ['message_stop', undefined, undefined],
    ]);
  });

  test('whatever the interleaving: contiguous indices, one block open, every word once and in order', () => {
    const scripts = fc.array(fc.record({ part: fc.nat(3), text: fc.string({ minLength: 1 }) }), { minLength: 1 });
    const permuted = fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 });
    fc.assert(
      fc.property(scripts, permuted, (script, ends) => {
        const events: HubEvent[] = [start];
        const told = new Map<number, string>();
        const kinds = ['text', 'reasoning', 'toolCall', 'text'] as const;
        for (const { part, text } of script) {
          for (let i = told.size; i <= part; i++) {
            told.set(i, '');
            const kind = kinds[i]!;
            const value: Part = kind === 'toolCall' ? toolCall(`c${i}`) : { type: kind, text: '' };
            events.push({ type: 'partStart', choice: 0, part: i, value });
          }
          told.set(part, told.get(part)! + text);
          const type = ({ text: 'textDelta', reasoning: 'reasoningDelta', toolCall: 'argumentsDelta' } as const)[
            kinds[part]!
          ];
          events.push({ type, choice: 0, part, text });
        }
        for (const part of ends.filter((part) => told.has(part))) {
          const text = told.get(part)!;
          const kind = kinds[part]!;
          events.push({
            type: 'partEnd',
            choice: 0,
            part,
            value: kind === 'toolCall' ? toolCall(`c${part}`, text) : { type: kind, text },
          });
        }
        const blocks: string[] = [];
        let open: unknown;
        for (const { type, index, delta } of stream([...events, stop, end])) {
          if (type === 'content_block_start') {
            expect(open).toBeUndefined();
            expect(index).toBe(blocks.length);
            blocks.push('');
            open = index;
          } else if (type === 'content_block_delta') {
            expect(index).toBe(open);
            const { text = '', thinking = '', partial_json: json = '' } = delta as Record<string, string>;
            blocks[Number(index)] += text + thinking + json;
          } else if (type === 'content_block_stop') {
            expect(index).toBe(open);
            open = undefined;
          }
        }
        // Texts without a word have no block; a call has one all the same.
        expect(blocks).toEqual(
          [...told].filter(([part, text]) => text !== '' || kinds[part] === 'toolCall').map(([, text]) => text),
        );
      }),
    );
  });

  test('usage that comes after the stop is told in the message_delta', () => {
    const [, delta] = stream([start, stop, usage, end]);
    expect(delta).toEqual({
      type: 'message_delta',
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: 7, input_tokens: 6, cache_read_input_tokens: 4 },
    });
  });

  test('usage that came before the stop, or never, is told all the same', () => {
    expect(stream([start, usage, stop, end]).map(({ type }) => type)).toEqual([
      'message_start',
      'message_delta',
      'message_stop',
    ]);
    const notes: Note[] = [];
    expect(stream([start, stop, end], answerContext(notes))[1]).toMatchObject({ usage: { output_tokens: 0 } });
    expect(notes.map(({ path }) => path)).toEqual(['usage']);
  });

  test('thoughts are sealed with a carrier just before their block ends; paragraphs are kept apart', () => {
    const values = { encrypted_content: 'gAAA', id: 'rs_1' };
    const events = stream([
      start,
      { type: 'partStart', choice: 0, part: 0, value: { type: 'reasoning', text: '' } },
      { type: 'reasoningDelta', choice: 0, part: 0, text: 'one', summary: 0 },
      { type: 'reasoningDelta', choice: 0, part: 0, text: 'two', summary: 1 },
      {
        type: 'partEnd',
        choice: 0,
        part: 0,
        value: { type: 'reasoning', text: 'one\n\ntwo', opaque: { vendor: 'openai', values } },
      },
      stop,
      end,
    ]);
    const deltas = events.flatMap(({ delta }) => (delta ? [delta as Record<string, string>] : []));
    expect(deltas.map(({ type, thinking }) => [type, thinking])).toEqual([
      ['thinking_delta', 'one'],
      ['thinking_delta', '\n\ntwo'],
      ['signature_delta', undefined],
      [undefined, undefined],
    ]);
    expect(unwrapCarrier(deltas[2]?.['signature'] ?? '')?.opaque).toEqual({ vendor: 'openai', model: 'gpt-5', values });
    expect(events[5]).toEqual({ type: 'content_block_stop', index: 0 });
  });

  test('a thought without a word is told if it can be verified, and left out if not', () => {
    expect(thoughtBlocks(true, false)).toEqual(['thinking']);
    expect(thoughtBlocks(true, true)).toEqual(['redacted_thinking']);
    expect(thoughtBlocks(false, false)).toEqual([]);
  });

  test('a refusal is a text block and a stop reason', () => {
    const events = stream([
      start,
      { type: 'partStart', choice: 0, part: 0, value: { type: 'refusal', text: '' } },
      { type: 'refusalDelta', choice: 0, part: 0, text: 'no' },
      { type: 'partEnd', choice: 0, part: 0, value: { type: 'refusal', text: 'no' } },
      stop,
      end,
    ]);
    expect(events[2]).toMatchObject({ delta: { type: 'text_delta', text: 'no' } });
    expect(events.at(-2)).toMatchObject({ delta: { stop_reason: 'refusal', stop_details: { explanation: 'no' } } });
  });

  test('a failure is an error event in the words of the format, and nothing ends after it', () => {
    const events = stream([start, { type: 'failure', failure: { message: 'slow down', code: 'rate_limit_exceeded' } }]);
    expect(events.at(-1)).toEqual({ type: 'error', error: { type: 'rate_limit_error', message: 'slow down' } });
  });

  test('other answers, hosted calls and foreign citations are left out', () => {
    const notes: Note[] = [];
    const events = stream(
      [
        start,
        { type: 'partStart', choice: 1, part: 0, value: { type: 'text', text: '' } },
        { type: 'textDelta', choice: 1, part: 0, text: 'x' },
        {
          type: 'partStart',
          choice: 0,
          part: 0,
          value: { type: 'opaque', format: 'responses', name: 'web_search_call', value: {} },
        },
        { type: 'argumentsDelta', choice: 0, part: 0, text: 'x' },
        {
          type: 'partEnd',
          choice: 0,
          part: 0,
          value: { type: 'opaque', format: 'responses', name: 'web_search_call', value: {} },
        },
        { type: 'opaque', format: 'responses', name: 'response.web_search_call.searching', value: {} },
        { type: 'partStart', choice: 0, part: 1, value: { type: 'text', text: '' } },
        { type: 'textDelta', choice: 0, part: 1, text: 'y' },
        { type: 'citation', choice: 0, part: 1, format: 'responses', value: {} },
        { type: 'partEnd', choice: 0, part: 1, value: { type: 'text', text: 'y' } },
        stop,
        usage,
        end,
      ],
      answerContext(notes),
    );
    expect(events.map(({ type }) => type)).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
    expect(notes.map(({ path }) => path)).toEqual(['choices', 'citations']);
  });
});

describe('decoding streams', () => {
  const begin = {
    type: 'message_start',
    message: {
      id: 'msg_1',
      model: 'claude',
      content: [],
      usage: {
        input_tokens: 5,
        cache_read_input_tokens: 20,
        cache_creation_input_tokens: 30,
        cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 30 },
        output_tokens: 1,
      },
    },
  };

  test("the start's output count is a placeholder; later counts join the earlier ones", () => {
    const events = decode([
      begin,
      {
        type: 'message_delta',
        delta: { stop_reason: 'end_turn', stop_sequence: null },
        usage: { input_tokens: 6, cache_creation_input_tokens: 30, output_tokens: 9 },
      },
      { type: 'message_stop' },
    ]);
    expect(events[0]).toMatchObject({ type: 'start', usage: { inputTotal: 55, inputCacheWrite1h: 30 } });
    expect(events[0]).not.toHaveProperty('usage.outputTotal');
    expect(events[2]).toMatchObject({ type: 'usage', usage: { inputTotal: 56, inputCacheWrite5m: 0, outputTotal: 9 } });
  });

  test('a call whose input came whole with its start is told as a delta', () => {
    const events = decode([
      begin,
      {
        type: 'content_block_start',
        index: 0,
        content_block: { type: 'tool_use', id: '1', name: 'look', input: { a: 1 } },
      },
      { type: 'content_block_stop', index: 0 },
    ]);
    expect(events.slice(1)).toMatchObject([
      { type: 'partStart', value: { arguments: '' } },
      { type: 'argumentsDelta', text: '{"a":1}' },
      { type: 'partEnd', value: { arguments: '{"a":1}' } },
    ]);
  });

  test('a call without arguments streams none', () => {
    const events = decode([
      begin,
      { type: 'content_block_start', index: 0, content_block: { type: 'tool_use', id: '1', name: 'look', input: {} } },
      { type: 'content_block_stop', index: 0 },
    ]);
    expect(events.slice(1).map(({ type }) => type)).toEqual(['partStart', 'partEnd']);
  });

  test('blocks that were left open end before the stream does; a cut stream has no end', () => {
    const open = [begin, { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }];
    expect(decode([...open, { type: 'message_stop' }]).map(({ type }) => type)).toEqual([
      'start',
      'partStart',
      'partEnd',
      'end',
    ]);
    expect(decode(open).map(({ type }) => type)).toEqual(['start', 'partStart']);
  });

  test('errors amid the stream, unknown events and unknown deltas', () => {
    const events = decode([
      begin,
      { type: 'error', error: { type: 'overloaded_error', message: 'busy' }, request_id: 'r' },
      { type: 'new_event', a: 1 },
      { type: 'content_block_delta', index: 4, delta: { type: 'text_delta', text: 'x' } },
    ]);
    expect(events.slice(1)).toMatchObject([
      { type: 'failure', failure: { message: 'busy', type: 'overloaded_error' } },
      { type: 'opaque', name: 'new_event' },
      { type: 'opaque', name: 'content_block_delta' },
    ]);
    expect(stream(events).slice(1)).toEqual([
      { type: 'error', error: { type: 'overloaded_error', message: 'busy' }, request_id: 'r' },
      { type: 'new_event', a: 1 },
      { type: 'content_block_delta', index: 4, delta: { type: 'text_delta', text: 'x' } },
    ]);
  });
});

test('error bodies', () => {
  const body = {
    type: 'error',
    error: { type: 'rate_limit_error', message: 'slow', details: { error_code: 'x' } },
    request_id: 'r',
  };
  expect(messagesCodec.decodeFailure(body, 429)).toMatchObject({
    message: 'slow',
    type: 'rate_limit_error',
    code: 'x',
    status: 429,
  });
  expect(messagesCodec.decodeFailure({ error: { message: 'slow' } }, 429)).toBeUndefined();
  expect(messagesCodec.decodeFailure('<html>', 502)).toBeUndefined();
});
