// Traces as a collector gets them: parents, attempts, sampling, and that their loss hurts nobody.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type FakeProvider, startFakeProvider } from '../../../../test/fakes/provider.ts';
import { type TestGateway, freePort, startTestGateway } from '../../../../test/kit/gateway.ts';
import { startCollector } from './collector.ts';
import { readTraceSettings } from './trace-settings.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const parentId = '00f067aa0ba902b7';
const traceparent = `00-${traceId}-${parentId}-01`;

afterEach(() => vi.unstubAllEnvs());

/** The exporter reads the process's variables, the gateway its settings'. */
function startTraced(providers: readonly FakeProvider[], env: Readonly<Record<string, string>>): Promise<TestGateway> {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const list = providers.map(({ url }, i) => `{ name: p${i}, openai: { baseUrl: "${url}/v1" }, auth: { key: k } }`);
  const targets = providers.map((_, i) => `{ provider: p${i}, model: gpt-4o, priority: ${i} }`);
  return startTestGateway(
    `llmBackends:\n- name: m\n  providers: [${list.join(', ')}]\n  models: [{ name: smart, targets: [${targets.join(', ')}] }]\n`,
    { OTEL_BSP_SCHEDULE_DELAY: '50', ...env },
  );
}

async function complete(
  gateway: TestGateway,
  headers: Record<string, string> = {},
  model = 'smart',
): Promise<Record<string, unknown>> {
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }] }),
  });
  await answer.text();
  return gateway.line(answer.headers.get('x-request-id')!);
}

