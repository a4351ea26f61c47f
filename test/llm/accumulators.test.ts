// The vendors' own SDKs add up the streams that cross formats, and get the answer that the provider gave.
import { BetaMessageStream } from '@anthropic-ai/sdk/lib/BetaMessageStream';
import { ChatCompletionStream } from 'openai/lib/ChatCompletionStream';
import { ResponseStream } from 'openai/lib/responses/ResponseStream';
import { describe, expect, test } from 'vitest';
import type { FormatName } from '@agentgateway/llm/format.ts';
import type { JsonObject } from '@agentgateway/llm/hub/extra.ts';
import { type AnswerFeature, answerFeatures } from '@agentgateway/llm/matrix/answer-features.ts';
import { codecs } from '@agentgateway/llm/codecs.ts';
import { cells, crossAnswer, crossStream, formatNames } from '@agentgateway/llm/matrix/cell.ts';
import { hasRecordingsOrSkips, loadRecordings, toBytes } from '../recordings/recordings.ts';
import type { Frame } from '@agentgateway/llm/stream/sse.ts';

const asking: { readonly [F in FormatName]: JsonObject } = {
  chat: { model: 'm', messages: [{ role: 'user', content: 'hi' }], stream_options: { include_usage: true } },
  responses: { model: 'm', input: 'hi' },
  messages: { model: 'm', max_tokens: 100, messages: [{ role: 'user', content: 'hi' }] },
};

/** What the SDKs read from a stream whose events are lines of JSON. */
function toLines(frames: readonly Frame[]): ReadableStream {
  const lines = frames.filter(({ data }) => data !== '[DONE]').map(({ data }) => `${data}\n`);
  return new ReadableStream({
    start(controller) {
      for (const line of lines) controller.enqueue(new TextEncoder().encode(line));
      controller.close();
    },
  });
}

const sums: { readonly [F in FormatName]: (frames: readonly Frame[]) => Promise<unknown> } = {
  chat: (frames) => ChatCompletionStream.fromReadableStream(toLines(frames)).finalChatCompletion(),
  responses: (frames) => ResponseStream.fromReadableStream(toLines(frames)).finalResponse(),
  messages: (frames) => BetaMessageStream.fromReadableStream(toLines(frames)).finalMessage(),
};

/** Chat answers that the SDK throws for: it has its own error for a cut or filtered answer. */
const isThrown = (name: string, client: FormatName): boolean =>
  client === 'chat' && ['stopLength', 'stopContextFull', 'stopFiltered'].includes(name);

describe.each(Object.entries<AnswerFeature>(answerFeatures))('%s', (name, feature) => {
  const streamed = cells.filter(({ mode }) => mode === 'streamed');
  test.each(streamed.map((cell) => [`${cell.in} ← ${cell.out}`, cell] as const))('%s', async (_, cell) => {
    const answered = feature.answered[cell.out];
    if ('absent' in answered) return;
    const { frames } = crossAnswer(cell, asking[cell.in], answered);
    if (isThrown(name, cell.in)) return;
    const square = feature.received[cell.in];
    const expected = typeof square === 'function' ? square(cell.out) : square;
    if ('refused' in expected || name === 'unknownFields') return;
    const sum = await sums[cell.in](frames);
    if (name === 'reasoning' && cell.in === 'chat')
      // The SDK adds up the members it knows; of vendors' members it keeps the last piece.
      expect(sum).toMatchObject({ choices: [{ message: { content: 'Hello, wörld 👋' } }] });
    else expect(sum).toMatchObject(expected.body);
  });
});

const hasThem = hasRecordingsOrSkips('recorded streams through the SDKs');
const recorded = formatNames.flatMap((format) => loadRecordings({ format, isStream: true, outcome: 'ok' }));

/** The words and calls of an answer. */
function gist(format: FormatName, body: unknown): unknown {
  const parts = codecs[format].decodeResponse(JSON.parse(JSON.stringify(body)) as JsonObject).choices[0]?.parts ?? [];
  return parts.flatMap((part): unknown[] => {
    if (part.type === 'text' || part.type === 'refusal') return part.text === '' ? [] : [part.text];
    return part.type === 'toolCall' ? [[part.id, part.name, part.arguments]] : [];
  });
}

describe.runIf(hasThem)('recorded streams', () => {
  describe.each(formatNames)('to a client of %s', (client) => {
    test.each(recorded.map((one) => [one.name, one] as const))('%s', async (_, { format, response }) => {
      if (format === client) return;
      const cell = { in: client, out: format!, mode: 'streamed' } as const;
      const { frames, body } = crossStream(cell, asking[client], toBytes(response.body));
      // A stream that told a failure makes the SDK throw it.
      if (!body) await expect(sums[client](frames)).rejects.toThrow();
      else expect(gist(client, await sums[client](frames))).toEqual(gist(client, body));
    });
  });
});
