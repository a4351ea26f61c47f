// Buffered answers and errors of the two OpenAI formats, across formats.
import { describe, expect, test } from 'vitest';
import { unwrapOpaque } from '../carrier.ts';
import { type AnswerContext, type FormatCodec, plainDialect } from '../hub/codec.ts';
import { CodecError, type JsonObject, type Note } from '../hub/extra.ts';
import type { HubResponse, Stop } from '../hub/response.ts';
import { chatCodec } from './chat/codec.ts';
import { responsesCodec } from './responses/codec.ts';

function answer(codec: FormatCodec, response: Partial<HubResponse>, over: Partial<AnswerContext> = {}) {
  const notes: Note[] = [];
  const body = codec.encodeResponse(
    { id: 'x', model: 'up', choices: [], ...response },
    {
      vendor: 'maker',
      upstreamModel: 'up',
      request: { model: 'm', turns: [], stream: false },
      clock: { nowSeconds: 1_700_000_000, id: 'f00d' },
      note: (note) => notes.push(note),
      ...over,
    },
  );
  return { body, notes };
}

const parts: HubResponse['choices'][0]['parts'] = [
  { type: 'reasoning', text: 'hm', opaque: { vendor: '', values: { signature: 'S' } } },
  { type: 'text', text: 'a' },
  { type: 'text', text: 'b' },
  { type: 'toolCall', kind: 'function', id: 't1', name: 'look', arguments: '' },
];
const usage = {
  inputTotal: 9,
  inputCacheRead: 4,
  inputCacheWrite5m: 1,
  inputCacheWrite1h: 2,
  outputTotal: 3,
  source: 'reported',
} as const;

describe('chat', () => {
  test('one message with everything in it', () => {
    const { body } = answer(chatCodec, { choices: [{ parts, stop: { reason: 'end' } }], usage });
    const [choice] = body['choices'] as JsonObject[];
    const message = choice?.['message'] as JsonObject;
    expect(body).toMatchObject({ id: 'chatcmpl-f00d', object: 'chat.completion', created: 1_700_000_000, model: 'up' });
    expect(choice).toMatchObject({ index: 0, finish_reason: 'tool_calls', logprobs: null });
    expect(message).toMatchObject({
      role: 'assistant',
      content: 'ab',
      refusal: null,
      reasoning_content: 'hm',
      tool_calls: [{ id: 't1', type: 'function', function: { name: 'look', arguments: '{}' } }],
    });
    const [detail] = message['reasoning_details'] as JsonObject[];
    expect(unwrapOpaque(String(detail?.['signature']))).toMatchObject({ vendor: 'maker', values: { signature: 'S' } });
    expect(body['usage']).toEqual({
      prompt_tokens: 9,
      completion_tokens: 3,
      total_tokens: 12,
      prompt_tokens_details: { cached_tokens: 4, cache_write_tokens: 3 },
    });
  });

  test.each([
    [{ reason: 'end' }, 'stop'],
    [{ reason: 'stopSequence', sequence: 'x' }, 'stop'],
    [{ reason: 'length' }, 'length'],
    [{ reason: 'contextFull' }, 'length'],
    [{ reason: 'tools' }, 'tool_calls'],
    [{ reason: 'filtered' }, 'content_filter'],
    [{ reason: 'paused', raw: 'pause_turn' }, 'stop'],
  ] satisfies [Stop, string][])('%j is %s', (stop, word) => {
    expect(answer(chatCodec, { choices: [{ parts: [], stop }] }).body['choices']).toMatchObject([
      { finish_reason: word },
    ]);
  });

  test('names come back as the client wrote them', () => {
    const request = chatCodec.decodeRequest({
      model: 'm',
      messages: [],
      tools: [{ type: 'function', function: { name: 'mail.send now' } }],
    });
    const sent = responsesCodec.encodeRequest(request, {
      vendor: 'maker',
      model: 'up',
      maxTokensDefault: { tokens: 1, source: 'test' },
      dialectal: plainDialect,
      note: () => undefined,
    });
    const [{ name } = {}] = sent['tools'] as { name?: string }[];
    expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    const call = { type: 'toolCall', kind: 'function', id: 't', name: name!, arguments: '{}' } as const;
    const { body } = answer(chatCodec, { choices: [{ parts: [call] }] }, { request });
    expect(body['choices']).toMatchObject([{ message: { tool_calls: [{ function: { name: 'mail.send now' } }] } }]);
  });

  test.each(['num_cached_tokens', 'cached_tokens', 'prompt_cache_hit_tokens'])('cached input counted as %s', (name) => {
    const body = { id: 'x', model: 'm', choices: [], usage: { prompt_tokens: 9, completion_tokens: 1, [name]: 4 } };
    const hub = chatCodec.decodeResponse(body);
    expect(hub.usage).toMatchObject({ inputTotal: 9, inputCacheRead: 4 });
    expect(answer(chatCodec, hub).body).toEqual({ ...body });
  });

  test('a failed answer is no answer', () => {
    const stop = { reason: 'failed', detail: 'busy' } as const;
    expect(() => answer(chatCodec, { choices: [{ parts: [], stop }] })).toThrow(CodecError);
  });

  test('web citations of Responses stand where the joined text has them', () => {
    const place = { type: 'url_citation', url: 'https://x', title: 't', start_index: 0, end_index: 1 };
    const cited = { type: 'text', text: 'b', citations: { format: 'responses', values: [place] } } as const;
    const { body } = answer(chatCodec, { choices: [{ parts: [{ type: 'text', text: 'aa' }, cited] }] });
    expect(body['choices']).toMatchObject([
      {
        message: {
          content: 'aab',
          annotations: [
            { type: 'url_citation', url_citation: { url: 'https://x', title: 't', start_index: 2, end_index: 3 } },
          ],
        },
      },
    ]);
  });
});

