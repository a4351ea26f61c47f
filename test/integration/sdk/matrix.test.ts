// The vendors' own SDKs as clients, against back ends of every format: buffered, streamed, tools, structured outputs, abort, errors.
import Anthropic, { RateLimitError } from '@anthropic-ai/sdk';
import OpenAI, { BadRequestError } from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ScriptedAnswer } from '../../fakes/answer.ts';
import { type FakeProvider, startFakeProvider } from '../../fakes/provider.ts';
import { type TestGateway, startTestGateway } from '../../kit/gateway.ts';

/** Back ends by the format they speak natively: a model name of each leads there. */
const backends = ['chat', 'responses', 'messages'] as const;
type Backend = (typeof backends)[number];

let openai: FakeProvider;
let compatible: FakeProvider;
let anthropic: FakeProvider;
let gateway: TestGateway;
let answer: ScriptedAnswer = {};
const script = (): ScriptedAnswer => answer;

/** The fake behind a back end. */
function fakeOf(backend: Backend): FakeProvider {
  return backend === 'messages' ? anthropic : backend === 'chat' ? compatible : openai;
}

/** Reads a stream to its end. */
async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

beforeAll(async () => {
  openai = await startFakeProvider({ kind: 'openai', keys: ['sk-openai'], script });
  compatible = await startFakeProvider({ kind: 'openai-compatible', keys: ['sk-compatible'], script });
  anthropic = await startFakeProvider({ kind: 'anthropic', keys: ['sk-ant'], script });
  gateway = await startTestGateway(`
llmBackends:
- name: models
  providers:
  - { name: openai, openai: { baseUrl: "${openai.url}/v1", formats: [Responses] }, auth: { key: sk-openai } }
  - { name: compatible, openaiCompatible: { baseUrl: "${compatible.url}/v1" }, auth: { key: sk-compatible } }
  - { name: claude, anthropic: { baseUrl: "${anthropic.url}/v1" }, auth: { key: sk-ant } }
  models:
  - { name: on-chat, targets: [{ provider: compatible, model: some-model }] }
  - { name: on-responses, targets: [{ provider: openai, model: gpt-4o }] }
  - { name: on-messages, targets: [{ provider: claude, model: claude-sonnet-4-5 }] }
policies:
- { name: keys, apiKeyAuthentication: { keys: [{ key: client-key, subject: ada }] } }
`);
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await Promise.all([openai, compatible, anthropic].map((fake) => fake.close()));
});

const oai = (): OpenAI => new OpenAI({ apiKey: 'client-key', baseURL: `${gateway.url}/v1`, maxRetries: 0 });
const ant = (): Anthropic => new Anthropic({ apiKey: 'client-key', baseURL: gateway.url, maxRetries: 0 });
const model = (backend: Backend): string => `on-${backend}`;
const schema = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
} as const;

