// Providers that fail on demand: in every client format, of every back end, a stream that was cut never looks complete.
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ScriptedAnswer } from '../../fakes/answer.ts';
import type { Failure } from '../../fakes/failure.ts';
import { type FakeProvider, startFakeProvider } from '../../fakes/provider.ts';
import { type TestGateway, startTestGateway } from '../../kit/gateway.ts';
import { Http2Client, RawClient } from '../../kit/http.ts';

let fakes: Record<'openai' | 'compatible' | 'anthropic', FakeProvider>;
let gateway: TestGateway;
/** The same, but impatient between two events. */
let impatient: TestGateway;
let answer: ScriptedAnswer = {};

const script = (): ScriptedAnswer => answer;

beforeAll(async () => {
  fakes = {
    openai: await startFakeProvider({ kind: 'openai', script }),
    compatible: await startFakeProvider({ kind: 'openai-compatible', script }),
    anthropic: await startFakeProvider({ kind: 'anthropic', script }),
  };
  const config = `
llmBackends:
- name: models
  providers:
  - { name: openai, openai: { baseUrl: "${fakes.openai.url}/v1" }, auth: { key: a } }
  - { name: compatible, openaiCompatible: { baseUrl: "${fakes.compatible.url}/v1" }, auth: { key: b } }
  - { name: claude, anthropic: { baseUrl: "${fakes.anthropic.url}/v1" }, auth: { key: c } }
  models:
  - { name: openai, targets: [{ provider: openai, model: gpt-4o }] }
  - { name: compatible, targets: [{ provider: compatible, model: some-model }] }
  - { name: anthropic, targets: [{ provider: claude, model: claude-sonnet-4-5 }] }
`;
  gateway = await startTestGateway(config);
  impatient = await startTestGateway(`${config}policies:\n- { name: quick, timeouts: { idle: 300ms } }\n`);
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await impatient[Symbol.asyncDispose]();
  await Promise.all(Object.values(fakes).map((fake) => fake.close()));
});

const oai = (url: string): OpenAI => new OpenAI({ apiKey: 'x', baseURL: `${url}/v1`, maxRetries: 0 });
const ant = (url: string): Anthropic => new Anthropic({ apiKey: 'x', baseURL: url, maxRetries: 0 });
const messages = [{ role: 'user' as const, content: 'hi' }];

const clients = {
  chat: async (url: string, model: string) => oai(url).chat.completions.create({ model, messages, stream: true }),
  responses: async (url: string, model: string) => oai(url).responses.create({ model, input: 'hi', stream: true }),
  messages: async (url: string, model: string) =>
    ant(url).messages.create({ model, messages, max_tokens: 100, stream: true }),
};
type Client = keyof typeof clients;

/** Reads a stream with the vendor's SDK: all it gave, and what it threw. */
async function readAll(
  client: Client,
  model: string,
  { url } = gateway,
): Promise<{ seen: string; error: Error | undefined }> {
  let seen = '';
  try {
    for await (const event of await clients[client](url, model)) seen += JSON.stringify(event);
  } catch (error) {
    return { seen, error: error as Error };
  }
  return { seen, error: undefined };
}

const endings: Record<Client, RegExp> = {
  chat: /"finish_reason":"stop"/,
  responses: /response\.completed/,
  messages: /message_stop/,
};

const cuts: readonly (readonly [string, Failure, reason: string, message: RegExp])[] = [
  ['a reset', { kind: 'reset-mid-stream', afterBytes: 4000 }, 'upstream-reset', /reset|closed|broke|stopped|connection/i],
  ['a stall', { kind: 'stall', afterEvents: 6 }, 'idle-timeout', /nothing|idle|silent|no (byte|data)|took|time/i],
  ['a clean end before the format’s own', { kind: 'truncate', afterEvents: 6 }, 'upstream-reset', /stopped before its end/],
  ['an event that is no JSON', { kind: 'garbage' }, 'upstream-protocol-error', /not JSON/],
  ['the provider’s own failure', { kind: 'error-event', afterEvents: 6, message: 'overheated' }, 'upstream-rejected', /overheated/],
]; // prettier-ignore

