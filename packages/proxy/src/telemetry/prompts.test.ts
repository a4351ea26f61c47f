// The texts of an exchange, as they are found in every format's bodies and streams, while the bytes pass as they are.
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { Body } from '@agentgateway/core/body.ts';
import type { Exchange, Reply } from '@agentgateway/core/exchange.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import { Prompts, promptMax } from './prompts.ts';

function exchangeOf(format: string, body: Body, fields: readonly string[] = []): Exchange {
  return { llm: { format }, body, headers: new HeaderList([...fields]) } as unknown as Exchange;
}

function replyOf(body: Body): Reply {
  return { status: 200, headers: new HeaderList(), body, origin: 'upstream' };
}

/** A stream that comes in pieces of so many bytes. */
function streamOf(text: string, size: number): Body {
  return Body.from({
    async pipe(sink) {
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length; at += size) await sink.write(bytes.subarray(at, at + size));
      return undefined;
    },
    cancel() {},
  });
}

const events: Readonly<Record<string, readonly object[]>> = {
  chat: [
    { choices: [{ index: 0, delta: { role: 'assistant', content: 'Grüß' } }] },
    { choices: [{ index: 0, delta: { content: ' Gott' } }] },
  ],
  messages: [
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Grüß' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: ' Gott' } },
  ],
  responses: [
    { type: 'response.output_text.delta', output_index: 0, content_index: 0, item_id: 'm', delta: 'Grüß' },
    { type: 'response.output_text.delta', output_index: 0, content_index: 0, item_id: 'm', delta: ' Gott' },
    { type: 'response.output_text.done', output_index: 0, content_index: 0, item_id: 'm', text: 'Grüß Gott' },
  ],
};

test.each(Object.keys(events).flatMap((format) => [1, 7, 10_000].map((size) => [format, size] as const)))(
  'a stream in %s, in pieces of %i bytes',
  async (format, size) => {
    const text = events[format]!.map(
      (event) => `event: ${'type' in event ? String(event.type) : 'message'}\ndata: ${JSON.stringify(event)}\n\n`,
    ).join('');
    const reply = replyOf(streamOf(text, size));
    const prompts = new Prompts(exchangeOf(format, Body.of('{"model":"m","input":"hi"}')), reply).watch();
    const passed: Uint8Array[] = [];
    await reply.body.pipe({ write: (chunk) => (passed.push(chunk), true) });
    expect(Buffer.concat(passed).toString()).toBe(text);
    expect(await prompts.read()).toEqual({ prompt: '{"input":"hi"}', completion: 'Grüß Gott' });
  },
);

test('a whole answer, and a request that came compressed', async () => {
  const request = gzipSync(JSON.stringify({ model: 'm', system: 'be kind', messages: [], temperature: 1 }));
  const answer = { content: [{ type: 'text', text: 'Grüß Gott' }] };
  const exchange = exchangeOf('messages', Body.of(request), ['content-encoding', 'gzip']);
  const texts = await new Prompts(exchange, replyOf(Body.of(JSON.stringify(answer)))).watch().read();
  expect(texts).toEqual({ prompt: '{"system":"be kind","messages":[]}', completion: 'Grüß Gott' });
});

test('a long answer is cut, and what is no text or no JSON is none', async () => {
  const event = { choices: [{ index: 0, delta: { content: 'x'.repeat(1000) } }] };
  const reply = replyOf(streamOf(`data: ${JSON.stringify(event)}\n\n`.repeat(100), 5000));
  const prompts = new Prompts(exchangeOf('chat', Body.of('not json')), reply).watch();
  await reply.body.pipe({ write: () => true });
  const { prompt, completion } = await prompts.read();
  expect(prompt).toBeUndefined();
  expect(completion!.startsWith('x'.repeat(promptMax))).toBe(true);
  expect(completion!.length).toBeLessThan(promptMax + 50);
  const other = new Prompts(exchangeOf('embeddings', Body.of('{"input":"hi"}')), replyOf(Body.none())).watch();
  expect(await other.read()).toEqual({ prompt: '{"input":"hi"}', completion: undefined });
});
