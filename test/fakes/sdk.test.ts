// The vendors' own clients, pointed at the fakes, find what they find at the vendors.
import Anthropic, { NotFoundError } from '@anthropic-ai/sdk';
import OpenAI, { AuthenticationError, BadRequestError, toFile } from 'openai';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startFakeProvider, type FakeProvider } from './provider.ts';

const usage = { input: 30, cacheRead: 10, cacheWrite5m: 4, output: 20, reasoning: 6 };
const calls = [
  { name: 'weather', arguments: { city: 'Rome' } },
  { name: 'weather', arguments: { city: 'Łódź 🌧' } },
];
async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

const schema = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};

describe('openai', () => {
  let provider: FakeProvider;
  let client: OpenAI;

  beforeEach(async () => {
    provider = await startFakeProvider({ kind: 'openai', keys: ['sk-right'] });
    client = new OpenAI({ apiKey: 'sk-right', baseURL: `${provider.url}/v1`, maxRetries: 0 });
  });

  afterEach(() => provider.close());

  const chat = { model: 'gpt-4o', messages: [{ role: 'user' as const, content: 'hi' }] };
  const chatTool = { type: 'function' as const, function: { name: 'weather', parameters: schema, strict: true } };
  const responsesTool = { type: 'function' as const, name: 'weather', parameters: schema, strict: true };

  test('chat, buffered, with usage', async () => {
    provider.setScript(() => ({ text: 'Bonjour.', usage, stop: 'length' }));
    const completion = await client.chat.completions.create(chat);
    expect(completion.choices).toMatchObject([
      { finish_reason: 'length', message: { content: 'Bonjour.', refusal: null } },
    ]);
    expect(completion.usage).toMatchObject({
      prompt_tokens: 30,
      completion_tokens: 20,
      total_tokens: 50,
      prompt_tokens_details: { cached_tokens: 10 },
      completion_tokens_details: { reasoning_tokens: 6 },
    });
    expect(completion._request_id).toMatch(/^req_/u);
  });

  test('chat, streamed; usage only where asked for', async () => {
    provider.setScript(() => ({ text: 'Bonjour, ça va? 🌧', usage, chunkChars: 3 }));
    for (const include_usage of [true, false]) {
      const stream = await client.chat.completions.create({ ...chat, stream: true, stream_options: { include_usage } });
      const chunks = await collect(stream);
      expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe('Bonjour, ça va? 🌧');
      expect(chunks.length).toBeGreaterThan(6);
      const used = chunks.filter((chunk) => chunk.usage !== null && chunk.usage !== undefined);
      expect(used.map(({ choices, usage }) => [choices, usage?.prompt_tokens])).toEqual(
        include_usage ? [[[], 30]] : [],
      );
      expect(chunks.some((chunk) => 'usage' in chunk)).toBe(include_usage);
    }
  });

  test('chat tools, buffered and streamed, and the turn that answers them', async () => {
    provider.setScript(({ body }) =>
      (body['messages'] as unknown[]).length > 1 ? { text: 'Sunny.' } : { toolCalls: calls },
    );
    const { choices } = await client.chat.completions.create({ ...chat, tools: [chatTool] });
    const [choice] = choices;
    expect(choice?.finish_reason).toBe('tool_calls');
    const made = choice?.message.tool_calls ?? [];
    expect(made.map((call) => (call.type === 'function' ? JSON.parse(call.function.arguments) : null))).toEqual(
      calls.map((call) => call.arguments),
    );
    const stream = client.chat.completions.stream({ ...chat, tools: [chatTool] });
    const [streamed] = (await stream.finalChatCompletion()).choices;
    expect(
      streamed?.message.tool_calls?.map((call) =>
        call.type === 'function' ? JSON.parse(call.function.arguments) : null,
      ),
    ).toEqual(calls.map((call) => call.arguments));
    const second = await client.chat.completions.create({
      ...chat,
      tools: [chatTool],
      messages: [
        ...chat.messages,
        { role: 'assistant', tool_calls: made },
        ...made.map(({ id }) => ({ role: 'tool' as const, tool_call_id: id, content: 'sunny' })),
      ],
    });
    expect(second.choices[0]?.message.content).toBe('Sunny.');
  });

  test('chat with a schema, and a refusal', async () => {
    provider.setScript(() => ({ text: '{"city":"Rome"}' }));
    const parsed = await client.chat.completions.parse({
      ...chat,
      response_format: { type: 'json_schema', json_schema: { name: 'place', strict: true, schema } },
    });
    expect(parsed.choices[0]?.message.parsed).toEqual({ city: 'Rome' });
    provider.setScript(() => ({ refusal: 'I will not.' }));
    const stream = client.chat.completions.stream(chat);
    expect((await stream.finalChatCompletion()).choices[0]?.message).toMatchObject({ refusal: 'I will not.' });
  });

  test('chat with several choices', async () => {
    provider.setScript(() => ({ text: 'Hi.' }));
    const stream = client.chat.completions.stream({ ...chat, n: 2 });
    expect((await stream.finalChatCompletion()).choices.map(({ message }) => message.content)).toEqual(['Hi.', 'Hi.']);
  });

  test('responses, buffered and streamed: reasoning, text, calls, usage', async () => {
    provider.setScript(() => ({ reasoning: 'Let me see.', text: 'Bonjour.', toolCalls: calls, usage }));
    const request = {
      model: 'gpt-5',
      input: 'hi',
      tools: [responsesTool],
      reasoning: { summary: 'auto' as const },
      include: ['reasoning.encrypted_content' as const],
    };
    const whole = await client.responses.create(request);
    const stream = client.responses.stream(request);
    const types: string[] = [];
    const numbers: number[] = [];
    for await (const event of stream) {
      types.push(event.type);
      numbers.push(event.sequence_number);
    }
    const streamed = await stream.finalResponse();
    for (const response of [whole, streamed]) {
      expect(response.status).toBe('completed');
      expect(response.output_text).toBe('Bonjour.');
      expect(response.output.map(({ type }) => type)).toEqual([
        'reasoning',
        'message',
        'function_call',
        'function_call',
      ]);
      expect(response.output[0]).toMatchObject({
        summary: [{ text: 'Let me see.' }],
        encrypted_content: expect.stringMatching(/^gAAAAA/u) as string,
      });
      expect(response.output[3]).toMatchObject({ arguments: '{"city":"Łódź 🌧"}' });
      expect(response.usage).toMatchObject({
        input_tokens: 30,
        input_tokens_details: { cached_tokens: 10 },
        output_tokens_details: { reasoning_tokens: 6 },
      });
    }
    expect(types.filter((type, index) => type !== types[index - 1])).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.reasoning_summary_part.added',
      'response.reasoning_summary_text.delta',
      'response.reasoning_summary_text.done',
      'response.reasoning_summary_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      ...Array.from({ length: 2 }, () => [
        'response.output_item.added',
        'response.function_call_arguments.delta',
        'response.function_call_arguments.done',
        'response.output_item.done',
      ]).flat(),
      'response.completed',
    ]);
    expect(numbers).toEqual(numbers.map((_number, index) => index));
    const retrieved = await client.responses.retrieve(whole.id);
    expect(retrieved.output_text).toBe('Bonjour.');
    await client.responses.delete(whole.id);
    await expect(client.responses.retrieve(whole.id)).rejects.toMatchObject({ status: 404 });
  });

  test('responses with a schema; cut short; counted', async () => {
    provider.setScript(() => ({ text: '{"city":"Rome"}' }));
    const parsed = await client.responses.parse({
      model: 'gpt-5',
      input: 'hi',
      text: { format: { type: 'json_schema', name: 'place', strict: true, schema } },
    });
    expect(parsed.output_parsed).toEqual({ city: 'Rome' });
    provider.setScript(() => ({ text: 'Bonj', stop: 'length' }));
    const events = await collect(await client.responses.create({ model: 'gpt-5', input: 'hi', stream: true }));
    expect(events.at(-1)).toMatchObject({
      type: 'response.incomplete',
      response: { incomplete_details: { reason: 'max_output_tokens' } },
    });
    expect((await client.responses.inputTokens.count({ model: 'gpt-5', input: 'hi' })).input_tokens).toBeGreaterThan(0);
  });

  test('a stream that the client gives up', async () => {
    provider.setScript(() => ({ text: 'Bonjour, ça va?' }));
    const gate = provider.hold();
    gate.release(2);
    const stream = await client.chat.completions.create({ ...chat, stream: true });
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta.content !== 'Bonjour,') continue;
      stream.controller.abort();
    }
    expect((await provider.waitForAbort()).json).toMatchObject({ stream: true });
  });

  test("refusals are the SDK's own errors", async () => {
    await expect(client.chat.completions.create({ ...chat, temperature: 3 })).rejects.toBeInstanceOf(BadRequestError);
    const stranger = new OpenAI({ apiKey: 'sk-wrong', baseURL: `${provider.url}/v1`, maxRetries: 0 });
    await expect(stranger.models.list()).rejects.toBeInstanceOf(AuthenticationError);
    provider.failNext({ kind: 'status', status: 429, headers: { 'retry-after': '0' } });
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({
      status: 429,
      code: 'rate_limit_exceeded',
    });
    provider.failNext({ kind: 'error-event', afterEvents: 2, message: 'It broke.' });
    const broken = await client.chat.completions.create({ ...chat, stream: true });
    await expect(collect(broken)).rejects.toThrow('It broke.');
    provider.failNext({ kind: 'error-event', afterEvents: 2, message: 'It broke.' });
    await expect(
      client.responses.create({ model: 'gpt-5', input: 'hi', stream: true }).then((events) => collect(events)),
    ).rejects.toThrow('It broke.');
  });

  test('the other endpoints', async () => {
    expect((await client.models.list()).data.map(({ id }) => id)).toContain('gpt-4o');
    expect(await client.models.retrieve('gpt-4o')).toMatchObject({ id: 'gpt-4o', object: 'model' });
    const floats = await client.embeddings.create({
      model: 'text-embedding-3-small',
      input: ['a', 'b'],
      encoding_format: 'float',
    });
    const decoded = await client.embeddings.create({ model: 'text-embedding-3-small', input: ['a', 'b'] });
    expect(floats.data.map(({ embedding }) => embedding.length)).toEqual([8, 8]);
    expect(decoded.data.map(({ embedding }) => [...embedding])).toEqual(floats.data.map(({ embedding }) => embedding));
    const moderation = await client.moderations.create({ input: ['peace', 'violence'] });
    expect(moderation.results.map(({ flagged }) => flagged)).toEqual([false, true]);
    const image = await client.images.generate({ model: 'gpt-image-1', prompt: 'a cat', n: 2 });
    expect(image.data?.map(({ b64_json }) => b64_json?.startsWith('iVBOR'))).toEqual([true, true]);
    const audio = await toFile(Buffer.from('sound'), 'a.mp3', { type: 'audio/mpeg' });
    expect(await client.audio.transcriptions.create({ model: 'whisper-1', file: audio })).toMatchObject({
      text: 'Transcript of 5 bytes.',
    });
    const file = await client.files.create({
      purpose: 'user_data',
      file: await toFile(Buffer.from('content'), 'a.txt'),
    });
    expect(file).toMatchObject({ filename: 'a.txt', bytes: 7, purpose: 'user_data' });
    expect(await (await client.files.content(file.id)).text()).toBe('content');
    expect((await client.files.list()).data).toHaveLength(1);
    expect(await client.files.delete(file.id)).toMatchObject({ deleted: true });
    await expect(client.files.retrieve(file.id)).rejects.toMatchObject({ status: 404 });
  });
});

