// Virtual keys and the list of models: who may use what, and that no key of a client leaves the gateway.
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { startFakeProvider } from '../../fakes/provider.ts';
import { startTestGateway } from '../../kit/gateway.ts';

const config = (url: string): string => `
llmBackends:
- name: models
  providers:
  - { name: openai, openai: { baseUrl: "${url}/v1" }, auth: { key: "\${UPSTREAM}" } }
  models:
  - { name: cheap, targets: [{ provider: openai, model: gpt-4o-mini }] }
  - { name: "gpt-*", targets: [{ provider: openai }] }
policies:
- name: keys
  apiKeyAuthentication:
    keys:
    - { key: "\${ADA}", name: ada-laptop, subject: ada, team: red, metadata: { tier: gold } }
    - { keyHash: "sha256:${createHash('sha256').update('key-of-bob').digest('hex')}", subject: bob, team: red, allowedModels: [cheap] }
    - { key: key-of-eve, subject: eve, team: red, expires: "2020-01-01T00:00:00Z" }
- name: rules
  authorization: { rules: [{ deny: 'principal.team == "blue"' }] }
`;
const env = { UPSTREAM: 'sk-upstream', ADA: 'key-of-ada' };
const message = (model: string): string => JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }] });

describe('virtual keys', () => {
  test('are taken from whichever header the SDK uses, and replaced by the provider’s own', async () => {
    await using provider = await startFakeProvider({ kind: 'openai', keys: ['sk-upstream'] });
    await using gateway = await startTestGateway(config(provider.url), env);
    for (const headers of [
      { authorization: 'Bearer key-of-ada' },
      { 'x-api-key': 'key-of-ada' },
      { 'x-goog-api-key': 'key-of-ada' },
    ]) {
      const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        body: message('cheap'),
        headers: { 'content-type': 'application/json', ...headers } as Record<string, string>,
      });
      expect(answer.status).toBe(200);
      const line = await gateway.line(answer.headers.get('x-request-id')!);
      expect(line).toMatchObject({ 'agentgateway.user': 'ada', 'agw.api_key.name': 'ada-laptop' });
    }
    for (const request of provider.requests) {
      expect(request.headers.join(' ')).not.toContain('key-of-ada');
      expect(request.header('authorization')).toBe('Bearer sk-upstream');
    }
  });

  test('refuse without, with a wrong, an expired key and a model that is not allowed, in the caller’s words', async () => {
    await using provider = await startFakeProvider({ kind: 'openai' });
    await using gateway = await startTestGateway(config(provider.url), env);
    const ask = async (headers: Record<string, string>, model: string): Promise<unknown[]> => {
      const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        body: message(model),
        headers: { 'content-type': 'application/json', ...headers },
      });
      const { error } = (await answer.json()) as { error: { type: string; code: string } };
      return [answer.status, error.type, error.code];
    };
    expect(await ask({}, 'cheap')).toEqual([401, 'authentication_error', 'invalid_api_key']);
    expect(await ask({ authorization: 'Bearer nobody' }, 'cheap')).toEqual([
      401,
      'authentication_error',
      'invalid_api_key',
    ]);
    expect(await ask({ authorization: 'Bearer key-of-eve' }, 'cheap')).toEqual([
      401,
      'authentication_error',
      'expired_api_key',
    ]);
    expect(await ask({ authorization: 'Bearer key-of-bob' }, 'gpt-4o')).toEqual([
      403,
      'permission_error',
      'model_forbidden',
    ]);
    const anthropic = await fetch(`${gateway.url}/v1/messages`, {
      method: 'POST',
      body: '{}',
      headers: { 'anthropic-version': '2023-06-01', 'content-type': 'application/json' },
    });
    expect([anthropic.status, await anthropic.json()]).toMatchObject([
      401,
      { type: 'error', error: { type: 'authentication_error' } },
    ]);
    expect(provider.requests).toHaveLength(0);
  });

  test('hold for passed requests whatever the body calls itself, and close paths that name no model', async () => {
    await using provider = await startFakeProvider({ kind: 'openai', isLenient: true });
    await using gateway = await startTestGateway(config(provider.url), env);
    const pass = async (key: string, path: string, type: string, body: string): Promise<number> => {
      const headers = { 'content-type': type, authorization: `Bearer ${key}` };
      return (await fetch(`${gateway.url}${path}`, { method: 'POST', body, headers })).status;
    };
    const dear = '{"model":"gpt-4o","input":"x"}';
    // Some servers of models read JSON under any type.
    for (const type of [
      'application/json',
      'text/plain',
      'application/octet-stream',
      'multipart/form-data; boundary=b',
    ])
      expect(await pass('key-of-bob', '/v1/embeddings', type, dear)).toBe(403);
    expect(await pass('key-of-bob', '/v1/moderations', 'application/json', '{"input":"x"}')).toBe(403);
    expect(await pass('key-of-bob', '/openai/v1/moderations', 'application/json', '{"input":"x"}')).toBe(403);
    expect(provider.requests).toHaveLength(0);
    // What it is told under another type is the provider's to judge.
    expect(await pass('key-of-bob', '/v1/embeddings', 'text/plain', '{"model":"cheap","input":"x"}')).toBe(400);
    expect(await pass('key-of-ada', '/v1/moderations', 'application/json', '{"input":"x"}')).toBe(200);
    expect(provider.requests[0]!.bodyText).toBe('{"model":"gpt-4o-mini","input":"x"}');
  });

  test('never show in any output: config dump, status, stories, logs', async () => {
    await using provider = await startFakeProvider({ kind: 'openai' });
    await using gateway = await startTestGateway(config(provider.url), env);
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      body: message('cheap'),
      headers: { 'content-type': 'application/json', authorization: 'Bearer key-of-ada' },
    });
    await gateway.line(answer.headers.get('x-request-id')!);
    const outputs = [JSON.stringify(gateway.lines), gateway.messages.join('\n')];
    for (const path of ['/config_dump', '/status', '/requests', '/metrics'])
      outputs.push(await (await fetch(gateway.adminUrl + path)).text());
    for (const secret of [
      'key-of-ada',
      'key-of-eve',
      'sk-upstream',
      createHash('sha256').update('key-of-ada').digest('hex'),
      createHash('sha256').update('key-of-ada').digest('base64'),
    ]) {
      expect(outputs.join('\n')).not.toContain(secret);
    }
    expect(outputs.join('\n')).toContain('ada-laptop');
  });
});

