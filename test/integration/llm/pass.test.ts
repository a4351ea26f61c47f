// Paths the gateway does not speak: sent to the provider that the model or the path names, with usage read on the way.
import { expect, test } from 'vitest';
import { startFakeProvider } from '../../fakes/provider.ts';
import { startTestGateway } from '../../kit/gateway.ts';

const config = (one: string, two: string): string => `
llmBackends:
- name: models
  providers:
  - { name: one, openai: { baseUrl: "${one}/v1" }, auth: { key: a } }
  - { name: two, openai: { baseUrl: "${two}/v1" }, auth: { key: b } }
  models:
  - { name: embed, targets: [{ provider: two, model: text-embedding-3-small }] }
`;

test('a model in the body names the provider, is renamed, and its usage is counted', async () => {
  await using one = await startFakeProvider({ kind: 'openai', keys: ['a'] });
  await using two = await startFakeProvider({ kind: 'openai', keys: ['b'] });
  await using gateway = await startTestGateway(config(one.url, two.url));
  const answer = await fetch(`${gateway.url}/v1/embeddings`, {
    method: 'POST',
    body: '{"input":"hello",  "model":"embed"}',
    headers: { 'content-type': 'application/json' },
  });
  expect(answer.status).toBe(200);
  expect(await answer.json()).toHaveProperty('data');
  expect(two.requests[0]!.bodyText).toBe('{"input":"hello",  "model":"text-embedding-3-small"}');
  const line = await gateway.line(answer.headers.get('x-request-id')!);
  expect(line).toMatchObject({ 'gen_ai.operation.name': 'embeddings', 'agw.ai.provider': 'two' });
  expect(line['gen_ai.usage.input_tokens']).toBeGreaterThan(0);
});

test('a model in a multipart form is found and renamed without touching the file', async () => {
  await using one = await startFakeProvider({ kind: 'openai', isLenient: true });
  await using two = await startFakeProvider({ kind: 'openai', isLenient: true });
  await using gateway = await startTestGateway(config(one.url, two.url).replace('text-embedding-3-small', 'whisper-1'));
  const form = new FormData();
  const sound = Uint8Array.from({ length: 70_000 }, (_, i) => i % 256);
  form.append('file', new Blob([sound]), 'a.wav');
  form.append('model', 'embed');
  const answer = await fetch(`${gateway.url}/v1/audio/transcriptions`, { method: 'POST', body: form });
  expect(answer.status).toBe(200);
  const [request] = two.requests;
  expect(request!.bodyText).toContain('name="model"\r\n\r\nwhisper-1\r\n');
  expect(Buffer.from(request!.bodyBytes).includes(sound)).toBe(true);
});

test('without a model the path names the provider; a single provider needs no name; else the choices are told', async () => {
  await using one = await startFakeProvider({ kind: 'openai', isLenient: true });
  await using two = await startFakeProvider({ kind: 'openai', isLenient: true });
  await using gateway = await startTestGateway(config(one.url, two.url));
  const unnamed = await fetch(`${gateway.url}/v1/files`);
  expect(unnamed.status).toBe(400);
  expect(await unnamed.text()).toContain('/one/v1/');
  const named = await fetch(`${gateway.url}/one/v1/files?limit=3`);
  expect(named.status).toBe(200);
  expect(one.requests[0]!.path).toBe('/v1/files?limit=3');
  await using single = await startTestGateway(
    config(one.url, two.url)
      .replace(/ {2}- \{ name: two.*\n/, '')
      .replace('provider: two', 'provider: one'),
  );
  expect((await fetch(`${single.url}/v1/files`)).status).toBe(200);
});

test('a provider’s refusal passes as it is', async () => {
  await using one = await startFakeProvider({ kind: 'openai' });
  await using two = await startFakeProvider({ kind: 'openai' });
  await using gateway = await startTestGateway(config(one.url, two.url));
  const answer = await fetch(`${gateway.url}/v1/embeddings`, {
    method: 'POST',
    body: '{"model":"embed"}',
    headers: { 'content-type': 'application/json' },
  });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toHaveProperty('error.message');
});
