// A provider of the client's own format: bytes pass both ways, and only what must change changes.
import { describe, expect, test } from 'vitest';
import { startFakeProvider } from '../../fakes/provider.ts';
import { startTestGateway } from '../../kit/gateway.ts';

const config = (openai: string, anthropic = openai): string => `
llmBackends:
- name: models
  providers:
  - { name: openai, openai: { baseUrl: "${openai}/v1" }, auth: { key: sk-upstream } }
  - { name: claude, anthropic: { baseUrl: "${anthropic}/v1" }, auth: { key: sk-ant-upstream } }
  models:
  - { name: alias, targets: [{ provider: openai, model: gpt-4o }] }
  - { name: "gpt-*", targets: [{ provider: openai }] }
  - { name: "claude-*", targets: [{ provider: claude }] }
`;

const post = (url: string, body: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });

const withoutIds = (text: string): string => text.replaceAll(/(chatcmpl-)?fake\d+/g, 'ID');

describe('chat to chat', () => {
  test('the request reaches the provider byte for byte but for the model, whatever its form', async () => {
    await using provider = await startFakeProvider({ kind: 'openai', keys: ['sk-upstream'], isLenient: true });
    await using gateway = await startTestGateway(config(provider.url));
    // Odd key order, escapes, big and integer-like keys, duplicate keys, white space.
    const body = `{ "2":1, "messages" : [{"role":"user","content":"a\\u0041\\/\\ud83d\\ude00 \\u2028"}],\n\t"big":12345678901234567890,"x":1e400,"x":2, "1":{"b":1,"a":2},"model":"alias" }`;
    const answer = await post(`${gateway.url}/v1/chat/completions`, body);
    expect(answer.status).toBe(200);
    expect(provider.requests[0]!.bodyText).toBe(body.replace('"alias"', '"gpt-4o"'));
  });

  test('an unaliased request passes with no byte changed, and the answer comes back with none changed', async () => {
    await using provider = await startFakeProvider({ kind: 'openai', keys: ['sk-upstream'] });
    await using gateway = await startTestGateway(config(provider.url));
    const body = `{"model":"gpt-4o",  "messages":[{"role":"user","content":"hi"}]}`;
    const through = await post(`${gateway.url}/v1/chat/completions`, body);
    const direct = await post(`${provider.url}/v1/chat/completions`, body, { authorization: 'Bearer sk-upstream' });
    expect(provider.requests[0]!.bodyText).toBe(body);
    const ids = /(chatcmpl-)?fake\d+/g;
    expect((await through.text()).replaceAll(ids, 'ID')).toBe((await direct.text()).replaceAll(ids, 'ID'));
  });

  test('usage is always asked for in streams, and hidden from a client that did not ask', async () => {
    await using provider = await startFakeProvider({ kind: 'openai' });
    await using gateway = await startTestGateway(config(provider.url));
    const ask = (options: string): Promise<Response> =>
      post(
        `${gateway.url}/v1/chat/completions`,
        `{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"hi"}]${options}}`,
      );
    const hidden = await ask('');
    const hiddenText = await hidden.text();
    expect(provider.requests[0]!.json).toMatchObject({ stream_options: { include_usage: true } });
    expect(hiddenText).not.toContain('"prompt_tokens"');
    expect(hiddenText).toContain('data: [DONE]');
    const line = await gateway.line(hidden.headers.get('x-request-id')!);
    expect(line).toMatchObject({ 'gen_ai.usage.input_tokens': 12, 'gen_ai.usage.output_tokens': 7 });
    const shown = await ask(',"stream_options":{"include_usage":true}');
    expect(await shown.text()).toContain('"prompt_tokens":12');
    const kept = await ask(',"stream_options":{"include_obfuscation":false}');
    await kept.text();
    expect(provider.requests[2]!.json).toMatchObject({
      stream_options: { include_obfuscation: false, include_usage: true },
    });
  });

  test('every split of a stream gives the same bytes', async () => {
    await using provider = await startFakeProvider({
      kind: 'openai',
      script: () => ({ text: 'Grüße 😀 an alle', chunkChars: 3 }),
    });
    await using gateway = await startTestGateway(config(provider.url));
    const body = `{"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}`;
    const normal = await (await post(`${gateway.url}/v1/chat/completions`, body)).text();
    for (const sizes of [[1], [2, 3], [7, 64, 1]]) {
      provider.failNext({ kind: 'split', sizes });
      const split = await (await post(`${gateway.url}/v1/chat/completions`, body)).text();
      expect(withoutIds(split)).toBe(withoutIds(normal));
    }
  });
});