describe('GET /v1/models', () => {
  test('lists what the caller may use, in the shape of its SDK', async () => {
    await using provider = await startFakeProvider({ kind: 'openai' });
    await using gateway = await startTestGateway(config(provider.url), env);
    const list = async (key: string, more: Record<string, string> = {}): Promise<unknown> =>
      (await fetch(`${gateway.url}/v1/models`, { headers: { authorization: `Bearer ${key}`, ...more } })).json();
    expect(await list('key-of-bob')).toMatchObject({ object: 'list', data: [{ id: 'cheap', object: 'model' }] });
    const all = (await list('key-of-ada')) as { data: { id: string }[] };
    const ids = all.data.map(({ id }) => id);
    expect(ids[0]).toBe('cheap');
    // Wildcards list the catalogue's models that they cover.
    expect(ids).toContain('gpt-4o');
    expect(ids.every((id) => !id.includes('*'))).toBe(true);
    expect(await list('key-of-bob', { 'anthropic-version': '2023-06-01' })).toMatchObject({
      data: [{ type: 'model', id: 'cheap' }],
      has_more: false,
    });
    const one = await fetch(`${gateway.url}/v1/models/gpt-4o`, { headers: { authorization: 'Bearer key-of-bob' } });
    expect(one.status).toBe(404);
  });
});
