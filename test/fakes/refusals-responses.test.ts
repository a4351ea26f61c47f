// Each rule of the fakes' Responses API refuses what breaks it, in the vendor's words, and nothing else.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { post, testKeys } from './post.ts';
import { startFakeProvider, type FakeProvider } from './provider.ts';

type Json = Record<string, unknown>;

let openai: FakeProvider;

beforeAll(async () => {
  openai = await startFakeProvider({ kind: 'openai', keys: [testKeys.openai] });
});

afterAll(() => openai.close());

const openSchema = { type: 'object', properties: { city: { type: 'string' } } };

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
  [
    'stream options without a stream',
    { ...base, stream_options: { include_obfuscation: false } },
    "only allowed when 'stream' is enabled",
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
