// What an attempt costs: exact nano-dollars of a priced model, overrides with tiers, unknown prices said, estimates marked.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ScriptedAnswer } from '../../fakes/answer.ts';
import { type FakeProvider, startFakeProvider } from '../../fakes/provider.ts';
import { type TestGateway, startTestGateway } from '../../kit/gateway.ts';

let anthropic: FakeProvider;
let openai: FakeProvider;
let gateway: TestGateway;
let answer: ScriptedAnswer = {};

const script = (): ScriptedAnswer => answer;

beforeAll(async () => {
  anthropic = await startFakeProvider({ kind: 'anthropic', script });
  openai = await startFakeProvider({ kind: 'openai-compatible', script });
  gateway = await startTestGateway(`
llmBackends:
- name: models
  providers:
  - name: claude
    anthropic: { baseUrl: "${anthropic.url}/v1" }
    auth: { key: a }
    prices:
    - { model: "claude-sonnet-*", input: "3", output: "15", cacheRead: "0.30", cacheWrite5m: "3.75", cacheWrite1h: "6", tiers: [{ aboveInputTokens: 200000, input: "6", output: "22.5" }] }
  - { name: nobody, openaiCompatible: { baseUrl: "${openai.url}/v1" }, auth: { key: b } }
  models:
  - { name: "claude-*", targets: [{ provider: claude }] }
  - { name: free, targets: [{ provider: nobody, model: never-heard-of }] }
policies:
- { name: quick, timeouts: { idle: 300ms } }
`);
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await anthropic.close();
  await openai.close();
});

async function ask(path: string, body: object): Promise<Record<string, unknown>> {
  const reply = await fetch(gateway.url + path, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
  await reply.text().catch(() => undefined);
  return gateway.line(reply.headers.get('x-request-id')!);
}
const lastSettled = (): unknown => [...gateway.gateway.ledger.settled.values()].at(-1);
const messages = [{ role: 'user', content: 'hi' }];
const usage = { input: 10_000, cacheRead: 4000, cacheWrite5m: 1000, cacheWrite1h: 2000, output: 500, reasoning: 0 };

test.each([
  ['the same format, buffered', '/v1/messages', { max_tokens: 9 }],
  ['the same format, streamed', '/v1/messages', { max_tokens: 9, stream: true }],
  ['another format, buffered', '/v1/chat/completions', {}],
  ['another format, streamed', '/v1/chat/completions', { stream: true }],
])('%s: cached reads and both kinds of writes at their own rates, to the nano-dollar', async (_name, path, more) => {
  answer = { text: 'hello', usage };
  const line = await ask(path, { model: 'claude-sonnet-4-5', messages, ...more });
  // 3,000 uncached at $3, 4,000 read at $0.30, 1,000 and 2,000 written at $3.75 and $6, 500 made at $15, per million.
  const nano = 9_000_000n + 1_200_000n + 3_750_000n + 12_000_000n + 7_500_000n;
  expect(lastSettled()).toMatchObject({ end: 'completed', costNano: nano, tokens: 10_500, source: 'reported' });
  expect(line['agw.ai.usage.cost.total']).toBe(Number(nano) / 1e9);
  expect(line['agw.ai.usage.estimated']).not.toBe(true);
});

test('beyond its threshold a tier prices the whole request', async () => {
  answer = { text: 'hello', usage: { input: 300_000, output: 1000 } };
  await ask('/v1/messages', { model: 'claude-sonnet-4-5', messages, max_tokens: 9 });
  const settled = lastSettled() as { costNano: bigint };
  expect(settled.costNano).toBe(1_800_000_000n + 22_500_000n);
});

test('an unknown price is said, and is not zero', async () => {
  answer = { text: 'hello' };
  const line = await ask('/v1/chat/completions', { model: 'free', messages });
  expect(lastSettled()).toMatchObject({ end: 'completed', costNano: undefined, source: 'reported' });
  expect(line['agw.ai.usage.cost.unknown']).toContain('never-heard-of');
  expect(line['agw.ai.usage.cost.total']).toBeUndefined();
});

test('a stream that breaks is priced by an estimate that is marked so', async () => {
  answer = { text: 'x'.repeat(3000), chunkChars: 100 };
  for (const failure of [
    { kind: 'truncate', afterEvents: 12 },
    { kind: 'stall', afterEvents: 12 },
    { kind: 'error-event', afterEvents: 12 },
  ] as const) {
    anthropic.failNext(failure);
    const line = await ask('/v1/messages', { model: 'claude-sonnet-4-5', messages, max_tokens: 9, stream: true });
    expect(line['agw.ai.usage.estimated']).toBe(true);
    expect(line['agw.ai.usage.cost.total']).toBeGreaterThan(0);
    expect(lastSettled()).toMatchObject({ end: 'failed', source: 'estimated' });
    expect(gateway.gateway.ledger.openCount).toBe(0);
  }
});