describe.each(backends)('back end speaks %s', (backend) => {
  describe('openai chat completions', () => {
    const messages = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hi' },
    ] as const;

    test('buffered', async () => {
      answer = { text: 'Hello!', usage: { input: 21, output: 4, cacheRead: 5 } };
      const completion = await oai().chat.completions.create({ model: model(backend), messages: [...messages] });
      expect(completion.choices[0]!.message.content).toBe('Hello!');
      expect(completion.choices[0]!.finish_reason).toBe('stop');
      expect(completion.usage).toMatchObject({ prompt_tokens: 21, completion_tokens: 4, total_tokens: 25 });
      expect(completion.usage!.prompt_tokens_details?.cached_tokens).toBe(5);
    });

    test('streamed, usage on demand', async () => {
      answer = { text: 'One two three.', chunkChars: 4 };
      const stream = await oai().chat.completions.create({
        model: model(backend),
        messages: [...messages],
        stream: true,
        stream_options: { include_usage: true },
      });
      let text = '';
      let usage;
      let finish;
      for await (const chunk of stream) {
        text += chunk.choices[0]?.delta.content ?? '';
        finish = chunk.choices[0]?.finish_reason ?? finish;
        usage = chunk.usage ?? usage;
      }
      expect([text, finish]).toEqual(['One two three.', 'stop']);
      expect(usage).toMatchObject({ prompt_tokens: 12, completion_tokens: 7 });
    });

    test('parallel tools, streamed, and their results', async () => {
      answer = {
        text: 'Let me look.',
        chunkChars: 3,
        toolCalls: [
          { name: 'weather', arguments: { city: 'Paris' } },
          { name: 'weather', arguments: { city: 'Rome' } },
        ],
      };
      const tools = [
        { type: 'function', function: { name: 'weather', description: 'Weather of a city', parameters: schema } },
      ] as const;
      const runner = oai().chat.completions.stream({
        model: model(backend),
        messages: [...messages],
        tools: [...tools],
      });
      const first = await runner.finalChatCompletion();
      const { finish_reason } = first.choices[0]!;
      // The streaming helper adds members of its own, which the API refuses.
      const { parsed: _parsed, ...message } = first.choices[0]!.message;
      expect(finish_reason).toBe('tool_calls');
      expect(
        message.tool_calls!.map(
          (call) => JSON.parse((call as { function: { arguments: string } }).function.arguments) as unknown,
        ),
      ).toEqual([{ city: 'Paris' }, { city: 'Rome' }]);
      answer = { text: 'Sunny in both.' };
      const second = await oai().chat.completions.create({
        model: model(backend),
        tools: [...tools],
        messages: [
          ...messages,
          message,
          ...message.tool_calls!.map(({ id }) => ({ role: 'tool' as const, tool_call_id: id, content: 'sunny' })),
        ],
      });
      expect(second.choices[0]!.message.content).toBe('Sunny in both.');
    });

    test('structured output', async () => {
      answer = { text: '{"city":"Paris"}' };
      const completion = await oai().chat.completions.parse({
        model: model(backend),
        messages: [...messages],
        response_format: { type: 'json_schema', json_schema: { name: 'place', schema, strict: true } },
      });
      expect(JSON.parse(completion.choices[0]!.message.content!)).toEqual({ city: 'Paris' });
    });
  });

  describe('openai responses', () => {
    test('buffered', async () => {
      answer = { text: 'Hello!' };
      const response = await oai().responses.create({ model: model(backend), instructions: 'Be brief.', input: 'Hi' });
      expect(response.output_text).toBe('Hello!');
      expect(response.usage).toMatchObject({ input_tokens: 12, output_tokens: 7, total_tokens: 19 });
    });

    test('streamed', async () => {
      answer = { text: 'One two three.', chunkChars: 4 };
      const stream = oai().responses.stream({ model: model(backend), input: 'Hi' });
      let text = '';
      stream.on('response.output_text.delta', ({ delta }) => {
        text += delta;
      });
      const response = await stream.finalResponse();
      expect([text, response.output_text, response.status]).toEqual(['One two three.', 'One two three.', 'completed']);
    });

    test('tools, streamed, and their results', async () => {
      answer = { toolCalls: [{ name: 'weather', arguments: { city: 'Paris' } }] };
      const tools = [
        { type: 'function', name: 'weather', description: 'Weather', parameters: schema, strict: true },
      ] as const;
      const input = [{ role: 'user' as const, content: 'Weather in Paris?' }];
      const first = await oai()
        .responses.stream({ model: model(backend), input, tools: [...tools] })
        .finalResponse();
      const call = first.output.find((item) => item.type === 'function_call')!;
      expect(JSON.parse(call.arguments)).toEqual({ city: 'Paris' });
      answer = { text: 'Sunny.' };
      const second = await oai().responses.create({
        model: model(backend),
        tools: [...tools],
        store: false,
        input: [
          ...input,
          { type: 'function_call', call_id: call.call_id, name: call.name, arguments: call.arguments },
          { type: 'function_call_output', call_id: call.call_id, output: 'sunny' },
        ],
      });
      expect(second.output_text).toBe('Sunny.');
    });

    test('structured output', async () => {
      answer = { text: '{"city":"Paris"}' };
      const response = await oai().responses.parse({
        model: model(backend),
        input: 'Where?',
        text: { format: { type: 'json_schema', name: 'place', schema, strict: true } },
      });
      expect(JSON.parse(response.output_text)).toEqual({ city: 'Paris' });
    });
  });

  describe('anthropic messages', () => {
    const messages = [{ role: 'user' as const, content: 'Hi' }];

    test('buffered', async () => {
      answer = { text: 'Hello!', usage: { input: 30, cacheRead: 10, output: 4 } };
      const message = await ant().messages.create({
        model: model(backend),
        max_tokens: 100,
        system: 'Be brief.',
        messages,
      });
      expect(message.content).toMatchObject([{ type: 'text', text: 'Hello!' }]);
      expect(message.stop_reason).toBe('end_turn');
      // Anthropic's input count leaves the cache out.
      expect(message.usage).toMatchObject({ input_tokens: 20, cache_read_input_tokens: 10, output_tokens: 4 });
    });

    test('streamed', async () => {
      answer = { text: 'One two three.', chunkChars: 4 };
      const stream = ant().messages.stream({ model: model(backend), max_tokens: 100, messages });
      let text = '';
      stream.on('text', (delta) => {
        text += delta;
      });
      const message = await stream.finalMessage();
      expect([text, message.stop_reason]).toEqual(['One two three.', 'end_turn']);
      expect(message.usage.output_tokens).toBe(7);
    });

    test('parallel tools, streamed, and their results', async () => {
      answer = {
        text: 'Looking.',
        toolCalls: [
          { name: 'weather', arguments: { city: 'Paris' } },
          { name: 'weather', arguments: { city: 'Rome' } },
        ],
      };
      const tools = [{ name: 'weather', description: 'Weather', input_schema: { ...schema, required: ['city'] } }];
      const first = await ant()
        .messages.stream({ model: model(backend), max_tokens: 200, messages, tools })
        .finalMessage();
      expect(first.stop_reason).toBe('tool_use');
      const calls = first.content.filter((block) => block.type === 'tool_use');
      expect(calls.map(({ input }) => input)).toEqual([{ city: 'Paris' }, { city: 'Rome' }]);
      answer = { text: 'Sunny.' };
      const second = await ant().messages.create({
        model: model(backend),
        max_tokens: 200,
        tools,
        messages: [
          ...messages,
          { role: 'assistant', content: first.content },
          {
            role: 'user',
            content: calls.map(({ id }) => ({ type: 'tool_result' as const, tool_use_id: id, content: 'sunny' })),
          },
        ],
      });
      expect(second.content).toMatchObject([{ type: 'text', text: 'Sunny.' }]);
    });

    test('count_tokens', async () => {
      const { input_tokens } = await ant().messages.countTokens({ model: model(backend), messages });
      expect(input_tokens).toBeGreaterThan(0);
    });
  });

  describe('what goes wrong', () => {
    test('a refusal is the SDK’s own error with the provider’s message', async () => {
      fakeOf(backend).failNext({
        kind: 'status',
        status: 400,
        body:
          backend === 'messages'
            ? { type: 'error', error: { type: 'invalid_request_error', message: 'too spicy' } }
            : { error: { message: 'too spicy', type: 'invalid_request_error', param: null, code: null } },
      });
      const failed = oai().chat.completions.create({
        model: model(backend),
        messages: [{ role: 'user', content: 'Hi' }],
      });
      await expect(failed).rejects.toThrow(BadRequestError);
      await expect(failed).rejects.toThrow(/too spicy/);
      fakeOf(backend).failNext({ kind: 'status', status: 429, headers: { 'retry-after': '7' } });
      const limited = ant().messages.create({
        model: model(backend),
        max_tokens: 10,
        messages: [{ role: 'user', content: 'Hi' }],
      });
      await expect(limited).rejects.toThrow(RateLimitError);
      await limited.catch((error: { headers: Headers }) => expect(error.headers.get('retry-after')).toBe('7'));
    });
  });
});

