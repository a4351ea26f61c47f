// Each rule of the fakes' Messages API refuses what breaks it, in the vendor's words, and nothing else.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { post, testKeys } from './post.ts';
import { startFakeProvider, type FakeProvider } from './provider.ts';

type Json = Record<string, unknown>;

let anthropic: FakeProvider;

beforeAll(async () => {
  anthropic = await startFakeProvider({ kind: 'anthropic', keys: [testKeys.anthropic] });
});

afterAll(() => anthropic.close());

const schema = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};

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
  [
    'an unknown role',
    { ...base, messages: [{ role: 'robot', content: 'hi' }] },
    "messages.0.role: Input should be 'user'",
  ],
  ['half a token', { ...base, max_tokens: 1.5 }, 'got a number with a fractional part'],
  ['a negative limit', { ...base, max_tokens: -1 }, 'max_tokens: Input should be greater than or equal to 0'],
  [
    'a blank stop sequence',
    { ...base, stop_sequences: [' '] },
    'stop_sequences: each stop sequence must contain non-whitespace',
  ],
  ['thinking and top_p', { ...base, thinking, top_p: 0.5 }, '`top_p` must be greater than or equal to 0.95'],
  [
    'a call by the user',
    { ...base, tools: [tool], messages: [{ role: 'user', content: [use('a')] }] },
    '`tool_use` blocks can only be in `assistant` messages',
  ],
  ['temperature out of range', { ...base, temperature: 1.5 }, 'temperature: Input should be less than or equal to 1'],
  ['temperature and top_p', { ...base, temperature: 0.5, top_p: 0.5 }, 'cannot both be specified'],
  ['a small budget', { ...base, thinking: { type: 'enabled', budget_tokens: 1000 } }, 'greater than or equal to 1024'],
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
      messages: [user, { role: 'assistant', content: [{ type: 'thinking', thinking: 'Hm', signature: 'AAAA' }] }, user],
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
  expect(await (await ask({ 'x-api-key': 'sk-ant-right' })).text()).toContain('anthropic-version: header is required');
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
  [{ model: 'claude-opus-4-7', temperature: 0.5 }, '`temperature` is deprecated for this model.'],
  [{ model: 'claude-sonnet-5', top_k: 5 }, '`top_k` is deprecated for this model.'],
  [{ model: 'claude-opus-4-7', thinking }, '"thinking.type.enabled" is not supported for this model.'],
  [{ thinking: { type: 'adaptive' } }, 'adaptive thinking is not supported on this model'],
  [{ model: 'claude-sonnet-4-20250514', output_config: { effort: 'low' } }, 'does not support the effort parameter'],
  [
    { model: 'claude-opus-4-6', messages: [user, { role: 'assistant', content: 'Well,' }] },
    'does not support assistant message prefill',
  ],
])('refuses what its model does not take: %j', async (change, message) => {
  const refusal = await post(anthropic, '/v1/messages', { ...base, ...change });
  expect(refusal.message).toContain(message);
  expect(refusal.status).toBe(400);
});

test.each<Json>([
  { model: 'claude-opus-4-7', temperature: 1, thinking: { type: 'adaptive' }, output_config: { effort: 'low' } },
  { model: 'claude-opus-4-5-20251101', output_config: { effort: 'low' }, temperature: 0.1 },
  { model: 'claude-sonnet-4-6', thinking },
  { model: 'claude-3-5-haiku-latest', temperature: 0.1, top_p: 0.1 },
])('accepts what its model takes: %j', async (change) => {
  expect(await post(anthropic, '/v1/messages', { ...base, ...change })).toMatchObject({ status: 200 });
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
    keys: [testKeys.anthropic],
    signingKey: 'other',
    script: () => ({ reasoning: 'Hm.', text: 'ok' }),
  });
  const { answer } = await post(other, '/v1/messages', { ...base, thinking });
  const messages = [user, { role: 'assistant', content: answer['content'] }, user];
  expect(await post(other, '/v1/messages', { ...base, messages })).toMatchObject({ status: 200 });
  expect((await post(anthropic, '/v1/messages', { ...base, messages })).message).toContain('Invalid `signature`');
});
