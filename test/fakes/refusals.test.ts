// Each rule of the fakes refuses what breaks it, in the vendor's words, and nothing else.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readString } from './json.ts';
import { startFakeProvider, type FakeProvider } from './provider.ts';

type Json = Record<string, unknown>;

let openai: FakeProvider;
let anthropic: FakeProvider;

beforeAll(async () => {
  openai = await startFakeProvider({ kind: 'openai', keys: ['sk-right'] });
  anthropic = await startFakeProvider({ kind: 'anthropic', keys: ['sk-ant-right'] });
});

afterAll(async () => {
  await openai.close();
  await anthropic.close();
});

async function post(provider: FakeProvider, path: string, body: unknown, headers: Record<string, string> = {}) {
  const vendor: Record<string, string> =
    provider.kind === 'anthropic'
      ? { 'x-api-key': 'sk-ant-right', 'anthropic-version': '2023-06-01' }
      : { authorization: 'Bearer sk-right' };
  const response = await fetch(`${provider.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...vendor, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const answer = (await response.json()) as { error?: Json; type?: string } & Json;
  return { status: response.status, answer, message: readString(answer.error ?? {}, 'message') };
}

const schema = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};
const openSchema = { type: 'object', properties: { city: { type: 'string' } } };

describe('openai chat', () => {
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
        messages: [
          { role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }] },
        ],
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
    [
      'a bad tool name',
      { ...base, tools: [{ type: 'function', function: { name: 'a b' } }] },
      'does not match pattern',
    ],
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
});

describe('openai responses', () => {
  const base = { model: 'gpt-5', input: 'hi' };
  const call = { type: 'function_call', call_id: 'c', name: 'weather', arguments: '{"city":"Rome"}' };
  const output = { type: 'function_call_output', call_id: 'c', output: 'sunny' };
  const user = { role: 'user', content: 'hi' };

  test.each<[string, Json, string, number]>([
    ['no model', { input: 'hi' }, "Missing required parameter: 'model'.", 400],
    ['an unknown model', { ...base, model: 'gpt-none' }, "The requested model 'gpt-none' does not exist.", 400],
    ['an unknown field', { ...base, messages: [] }, "Unknown parameter: 'messages'.", 400],
    [
      'an output without a call',
      { ...base, input: [user, output] },
      'No tool call found for function call output with call_id c.',
      400,
    ],
    ['a call without an output', { ...base, input: [user, call] }, 'No tool output found for function call c.', 400],
    [
      'broken arguments',
      { ...base, input: [user, { ...call, arguments: '{' }, output] },
      "Invalid 'input[1].arguments'",
      400,
    ],
    [
      'an id of the wrong kind',
      { ...base, input: [user, { ...call, id: 'msg_1' }, output] },
      "Expected an ID that begins with 'fc'",
      400,
    ],
    [
      'an unknown previous response',
      { ...base, previous_response_id: 'resp_none' },
      "Previous response with id 'resp_none' not found.",
      400,
    ],
    [
      'both kinds of memory',
      { ...base, previous_response_id: 'resp_x', conversation: 'conv_x' },
      'Mutually exclusive parameters',
      400,
    ],
    [
      'an unknown reference',
      { ...base, input: [{ type: 'item_reference', id: 'msg_none' }] },
      "Item with id 'msg_none' not found.",
      404,
    ],
    [
      'reasoning it does not hold',
      { ...base, input: [user, { type: 'reasoning', id: 'rs_none', summary: [] }, { ...call, id: 'fc_1' }, output] },
      "Item with id 'rs_none' not found.",
      404,
    ],
    [
      'forged reasoning',
      {
        ...base,
        input: [
          user,
          { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'gAAAAAforged' },
          { ...call, id: 'fc_1' },
          output,
        ],
      },
      'could not be verified',
      400,
    ],
    ['temperature for a reasoning model', { ...base, temperature: 0.5 }, "'temperature' does not support 0.5", 400],
    ['a limit too low', { ...base, max_output_tokens: 8 }, 'Expected a value >= 16', 400],
    [
      'a loose strict format',
      { ...base, text: { format: { type: 'json_schema', name: 'a', strict: true, schema: openSchema } } },
      "'additionalProperties' is required",
      400,
    ],
    [
      'a JSON object nobody asked for',
      { ...base, text: { format: { type: 'json_object' } } },
      "must contain the word 'json'",
      400,
    ],
    [
      'a loose strict tool',
      { ...base, tools: [{ type: 'function', name: 'a', strict: true, parameters: openSchema }] },
      "'additionalProperties' is required",
      400,
    ],
    ['a choice without tools', { ...base, tool_choice: 'required' }, "'tool_choice' is only allowed", 400],
    [
      'a bad image',
      { ...base, input: [{ role: 'user', content: [{ type: 'input_image', detail: 'auto', image_url: 'AAAA' }] }] },
      "Invalid 'input[0].content[0].image_url'",
      400,
    ],
    [
      'a bad file',
      { ...base, input: [{ role: 'user', content: [{ type: 'input_file', filename: 'a', file_data: 'AAAA' }] }] },
      'Invalid file data',
      400,
    ],
  ])('refuses %s', async (_name, body, message, status) => {
    const refusal = await post(openai, '/v1/responses', body);
    expect(refusal.message).toContain(message);
    expect(refusal.status).toBe(status);
  });

  test('knows its own reasoning, and only as it gave it', async () => {
    openai.setScript(() => ({
      reasoning: 'Rome, then.',
      toolCalls: [{ id: 'c', name: 'weather', arguments: { city: 'Rome' } }],
    }));
    const include = ['reasoning.encrypted_content'];
    const first = await post(openai, '/v1/responses', { ...base, include, store: false });
    const [reasoning = {}, made = {}] = first.answer['output'] as Json[];
    expect([reasoning['type'], made['type']]).toEqual(['reasoning', 'function_call']);
    const send = (...items: Json[]) => post(openai, '/v1/responses', { ...base, input: [user, ...items] });
    expect(await send(reasoning, made, output)).toMatchObject({ status: 200 });
    expect((await send(made, output)).message).toContain("without its required 'reasoning' item");
    expect((await send(reasoning, { ...made, id: undefined }, output)).message).toContain(
      'without its required following item',
    );
    expect((await send(made, output, reasoning)).message).toContain('without its required following item');
    const content = String(reasoning['encrypted_content']);
    const tampered = `${content.slice(0, 20)}${content[20] === 'A' ? 'B' : 'A'}${content.slice(21)}`;
    expect((await send({ ...reasoning, encrypted_content: tampered }, made, output)).message).toContain(
      'could not be verified',
    );
    expect((await send({ ...reasoning, id: 'rs_other' }, { ...made, id: 'fc_other' }, output)).message).toContain(
      'could not be verified',
    );
  });

  test('continues a stored response, with what it left open', async () => {
    openai.setScript(() => ({ toolCalls: [{ id: 'c', name: 'weather', arguments: { city: 'Rome' } }] }));
    const first = await post(openai, '/v1/responses', base);
    const previous_response_id = String(first.answer['id']);
    openai.setScript(() => ({ text: 'Sunny.' }));
    expect((await post(openai, '/v1/responses', { ...base, previous_response_id })).message).toBe(
      'No tool output found for function call c.',
    );
    expect(await post(openai, '/v1/responses', { ...base, previous_response_id, input: [output] })).toMatchObject({
      status: 200,
    });
    const unstored = await post(openai, '/v1/responses', { ...base, store: false });
    expect(
      (await post(openai, '/v1/responses', { ...base, previous_response_id: unstored.answer['id'] })).message,
    ).toContain('not found');
  });
});

describe('anthropic messages', () => {
  const user = { role: 'user', content: 'hi' };
  const tool = { name: 'weather', input_schema: schema };
  const use = (id: string) => ({ type: 'tool_use', id, name: 'weather', input: { city: 'Rome' } });
  const result = (id: string) => ({ type: 'tool_result', tool_use_id: id, content: 'sunny' });
  const base = { model: 'claude-sonnet-4-5', max_tokens: 2048, messages: [user] };
  const thinking = { type: 'enabled', budget_tokens: 1024 };
  const withTools = (...messages: Json[]) => ({ ...base, tools: [tool], messages: [user, ...messages] });
  const cached = (text: string) => ({ type: 'text', text, cache_control: { type: 'ephemeral' } });

  test.each<[string, Json]>([
    ['the base', base],
    [
      'a whole history',
      withTools(
        { role: 'assistant', content: [use('a'), use('b')] },
        { role: 'user', content: [result('b'), result('a'), { type: 'text', text: 'So?' }] },
      ),
    ],
    [
      'four breakpoints',
      {
        ...base,
        system: [cached('a'), cached('b')],
        messages: [{ role: 'user', content: [cached('c'), cached('d')] }],
      },
    ],
    ['sampling settings', { ...base, temperature: 0.5, top_k: 3 }],
    ['a prefill', { ...base, messages: [user, { role: 'assistant', content: 'Well,' }] }],
  ])('accepts %s', async (_name, body) => {
    expect(await post(anthropic, '/v1/messages', body)).toMatchObject({ status: 200, answer: { type: 'message' } });
  });

  test.each<[string, Json, string]>([
    ['no max_tokens', { ...base, max_tokens: undefined }, 'max_tokens: Field required'],
    ['an unknown field', { ...base, foo: 1 }, 'foo: Extra inputs are not permitted'],
    ['betas in the body', { ...base, betas: ['x'] }, 'betas: Extra inputs are not permitted'],
    ['a wrong type', { ...base, max_tokens: '5' }, 'max_tokens: Input should be a valid number'],
    ['no messages', { ...base, messages: [] }, 'at least one message is required'],
    [
      'an assistant first',
      { ...base, messages: [{ role: 'assistant', content: 'hi' }, user] },
      'first message must use the "user" role',
    ],
    ['an empty turn', { ...base, messages: [{ role: 'user', content: '' }] }, 'must have non-empty content'],
    [
      'an empty text',
      { ...base, messages: [{ role: 'user', content: [{ type: 'text', text: '' }] }] },
      'text content blocks must be non-empty',
    ],
    [
      'a blank text',
      { ...base, messages: [{ role: 'user', content: [{ type: 'text', text: ' \n' }] }] },
      'must contain non-whitespace',
    ],
    [
      'a prefill that ends in a blank',
      { ...base, messages: [user, { role: 'assistant', content: 'Well, ' }] },
      'cannot end with trailing whitespace',
    ],
    [
      'a call without a result',
      withTools({ role: 'assistant', content: [use('a')] }, user),
      '`tool_use` ids were found without `tool_result` blocks immediately after: a.',
    ],
    ['a call at the end', withTools({ role: 'assistant', content: [use('a')] }), 'immediately after: a.'],
    [
      'one of two results',
      withTools({ role: 'assistant', content: [use('a'), use('b')] }, { role: 'user', content: [result('a')] }),
      'immediately after: b.',
    ],
    [
      'text before the results',
      withTools(
        { role: 'assistant', content: [use('a')] },
        { role: 'user', content: [{ type: 'text', text: 'So' }, result('a')] },
      ),
      'immediately after: a.',
    ],
    [
      'a result without a call',
      { ...base, tools: [tool], messages: [{ role: 'user', content: [result('a')] }] },
      'unexpected `tool_use_id` found in `tool_result` blocks: a.',
    ],
    [
      'a result of an older call',
      withTools(
        { role: 'assistant', content: [use('a')] },
        { role: 'user', content: [result('a')] },
        { role: 'assistant', content: 'ok' },
        { role: 'user', content: [result('a')] },
      ),
      'unexpected `tool_use_id`',
    ],
    [
      'a result twice',
      withTools({ role: 'assistant', content: [use('a')] }, { role: 'user', content: [result('a'), result('a')] }),
      'must have a single result',
    ],
    [
      'two calls of one id',
      withTools({ role: 'assistant', content: [use('a'), use('a')] }, { role: 'user', content: [result('a')] }),
      '`tool_use` ids must be unique',
    ],
    [
      'arguments that are text',
      withTools(
        { role: 'assistant', content: [{ ...use('a'), input: '{"city":1}' }] },
        { role: 'user', content: [result('a')] },
      ),
      'tool_use.input: Input should be a valid dictionary',
    ],
    [
      'a bad id of a call',
      withTools({ role: 'assistant', content: [use('a.b')] }, { role: 'user', content: [result('a.b')] }),
      'tool_use.id: String should match pattern',
    ],
    [
      'a history with calls and no tools',
      {
        ...withTools({ role: 'assistant', content: [use('a')] }, { role: 'user', content: [result('a')] }),
        tools: undefined,
      },
      'must define tools',
    ],
    [
      'a bad tool name',
      { ...base, tools: [{ ...tool, name: 'a b' }] },
      'tools.0.custom.name: String should match pattern',
    ],
    ['two tools of one name', { ...base, tools: [tool, tool] }, 'Tool names must be unique'],
    [
      'a choice without tools',
      { ...base, tool_choice: { type: 'any' } },
      'may only be specified while providing `tools`',
    ],
    [
      'a choice of another tool',
      { ...base, tools: [tool], tool_choice: { type: 'tool', name: 'news' } },
      "Tool 'news' not found",
    ],
    [
      'five breakpoints',
      {
        ...base,
        system: [cached('a'), cached('b'), cached('c')],
        messages: [{ role: 'user', content: [cached('d'), cached('e')] }],
      },
      'A maximum of 4 blocks with cache_control may be provided. Found 5.',
    ],
    ['temperature out of range', { ...base, temperature: 1.5 }, 'temperature: Input should be less than or equal to 1'],
    ['temperature and top_p', { ...base, temperature: 0.5, top_p: 0.5 }, 'cannot both be specified'],
    [
      'a small budget',
      { ...base, thinking: { type: 'enabled', budget_tokens: 1000 } },
      'greater than or equal to 1024',
    ],
    [
      'a budget that is the limit',
      { ...base, thinking: { type: 'enabled', budget_tokens: 2048 } },
      '`max_tokens` must be greater than `thinking.budget_tokens`',
    ],
    [
      'thinking and a forced tool',
      { ...base, thinking, tools: [tool], tool_choice: { type: 'any' } },
      'Thinking may not be enabled when tool_choice forces tool use.',
    ],
    ['thinking and temperature', { ...base, thinking, temperature: 0.5 }, '`temperature` may only be set to 1'],
    ['thinking and top_k', { ...base, thinking, top_k: 5 }, '`top_k` must be unset'],
    [
      'thinking and a call without it',
      { ...withTools({ role: 'assistant', content: [use('a')] }, { role: 'user', content: [result('a')] }), thinking },
      'Expected `thinking` or `redacted_thinking`, but found `tool_use`',
    ],
    [
      'forged thinking',
      {
        ...base,
        messages: [
          user,
          { role: 'assistant', content: [{ type: 'thinking', thinking: 'Hm', signature: 'AAAA' }] },
          user,
        ],
      },
      'messages.1.content.0: Invalid `signature` in `thinking` block',
    ],
    [
      'forged redacted thinking',
      {
        ...base,
        messages: [user, { role: 'assistant', content: [{ type: 'redacted_thinking', data: 'AAAA' }] }, user],
      },
      'Invalid `data` in `redacted_thinking` block',
    ],
  ])('refuses %s', async (_name, body, message) => {
    const refusal = await post(anthropic, '/v1/messages', body);
    expect(refusal.message).toContain(message);
    expect(refusal).toMatchObject({ status: 400, answer: { type: 'error', error: { type: 'invalid_request_error' } } });
  });

  test('counts tokens by the same rules, without max_tokens', async () => {
    const { max_tokens: _limit, ...counted } = base;
    expect(await post(anthropic, '/v1/messages/count_tokens', counted)).toMatchObject({
      status: 200,
      answer: { input_tokens: expect.any(Number) as number },
    });
    expect((await post(anthropic, '/v1/messages/count_tokens', base)).message).toBe(
      'max_tokens: Extra inputs are not permitted',
    );
  });

  test('refuses strangers, unknown models and paths, and a missing version', async () => {
    expect(await post(anthropic, '/v1/messages', base, { 'x-api-key': 'sk-wrong' })).toMatchObject({
      status: 401,
      message: 'invalid x-api-key',
      answer: { error: { type: 'authentication_error' } },
    });
    const ask = (headers: Record<string, string>) =>
      fetch(`${anthropic.url}/v1/messages`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(base),
      });
    expect((await ask({ 'anthropic-version': '2023-06-01' })).status).toBe(401);
    expect((await ask({ 'anthropic-version': '2023-06-01', authorization: 'Bearer sk-ant-right' })).status).toBe(200);
    expect((await ask({ 'anthropic-version': '2023-06-01', authorization: 'Bearer sk-wrong' })).status).toBe(401);
    expect(await (await ask({ 'x-api-key': 'sk-ant-right' })).text()).toContain(
      'anthropic-version: header is required',
    );
    expect(await post(anthropic, '/v1/messages', base, { 'anthropic-version': '2020-01-01' })).toMatchObject({
      status: 400,
    });
    expect(await post(anthropic, '/v1/messages', { ...base, model: 'my-alias' })).toMatchObject({
      status: 404,
      message: 'model: my-alias',
    });
    expect(await post(anthropic, '/v1/chat/completions', base)).toMatchObject({ status: 404 });
  });

  test.each<[Json, string]>([
    [{ ...base, temperature: 1 }, 'temperature: Extra inputs are not permitted'],
    [{ ...base, top_k: 3 }, 'top_k: Extra inputs are not permitted'],
    [
      {
        ...base,
        messages: [
          {
            role: 'user',
            content: [
              {
                type: 'text',
                text: 'x',
                citations: [
                  {
                    type: 'char_location',
                    cited_text: 'x',
                    document_index: 0,
                    document_title: null,
                    start_char_index: 0,
                    end_char_index: 1,
                  },
                ],
              },
            ],
          },
        ],
      },
      '`citations` are not permitted',
    ],
    [
      {
        ...base,
        messages: [
          user,
          {
            role: 'assistant',
            content: [{ type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'x' } }],
          },
          user,
        ],
      },
      '`document` blocks are not permitted',
    ],
  ])('version 2026-10-21 no longer takes %j', async (body, message) => {
    expect(await post(anthropic, '/v1/messages', body)).toMatchObject({ status: 200 });
    const refusal = await post(anthropic, '/v1/messages', body, { 'anthropic-version': '2026-10-21' });
    expect(refusal).toMatchObject({ status: 400 });
    expect(refusal.message).toContain(message);
  });

  test('knows its own thinking, and only as it gave it', async () => {
    anthropic.setScript(() => ({
      reasoning: 'Rome, then.',
      toolCalls: [{ name: 'weather', arguments: { city: 'Rome' } }],
    }));
    const request = { ...base, thinking, tools: [tool] };
    const { answer } = await post(anthropic, '/v1/messages', request);
    const [thought = {}, call = {}] = answer['content'] as Json[];
    expect(thought).toMatchObject({ type: 'thinking', thinking: 'Rome, then.' });
    const send = (...content: Json[]) =>
      post(anthropic, '/v1/messages', {
        ...request,
        messages: [user, { role: 'assistant', content }, { role: 'user', content: [result(String(call['id']))] }],
      });
    expect(await send(thought, call)).toMatchObject({ status: 200 });
    expect((await send({ ...thought, thinking: 'Rome, then. ' }, call)).message).toContain('Invalid `signature`');
    expect(
      (await send({ ...thought, signature: `${String(thought['signature']).slice(0, -4)}AAA=` }, call)).message,
    ).toContain('Invalid `signature`');
    expect((await send(call, thought)).message).toContain('must precede');
    anthropic.setScript(() => ({ reasoning: 'Secret.', isReasoningRedacted: true, text: 'ok' }));
    const redacted = await post(anthropic, '/v1/messages', request);
    const content = redacted.answer['content'] as Json[];
    expect(content[0]).toMatchObject({ type: 'redacted_thinking' });
    expect(
      await post(anthropic, '/v1/messages', { ...request, messages: [user, { role: 'assistant', content }, user] }),
    ).toMatchObject({ status: 200 });
  });

  test('does not know the thinking of another vendor', async () => {
    await using other = await startFakeProvider({
      kind: 'anthropic',
      keys: ['sk-ant-right'],
      signingKey: 'other',
      script: () => ({ reasoning: 'Hm.', text: 'ok' }),
    });
    const { answer } = await post(other, '/v1/messages', { ...base, thinking });
    const messages = [user, { role: 'assistant', content: answer['content'] }, user];
    expect(await post(other, '/v1/messages', { ...base, messages })).toMatchObject({ status: 200 });
    expect((await post(anthropic, '/v1/messages', { ...base, messages })).message).toContain('Invalid `signature`');
  });
});

describe('compatible vendors', () => {
  test('take fields of their own and any model, below a path of their own; and refuse what they are told to', async () => {
    await using vendor = await startFakeProvider({
      kind: 'openai-compatible',
      keys: ['sk-right'],
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
    await using listed = await startFakeProvider({ kind: 'openai-compatible', keys: ['sk-right'], models: ['llama'] });
    expect((await post(listed, '/v1/chat/completions', body)).status).toBe(200);
    expect((await post(listed, '/v1/chat/completions', { ...body, model: 'other' })).status).toBe(404);
  });
});
