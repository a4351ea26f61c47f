// What a request may look like, whom its path and model name, and how it is refused.
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type FakeProvider, startFakeProvider } from '../../fakes/provider.ts';
import { type TestGateway, startTestGateway } from '../../kit/gateway.ts';

let one: FakeProvider;
let two: FakeProvider;
let gateway: TestGateway;
let listed: TestGateway;

const config = (expose: string): string => `
llmBackends:
- name: models
  expose: ${expose}
  requestBytesMax: 4Ki
  providers:
  - { name: one, openai: { baseUrl: "${one.url}/v1" }, auth: { key: a } }
  - { name: two, openai: { baseUrl: "${two.url}/v1" }, auth: { key: b } }
  - { name: echo, echo: {} }
  models:
  - { name: gpt-4o, targets: [{ provider: two, model: gpt-4.1 }] }
  - { name: gpt-4o-mini, targets: [{ provider: one }] }
  - { name: echo, targets: [{ provider: echo }] }
policies:
- name: keys
  apiKeyAuthentication:
    keys:
    - { key: all, subject: ada }
    - { key: some, subject: bob, allowedModels: [gpt-4o-mini, "one/gpt-4*", echo] }
`;

beforeAll(async () => {
  one = await startFakeProvider({ kind: 'openai', keys: ['a'] });
  two = await startFakeProvider({ kind: 'openai', keys: ['b'] });
  gateway = await startTestGateway(config('All'));
  listed = await startTestGateway(config('Listed'));
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await listed[Symbol.asyncDispose]();
  await one.close();
  await two.close();
});

interface Asked {
  readonly through?: TestGateway;
  readonly key?: string;
  readonly headers?: Record<string, string>;
}