describe('responses', () => {
  const request = responsesCodec.decodeRequest({
    model: 'm',
    instructions: 'be brief',
    input: 'hi',
    tools: [{ type: 'function', name: 'look', parameters: {}, strict: true }],
    tool_choice: 'required',
    temperature: 0.5,
    text: { format: { type: 'json_object' } },
  });

  test('an item for each piece, and the request’s own words again', () => {
    const { body } = answer(responsesCodec, { choices: [{ parts, stop: { reason: 'tools' } }], usage }, { request });
    expect(body).toMatchObject({
      id: 'resp_f00d',
      object: 'response',
      status: 'completed',
      incomplete_details: null,
      error: null,
      instructions: 'be brief',
      tool_choice: 'required',
      tools: [{ type: 'function', name: 'look', parameters: {}, strict: true }],
      temperature: 0.5,
      text: { format: { type: 'json_object' } },
      output: [
        { type: 'reasoning', id: 'rs_f00d_0', summary: [{ type: 'summary_text', text: 'hm' }] },
        {
          type: 'message',
          id: 'msg_f00d_1',
          content: [
            { type: 'output_text', text: 'a', annotations: [], logprobs: [] },
            { type: 'output_text', text: 'b', annotations: [], logprobs: [] },
          ],
        },
        { type: 'function_call', id: 'fc_f00d_2', call_id: 't1', name: 'look', arguments: '{}', status: 'completed' },
      ],
      usage: {
        input_tokens: 9,
        input_tokens_details: { cached_tokens: 4, cache_write_tokens: 3 },
        output_tokens: 3,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: 12,
      },
    });
  });

  test('a refusal that only the stop explains is told', () => {
    const stop = { reason: 'filtered', detail: 'no' } as const;
    expect(answer(responsesCodec, { choices: [{ parts: [], stop }] }).body).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'content_filter' },
      output: [{ content: [{ type: 'refusal', refusal: 'no' }] }],
    });
  });

  test.each([
    [{ status: 'completed' }, { reason: 'end', raw: 'completed' }],
    [
      { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } },
      { reason: 'length', raw: 'max_output_tokens' },
    ],
    [
      { status: 'incomplete', incomplete_details: { reason: 'content_filter' } },
      { reason: 'filtered', raw: 'content_filter' },
    ],
    [
      { status: 'failed', error: { code: 'x', message: 'busy' } },
      { reason: 'failed', raw: 'failed', detail: 'busy' },
    ],
    [{ status: 'in_progress' }, undefined],
  ])('%j stops for %j', (members, stop) => {
    expect(responsesCodec.decodeResponse({ id: 'r', model: 'm', output: [], ...members }).choices[0]?.stop).toEqual(
      stop,
    );
  });
});

describe.each([
  ['chat', chatCodec],
  ['responses', responsesCodec],
] as const)('%s: error bodies', (_name, codec) => {
  test.each([
    [{ error: { message: 'm', type: 't', code: 'c', param: 'p' } }, { message: 'm', type: 't', code: 'c', param: 'p' }],
    [{ error: { message: 'm', code: 429, type: null, param: null } }, { message: 'm', code: '429' }],
    [{ error: 'm' }, { message: 'm' }],
    [
      { message: 'm', type: 't' },
      { message: 'm', type: 't' },
    ],
    [
      { object: 'error', message: 'm', code: 40_303 },
      { message: 'm', code: '40303' },
    ],
    [{ detail: 'm' }, { message: 'm' }],
    [{ detail: [{ loc: ['body', 'n'], msg: 'too big' }, { msg: 'x' }] }, { message: 'body.n: too big; x' }],
    [[{ error: { message: 'm', code: 400 } }], { message: 'm', code: '400' }],
  ])('%j', (body, failure) => {
    expect(codec.decodeFailure(body, 400)).toEqual({ ...failure, status: 400 });
  });

  test.each([['<html>'], [null], [{}], [{ ok: true }], [[]]])('%j is none', (body) => {
    expect(codec.decodeFailure(body, 500)).toBeUndefined();
  });
});