describe('messages to messages', () => {
  test('the prefix that a provider caches on is byte-identical', async () => {
    await using provider = await startFakeProvider({ kind: 'anthropic', keys: ['sk-ant-upstream'] });
    await using gateway = await startTestGateway(config(provider.url));
    const prefix = `{"system":[{"type":"text","text":"Long \\u00e4 prompt","cache_control":{"type":"ephemeral","ttl":"1h"}}],"tools":[{"name":"t","input_schema":{"type":"object","properties":{"b":{},"a":{}}}}],`;
    const body = (model: string): string =>
      `${prefix}"max_tokens":50,"messages":[{"role":"user","content":"hi"}],"model":"${model}"}`;
    await post(`${gateway.url}/v1/messages`, body('claude-sonnet-4-5'), { 'anthropic-version': '2023-06-01' });
    expect(provider.requests[0]!.bodyText).toBe(body('claude-sonnet-4-5'));
    expect(provider.requests[0]!.header('x-api-key')).toBe('sk-ant-upstream');
  });

  test('a client’s own version and beta headers pass, its credentials never do', async () => {
    await using provider = await startFakeProvider({ kind: 'anthropic' });
    await using gateway = await startTestGateway(config(provider.url));
    const answer = await post(
      `${gateway.url}/v1/messages`,
      `{"model":"claude-sonnet-4-5","max_tokens":10,"messages":[{"role":"user","content":"hi"}]}`,
      {
        'anthropic-version': '2023-06-01',
        'anthropic-beta': 'context-1m-2025-08-07',
        authorization: 'Bearer client-secret-1',
        'x-api-key': 'client-secret-2',
        'x-goog-api-key': 'client-secret-3',
        cookie: 'client-secret-4',
      },
    );
    expect(answer.status).toBe(200);
    const [request] = provider.requests;
    expect(request!.header('anthropic-beta')).toBe('context-1m-2025-08-07');
    expect(request!.headers.join('\n')).not.toContain('client-secret');
    expect(request!.headers.join('\n').toLowerCase()).not.toContain('x-forwarded');
  });
});

