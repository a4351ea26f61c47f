// Across formats through the whole gateway: thoughts and their signatures kept for the vendor that made them, requests made anew for each target.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ScriptedAnswer } from '../../fakes/answer.ts';
import { type FakeProvider, startFakeProvider } from '../../fakes/provider.ts';
import { type TestGateway, startTestGateway } from '../../kit/gateway.ts';

let anthropic: FakeProvider;
let openai: FakeProvider;
let compatible: FakeProvider;
let gateway: TestGateway;
let answer: ScriptedAnswer = {};

const script = (): ScriptedAnswer => answer;

beforeAll(async () => {
  anthropic = await startFakeProvider({ kind: 'anthropic', script });
  openai = await startFakeProvider({ kind: 'openai', script });
  compatible = await startFakeProvider({ kind: 'openai-compatible', script });
  gateway = await startTestGateway(`
llmBackends:
- name: models
  providers:
  - { name: claude, anthropic: { baseUrl: "${anthropic.url}/v1" }, auth: { key: a } }
  - { name: openai, openai: { baseUrl: "${openai.url}/v1" }, auth: { key: b } }
  - { name: other, openaiCompatible: { baseUrl: "${compatible.url}/v1" }, auth: { key: c } }
  models:
  - { name: claude, targets: [{ provider: claude, model: claude-sonnet-4-5 }] }
  - { name: other, targets: [{ provider: other, model: some-model }] }
  - name: hearing
    targets:
    - { provider: claude, model: claude-sonnet-4-5 }
    - { provider: openai, model: gpt-4o-audio-preview, priority: 1 }
  - name: smart
    targets:
    - { provider: claude, model: claude-sonnet-4-5 }
    - { provider: openai, model: gpt-5.1, priority: 1 }
`);
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  for (const fake of [anthropic, openai, compatible]) await fake.close();
});

type Json = Record<string, unknown>;

