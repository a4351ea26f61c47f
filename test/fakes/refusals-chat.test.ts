// Each rule of the fakes' Chat Completions refuses what breaks it, in the vendor's words, and nothing else.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { post, testKeys } from './post.ts';
import { startFakeProvider, type FakeProvider } from './provider.ts';

type Json = Record<string, unknown>;

let openai: FakeProvider;

beforeAll(async () => {
  openai = await startFakeProvider({ kind: 'openai', keys: [testKeys.openai] });
});

afterAll(() => openai.close());

const schema = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};
const openSchema = { type: 'object', properties: { city: { type: 'string' } } };

const user = { role: 'user', content: 'hi' };
const weather = { type: 'function', function: { name: 'weather', parameters: schema, strict: true } };
const toCall = (id: string, args = '{"city":"Rome"}') => ({
  id,
  type: 'function',
  function: { name: 'weather', arguments: args },
});
const toolTurn = (...ids: string[]) => ({
  role: 'assistant',
  content: null,
  tool_calls: ids.map((id) => toCall(id)),
});
const result = (id: string) => ({ role: 'tool', tool_call_id: id, content: 'sunny' });
const base = { model: 'gpt-4o', messages: [user] };

test.each<[string, Json]>([
  ['the base', base],
  [
    'a whole history',
    { ...base, tools: [weather], messages: [user, toolTurn('a', 'b'), result('b'), result('a'), user] },
  ],
  ['a reasoning model with its own limit', { ...base, model: 'gpt-5', max_completion_tokens: 10, temperature: 1 }],
  ['gpt-5.1 without reasoning', { ...base, model: 'gpt-5.1', temperature: 0.3, reasoning_effort: 'none' }],
  ['a forced tool', { ...base, tools: [weather], tool_choice: { type: 'function', function: { name: 'weather' } } }],
  [
    'arguments left empty',
    { ...base, messages: [user, { role: 'assistant', tool_calls: [toCall('a', '')] }, result('a')] },
  ],
  [
    'an image',
    {
      ...base,
      messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }] }],
    },
  ],
])('accepts %s', async (_name, body) => {
  expect(await post(openai, '/v1/chat/completions', body)).toMatchObject({
    status: 200,
    answer: { object: 'chat.completion' },
  });
});

test.each<[string, Json, string]>([
  ['no model', { messages: [user] }, "Missing required parameter: 'model'."],
  ['an unknown field', { ...base, foo: 1 }, "Unknown parameter: 'foo'."],
  ['a nested unknown field', { ...base, messages: [{ ...user, foo: 1 }] }, "Unknown parameter: 'messages[0].foo'."],
  [
    'a wrong type',
    { ...base, n: '2' },
    "Invalid type for 'n': expected a decimal number or null, but got a string instead.",
  ],
  ['no messages', { ...base, messages: [] }, "Invalid 'messages': empty array"],
  [
    'a result without a call',
    { ...base, messages: [user, result('a')] },
    "messages with role 'tool' must be a response to a preceeding message",
  ],
  [
    'a result of another call',
    { ...base, messages: [user, toolTurn('a'), result('b')] },
    "'tool_call_id' of 'b' not found",
  ],
  [
    'a result twice',
    { ...base, messages: [user, toolTurn('a'), result('a'), result('a')] },
    "'tool_call_id' of 'a' not found",
  ],
  [
    'a call without its result',
    { ...base, messages: [user, toolTurn('a', 'b'), result('a'), user] },
    'did not have response messages: b',
  ],
  [
    'a call without its result at the end',
    { ...base, messages: [user, toolTurn('a')] },
    'did not have response messages: a',
  ],
  [
    'a result after the next turn',
    { ...base, messages: [user, toolTurn('a'), user, result('a')] },
    'did not have response messages: a',
  ],
  ['two calls of one id', { ...base, messages: [user, toolTurn('a', 'a'), result('a')] }, "duplicate 'id'"],
  [
    'broken arguments',
    { ...base, messages: [user, { role: 'assistant', tool_calls: [toCall('a', '{"city"')] }, result('a')] },
    "Invalid 'messages[1].tool_calls[0].function.arguments'",
  ],
  [
    'an assistant who says nothing',
    { ...base, messages: [user, { role: 'assistant', content: null }, user] },
    "Invalid value for 'content'",
  ],
  ['a bad tool name', { ...base, tools: [{ type: 'function', function: { name: 'a b' } }] }, 'does not match pattern'],
  [
    'a long tool name',
    { ...base, tools: [{ type: 'function', function: { name: 'a'.repeat(65) } }] },
    'string too long',
  ],
  [
    'a loose strict tool',
    { ...base, tools: [{ type: 'function', function: { name: 'a', strict: true, parameters: openSchema } }] },
    "'additionalProperties' is required",
  ],
  [
    'a strict tool with optional properties',
    {
      ...base,
      tools: [{ type: 'function', function: { name: 'a', strict: true, parameters: { ...schema, required: [] } } }],
    },
    "Missing 'city'",
  ],
  [
    'a loose strict format',
    {
      ...base,
      response_format: { type: 'json_schema', json_schema: { name: 'a', strict: true, schema: openSchema } },
    },
    "Invalid schema for response_format 'a'",
  ],
  [
    'a JSON object nobody asked for',
    { ...base, response_format: { type: 'json_object' } },
    "must contain the word 'json'",
  ],
  [
    'a choice without tools',
    { ...base, tool_choice: 'required' },
    "'tool_choice' is only allowed when 'tools' are specified",
  ],
  [
    'a choice of another tool',
    { ...base, tools: [weather], tool_choice: { type: 'function', function: { name: 'news' } } },
    "Tool choice 'news' not found",
  ],
  [
    'stream options without a stream',
    { ...base, stream_options: { include_usage: true } },
    "only allowed when 'stream' is enabled",
  ],
  [
    'max_tokens for a reasoning model',
    { ...base, model: 'o3-mini', max_tokens: 5 },
    "Use 'max_completion_tokens' instead",
  ],
  [
    'temperature for a reasoning model',
    { ...base, model: 'gpt-5-mini', temperature: 0.5 },
    "'temperature' does not support 0.5",
  ],
  [
    'temperature with reasoning on',
    { ...base, model: 'gpt-5.1', temperature: 0.5, reasoning_effort: 'low' },
    "'temperature' does not support 0.5",
  ],
  ['temperature out of range', { ...base, temperature: 2.5 }, 'decimal above maximum value. Expected a value <= 2'],
  ['a limit of nothing', { ...base, max_completion_tokens: 0 }, 'integer below minimum value'],
  ['two limits', { ...base, max_tokens: 5, max_completion_tokens: 5 }, 'at the same time is not supported'],
  ['half a token', { ...base, max_completion_tokens: 1.5 }, 'expected an integer, but got a decimal number'],
  ['too many tools', { ...base, tools: Array.from({ length: 129 }, () => weather) }, "Invalid 'tools': array too long"],
  [
    'a tool whose arguments are no object',
    { ...base, tools: [{ type: 'function', function: { name: 'a', parameters: { type: 'string' } } }] },
    `schema must be a JSON Schema of 'type: "object"'`,
  ],
  ['five stops', { ...base, stop: ['a', 'b', 'c', 'd', 'e'] }, "Invalid 'stop': array too long"],
  [
    'a bad image',
    { ...base, messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'AAAA' } }] }] },
    "Invalid 'messages[0].content[0].image_url.url'",
  ],
  [
    'audio for a model that does not hear',
    {
      ...base,
      messages: [{ role: 'user', content: [{ type: 'input_audio', input_audio: { data: 'AA', format: 'mp3' } }] }],
    },
    'either text or image_url',
  ],
  [
    'a system turn for o1-mini',
    { ...base, model: 'o1-mini', messages: [{ role: 'system', content: 'x' }, user] },
    "'messages[0].role' does not support 'system'",
  ],
])('refuses %s', async (_name, body, message) => {
  const refusal = await post(openai, '/v1/chat/completions', body);
  expect(refusal.message).toContain(message);
  expect(refusal).toMatchObject({ status: 400, answer: { error: { type: 'invalid_request_error' } } });
  expect(openai.requests.at(-1)).toMatchObject({ status: 400, json: JSON.parse(JSON.stringify(body)) as object });
});