describe('what goes wrong', () => {
  const stream = `{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"hi"}]}`;

  test('a refusal passes with its status, body and headers', async () => {
    await using provider = await startFakeProvider({ kind: 'openai' });
    await using gateway = await startTestGateway(config(provider.url));
    provider.failNext({
      kind: 'status',
      status: 429,
      headers: { 'retry-after': '17', 'x-ratelimit-remaining-requests': '0' },
    });
    const answer = await post(`${gateway.url}/v1/chat/completions`, stream);
    expect(answer.status).toBe(429);
    expect(answer.headers.get('retry-after')).toBe('17');
    expect(answer.headers.get('x-ratelimit-remaining-requests')).toBe('0');
    expect(await answer.json()).toHaveProperty('error.message');
  });

  test('a stream that is cut never looks complete: the format’s error event, then a broken connection', async () => {
    await using provider = await startFakeProvider({
      kind: 'openai',
      script: () => ({ text: 'x'.repeat(400), chunkChars: 10 }),
    });
    await using gateway = await startTestGateway(config(provider.url));
    for (const failure of [
      { kind: 'reset-mid-stream', afterBytes: 2000 },
      { kind: 'truncate', afterEvents: 5 },
    ] as const) {
      provider.failNext(failure);
      const answer = await post(`${gateway.url}/v1/chat/completions`, stream);
      let seen = '';
      const read = async (): Promise<void> => {
        for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) seen += chunk;
      };
      await expect(read()).rejects.toThrow();
      expect(seen).not.toContain('[DONE]');
      expect(seen).toContain('"error":{');
      const line = await gateway.line(answer.headers.get('x-request-id')!);
      expect(line['reason']).toBe('upstream-reset');
      expect(line['agw.ai.usage.estimated']).toBe(true);
    }
  });

  test('a client that leaves cancels the upstream at once, and the attempt is settled once', async () => {
    await using provider = await startFakeProvider({
      kind: 'openai',
      script: () => ({ text: 'x'.repeat(4000), chunkChars: 10 }),
    });
    await using gateway = await startTestGateway(config(provider.url));
    const gate = provider.hold();
    const controller = new AbortController();
    gate.release(3);
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      body: stream,
      headers: { 'content-type': 'application/json' },
      signal: controller.signal,
    });
    const reader = answer.body!.getReader();
    await reader.read();
    controller.abort();
    await provider.waitForAbort();
    const line = await gateway.line(answer.headers.get('x-request-id')!);
    expect(line['reason']).toBe('client-gone');
    const settled = [...gateway.gateway.ledger.settled.values()];
    expect(settled).toHaveLength(1);
    expect(settled[0]).toMatchObject({ end: 'aborted', source: 'estimated' });
    expect(gateway.gateway.ledger.openCount).toBe(0);
  });

  test('with onClientGone: Drain the provider is read to its end and settled with its own usage', async () => {
    // More than sockets buffer, so that the gateway is still writing when the client leaves.
    await using provider = await startFakeProvider({
      kind: 'openai',
      script: () => ({ text: 'x'.repeat(8_000_000), chunkChars: 20_000 }),
    });
    await using gateway = await startTestGateway(
      config(provider.url).replace('  models:', '  onClientGone: Drain\n  models:'),
    );
    const controller = new AbortController();
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      body: stream,
      headers: { 'content-type': 'application/json' },
      signal: controller.signal,
    });
    await answer.body!.getReader().read();
    controller.abort();
    const line = await gateway.line(answer.headers.get('x-request-id')!);
    expect(line).toMatchObject({
      reason: 'client-gone',
      'gen_ai.usage.input_tokens': 12,
      'gen_ai.usage.output_tokens': 7,
    });
    expect([...gateway.gateway.ledger.settled.values()]).toMatchObject([{ source: 'reported' }]);
  });

  test('compressed answers are decoded, garbage is a protocol error', async () => {
    await using provider = await startFakeProvider({ kind: 'openai' });
    await using gateway = await startTestGateway(config(provider.url));
    const plain = `{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}`;
    provider.failNext({ kind: 'gzip', when: 'always' });
    const answer = await post(`${gateway.url}/v1/chat/completions`, plain);
    expect(await answer.json()).toHaveProperty('choices');
    provider.failNext({ kind: 'gzip', when: 'always' });
    const streamed = await post(`${gateway.url}/v1/chat/completions`, stream);
    expect(await streamed.text()).toContain('[DONE]');
    provider.failNext({ kind: 'garbage' });
    const garbage = await post(`${gateway.url}/v1/chat/completions`, plain);
    expect([garbage.status, await garbage.json()]).toMatchObject([502, { error: { code: 'upstream_protocol_error' } }]);
  });

  test('bodies that are no JSON, have no model or name an unknown one are refused in the caller’s words', async () => {
    await using provider = await startFakeProvider({ kind: 'openai' });
    await using gateway = await startTestGateway(
      config(provider.url).replace('  models:', '  expose: Listed\n  models:'),
    );
    const bad = await post(`${gateway.url}/v1/chat/completions`, '{"model":');
    expect([bad.status, ((await bad.json()) as { error: { type: string } }).error.type]).toEqual([
      400,
      'invalid_request_error',
    ]);
    const none = await post(`${gateway.url}/v1/messages`, '{}', { 'anthropic-version': '2023-06-01' });
    expect([none.status, await none.json()]).toMatchObject([
      400,
      { type: 'error', error: { type: 'invalid_request_error' } },
    ]);
    const near = await post(`${gateway.url}/v1/chat/completions`, '{"model":"aliass","messages":[]}');
    expect(near.status).toBe(404);
    expect(await near.json()).toMatchObject({
      error: { code: 'model_not_found', message: expect.stringContaining('alias') },
    });
    expect(provider.requests).toHaveLength(0);
  });
});
