// The endpoints beside generation refuse what breaks them, in the vendor's words.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { post, testKeys } from './post.ts';
import { startFakeProvider, type FakeProvider } from './provider.ts';

type Json = Record<string, unknown>;

let openai: FakeProvider;
let anthropic: FakeProvider;

beforeAll(async () => {
  openai = await startFakeProvider({ kind: 'openai', keys: [testKeys.openai] });
  anthropic = await startFakeProvider({ kind: 'anthropic', keys: [testKeys.anthropic] });
});

afterAll(async () => {
  await openai.close();
  await anthropic.close();
});

test.each<[string, Json, string]>([
  ['/v1/embeddings', { model: 'text-embedding-3-small' }, "Missing required parameter: 'input'."],
  ['/v1/embeddings', { model: 'text-embedding-3-small', input: [''] }, "'$.input' is invalid."],
  ['/v1/embeddings', { model: 'text-embedding-none', input: 'x' }, 'The model `text-embedding-none` does not exist'],
  ['/v1/moderations', { input: 7 }, "Invalid type for 'input'"],
  ['/v1/images/generations', { model: 'gpt-image-1' }, "Missing required parameter: 'prompt'."],
  ['/v1/images/generations', { model: 'gpt-image-1', prompt: '' }, "Invalid 'prompt': empty string."],
  ['/v1/responses/input_tokens', { model: 'gpt-none', input: 'x' }, "The requested model 'gpt-none' does not exist."],
])('%s refuses %j', async (path, body, message) => {
  const refusal = await post(openai, path, body);
  expect(refusal.message).toContain(message);
  expect(refusal.answer.error).toMatchObject({ type: 'invalid_request_error' });
});

function toForm(fields: Readonly<Record<string, string | Blob>>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  return form;
}

const sound = new Blob(['sound'], { type: 'audio/mpeg' });

test.each<[string, Record<string, string | Blob>, string]>([
  ['/v1/audio/transcriptions', { model: 'whisper-1' }, "Missing required parameter: 'file'."],
  ['/v1/audio/transcriptions', { file: sound }, "Missing required parameter: 'model'."],
  ['/v1/audio/transcriptions', { file: 'sound', model: 'whisper-1' }, "Invalid type for 'file': expected a file."],
  ['/v1/files', { purpose: 'user_data' }, "'file' is a required property"],
  ['/v1/files', { file: sound }, "'purpose' is a required property"],
])('%s refuses a form with %j', async (path, fields, message) => {
  const response = await fetch(`${openai.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${testKeys.openai}` },
    body: toForm(fields),
  });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ error: { message } });
});

test('forms that are none', async () => {
  expect((await post(openai, '/v1/files', {})).message).toBe('Could not parse multipart form');
  expect((await post(anthropic, '/v1/files', {})).message).toBe('Could not parse multipart form');
  const response = await fetch(`${anthropic.url}/v1/files`, {
    method: 'POST',
    headers: { 'x-api-key': testKeys.anthropic, 'anthropic-version': '2023-06-01' },
    body: toForm({ file: 'text' }),
  });
  expect(await response.json()).toMatchObject({ type: 'error', error: { message: 'file: Field required' } });
});

test('a transcription as text', async () => {
  const response = await fetch(`${openai.url}/v1/audio/transcriptions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${testKeys.openai}` },
    body: toForm({ file: sound, model: 'whisper-1', response_format: 'text' }),
  });
  expect(response.headers.get('content-type')).toContain('text/plain');
  expect(await response.text()).toBe('Transcript of 5 bytes.\n');
});
