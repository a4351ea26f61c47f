// One access line, one count and one story for each request, however it ends.
import { expect, test } from 'vitest';
import { startFakeProvider } from '../../fakes/provider.ts';
import { startTestGateway } from '../../kit/gateway.ts';

/** Reads an answer to its end, whether it is whole or not. */
async function finish(answer: Promise<Response>): Promise<void> {
  await (await answer).text().catch(() => undefined);
}

test('whatever happens to it, a request is told once', async () => {
  await using first = await startFakeProvider({ kind: 'openai' });
  await using second = await startFakeProvider({ kind: 'openai' });
  await using gateway = await startTestGateway(`
gateways:
- { name: default, listeners: [{ name: http, port: PORT }] }
llmBackends:
- name: models
  providers:
  - { name: one, openai: { baseUrl: "${first.url}/v1" }, auth: { key: k } }
  - { name: two, openai: { baseUrl: "${second.url}/v1" }, auth: { key: k } }
  models:
  - { name: smart, targets: [{ provider: one, model: gpt-4o }, { provider: two, model: gpt-4o, priority: 1 }] }
  - { name: alone, targets: [{ provider: two, model: gpt-4o }] }
`);
  const post = (body: object, signal?: AbortSignal): Promise<Response> =>
    fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ messages: [{ role: 'user', content: 'hi' }], ...body }),
      ...(signal && { signal }),
    });
  const lineOf = (count: number): Promise<Record<string, unknown>> =>
    expect
      .poll(() => gateway.lines.length, { timeout: 10_000 })
      .toBe(count)
      .then(() => gateway.lines.at(-1)!);

  await finish(post({ model: 'smart' }));
  expect(await lineOf(1)).toMatchObject({
    'http.method': 'POST',
    'http.path': '/v1/chat/completions',
    'http.status': 200,
    protocol: 'llm',
    backend: 'llmbackend/default/models',
    endpoint: `127.0.0.1:${first.port}`,
    'gen_ai.operation.name': 'chat',
    'agw.ai.provider': 'one',
    'gen_ai.request.model': 'smart',
    'agw.ai.upstream_model': 'gpt-4o',
    'gen_ai.usage.input_tokens': expect.any(Number) as unknown,
    'agw.ai.usage.cost.total': expect.any(Number) as unknown,
  });
  expect(gateway.lines[0]).not.toHaveProperty('reason');

  first.failNext({ kind: 'status', status: 503 });
  await finish(post({ model: 'smart', stream: true }));
  expect(await lineOf(2)).toMatchObject({
    'http.status': 200,
    'retry.attempt': 1,
    'agw.ai.provider': 'two',
    'agw.ai.streaming': true,
    'agw.ai.time_to_first_token': expect.any(Number) as unknown,
  });

  await finish(post({ model: 'nobody' }));
  expect(await lineOf(3)).toMatchObject({ 'http.status': 404, reason: 'model-not-found' });

  second.failNext({ kind: 'truncate', afterEvents: 3 });
  await finish(post({ model: 'alone', stream: true }));
  expect(await lineOf(4)).toMatchObject({ 'http.status': 200, reason: 'upstream-reset' });

  const gate = second.hold();
  const leaving = new AbortController();
  const left = post({ model: 'alone', stream: true }, leaving.signal).then((answer) => answer.text());
  await gate.reached(1);
  gate.release();
  await gate.reached(2);
  leaving.abort();
  await expect(left).rejects.toThrow();
  await second.waitForAbort();
  expect(await lineOf(5)).toMatchObject({ reason: 'client-gone' });

  await finish(fetch(`${gateway.url}/elsewhere?key=query-canary`));
  expect(await lineOf(6)).toMatchObject({ 'http.status': 404, reason: 'route-not-found', 'http.path': '/elsewhere' });
  expect(JSON.stringify(gateway.lines[5])).not.toContain('query-canary');

  await finish(fetch(`${gateway.url}/v1/models`));
  await lineOf(7);

  const ids = gateway.lines.map((line) => line['request.id']);
  expect(new Set(ids).size).toBe(7);
  const stories = [...gateway.gateway.stories.newest()].map(({ id }) => id);
  expect(stories).toEqual(ids.toReversed());
  const text = await gateway.gateway.metrics.registry.metrics();
  const counted = [...text.matchAll(/^agentgateway_requests_total\{.*status="(\d+)",reason="([^"]*)"\} (\d+)$/gm)];
  expect(counted.reduce((sum, [, , , value]) => sum + Number(value), 0)).toBe(7);
  expect(counted.map(([, status, reason]) => `${status} ${reason}`.trim()).toSorted()).toEqual(
    expect.arrayContaining(['200', '200 upstream-reset', '404 model-not-found', '404 route-not-found']),
  );
  expect([...text.matchAll(/^agentgateway_retries_total\{.*\} (\d+)$/gm)].map(([, value]) => value)).toEqual(['1']);
  // Every attempt that was sent is settled, the one whose client left too.
  expect(gateway.gateway.ledger.openCount).toBe(0);
  expect(gateway.gateway.ledger.settled.size).toBe(first.requests.length + second.requests.length);
});
