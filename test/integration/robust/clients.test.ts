// Slow and vanishing clients, and a gateway that is told to go: memory stays bounded, upstreams are left at once, every attempt is settled.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ScriptedAnswer } from '../../fakes/answer.ts';
import { type FakeProvider, startFakeProvider } from '../../fakes/provider.ts';
import { type TestGateway, startTestGateway } from '../../kit/gateway.ts';
import { Http2Client, RawClient, type Upstream, startUpstream } from '../../kit/http.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

let fake: FakeProvider;
let flood: Upstream;
let flooded = 0;
let floodsLeft = 0;
let gateway: TestGateway;
let answer: ScriptedAnswer = {};

const piece = Buffer.from(
  `data: {"choices":[{"index":0,"delta":{"content":"${'x'.repeat(16_000)}"},"finish_reason":null}]}\n\n`,
);

const config = (): string => `
llmBackends:
- name: models
  providers:
  - { name: openai, openai: { baseUrl: "${fake.url}/v1" }, auth: { key: a } }
  - { name: flood, openaiCompatible: { baseUrl: "http://127.0.0.1:${flood.port}/v1" }, auth: { key: a } }
  models:
  - { name: "gpt-*", targets: [{ provider: openai }] }
  - { name: endless, targets: [{ provider: flood, model: m }] }
`;

beforeAll(async () => {
  fake = await startFakeProvider({ kind: 'openai', script: () => answer });
  // Writes as long as somebody reads.
  flood = await startUpstream((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.on('close', () => floodsLeft++);
    const write = (): void => {
      while (!response.destroyed) {
        flooded += piece.length;
        if (!response.write(piece)) {
          response.once('drain', write);
          return;
        }
      }
    };
    write();
  });
  gateway = await startTestGateway(config());
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await fake.close();
  await flood[Symbol.asyncDispose]();
});

const port = (): number => Number(new URL(gateway.url).port);

function post(path: string, body: object): string {
  const text = JSON.stringify(body);
  return `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`;
}

const user = [{ role: 'user', content: 'hi' }];
const chat = (model: string, isStreaming = true): string =>
  post('/v1/chat/completions', { model, stream: isStreaming, messages: user });
const messages = (model: string): string =>
  post('/v1/messages', { model, stream: true, max_tokens: 9, messages: user });

/** Resolves with the bytes that were sent when no more are. */
async function whenStill(): Promise<number> {
  for (;;) {
    const before = flooded;
    await new Promise((resolve) => setTimeout(resolve, 250));
    if (flooded === before) return flooded;
  }
}