describe('streams that break', () => {
  const messages = [{ role: 'user' as const, content: 'Hi' }];

  test.each(backends)('the SDKs throw our message: %s', async (backend) => {
    const fake = fakeOf(backend);
    answer = { text: 'x'.repeat(300), chunkChars: 5 };
    fake.failNext({ kind: 'truncate', afterEvents: 8 });
    const chat = await oai().chat.completions.create({ model: model(backend), messages, stream: true });
    await expect(drain(chat)).rejects.toThrow(/stream stopped before its end|broke the connection/);
    fake.failNext({ kind: 'truncate', afterEvents: 8 });
    const responses = await oai().responses.create({ model: model(backend), input: 'Hi', stream: true });
    await expect(drain(responses)).rejects.toThrow();
    fake.failNext({ kind: 'truncate', afterEvents: 8 });
    const message = await ant().messages.create({ model: model(backend), max_tokens: 100, messages, stream: true });
    await expect(drain(message)).rejects.toThrow(/stream stopped before its end|broke the connection/);
  });

  test.each(backends)('an abort by the client reaches the provider: %s', async (backend) => {
    const fake = fakeOf(backend);
    answer = { text: 'x'.repeat(3000), chunkChars: 5 };
    const gate = fake.hold();
    gate.release(6);
    const stream = await oai().chat.completions.create({ model: model(backend), messages, stream: true });
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta.content) break;
    }
    const request = await fake.waitForAbort();
    expect(request.isAborted).toBe(true);
    gate.open();
  });
});