async function ask(
  path: string,
  body: string | Uint8Array<ArrayBuffer>,
  { through = gateway, key = 'all', headers = {} }: Asked = {},
): Promise<{ status: number; text: string; line: Record<string, unknown> }> {
  const answer = await fetch(through.url + path, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}`, ...headers },
  });
  const text = await answer.text();
  return { status: answer.status, text, line: await through.line(answer.headers.get('x-request-id')!) };
}

const chat = (model: string): string => JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }] });
let counts: [number, number] = [0, 0];
beforeEach(() => {
  counts = [one.requests.length, two.requests.length];
});
const sent = (): [number, number] => [one.requests.length - counts[0], two.requests.length - counts[1]];

const statuses = async (asked: Asked): Promise<number[]> =>
  Promise.all(
    [
      ['/v1/chat/completions', 'gpt-4o-mini'],
      ['/v1/chat/completions', 'one/gpt-4.1'],
      ['/one/v1/chat/completions', 'gpt-4.1'],
      ['/one/v1/chat/completions', 'gpt-4o-mini'],
      ['/v1/chat/completions', 'gpt-4o'],
      ['/v1/chat/completions', 'two/gpt-4.1'],
      ['/two/v1/chat/completions', 'gpt-4.1'],
      ['/two/v1/chat/completions', 'gpt-4o-mini'],
      ['/two/v1/embeddings', 'gpt-4.1'],
    ].map(async ([path, model]) => (await ask(path!, chat(model!), asked)).status),
  );

describe('whom a path and a model name', () => {
  test('a configured name; PROVIDER/model; a path with a provider, whose model goes as it is', async () => {
    expect((await ask('/v1/chat/completions', chat('gpt-4o'))).status).toBe(200);
    expect(two.requests.at(-1)!.json).toMatchObject({ model: 'gpt-4.1' });
    expect((await ask('/v1/chat/completions', chat('one/gpt-4o'))).status).toBe(200);
    expect(one.requests.at(-1)!.json).toMatchObject({ model: 'gpt-4o' });
    // The configured gpt-4o leads to the other provider; the path has the last word, for every kind of request.
    for (const [path, body] of [
      ['/one/v1/chat/completions', chat('gpt-4o')],
      ['/one/v1/responses', '{"model":"gpt-4o","input":"hi"}'],
      ['/one/v1/embeddings', '{"model":"text-embedding-3-small","input":"hi"}'],
    ] as const) {
      const { status, text, line } = await ask(path, body);
      expect([status, text]).toMatchObject([200, expect.any(String)]);
      expect(one.requests.at(-1)!.path).toBe(path.slice('/one'.length));
      expect(one.requests.at(-1)!.bodyText).toBe(body);
      expect(line).toMatchObject({ 'agw.ai.provider': 'one' });
    }
    expect(sent()).toEqual([4, 1]);
  });

  test('expose: Listed serves only configured names, and by a provider’s path only what they lead to', async () => {
    const by = { through: listed };
    expect((await ask('/v1/chat/completions', chat('gpt-4o'), by)).status).toBe(200);
    expect((await ask('/one/v1/chat/completions', chat('gpt-4o-mini'), by)).status).toBe(200);
    expect(sent()).toEqual([1, 1]);
    for (const [path, body] of [
      ['/v1/chat/completions', chat('one/gpt-4o')],
      ['/one/v1/chat/completions', chat('gpt-4o')],
      ['/two/v1/chat/completions', chat('gpt-4o-mini')],
      ['/one/v1/embeddings', '{"model":"text-embedding-3-small","input":"hi"}'],
    ] as const) {
      const { status, text } = await ask(path, body, by);
      expect([status, JSON.parse(text)]).toMatchObject([404, { error: { code: 'model_not_found' } }]);
    }
    expect(sent()).toEqual([1, 1]);
  });

  test('a key’s allowed models are names, PROVIDER/model among them, also where the path names the provider', async () => {
    const by = { key: 'some' };
    expect(await statuses(by)).toEqual([200, 200, 200, 200, 403, 403, 403, 403, 403]);
    const models = await fetch(`${gateway.url}/v1/models`, { headers: { authorization: 'Bearer some' } });
    expect(((await models.json()) as { data: { id: string }[] }).data.map(({ id }) => id)).toEqual(['gpt-4o-mini', 'echo']);
    const one = async (id: string): Promise<number> =>
      (await fetch(`${gateway.url}/v1/models/${encodeURIComponent(id)}`, { headers: { authorization: 'Bearer some' } })).status;
    expect([await one('gpt-4o-mini'), await one('one/gpt-4.1'), await one('gpt-4o'), await one('one/o3')]).toEqual([200, 200, 404, 404]);
  }); // prettier-ignore

  test('an unknown model is told with its near names, and logged as it was asked for', async () => {
    const { status, text, line } = await ask('/v1/chat/completions', chat('gpt4o'));
    expect([status, text]).toEqual([404, expect.stringContaining('gpt-4o')]);
    expect(line).toMatchObject({ 'gen_ai.request.model': 'gpt4o' });
    const long = await ask('/v1/chat/completions', chat('x'.repeat(2000)));
    expect([long.status, long.text.length < 300]).toEqual([400, true]);
  });
});

describe('bodies', () => {
  test('a compressed one is read; one that is too long, or becomes too long, is a 413', async () => {
    const body = chat('gpt-4o-mini');
    const gzip = await ask('/v1/chat/completions', Uint8Array.from(gzipSync(body)), { headers: { 'content-encoding': 'gzip' } });
    expect(gzip.status).toBe(200);
    expect(one.requests.at(-1)!.bodyText).toBe(body);
    expect(one.requests.at(-1)!.header('content-encoding')).toBeUndefined();
    const zstd = await ask('/v1/chat/completions', Uint8Array.from(zstdCompressSync(body)), { headers: { 'content-encoding': 'zstd' } });
    expect(zstd.status).toBe(200);
    const long = JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'x'.repeat(5000) }] });
    const tooLong = await ask('/v1/chat/completions', long);
    expect([tooLong.status, tooLong.text]).toEqual([413, expect.stringContaining('4096')]);
    const bomb = await ask('/v1/messages', Uint8Array.from(gzipSync(Buffer.alloc(50_000_000))), {
      headers: { 'content-encoding': 'gzip', 'anthropic-version': '2023-06-01' },
    });
    expect([bomb.status, JSON.parse(bomb.text)]).toMatchObject([413, { error: { type: 'request_too_large' } }]);
    for (const [encoding, status] of [['compress', 415], ['gzip', 400], ['gzip, gzip, gzip, gzip', 415]] as const)
      expect((await ask('/v1/responses', body, { headers: { 'content-encoding': encoding } })).status).toBe(status);
    expect(sent()).toEqual([2, 0]);
  }); // prettier-ignore

  test('content types: JSON with parameters, in UTF-8', async () => {
    for (const type of ['application/json; charset=utf-8', 'application/json;charset="UTF-8"'])
      expect((await ask('/v1/chat/completions', chat('gpt-4o-mini'), { headers: { 'content-type': type } })).status, type).toBe(200);
    for (const type of ['text/plain', 'application/json; charset=utf-16', 'application/jsonx', 'multipart/form-data; boundary=x'])
      expect((await ask('/v1/chat/completions', chat('gpt-4o-mini'), { headers: { 'content-type': type } })).status, type).toBe(415);
  }); // prettier-ignore

  test('a model that two readers may read differently is refused', async () => {
    const body = '{"model":"gpt-4o","messages":[],"mo\\u0064el":"gpt-4o-mini"}';
    expect(await ask('/v1/chat/completions', body)).toMatchObject({ status: 400, text: expect.stringContaining('more than once') });
    const form = new FormData();
    form.append('model', 'gpt-4o');
    form.append('model', 'gpt-4o-mini');
    const twice = await fetch(`${gateway.url}/v1/audio/transcriptions`, { method: 'POST', body: form, headers: { authorization: 'Bearer all' } });
    expect(twice.status).toBe(400);
    expect(sent()).toEqual([0, 0]);
  }); // prettier-ignore

  test('what the embedded model cannot answer is refused in the words of the API, and costs nothing', async () => {
    const before = gateway.gateway.ledger.settled.size;
    const chatless = await ask('/v1/chat/completions', '{"model":"echo"}');
    expect([chatless.status, JSON.parse(chatless.text)]).toMatchObject([
      400,
      { error: { type: 'invalid_request_error', message: expect.stringContaining("Missing required parameter: 'messages'.") } },
    ]);
    const unlimited = await ask('/v1/messages', '{"model":"echo","messages":[{"role":"user","content":"x"}]}');
    expect([unlimited.status, JSON.parse(unlimited.text)]).toMatchObject([
      400,
      { type: 'error', error: { type: 'invalid_request_error', message: expect.stringContaining('max_tokens: Field required') } },
    ]);
    const inputless = await ask('/v1/responses', '{"model":"echo","input":[]}');
    expect(inputless.status).toBe(400);
    const broken = await ask('/v1/responses', '{"model":"echo","input":[tru]}');
    expect(broken.status).toBe(400);
    expect(gateway.gateway.ledger.settled.size).toBe(before);
    expect(gateway.gateway.ledger.openCount).toBe(0);
  }); // prettier-ignore
});

describe('methods', () => {
  test.each(['/v1/chat/completions', '/v1/responses', '/v1/messages', '/v1/messages/count_tokens'])(
    '%s takes POST alone',
    async (path) => {
      for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) {
        const answer = await fetch(gateway.url + path, { method, headers: { authorization: 'Bearer all' } });
        expect([method, answer.status, answer.headers.get('allow')]).toEqual([method, 405, 'POST']);
      }
      expect(sent()).toEqual([0, 0]);
    },
  );

  test('below a provider’s name they are the provider’s own business', async () => {
    await fetch(`${gateway.url}/one/v1/chat/completions`, { headers: { authorization: 'Bearer all' } });
    expect(one.requests.at(-1)!.method).toBe('GET');
  });
});
