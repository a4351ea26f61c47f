// Contract 18: heap after a forced collection at 10,000 requests is at most 1.1 times that at 2,000, through a whole gateway.
import { Agent, request } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { bodyBuffers } from '@agentgateway/core/body.ts';
import { expect, test } from 'vitest';
import { startTestGateway } from '../../kit/gateway.ts';
import { startUpstream } from '../../kit/http.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const answer = JSON.stringify({
  id: 'a',
  object: 'chat.completion',
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
});
const events = [
  'data: {"id":"a","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"hello"}}]}\n\n',
  'data: {"id":"a","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
  'data: {"id":"a","model":"m","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}\n\n',
  'data: [DONE]\n\n',
].join('');

/** Requests in turn: both ways of answering, formats that agree and that do not, the embedded model, refusals. */
const turns: readonly (readonly [path: string, body: object])[] = [
  ['/v1/chat/completions', { model: 'm', messages: [{ role: 'user', content: 'hi' }] }],
  ['/v1/chat/completions', { model: 'm', stream: true, messages: [{ role: 'user', content: 'hi' }] }],
  ['/v1/messages', { model: 'm', max_tokens: 9, stream: true, messages: [{ role: 'user', content: 'hi' }] }],
  ['/v1/responses', { model: 'm', input: 'hi' }],
  ['/v1/messages', { model: 'echo', max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] }],
  ['/v1/chat/completions', { messages: [] }],
];

const heap = async (): Promise<number> => {
  // Finalizers and what they let go of take a turn of their own.
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  collect();
  return process.memoryUsage().heapUsed;
};

test('memory stays flat over 10,000 requests', { timeout: 180_000 }, async () => {
  await using upstream = await startUpstream((incoming, response) => {
    let text = '';
    incoming.on('data', (chunk: Buffer) => (text += chunk.toString()));
    incoming.on('end', () => {
      const isStream = text.includes('"stream":true');
      response.writeHead(200, { 'content-type': isStream ? 'text/event-stream' : 'application/json' });
      response.end(isStream ? events : answer);
    });
  });
  await using gateway = await startTestGateway(`
llmBackends:
- name: models
  providers:
  - { name: plain, openaiCompatible: { baseUrl: "http://127.0.0.1:${upstream.port}/v1" }, auth: { key: a } }
  - { name: echo, echo: {} }
  models:
  - { name: m, targets: [{ provider: plain }] }
  - { name: echo, targets: [{ provider: echo }] }
`);
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const { port } = new URL(gateway.url);
  const statuses = new Map<number, number>();
  let sent = 0;
  const ask = ([path, body]: (typeof turns)[number]): Promise<void> =>
    new Promise((resolve, reject) => {
      const call = request({ agent, port, path, method: 'POST', headers: { 'content-type': 'application/json' } });
      call.on('error', reject);
      call.on('response', (reply) => {
        statuses.set(reply.statusCode!, (statuses.get(reply.statusCode!) ?? 0) + 1);
        reply.on('error', reject);
        reply.on('end', resolve);
        reply.resume();
      });
      call.end(JSON.stringify(body));
    });
  const sendUntil = async (total: number): Promise<void> => {
    const worker = async (): Promise<void> => {
      while (sent < total) await ask(turns[sent++ % turns.length]!);
    };
    await Promise.all(Array.from({ length: 16 }, worker));
    // What the test itself keeps is not the gateway's.
    gateway.lines.length = 0;
    gateway.messages.length = 0;
  };
  await sendUntil(2000);
  const early = await heap();
  await sendUntil(10_000);
  const late = await heap();
  agent.destroy();
  expect(Object.fromEntries(statuses)).toEqual({ 200: 10_000 - Math.floor(10_000 / 6), 400: Math.floor(10_000 / 6) });
  expect(gateway.gateway.ledger.openCount).toBe(0);
  expect(bodyBuffers.heldBytes).toBe(0);
  expect(late / early).toBeLessThanOrEqual(1.1);
});