describe.each(Object.keys(clients) as Client[])('client speaks %s', (client) => {
  describe.each(['openai', 'compatible', 'anthropic'] as const)('back end %s', (backend) => {
    test.each(cuts)('%s is told by the SDK, and nothing looks complete', async (_name, failure, reason, message) => {
      answer = { text: 'x'.repeat(400), chunkChars: 10 };
      const through = failure.kind === 'stall' ? impatient : gateway;
      const { ledger } = through.gateway;
      const settledBefore = ledger.settled.size;
      fakes[backend].failNext(failure);
      const { seen, error } = await readAll(client, backend, through);
      expect(error, seen).toBeInstanceOf(Error);
      expect(error!.message).toMatch(message);
      expect(seen).not.toMatch(endings[client]);
      await expect.poll(() => through.lines.at(-1)).toMatchObject({ reason });
      expect(ledger.settled.size).toBe(settledBefore + 1);
      expect(ledger.openCount).toBe(0);
    });

    test.each([
      ['split at every byte', { kind: 'split', sizes: [1] }],
      ['split oddly', { kind: 'split', sizes: [1, 7, 2, 64] }],
      ['compressed though not asked to', { kind: 'gzip', when: 'always' }],
    ] as const)('a stream that is %s arrives whole', async (_name, failure) => {
      answer = { text: 'Grüße 😀 an alle', chunkChars: 3 };
      fakes[backend].failNext(failure);
      const { seen, error } = await readAll(client, backend);
      expect(error).toBeUndefined();
      expect(seen).toMatch(endings[client]);
      const pieces = seen.matchAll(/"(?:content|delta|text)":"((?:[^"\\]|\\.)*)"/g);
      expect([...pieces].map(([, piece]) => piece).join('')).toContain('Grüße 😀 an alle');
    });

    test('a storm of refusals reaches the client as refusals, in its own words', async () => {
      answer = { text: 'fine' };
      for (const status of [429, 500, 503, 529, 429]) {
        fakes[backend].failNext({ kind: 'status', status });
        const { error } = await readAll(client, backend);
        const got = (error as { status?: number }).status!;
        expect([status, status === 529 ? 503 : 529]).toContain(got === status ? status : got);
        expect((error as { type?: unknown }).type ?? (error as { error?: unknown }).error).toBeTruthy();
      }
      expect((await readAll(client, backend)).error).toBeUndefined();
    });

    test('an answer that is no JSON, or cut in half, is a 502', async () => {
      answer = { text: 'fine' };
      for (const failure of [{ kind: 'garbage' }, { kind: 'truncate' }] as const) {
        fakes[backend].failNext(failure);
        const path = { chat: 'chat/completions', responses: 'responses', messages: 'messages' }[client];
        const reply = await fetch(`${gateway.url}/v1/${path}`, {
          method: 'POST',
          body: JSON.stringify({ model: backend, max_tokens: client === 'messages' ? 9 : undefined, ...(client === 'responses' ? { input: 'hi' } : { messages }) }),
          headers: { 'content-type': 'application/json' },
        }); // prettier-ignore
        expect([reply.status, await reply.text()]).toEqual([502, expect.stringContaining('JSON')]);
      }
    });
  });
});

describe('raw clients', () => {
  const bodies = {
    '/v1/chat/completions': (model: string) => ({ model, stream: true, messages }),
    '/v1/responses': (model: string) => ({ model, stream: true, input: 'hi' }),
    '/v1/messages': (model: string) => ({ model, stream: true, max_tokens: 100, messages }),
  } as const;
  const paths = Object.keys(bodies) as (keyof typeof bodies)[];

  // A reset discards what was under way to the gateway; an end before the format's own leaves 300 kB pending.
  const pending: readonly Failure[] = [
    { kind: 'reset-mid-stream', afterBytes: 9000 },
    { kind: 'truncate', afterEvents: 66 },
  ];

  describe.each(paths)('%s', (path) => {
    test.each(['openai', 'compatible', 'anthropic'] as const)('over HTTP/1.1, %s', async (backend) => {
      answer = { text: 'x'.repeat(600_000), chunkChars: 5000 };
      for (const failure of pending) {
        fakes[backend].failNext(failure);
        const body = JSON.stringify(bodies[path](backend));
        using client = new RawClient(Number(new URL(gateway.url).port));
        // Nothing is read until the failure has happened: what is pending must still arrive, and the error behind it.
        client.socket.pause();
        const before = fakes[backend].requests.length;
        client.send(`POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
        await fakes[backend].waitForRequests(before + 1);
        await new Promise((resolve) => setTimeout(resolve, 50));
        client.socket.resume();
        const reply = await client.answer();
        expect(reply.status).toBe(200);
        expect(reply.isWhole).toBe(false);
        expect(reply.body).toMatch(/"error"/);
        expect(reply.body).not.toMatch(/\[DONE\]|message_stop|response\.completed/);
        if (failure.kind === 'truncate') expect(reply.body.length).toBeGreaterThan(200_000);
      }
    }); // prettier-ignore

    test.each(['openai', 'compatible', 'anthropic'] as const)('over HTTP/2, %s', async (backend) => {
      answer = { text: 'x'.repeat(600_000), chunkChars: 5000 };
      for (const failure of pending) {
        fakes[backend].failNext(failure);
        using client = new Http2Client(Number(new URL(gateway.url).port));
        const body = JSON.stringify(bodies[path](backend));
        const reply = await client.ask('POST', path, ['content-type', 'application/json'], body);
        expect(reply.status).toBe(200);
        expect(reply.error).toBeDefined();
        expect(reply.body).toMatch(/"error"/);
        expect(reply.body).not.toMatch(/\[DONE\]|message_stop|response\.completed/);
        if (failure.kind === 'truncate') expect(reply.body.length).toBeGreaterThan(200_000);
      }
    });
  });
});