async function post(path: string, body: Json): Promise<Json> {
  const reply = await fetch(gateway.url + path, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
  const text = await reply.text();
  expect([reply.status, text]).toEqual([200, text]);
  return JSON.parse(text) as Json;
}

const parameters = { type: 'object', properties: { city: { type: 'string' } } };
const chatTools = [{ type: 'function', function: { name: 'weather', parameters } }];
const question = { role: 'user', content: 'Weather in Paris?' };
const thinks = {
  reasoning: 'They want the weather. ü😀',
  toolCalls: [{ name: 'weather', arguments: { city: 'Paris' } }],
};

/** What a Messages client says of the tool that was called. */
const toResult = (content: Json[]): Json => ({
  role: 'user',
  content: [
    { type: 'tool_result', tool_use_id: content.find(({ type }) => type === 'tool_use')!['id'], content: 'ok' },
  ],
});

/** A first turn of a Chat Completions client with a thinking Claude, and what it sends next. */
async function chatTurns(model: string): Promise<Json> {
  answer = thinks;
  const ask = { model, messages: [question], tools: chatTools, reasoning_effort: 'low', max_completion_tokens: 4000 };
  const first = await post('/v1/chat/completions', ask);
  const { message } = (first['choices'] as { message: Json }[])[0]!;
  const [call] = message['tool_calls'] as { id: string }[];
  const result = { role: 'tool', tool_call_id: call!.id, content: 'Sunny' };
  answer = { text: 'Sunny.' };
  return { ...ask, messages: [question, message, result] };
}

const sentTo = (fake: FakeProvider): string => fake.requests.at(-1)!.bodyText;

describe('a Chat Completions client of Claude', () => {
  test('brings the signature back, byte for byte, beside its text', async () => {
    const next = await chatTurns('claude');
    const given = JSON.stringify(next);
    expect(given).toContain('agw1.');
    await post('/v1/chat/completions', next);
    // The fake refuses a signature that it did not make for exactly this text.
    const [, assistant] = (anthropic.requests.at(-1)!.json as { messages: { content: Json[] }[] }).messages;
    expect(assistant!.content[0]).toMatchObject({ type: 'thinking', thinking: thinks.reasoning });
    expect(sentTo(anthropic)).not.toContain('agw1.');
  });

  test('loses nothing but the thoughts when its model moves to another vendor, and the story says so', async () => {
    const next = await chatTurns('smart');
    anthropic.failNext({ kind: 'status', status: 529 });
    const before = openai.requests.length;
    await post('/v1/chat/completions', next);
    expect(openai.requests.length).toBe(before + 1);
    expect(sentTo(openai)).not.toMatch(/agw1\.|signature|They want/);
    expect(sentTo(openai)).toContain('call');
    const story = gateway.gateway.stories.newest().next().value!;
    expect(story.attempts.map(({ target }: { target: string }) => target)).toEqual([
      'claude/claude-sonnet-4-5',
      'openai/gpt-5.1',
    ]);
  });

  test('with its model moved back, has them again', async () => {
    const next = await chatTurns('smart');
    anthropic.failNext({ kind: 'status', status: 529 });
    await post('/v1/chat/completions', next);
    await post('/v1/chat/completions', next);
    expect(sentTo(anthropic)).toContain(thinks.reasoning);
  });
});

describe('a Messages client', () => {
  const thinking = { type: 'enabled', budget_tokens: 1024 };
  const tools = [{ name: 'weather', input_schema: parameters }];
  const ask = (model: string, messages: unknown[]): Json => ({ model, messages, tools, thinking, max_tokens: 4000 });
  test('of Claude keeps its own bytes: nothing is read, nothing is rebuilt', async () => {
    answer = thinks;
    const first = await post('/v1/messages', ask('claude', [question]));
    const content = first['content'] as Json[];
    expect(JSON.stringify(content)).not.toContain('agw1.');
    answer = { text: 'ok' };
    const body = ask('claude', [question, { role: 'assistant', content }, toResult(content)]);
    await post('/v1/messages', body);
    expect(sentTo(anthropic)).toBe(JSON.stringify({ ...body, model: 'claude-sonnet-4-5' }));
  });

  test('that comes from another vendor holds carriers in its own format: they are taken out for Claude', async () => {
    answer = thinks;
    const first = await post('/v1/messages', ask('other', [question]));
    const content = first['content'] as Json[];
    expect(content[0]).toMatchObject({ type: 'thinking', signature: expect.stringMatching(/^agw1\./) });
    answer = { text: 'ok' };
    // Without thinking, because Claude wants a thought of its own before a tool's result.
    const { thinking: _none, ...body } = ask('claude', [question, { role: 'assistant', content }, toResult(content)]);
    await post('/v1/messages', body);
    expect(sentTo(anthropic)).not.toMatch(/agw1\.|They want/);
    expect(sentTo(anthropic)).toContain('tool_result');
  });
}); // prettier-ignore

describe('failover across formats', () => {
  test('the request is made anew for each target, streamed too', async () => {
    answer = { text: 'Hello.' };
    for (const isStreaming of [false, true]) {
      anthropic.failNext({ kind: 'status', status: 500 });
      const reply = await fetch(`${gateway.url}/v1/messages`, {
        method: 'POST',
        body: JSON.stringify({ model: 'smart', max_tokens: 50, system: 'Be brief.', messages: [question], stream: isStreaming }),
        headers: { 'content-type': 'application/json' },
      });
      expect(await reply.text()).toContain(isStreaming ? 'message_stop' : '"end_turn"');
      expect(anthropic.requests.at(-1)!.json).toMatchObject({ model: 'claude-sonnet-4-5', system: 'Be brief.' });
      expect(openai.requests.at(-1)!.json).toMatchObject({ model: 'gpt-5.1', messages: [{ content: 'Be brief.' }, {}] });
    }
  }); // prettier-ignore

  test('a target that cannot be given the request is passed over, and the story says why', async () => {
    answer = { text: 'Heard.' };
    const sound = { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } };
    const before = anthropic.requests.length;
    const reply = await post('/v1/chat/completions', {
      model: 'hearing',
      messages: [{ role: 'user', content: [{ type: 'text', text: 'What is it?' }, sound] }],
    });
    expect(JSON.stringify(reply)).toContain('Heard.');
    expect(anthropic.requests.length).toBe(before);
    const story = gateway.gateway.stories.newest().next().value!;
    expect(story.notes.join('\n')).toMatch(/claude\/claude-sonnet-4-5.*cannot be given this request/);
    expect(story.attempts).toHaveLength(1);
  });

  test('where nobody else can be given it, a provider’s own refusal is told rather than that', async () => {
    answer = { text: 'Heard.' };
    openai.failNext({ kind: 'status', status: 429, headers: { 'retry-after': '7' } });
    const sound = { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } };
    const reply = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: 'hearing', messages: [{ role: 'user', content: [sound] }] }),
      headers: { 'content-type': 'application/json' },
    });
    expect([reply.status, reply.headers.get('retry-after')]).toEqual([429, '7']);
    const alone = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: 'claude', messages: [{ role: 'user', content: [sound] }] }),
      headers: { 'content-type': 'application/json' },
    });
    expect([alone.status, await alone.text()]).toEqual([400, expect.stringContaining('cannot be given')]);
  });
});
