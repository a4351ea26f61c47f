// The official client sums up our streams of both OpenAI formats, made from events of another format, to the answers that they tell.
import OpenAI from 'openai';
import { describe, expect, test } from 'vitest';
import type { AnswerContext, FormatCodec } from '../hub/codec.ts';
import type { HubEvent } from '../hub/response.ts';
import { chatCodec } from './chat/codec.ts';
import { responsesCodec } from './responses/codec.ts';

const call = (id: string, text: string) =>
  ({ type: 'toolCall', kind: 'function', id, name: 'look', arguments: text }) as const;

const told: HubEvent[] = [
  { type: 'start', id: 'x', model: 'up' },
  { type: 'partStart', choice: 0, part: 0, value: { type: 'reasoning', text: '' } },
  { type: 'reasoningDelta', choice: 0, part: 0, text: 'hm' },
  { type: 'partEnd', choice: 0, part: 0, value: { type: 'reasoning', text: 'hm' } },
  { type: 'partStart', choice: 0, part: 1, value: { type: 'text', text: '' } },
  { type: 'textDelta', choice: 0, part: 1, text: 'a' },
  { type: 'textDelta', choice: 0, part: 1, text: 'b' },
  { type: 'partEnd', choice: 0, part: 1, value: { type: 'text', text: 'ab' } },
  { type: 'partStart', choice: 0, part: 2, value: call('t1', '') },
  { type: 'partStart', choice: 0, part: 3, value: call('t2', '') },
  { type: 'argumentsDelta', choice: 0, part: 3, text: '{"b":' },
  { type: 'argumentsDelta', choice: 0, part: 2, text: '{"a":1}' },
  { type: 'argumentsDelta', choice: 0, part: 3, text: '2}' },
  { type: 'partEnd', choice: 0, part: 2, value: call('t1', '{"a":1}') },
  { type: 'partEnd', choice: 0, part: 3, value: call('t2', '{"b":2}') },
];
const closing: HubEvent[] = [
  { type: 'stop', choice: 0, stop: { reason: 'tools' } },
  { type: 'usage', usage: { inputTotal: 5, outputTotal: 3, source: 'reported' } },
  { type: 'end' },
];

/** A client whose server answers with the events. */
function clientOf(codec: FormatCodec, events: readonly HubEvent[]): OpenAI {
  const context: AnswerContext = {
    vendor: 'maker',
    upstreamModel: 'up',
    request: { model: 'm', turns: [], stream: true, includeUsage: true },
    clock: { nowSeconds: 1_700_000_000, id: 'f00d' },
    note: () => undefined,
  };
  const encoder = codec.encodeStream(context);
  const bytes = Buffer.concat(events.flatMap((event) => encoder.push(event)));
  const headers = { 'content-type': 'text/event-stream' };
  return new OpenAI({
    apiKey: 'none',
    baseURL: 'http://unused.test',
    maxRetries: 0,
    fetch: () => Promise.resolve(new Response(bytes, { headers })),
  });
}

describe('chat', () => {
  test('summed up', async () => {
    const stream = clientOf(chatCodec, [...told, ...closing]).chat.completions.stream({
      model: 'm',
      messages: [{ role: 'user', content: 'hi' }],
      stream_options: { include_usage: true },
    });
    const { choices, usage } = await stream.finalChatCompletion();
    expect(choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: {
        role: 'assistant',
        content: 'ab',
        tool_calls: [
          { id: 't1', function: { name: 'look', arguments: '{"a":1}' } },
          { id: 't2', function: { name: 'look', arguments: '{"b":2}' } },
        ],
      },
    });
    expect(usage).toMatchObject({ prompt_tokens: 5, completion_tokens: 3 });
  });

  test('a failure is thrown with its message', async () => {
    const failure: HubEvent = { type: 'failure', failure: { message: 'the model is busy' } };
    const stream = await clientOf(chatCodec, [...told, failure]).chat.completions.create({
      model: 'm',
      messages: [],
      stream: true,
    });
    await expect(drain(stream)).rejects.toThrow('the model is busy');
  });
});

describe('responses', () => {
  test('summed up', async () => {
    const stream = clientOf(responsesCodec, [...told, ...closing]).responses.stream({ model: 'm', input: 'hi' });
    const final = await stream.finalResponse();
    expect(final.output_text).toBe('ab');
    expect(final.output).toMatchObject([
      { type: 'reasoning', summary: [{ text: 'hm' }] },
      { type: 'message' },
      { type: 'function_call', call_id: 't1', arguments: '{"a":1}' },
      { type: 'function_call', call_id: 't2', arguments: '{"b":2}' },
    ]);
    expect(final.usage).toMatchObject({ input_tokens: 5, output_tokens: 3, total_tokens: 8 });
  });

  test('a failure is thrown with its message', async () => {
    const failure: HubEvent = { type: 'failure', failure: { message: 'the model is busy' } };
    const stream = await clientOf(responsesCodec, [...told, failure]).responses.create({
      model: 'm',
      input: 'hi',
      stream: true,
    });
    await expect(drain(stream)).rejects.toThrow('the model is busy');
  });
});

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _event of stream);
}
