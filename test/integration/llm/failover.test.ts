// Models, weights and priorities: another target serves where one cannot, as long as no byte went to the client.
import { describe, expect, test } from 'vitest';
import { type FakeProvider, startFakeProvider } from '../../fakes/provider.ts';
import type { Failure } from '../../fakes/failure.ts';
import { freePort, startTestGateway } from '../../kit/gateway.ts';

const body = (isStreaming: boolean): string =>
  JSON.stringify({ model: 'smart', messages: [{ role: 'user', content: 'hi' }], ...(isStreaming && { stream: true }) });

const ask = (url: string, isStreaming = false): Promise<Response> =>
  fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    body: body(isStreaming),
    headers: { 'content-type': 'application/json' },
  });

function config(first: string, second: string, extra = ''): string {
  return `
llmBackends:
- name: models
  providers:
  - { name: first, openai: { baseUrl: "${first}/v1" }, auth: { key: a } }
  - { name: second, openai: { baseUrl: "${second}/v1" }, auth: { key: b } }
  models:
  - name: smart
    targets:
    - { provider: first, model: gpt-4o }
    - { provider: second, model: gpt-4.1, priority: 1 }
${extra}`;
}

async function answerOf(response: Response): Promise<string> {
  const text = await response.text();
  return text;
}

describe('priorities', () => {
  const failures: readonly (readonly [string, Failure])[] = [
    ['429', { kind: 'status', status: 429 }],
    ['500', { kind: 'status', status: 500 }],
    ['503', { kind: 'status', status: 503 }],
    ['a reset before the head', { kind: 'reset-before-head' }],
    ['garbage', { kind: 'garbage' }],
  ];
  test.each(failures)('%s: the next target answers, and the story tells both tries', async (_name, failure) => {
    await using first = await startFakeProvider({ kind: 'openai' });
    await using second = await startFakeProvider({ kind: 'openai' });
    await using gateway = await startTestGateway(config(first.url, second.url));
    first.failNext(failure);
    const answer = await ask(gateway.url);
    expect(answer.status).toBe(200);
    expect(await answerOf(answer)).toContain('Hello from gpt-4.1.');
    const line = await gateway.line(answer.headers.get('x-request-id')!);
    expect(line).toMatchObject({ 'retry.attempt': 1, 'agw.ai.provider': 'second' });
    const story = gateway.gateway.stories.newest().next().value!;
    expect(story.attempts.map((attempt: { target: string }) => attempt.target)).toEqual([
      'first/gpt-4o',
      'second/gpt-4.1',
    ]);
    expect(gateway.gateway.ledger.openCount).toBe(0);
  });

  test.each([401, 402, 403])('%i is about the gateway’s own account: another provider is asked, the same one is not', async (status) => {
    await using first = await startFakeProvider({ kind: 'openai' });
    await using second = await startFakeProvider({ kind: 'openai' });
    const retry = 'policies:\n- { name: again, retry: { attempts: 5, backoff: 1ms } }\n';
    await using gateway = await startTestGateway(config(first.url, second.url, retry));
    first.failNext({ kind: 'status', status });
    expect(await answerOf(await ask(gateway.url))).toContain('gpt-4.1');
    first.failNext({ kind: 'status', status });
    second.failNext({ kind: 'status', status });
    const last = await ask(gateway.url);
    expect([last.status, first.requests.length, second.requests.length]).toEqual([status, 2, 2]);
  }); // prettier-ignore

  test('a key with a line break at its end is sent without; one that no header can carry is as good as none', async () => {
    await using first = await startFakeProvider({ kind: 'openai', keys: ['a'] });
    await using second = await startFakeProvider({ kind: 'openai', keys: ['b'] });
    const keyed = (key: string): string => config(first.url, second.url).replace('key: a', `key: ${key}`);
    await using good = await startTestGateway(keyed('"a\\n"'));
    expect(await answerOf(await ask(good.url))).toContain('gpt-4o');
    await using bad = await startTestGateway(keyed('"schlüssel"'));
    expect(await answerOf(await ask(bad.url))).toContain('gpt-4.1');
  });

  test('a refused connection costs nothing and fails over', async () => {
    await using second = await startFakeProvider({ kind: 'openai' });
    await using gateway = await startTestGateway(config(`http://127.0.0.1:${await freePort()}`, second.url));
    expect(await answerOf(await ask(gateway.url))).toContain('gpt-4.1');
    expect([...gateway.gateway.ledger.settled.keys()]).toHaveLength(1);
  });

  test('a stall before the head fails over once firstByte has passed; a stall after the first event does not', async () => {
    await using first = await startFakeProvider({ kind: 'openai', script: () => ({ text: 'a b c d', chunkChars: 1 }) });
    await using second = await startFakeProvider({ kind: 'openai' });
    const timeouts = `policies:\n- { name: quick, timeouts: { firstByte: 200ms, idle: 200ms } }\n`;
    await using gateway = await startTestGateway(config(first.url, second.url, timeouts));
    first.failNext({ kind: 'stall' });
    expect(await answerOf(await ask(gateway.url))).toContain('gpt-4.1');
    first.failNext({ kind: 'stall', afterEvents: 3 });
    const cut = await ask(gateway.url, true);
    await expect(cut.text()).rejects.toThrow();
    const line = await gateway.line(cut.headers.get('x-request-id')!);
    expect(line).toMatchObject({ reason: 'idle-timeout', 'agw.ai.provider': 'first' });
    expect(second.requests).toHaveLength(1);
  });

  test('a stream that fails with its first event fails over; one that fails later tells the client', async () => {
    await using first = await startFakeProvider({ kind: 'openai' });
    await using second = await startFakeProvider({ kind: 'openai' });
    await using gateway = await startTestGateway(config(first.url, second.url));
    first.failNext({ kind: 'error-event', afterEvents: 0 });
    const early = await ask(gateway.url, true);
    expect(await early.text()).toContain('[DONE]');
    expect(second.requests).toHaveLength(1);
    first.failNext({ kind: 'error-event', afterEvents: 2, message: 'overheated' });
    const late = await ask(gateway.url, true);
    let seen = '';
    const read = async (): Promise<void> => {
      for await (const chunk of late.body!.pipeThrough(new TextDecoderStream())) seen += chunk;
    };
    await expect(read()).rejects.toThrow();
    expect(seen.match(/overheated/g)).toHaveLength(1);
    expect(seen).not.toContain('[DONE]');
    expect(second.requests).toHaveLength(1);
  });

  test('a mistake of the client is not tried elsewhere', async () => {
    await using first = await startFakeProvider({ kind: 'openai' });
    await using second = await startFakeProvider({ kind: 'openai' });
    await using gateway = await startTestGateway(config(first.url, second.url));
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: 'smart', messages: [{ role: 'tool', content: 'x', tool_call_id: 'none' }] }),
      headers: { 'content-type': 'application/json' },
    });
    expect(answer.status).toBe(400);
    expect(second.requests).toHaveLength(0);
  });

  test('when every target fails the last one’s own words reach the client', async () => {
    await using first = await startFakeProvider({ kind: 'openai' });
    await using second = await startFakeProvider({ kind: 'openai' });
    await using gateway = await startTestGateway(config(first.url, second.url));
    first.failNext({ kind: 'status', status: 500 });
    second.failNext({ kind: 'status', status: 429, headers: { 'retry-after': '3' } });
    const answer = await ask(gateway.url);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '3']);
  });
});

