// Metrics: what is counted for whom, and that no client and no provider can make more series than there is room for.
import { expect, test } from 'vitest';
import type { Exchange } from '@agentgateway/core/exchange.ts';
import type { LlmFacts } from '@agentgateway/core/llm-facts.ts';
import { metricTable } from './metric-table.ts';
import { Metrics, type Outcome } from './metrics.ts';

const placement = { bind: ':1', listener: 'l', gateway: 'g', route: 'r', rule: '0', matchedPrefix: undefined };
const outcome: Outcome = { status: 200, reason: '', durationMs: 12, bodyBytes: 7 };

function exchangeOf(method: string, path: string, llm?: Partial<LlmFacts>): Exchange {
  const facts = llm && {
    operation: 'chat',
    format: 'chat',
    modelLabel: 'smart',
    isStreaming: false,
    params: {},
    ...llm,
  };
  const attempt = { id: 'a', backend: 'b', target: 't', startMs: 1, endMs: 9 };
  return {
    placement,
    head: { method, path },
    dialect: 'json',
    attempts: [attempt, attempt],
    llm: facts,
  } as unknown as Exchange;
}

/** Every sample: name and labels → value. */
async function samples(metrics: Metrics): Promise<Map<string, number>> {
  const text = await metrics.registry.metrics();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
}

test('a thousand of everything that others choose stay few series', async () => {
  const metrics = new Metrics('1');
  const before = (await samples(metrics)).size;
  for (let i = 0; i < 1000; i++) {
    const llm = {
      operation: `op-${i}`,
      requestModel: `model-${i}`,
      responseModel: `answered-${i}`,
      vendor: 'p',
      usage: { inputTotal: 3, outputTotal: 4, source: 'reported' as const },
      costUnknown: `no price is known for model-${i}`,
    };
    metrics.record(exchangeOf(`METHOD${i}`, `/path/${i}`, llm), { ...outcome, status: 600 + i });
    metrics.record(exchangeOf(`METHOD${i}`, `/path/${i}`), outcome);
  }
  const after = await samples(metrics);
  const seriesOf = (name: string): number => [...after.keys()].filter((key) => key.startsWith(`${name}{`)).length;
  expect(seriesOf('agentgateway_requests_total')).toBe(2);
  expect(seriesOf('agentgateway_upstream_call_duration_seconds_count')).toBe(2);
  expect(seriesOf('agentgateway_cost_catalog_lookups_total')).toBe(201);
  // Response models are the provider's to choose: 200, and the rest as one.
  expect(seriesOf('gen_ai_server_request_duration_count')).toBe(201);
  expect([...after.keys()].join('\n')).not.toMatch(/METHOD|\/path|op-|model-\d|"9\d\d"/);
  expect(after.size - before).toBeLessThan(20_000);
  // None is lost for it.
  const total = [...after]
    .filter(([key]) => key.startsWith('agentgateway_requests_total'))
    .reduce((sum, [, value]) => sum + value, 0);
  expect(total).toBe(2000);
});

test('counts requests, bytes, retries, attempts, tokens and cost', async () => {
  const metrics = new Metrics('1');
  const usage = {
    inputTotal: 10,
    inputCacheRead: 4,
    inputCacheWrite5m: 1,
    inputCacheWrite1h: 2,
    outputTotal: 21,
    source: 'reported' as const,
  };
  const llm = { vendor: 'openai', responseModel: 'gpt', usage, costNano: 2_500_000_000n, firstTokenMs: 2 };
  metrics.record(exchangeOf('POST', '/', llm), outcome);
  metrics.record(exchangeOf('POST', '/'), { ...outcome, status: 499, reason: 'client-gone', bodyBytes: 0 });
  const told = await samples(metrics);
  const place = 'gateway="g",listener="l",route="r",route_rule="0",backend="b"';
  const http = (protocol: string, status: number, reason: string): string =>
    `{bind=":1",${place},protocol="${protocol}",method="POST",status="${status}",reason="${reason}"}`;
  expect(told.get(`agentgateway_requests_total${http('llm', 200, '')}`)).toBe(1);
  expect(told.get(`agentgateway_requests_total${http('http', 499, 'client-gone')}`)).toBe(1);
  expect(told.get(`agentgateway_response_bytes_total${http('llm', 200, '')}`)).toBe(7);
  expect(told.get(`agentgateway_retries_total${http('llm', 200, '')}`)).toBe(1);
  expect(told.get('agentgateway_upstream_call_duration_seconds_count{kind="Primary",subtype="Llm",backend="b"}')).toBe(
    2,
  );
  const genAi = `gen_ai_operation_name="chat",gen_ai_system="openai",gen_ai_request_model="smart",gen_ai_response_model="gpt",${place}`;
  const tokens = (type: string): number | undefined =>
    told.get(`gen_ai_client_token_usage_sum{${genAi},gen_ai_token_type="${type}"}`);
  expect(['input', 'output', 'input_cache_read', 'input_cache_write'].map(tokens)).toEqual([10, 21, 4, 3]);
  expect(told.get(`gen_ai_client_cost_usd_total{${genAi}}`)).toBe(2.5);
  expect(told.get(`agentgateway_cost_catalog_lookups_total{${genAi},status="exact"}`)).toBe(1);
  expect(told.get(`gen_ai_server_time_to_first_token_sum{${genAi}}`)).toBeCloseTo(0.002);
  expect(told.get(`gen_ai_server_time_per_output_token_sum{${genAi}}`)).toBeCloseTo(0.0005);
});

test('the table’s buckets rise, and what is told carries its types and help', async () => {
  const text = await new Metrics('1.2.3').registry.metrics();
  for (const [name, row] of Object.entries(metricTable)) {
    expect(text).toContain(`# HELP ${name} ${row.help}\n# TYPE ${name} ${row.type}\n`);
    if ('buckets' in row) expect([...row.buckets].toSorted((a, b) => a - b)).toEqual([...row.buckets]);
  }
  expect(text).toMatch(/agentgateway_build_info\{version="1\.2\.3",node="[\d.]+"\} 1\n/);
});