describe('spans', () => {
  test('continue the caller’s trace, have the attempts beneath them, and name these upstream', async () => {
    await using collector = await startCollector();
    await using failing = await startFakeProvider({ kind: 'openai' });
    await using serving = await startFakeProvider({ kind: 'openai' });
    failing.failNext({ kind: 'status', status: 503 });
    const gateway = await startTraced([failing, serving], {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_SERVICE_NAME: 'edge',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=test,team=a%2Cb',
    });
    const line = await complete(gateway, { traceparent, tracestate: 'vendor=1' });
    expect(line).toMatchObject({ 'http.status': 200, 'trace.id': traceId, 'retry.attempt': 1 });
    // What is still waiting is sent at the end.
    await gateway[Symbol.asyncDispose]();
    const server = collector.spans.find(({ kind }) => kind === 2)!;
    const attempts = collector.spans.filter(({ kind }) => kind === 3);
    expect(collector.spans).toHaveLength(3);
    expect(server).toMatchObject({
      traceId,
      parentSpanId: parentId,
      spanId: line['span.id'],
      name: 'chat smart',
      statusCode: 0,
      resource: { 'service.name': 'edge', 'deployment.environment': 'test', team: 'a,b' },
      attributes: {
        'http.request.method': 'POST',
        'http.response.status_code': 200,
        'http.route': 'httproute/default/llm',
        'gen_ai.request.model': 'smart',
        'agw.ai.provider': 'p1',
      },
    });
    expect(server.attributes['gen_ai.usage.input_tokens']).toBeTypeOf('number');
    expect(
      attempts.map(({ parentSpanId, statusCode, attributes }) => [
        parentSpanId,
        statusCode,
        attributes['http.response.status_code'],
      ]),
    ).toEqual([
      [server.spanId, 2, 503],
      [server.spanId, 0, 200],
    ]);
    expect(attempts[1]!.attributes).toMatchObject({ 'server.address': '127.0.0.1', 'server.port': serving.port });
    for (const { startNano, endNano } of attempts) {
      expect(startNano).toBeGreaterThanOrEqual(server.startNano);
      expect(endNano).toBeGreaterThanOrEqual(startNano);
    }
    const sent = [failing, serving].map(({ requests }) => requests[0]!);
    expect(sent.map((request) => request.header('traceparent'))).toEqual(
      attempts.map(({ spanId }) => `00-${traceId}-${spanId}-01`),
    );
    expect(sent[0]!.header('tracestate')).toBe('vendor=1');
  });

  test.each([
    ['none', undefined],
    ['another length', '00-abc-def-01'],
    ['no trace', `00-${'0'.repeat(32)}-${parentId}-01`],
    ['version ff', `ff-${traceId}-${parentId}-01`],
    ['too much for version 00', `${traceparent}-more`],
  ])('begin a trace where traceparent is %s', async (_what, value) => {
    await using collector = await startCollector();
    await using provider = await startFakeProvider({ kind: 'openai' });
    await using gateway = await startTraced([provider], { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
    await complete(gateway, { tracestate: 'vendor=1', ...(value !== undefined && { traceparent: value }) });
    const server = await collector.until(({ kind }) => kind === 2);
    expect(server.parentSpanId).toBe('');
    expect(server.traceId).not.toBe(traceId);
    expect(provider.requests[0]!.header('traceparent')).toContain(server.traceId);
    expect(provider.requests[0]!.header('tracestate')).toBeUndefined();
  });

  test('tell a refusal without blaming the server, and a failure with it', async () => {
    await using collector = await startCollector();
    await using provider = await startFakeProvider({ kind: 'openai' });
    await using gateway = await startTraced([provider], { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
    await complete(gateway, {}, 'nobody');
    const refused = await collector.until(({ kind }) => kind === 2);
    expect(refused).toMatchObject({
      statusCode: 0,
      attributes: { 'error.type': 'model-not-found', 'http.response.status_code': 404 },
    });
    provider.failNext({ kind: 'reset-before-head' }, 5);
    await complete(gateway);
    const failed = await collector.until(
      ({ kind, attributes }) => kind === 2 && attributes['http.response.status_code'] !== 404,
    );
    expect(failed.statusCode).toBe(2);
  });
});

describe('sampling', () => {
  test.each([
    ['always_off', '1', false, false],
    ['always_on', '', true, true],
    ['traceidratio', '0', false, false],
    ['parentbased_always_off', '', false, true],
    ['parentbased_traceidratio', '0', false, true],
    ['parentbased_always_on', '', true, true],
  ])('%s with %j: a root %s, a child %s', async (sampler, arg, isRootKept, isChildKept) => {
    await using collector = await startCollector();
    await using provider = await startFakeProvider({ kind: 'openai' });
    const gateway = await startTraced([provider], {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_TRACES_SAMPLER: sampler,
      OTEL_TRACES_SAMPLER_ARG: arg,
    });
    await complete(gateway);
    await complete(gateway, { traceparent });
    await complete(gateway, { traceparent: traceparent.replace(/01$/, '00') });
    await gateway[Symbol.asyncDispose]();
    const parents = collector.spans.filter(({ kind }) => kind === 2).map(({ parentSpanId }) => parentSpanId);
    expect(parents.includes('')).toBe(isRootKept);
    // The third is the child of a span that was not sampled.
    const children = sampler === 'always_on' ? 2 : isChildKept ? 1 : 0;
    expect(parents.filter((id) => id === parentId)).toHaveLength(children);
    // Whether it is kept or not, the trace goes on.
    const [root, child] = provider.requests.map((request) => request.header('traceparent')!);
    expect(root!.endsWith(isRootKept ? '-01' : '-00')).toBe(true);
    expect(child).toContain(traceId);
  });
});

describe('without a collector', () => {
  test('requests do not suffer, what is lost is said once, and the end is not held up', async () => {
    await using provider = await startFakeProvider({ kind: 'openai' });
    const gateway = await startTraced([provider], {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}`,
      OTEL_EXPORTER_OTLP_TIMEOUT: '200',
    });
    for (let i = 0; i < 3; i++) expect(await complete(gateway)).toMatchObject({ 'http.status': 200 });
    await gateway[Symbol.asyncDispose]();
    const said = gateway.messages.filter((message) => message.includes('could not be sent'));
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(/^\d+ spans could not be sent: \S/);
  });

  test.each([
    ['nothing is set', {}],
    ['OTEL_SDK_DISABLED', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_SDK_DISABLED: 'TRUE' }],
    ['OTEL_TRACES_EXPORTER=none', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_TRACES_EXPORTER: 'none' }],
  ])('%s: headers pass as they are', async (_what, env) => {
    await using provider = await startFakeProvider({ kind: 'openai' });
    await using gateway = await startTraced([provider], env);
    const line = await complete(gateway, { traceparent, tracestate: 'vendor=1' });
    expect(line).not.toHaveProperty(['trace.id']);
    expect(provider.requests[0]!.header('traceparent')).toBe(traceparent);
    expect(provider.requests[0]!.header('tracestate')).toBe('vendor=1');
  });
});

test('what cannot be done is said, and an empty variable is none', () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4317' };
  expect(readTraceSettings({})).toBeUndefined();
  expect(readTraceSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: '' })).toBeUndefined();
  expect(readTraceSettings({ OTEL_TRACES_EXPORTER: 'otlp' })).toMatchObject({
    sampler: 'parentbased_always_on',
    samplerArg: 1,
    warnings: [],
  });
  const empty = {
    OTEL_SERVICE_NAME: '',
    OTEL_RESOURCE_ATTRIBUTES: '',
    OTEL_TRACES_SAMPLER: '',
    OTEL_TRACES_SAMPLER_ARG: '',
  };
  expect(readTraceSettings({ ...endpoint, ...empty })).toMatchObject({
    serviceName: 'agentgateway',
    resource: {},
    sampler: 'parentbased_always_on',
    samplerArg: 1,
    warnings: [],
  });
  const wrong = readTraceSettings({
    ...endpoint,
    OTEL_TRACES_SAMPLER: 'jaeger_remote',
    OTEL_TRACES_SAMPLER_ARG: 'half',
    OTEL_RESOURCE_ATTRIBUTES: 'a=1,b=%zz',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    OTEL_BSP_SCHEDULE_DELAY: '-1',
  })!;
  expect(wrong).toMatchObject({ sampler: 'parentbased_always_on', samplerArg: 1, resource: {} });
  expect(wrong.warnings).toHaveLength(5);
  expect(wrong.batch.scheduledDelayMillis).toBe(5000);
});