describe('health', () => {
  test('Retry-After keeps the target out of the way until it has passed', async () => {
    await using first = await startFakeProvider({ kind: 'openai' });
    await using second = await startFakeProvider({ kind: 'openai' });
    await using gateway = await startTestGateway(config(first.url, second.url));
    first.failNext({ kind: 'status', status: 429, headers: { 'retry-after': '600' } });
    for (let i = 0; i < 4; i++) expect(await answerOf(await ask(gateway.url))).toContain('gpt-4.1');
    expect(first.requests).toHaveLength(1);
  });

  test('failures in a row take a target out; it is still tried when nothing else is left', async () => {
    await using first = await startFakeProvider({ kind: 'openai' });
    await using second = await startFakeProvider({ kind: 'openai' });
    const text = config(first.url, second.url).replace(
      '  models:',
      '  health: { failures: 2, backoff: 10m }\n  models:',
    );
    await using gateway = await startTestGateway(text);
    first.failNext({ kind: 'status', status: 500 }, 2);
    for (let i = 0; i < 5; i++) await answerOf(await ask(gateway.url));
    expect(first.requests).toHaveLength(2);
    second.failNext({ kind: 'status', status: 500 }, 1);
    expect(await answerOf(await ask(gateway.url))).toContain('gpt-4o');
  });
});

describe('weights', () => {
  test('shares are exact over time', async () => {
    await using first = await startFakeProvider({ kind: 'openai' });
    await using second = await startFakeProvider({ kind: 'openai' });
    const text = config(first.url, second.url)
      .replace('model: gpt-4o }', 'model: gpt-4o, weight: 3 }')
      .replace(', priority: 1', '');
    await using gateway = await startTestGateway(text);
    for (let i = 0; i < 40; i++) await answerOf(await ask(gateway.url));
    expect([first.requests.length, second.requests.length]).toEqual([30, 10]);
  });
});

describe('retry', () => {
  test('the same target is asked again where a retry policy says so, honouring a short Retry-After', async () => {
    await using only = await startFakeProvider({ kind: 'openai' });
    const text = `
llmBackends:
- name: models
  providers: [{ name: only, openai: { baseUrl: "${only.url}/v1" }, auth: { key: a } }]
  models: [{ name: smart, targets: [{ provider: only, model: gpt-4o }] }]
policies:
- { name: again, retry: { attempts: 2, backoff: 1ms } }
`;
    await using gateway = await startTestGateway(text);
    only.failNext({ kind: 'status', status: 429, headers: { 'retry-after': '0' } });
    only.failNext({ kind: 'status', status: 503 });
    expect((await ask(gateway.url)).status).toBe(200);
    expect(only.requests).toHaveLength(3);
    only.failNext({ kind: 'status', status: 429, headers: { 'retry-after': '3600' } });
    expect((await ask(gateway.url)).status).toBe(429);
    expect(only.requests).toHaveLength(4);
  });
});

describe('books', () => {
  test('every dispatched attempt is settled once, whatever happened to it', async () => {
    await using first = await startFakeProvider({ kind: 'openai' });
    await using second = await startFakeProvider({ kind: 'openai' });
    await using gateway = await startTestGateway(config(first.url, second.url));
    const failures: Failure[] = [
      { kind: 'status', status: 500 },
      { kind: 'reset-before-head' },
      { kind: 'truncate', afterEvents: 2 },
      { kind: 'error-event', afterEvents: 0 },
    ];
    for (const failure of failures) {
      for (const isStreaming of [false, true]) {
        first.failNext(failure);
        const answer = await ask(gateway.url, isStreaming);
        await answer.text().catch(() => undefined);
        await gateway.line(answer.headers.get('x-request-id')!);
      }
    }
    const dispatched = dispatchedBy(first) + dispatchedBy(second);
    expect([...gateway.gateway.ledger.settled.keys()]).toHaveLength(dispatched);
    expect(gateway.gateway.ledger.openCount).toBe(0);
  });
});

function dispatchedBy(provider: FakeProvider): number {
  return provider.requests.length;
}