test('refuses strangers, unknown models and paths, and what is no JSON', async () => {
  expect(await post(openai, '/v1/chat/completions', base, { authorization: 'Bearer sk-wrong' })).toMatchObject({
    status: 401,
    answer: { error: { code: 'invalid_api_key' } },
  });
  expect((await post(openai, '/v1/chat/completions', base, { authorization: '' })).message).toContain(
    "You didn't provide an API key",
  );
  expect(await post(openai, '/v1/chat/completions', { ...base, model: 'my-alias' })).toMatchObject({
    status: 404,
    answer: { error: { code: 'model_not_found' } },
  });
  expect(await post(openai, '/v1/chat', base)).toMatchObject({ status: 404, message: 'Invalid URL (POST /v1/chat)' });
  expect(await post(openai, '/v1/messages', base)).toMatchObject({ status: 404 });
  expect((await post(openai, '/v1/chat/completions', '{"model"')).message).toContain('could not parse the JSON body');
  expect((await post(openai, '/v1/chat/completions', base, { 'content-type': 'text/plain' })).message).toContain(
    'Unsupported content type',
  );
});

test('compatible vendors take fields of their own and any model, below a path of their own; and refuse what they are told to', async () => {
  await using vendor = await startFakeProvider({
    kind: 'openai-compatible',
    keys: [testKeys.openai],
    refusedFields: ['logit_bias'],
  });
  const body = {
    model: 'llama',
    messages: [
      { role: 'assistant', content: 'x', reasoning_content: 'y' },
      { role: 'user', content: 'hi' },
    ],
    top_k: 3,
  };
  for (const path of ['/v1/chat/completions', '/openai/v1/chat/completions', '/chat/completions']) {
    expect(await post(vendor, path, body)).toMatchObject({ status: 200 });
  }
  expect((await post(vendor, '/v1/chat/completions', { ...body, logit_bias: {} })).message).toBe(
    "Unknown parameter: 'logit_bias'.",
  );
  expect((await post(vendor, '/v1/chat/completions', { ...body, messages: 1 })).status).toBe(400);
  await using listed = await startFakeProvider({
    kind: 'openai-compatible',
    keys: [testKeys.openai],
    models: ['llama'],
  });
  expect((await post(listed, '/v1/chat/completions', body)).status).toBe(200);
  expect((await post(listed, '/v1/chat/completions', { ...body, model: 'other' })).status).toBe(404);
});
