// What people wrote and what models answered is nowhere to be found, unless --log-prompts asks for it.
import { describe, expect, test } from 'vitest';
import type { ScriptedAnswer } from '../../fakes/answer.ts';
import { type FakeProvider, startFakeProvider } from '../../fakes/provider.ts';
import { freePort } from '../../kit/gateway.ts';
import { startCommand, writeFolder } from '../cli/command.ts';
import { join } from 'node:path';

const prompt = 'PROMPT-CANARY';
const answer = 'ANSWER-CANARY';

interface Watched {
  readonly url: string;
  readonly admin: string;
  /** Ends the gateway; gives everything that it printed. */
  readonly end: () => Promise<string>;
}

/** A process that logs all that it can. */
async function startWatched(openai: FakeProvider, anthropic: FakeProvider, flags: readonly string[]): Promise<Watched> {
  const [port, admin] = [await freePort(), await freePort()];
  const folder = writeFolder({
    'config.yaml': `
gateways: [{ name: default, listeners: [{ name: http, port: ${port} }] }]
llmBackends:
- name: models
  providers:
  - { name: openai, openai: { baseUrl: "${openai.url}/v1" }, auth: { key: k } }
  - { name: claude, anthropic: { baseUrl: "${anthropic.url}/v1" }, auth: { key: k } }
  models:
  - { name: same, targets: [{ provider: openai, model: gpt-4o }] }
  - { name: crossed, targets: [{ provider: claude, model: claude-sonnet-4-5 }] }
`,
  });
  const args = ['run', '-f', join(folder, 'config.yaml'), '--admin-port', String(admin), '--metrics-port', 'off'];
  const run = startCommand([...args, '--readiness-port', 'off', '--log-level', 'trace', ...flags]);
  await run.until(/ready on/);
  return {
    url: `http://127.0.0.1:${port}`,
    admin: `http://127.0.0.1:${admin}`,
    async end() {
      run.child.kill('SIGTERM');
      const { code, stdout, stderr } = await run.ended;
      expect(code).toBe(0);
      return stdout + stderr;
    },
  };
}

/** Sends whatever may go wrong, and reads the answer as far as it comes. */
async function post(url: string, body: object | string, path = '/v1/chat/completions'): Promise<string> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  try {
    const sent = await fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: text,
    });
    return await sent.text();
  } catch (error) {
    return String(error);
  }
}

const messages = [
  { role: 'system', content: `${prompt} system` },
  { role: 'user', content: `${prompt} user` },
];

/** Every way in which texts pass: whole, streamed, crossed, refused, broken. Gives the number of requests. */
async function sayEverything(url: string, openai: FakeProvider, anthropic: FakeProvider): Promise<number> {
  let count = 0;
  const say: typeof post = (...args) => {
    count++;
    return post(...args);
  };
  for (const model of ['same', 'crossed']) {
    for (const stream of [false, true])
      expect(await say(url, { model, stream, messages, max_tokens: 50 })).toContain(answer);
  }
  const garbage = { kind: 'garbage', text: `{"${answer}": nonsense` } as const;
  for (const [model, provider] of [
    ['same', openai],
    ['crossed', anthropic],
  ] as const) {
    for (const failure of [
      garbage,
      { kind: 'reset-mid-stream', afterBytes: 700 },
      { kind: 'truncate', afterEvents: 3 },
      { kind: 'error-event', afterEvents: 2, message: `invalid value: '${prompt}' is too long` },
      { kind: 'status', status: 500 },
      { kind: 'status', status: 400 },
    ] as const) {
      for (const stream of [false, true]) {
        provider.failNext(failure);
        await say(url, { model, stream, messages, max_tokens: 50 });
      }
    }
  }
  await say(url, { model: 'nobody', messages });
  await say(url, `{"model":"same","messages":[{"role":"user","content":"${prompt}`);
  await say(url, `{"model":"crossed","messages":[{"role":"${prompt}","content":"${prompt}"}]}`);
  await say(url, { model: 'crossed', messages: prompt });
  await say(url, {
    model: 'crossed',
    messages: [{ role: 'user', content: [{ type: 'input_audio', input_audio: { data: prompt, format: 'wav' } }] }],
  });
  await say(url, { model: 'same', input: prompt }, '/v1/embeddings');
  return count;
}

const script = (): ScriptedAnswer => ({ text: `${answer} `.repeat(20), chunkChars: 100 });

async function start(): Promise<{ openai: FakeProvider; anthropic: FakeProvider }> {
  return {
    openai: await startFakeProvider({ kind: 'openai', script, models: ['gpt-4o'] }),
    anthropic: await startFakeProvider({ kind: 'anthropic', script, models: ['claude-sonnet-4-5'] }),
  };
}

describe('texts', () => {
  test('are in no log, story, metric or dump, whatever fails', async () => {
    const { openai, anthropic } = await start();
    const gateway = await startWatched(openai, anthropic, []);
    const count = await sayEverything(gateway.url, openai, anthropic);
    const told: [string, string][] = [];
    for (const path of ['/requests?limit=500', '/metrics', '/config_dump', '/status']) {
      told.push([path, await (await fetch(gateway.admin + path)).text()]);
    }
    told.push(['log', await gateway.end()]);
    for (const [where, text] of told) {
      expect([where, text.match(/.{0,200}(?:PROMPT|ANSWER)-CANARY.{0,40}/s)?.[0]]).toEqual([where, undefined]);
    }
    // The search had something to search in, one line for each request.
    const lines = told
      .at(-1)![1]
      .split('\n')
      .filter((line) => line.includes('"http.status"'));
    expect(lines).toHaveLength(count);
    expect(told[0]![1]).toContain('"requestModel":"crossed"');
    await openai.close();
    await anthropic.close();
  });

  test('are in the access line alone where they are asked for, and cut', async () => {
    const { openai, anthropic } = await start();
    const gateway = await startWatched(openai, anthropic, ['--log-prompts']);
    await post(gateway.url, { model: 'crossed', stream: false, messages, max_tokens: 50 });
    await post(gateway.url, { model: 'same', messages: [{ role: 'user', content: 'x'.repeat(100_000) }] });
    const stories = await (await fetch(`${gateway.admin}/requests`)).text();
    expect(stories).not.toContain('CANARY');
    const lines = (await gateway.end()).split('\n').filter((line) => line.includes('"http.status"'));
    const [first, second] = lines.map((line) => JSON.parse(line) as Record<string, string>);
    expect(first!['gen_ai.prompt']).toBe(JSON.stringify({ messages }));
    expect(first!['gen_ai.completion']).toBe(`${answer} `.repeat(20));
    expect(second!['gen_ai.prompt']!.length).toBeLessThan(33_000);
    expect(second!['gen_ai.prompt']).toMatch(/x… \(\d+ characters\)$/);
    await openai.close();
    await anthropic.close();
  });
});