describe('anthropic', () => {
  let provider: FakeProvider;
  let client: Anthropic;

  beforeEach(async () => {
    provider = await startFakeProvider({ kind: 'anthropic', keys: ['sk-ant-right'] });
    client = new Anthropic({ apiKey: 'sk-ant-right', baseURL: provider.url, maxRetries: 0 });
  });

  afterEach(() => provider.close());

  const request = {
    model: 'claude-sonnet-4-5',
    max_tokens: 2048,
    messages: [{ role: 'user' as const, content: 'hi' }],
  };
  const tools = [{ name: 'weather', input_schema: { ...schema, type: 'object' as const } }];
  const thinking = { type: 'enabled' as const, budget_tokens: 1024 };

  test('buffered and streamed: thinking, text, calls, usage, and the turn that answers', async () => {
    provider.setScript(({ body }) =>
      (body['messages'] as unknown[]).length > 1
        ? { text: 'Sunny.' }
        : {
            reasoning: 'Let me see.',
            text: 'Bonjour.',
            toolCalls: [...calls, { name: 'weather', arguments: {} }],
            usage,
          },
    );
    const whole = await client.beta.messages.create({ ...request, tools, thinking });
    const stream = client.beta.messages.stream({ ...request, tools, thinking });
    const types: string[] = [];
    for await (const event of stream) types.push(event.type);
    const streamed = await stream.finalMessage();
    for (const message of [whole, streamed]) {
      expect(message.stop_reason).toBe('tool_use');
      expect(message.content.map(({ type }) => type)).toEqual(['thinking', 'text', 'tool_use', 'tool_use', 'tool_use']);
      expect(message.content.slice(2)).toMatchObject(
        [...calls, { arguments: {} }].map((call) => ({ input: call.arguments })),
      );
      expect(message.usage).toMatchObject({
        input_tokens: 16,
        cache_read_input_tokens: 10,
        cache_creation_input_tokens: 4,
        output_tokens: 20,
      });
    }
    expect(types.filter((type, index) => type !== types[index - 1]).slice(0, 4)).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
    ]);
    expect(types.slice(-2)).toEqual(['message_delta', 'message_stop']);
    const results = streamed.content.flatMap((block) =>
      block.type === 'tool_use' ? [{ type: 'tool_result' as const, tool_use_id: block.id, content: 'sunny' }] : [],
    );
    const second = await client.beta.messages.create({
      ...request,
      tools,
      thinking,
      messages: [
        ...request.messages,
        { role: 'assistant', content: streamed.content },
        { role: 'user', content: results },
      ],
    });
    expect(second.content).toMatchObject([{ type: 'text', text: 'Sunny.' }]);
  });

  test('thinking is shown only where it is on', async () => {
    provider.setScript(() => ({ reasoning: 'Hm.', text: 'Hi.' }));
    expect((await client.messages.create(request)).content.map(({ type }) => type)).toEqual(['text']);
  });

  test('a schema, a stop sequence, a refusal', async () => {
    provider.setScript(() => ({ text: '{"city":"Rome"}' }));
    const message = await client.messages.parse({
      ...request,
      output_config: { format: { type: 'json_schema', schema } },
    });
    expect(message.parsed_output).toEqual({ city: 'Rome' });
    provider.setScript(() => ({ text: 'Hi', stop: 'stop-sequence', stopSequence: '!' }));
    expect(await client.messages.create({ ...request, stop_sequences: ['!'] })).toMatchObject({
      stop_reason: 'stop_sequence',
      stop_sequence: '!',
    });
    provider.setScript(() => ({ refusal: 'I will not.' }));
    expect(await client.messages.create(request)).toMatchObject({ stop_reason: 'refusal' });
  });

  test('a stream that the client gives up', async () => {
    const gate = provider.hold();
    gate.release(4);
    const stream = client.messages.stream(request);
    for await (const event of stream) {
      if (event.type === 'content_block_delta') break;
    }
    stream.abort();
    expect((await provider.waitForAbort()).json).toMatchObject({ stream: true });
  });

  test("refusals are the SDK's own errors", async () => {
    await expect(client.messages.create({ ...request, model: 'gpt-4o' })).rejects.toBeInstanceOf(NotFoundError);
    provider.failNext({ kind: 'status', status: 529 });
    await expect(client.messages.create(request)).rejects.toMatchObject({
      status: 529,
      error: { error: { type: 'overloaded_error' } },
    });
    provider.failNext({ kind: 'error-event', afterEvents: 3, message: 'Overloaded.' });
    await expect(client.messages.stream(request).finalMessage()).rejects.toThrow('Overloaded.');
  });

  test('the other endpoints', async () => {
    expect(
      (await client.messages.countTokens({ model: request.model, messages: request.messages })).input_tokens,
    ).toBeGreaterThan(0);
    expect((await client.models.list()).data.map(({ id }) => id)).toContain('claude-sonnet-4-5');
    const file = await client.beta.files.upload({
      file: await toFile(Buffer.from('content'), 'a.txt', { type: 'text/plain' }),
    });
    expect(file).toMatchObject({ type: 'file', filename: 'a.txt', size_bytes: 7 });
    expect(await client.beta.files.delete(file.id)).toMatchObject({ type: 'file_deleted' });
  });
});