function held(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Settlements of what happens meanwhile. */
async function settledBy(act: () => Promise<void>): Promise<unknown[]> {
  const { ledger } = gateway.gateway;
  const before = new Set(ledger.settled.keys());
  const lines = gateway.lines.length;
  await act();
  await expect.poll(() => gateway.lines.length).toBe(lines + 1);
  await expect.poll(() => ledger.openCount).toBe(0);
  return [...ledger.settled].filter(([id]) => !before.has(id)).map(([, settlement]) => settlement);
}

describe('a client that reads nothing', () => {
  test.each([
    ['same format', chat('endless')],
    ['another format', messages('endless')],
  ])('pauses an endless provider, %s; when it leaves, the provider is left', async (_name, request) => {
    const settled = await settledBy(async () => {
      const before = held();
      const leftBefore = floodsLeft;
      const sentBefore = flooded;
      using client = new RawClient(port());
      client.socket.pause();
      client.send(request);
      await expect.poll(() => flooded).toBeGreaterThan(sentBefore);
      const sent = (await whenStill()) - sentBefore;
      // What the kernel's buffers of two connections take, and not a stream without end.
      expect(sent).toBeLessThan(64 * 1024 * 1024);
      expect(held() - before).toBeLessThan(24 * 1024 * 1024);
      // It goes on where the client does.
      client.socket.resume();
      await expect.poll(() => flooded).toBeGreaterThan(sentBefore + sent);
      client.socket.destroy();
      await expect.poll(() => floodsLeft).toBe(leftBefore + 1);
    });
    expect(settled).toMatchObject([{ end: 'aborted', source: 'estimated' }]);
    expect(gateway.lines.at(-1)).toMatchObject({ reason: 'client-gone' });
  });

  test('over HTTP/2, one stream that is not read leaves the others of its connection alone', async () => {
    answer = { text: 'fine' };
    using client = new Http2Client(port());
    const sentBefore = flooded;
    const leftBefore = floodsLeft;
    const stuck = client.open('POST', '/v1/chat/completions', ['content-type', 'application/json']);
    stuck.end(JSON.stringify({ model: 'endless', stream: true, messages: user }));
    stuck.pause();
    await expect.poll(() => flooded).toBeGreaterThan(sentBefore);
    await whenStill();
    const body = JSON.stringify({ model: 'gpt-4o', messages: user });
    const other = await client.ask('POST', '/v1/chat/completions', ['content-type', 'application/json'], body);
    expect([other.status, other.error]).toEqual([200, undefined]);
    stuck.close();
    await expect.poll(() => floodsLeft).toBe(leftBefore + 1);
    await expect.poll(() => gateway.gateway.ledger.openCount).toBe(0);
  });
});

describe('a client that vanishes', () => {
  test('before the head: the provider is left at once', async () => {
    const settled = await settledBy(async () => {
      fake.failNext({ kind: 'stall' });
      using client = new RawClient(port());
      const count = fake.requests.length;
      client.send(chat('gpt-4o'));
      await fake.waitForRequests(count + 1);
      client.socket.destroy();
      await expect.poll(() => fake.requests.at(-1)!.isAborted).toBe(true);
    });
    expect(settled).toMatchObject([{ end: 'aborted', source: 'estimated' }]);
  });

  test('while a buffered answer is made', async () => {
    const settled = await settledBy(async () => {
      fake.failNext({ kind: 'stall', afterEvents: 0 });
      using client = new RawClient(port());
      const count = fake.requests.length;
      client.send(chat('gpt-4o', false));
      await fake.waitForRequests(count + 1);
      client.socket.destroy();
      await expect.poll(() => fake.requests.at(-1)!.isAborted).toBe(true);
    });
    expect(settled).toMatchObject([{ end: 'aborted' }]);
  });

  test('in the middle of a stream of another format', async () => {
    answer = { text: 'x'.repeat(400), chunkChars: 4 };
    const settled = await settledBy(async () => {
      const gate = fake.hold();
      gate.release(8);
      using client = new RawClient(port());
      client.send(messages('gpt-4o'));
      await client.until((received) => received.includes('content_block_delta'));
      client.socket.destroy();
      await expect.poll(() => fake.requests.at(-1)!.isAborted).toBe(true);
    });
    expect(settled).toMatchObject([{ end: 'aborted', source: 'estimated' }]);
  });

  test('while it uploads: nothing is sent, nothing is settled', async () => {
    const count = fake.requests.length;
    const settled = await settledBy(async () => {
      using client = new RawClient(port());
      client.send(chat('gpt-4o').slice(0, -10));
      await new Promise((resolve) => setTimeout(resolve, 50));
      client.socket.destroy();
    });
    expect(settled).toEqual([]);
    expect(fake.requests.length).toBe(count);
    expect(gateway.lines.at(-1)).toMatchObject({ reason: 'client-gone' });
  });

  test('after the provider’s whole answer, unread: settled as completed, with its own usage', async () => {
    answer = { text: 'x'.repeat(20_000_000), chunkChars: 1_000_000 };
    const settled = await settledBy(async () => {
      using client = new RawClient(port());
      client.send(chat('gpt-4o', false));
      client.socket.pause();
      await expect.poll(() => gateway.gateway.ledger.openCount, { timeout: 20_000 }).toBe(1);
      await expect.poll(() => gateway.gateway.ledger.openCount, { timeout: 20_000 }).toBe(0);
      client.socket.destroy();
    });
    expect(settled).toMatchObject([{ end: 'completed', source: 'reported' }]);
  });
});

const start = async (): Promise<TestGateway> => startTestGateway(config());

describe('drain', () => {
  test('a stream that ends before the deadline is whole', async () => {
    answer = { text: 'x'.repeat(400), chunkChars: 4 };
    const own = await start();
    const gate = fake.hold();
    gate.release(8);
    using client = new RawClient(Number(new URL(own.url).port));
    client.send(chat('gpt-4o'));
    await client.until((received) => received.includes('"delta"'));
    const drained = own.gateway.drain(20_000);
    gate.open();
    const reply = await client.answer();
    expect([reply.isWhole, reply.body.includes('[DONE]')]).toEqual([true, true]);
    await drained;
    expect([...own.gateway.ledger.settled.values()]).toMatchObject([{ end: 'completed', source: 'reported' }]);
    await own[Symbol.asyncDispose]();
  });

  test.each([
    ['chat', chat('gpt-4o'), /"error":\{/],
    ['messages', messages('gpt-4o'), /event: error/],
    ['responses', post('/v1/responses', { model: 'gpt-4o', stream: true, input: 'hi' }), /"type":"error"/],
  ])('at the deadline a stream is ended in its own words, broken, and settled: %s', async (_name, request, words) => {
    answer = { text: 'x'.repeat(400), chunkChars: 4 };
    const own = await start();
    const gate = fake.hold();
    gate.release(8);
    using client = new RawClient(Number(new URL(own.url).port));
    client.send(request);
    await client.until((received) => /"delta"|content_block_delta/.test(received));
    await own.gateway.drain(100);
    const reply = await client.answer();
    expect(reply.isWhole).toBe(false);
    expect(reply.body).toMatch(words);
    expect(reply.body).not.toMatch(/\[DONE\]|message_stop|response\.completed/);
    expect([...own.gateway.ledger.settled.values()]).toMatchObject([{ end: 'aborted', source: 'estimated' }]);
    expect(own.lines).toHaveLength(1);
    expect(own.gateway.ledger.openCount).toBe(0);
    await own[Symbol.asyncDispose]();
  });
});
