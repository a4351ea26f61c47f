// What a provider thought in a recorded turn reaches it unchanged in the next one, through clients of the other formats.
import { describe, expect, test } from 'vitest';
import type { FormatName } from '@agentgateway/llm/format.ts';
import type { JsonObject } from '@agentgateway/llm/hub/extra.ts';
import {
  type Cell,
  continued,
  crossAnswer,
  crossRequest,
  crossStream,
  formatNames,
} from '@agentgateway/llm/matrix/cell.ts';
import { type Recording, hasRecordingsOrSkips, loadRecordings, toBytes, toJson } from '../recordings/recordings.ts';
import { addUp } from '@agentgateway/llm/matrix/client-stream.ts';

const hasThem = hasRecordingsOrSkips('thoughts of recorded turns');

const asking: { readonly [F in FormatName]: JsonObject } = {
  chat: { model: 'm', messages: [{ role: 'user', content: 'hi' }] },
  responses: { model: 'm', input: [{ role: 'user', content: 'hi' }] },
  messages: { model: 'm', max_tokens: 100, messages: [{ role: 'user', content: 'hi' }] },
};

const next: { readonly [F in FormatName]: unknown } = {
  chat: { role: 'user', content: 'go on' },
  responses: { role: 'user', content: 'go on' },
  messages: { role: 'user', content: 'go on' },
};

/** The thoughts in an answer of the format, as its provider must see them again. */
function thoughtsIn(format: FormatName, list: unknown): unknown[] {
  const blocks = (Array.isArray(list) ? list : []) as JsonObject[];
  if (format === 'messages') return blocks.filter(({ type }) => type === 'thinking' || type === 'redacted_thinking');
  return blocks
    .filter(({ type, encrypted_content: sealed }) => type === 'reasoning' && typeof sealed === 'string')
    .map(({ id, encrypted_content, summary }) => ({ id, encrypted_content, text: textOf(summary) }));
}

function textOf(summary: unknown): string {
  return ((summary ?? []) as { text: string }[]).map(({ text }) => text).join('\n\n');
}

function answerOf(recording: Recording): JsonObject | undefined {
  if (!recording.isStream) return toJson(recording.response.body) as JsonObject;
  return addUp(recording.format!, toBytes(recording.response.body)).body;
}

const told = [
  ...loadRecordings({ provider: 'anthropic', format: 'messages', outcome: 'ok' }),
  ...loadRecordings({ provider: 'openai', format: 'responses', outcome: 'ok', isStream: false }),
]
  .map((recording) => ({ recording, answer: answerOf(recording) ?? {} }))
  .filter(({ recording, answer }) => thoughtsIn(recording.format!, answer['content'] ?? answer['output']).length > 0);

describe.runIf(hasThem)('recorded thoughts', () => {
  test('there are some of each format', () => {
    expect(told.filter(({ recording }) => recording.format === 'messages').length).toBeGreaterThan(10);
    expect(told.filter(({ recording }) => recording.format === 'responses').length).toBeGreaterThan(10);
  });

  describe.each(formatNames)('through a client of %s', (client) => {
    test.each(told.map((one) => [one.recording.name, one] as const))('%s', (_, { recording, answer }) => {
      const out = recording.format!;
      if (client === out) return;
      const cell: Cell = { in: client, out, mode: recording.isStream ? 'streamed' : 'buffered' };
      const { body } = recording.isStream
        ? crossStream(cell, asking[client], toBytes(recording.response.body))
        : crossAnswer(cell, asking[client], answer);
      const asked = continued(client, asking[client], body!, [next[client]]);
      const back = crossRequest({ ...cell, mode: 'buffered' }, asked).body;
      const list = (back['messages'] ?? back['input']) as JsonObject[];
      const again = out === 'messages' ? list.flatMap(({ content }) => content as JsonObject[]) : list;
      expect(thoughtsIn(out, again)).toEqual(thoughtsIn(out, answer['content'] ?? answer['output']));
    });
  });
});
