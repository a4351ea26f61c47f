// The transcoder shows every event before it writes it, ends what the provider ended, and nothing else.
import { expect, test } from 'vitest';
import type { AnswerContext } from './hub/codec.ts';
import type { HubEvent } from './hub/response.ts';
import { Frame, writeEvent } from './stream/sse.ts';
import { transcodeStream } from './transcode.ts';

const answer: AnswerContext = {
  vendor: 'anthropic',
  upstreamModel: 'claude-sonnet-4-6',
  request: { model: 'm', turns: [], stream: true },
  clock: { nowSeconds: 1, id: 'abc' },
  note: () => undefined,
};

const frame = (event: { readonly type: string }): Frame => new Frame(writeEvent(event.type, event));
const begin = [
  { type: 'message_start', message: { id: 'msg_1', model: 'claude', usage: { input_tokens: 3, output_tokens: 1 } } },
  { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'hi' } },
].map(frame);
const rest = [
  { type: 'content_block_stop', index: 0 },
  { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 4 } },
  { type: 'message_stop' },
].map(frame);

test('usage and stop are seen as events; hidden usage is not written', () => {
  const events: HubEvent[] = [];
  const transcoder = transcodeStream({ from: 'messages', to: 'chat', answer, onEvent: (event) => events.push(event) });
  const text = Buffer.concat([...[...begin, ...rest].flatMap((frame) => transcoder.push(frame)), ...transcoder.end()]);
  expect(events.map(({ type }) => type)).toEqual([
    'start',
    'partStart',
    'textDelta',
    'partEnd',
    'stop',
    'usage',
    'end',
  ]);
  expect(events.find(({ type }) => type === 'usage')).toMatchObject({ usage: { outputTotal: 4 } });
  expect(text.toString()).not.toContain('"usage":{');
  expect(text.toString().endsWith('data: [DONE]\n\n')).toBe(true);
});

test.each(['chat', 'responses', 'messages'] as const)('a cut stream has no end in %s', (to) => {
  const events: HubEvent[] = [];
  const transcoder = transcodeStream({ from: 'messages', to, answer, onEvent: (event) => events.push(event) });
  const bytes = [...begin.flatMap((frame) => transcoder.push(frame)), ...transcoder.end()];
  expect(Buffer.concat(bytes).toString()).not.toMatch(/\[DONE\]|message_stop|response\.completed/);
  expect(events.some(({ type }) => type === 'end')).toBe(false);
});

test('frames without data and unknown events bring nothing to other formats', () => {
  const transcoder = transcodeStream({ from: 'messages', to: 'chat', answer });
  expect(transcoder.push(new Frame(Buffer.from(': comment\n\n')))).toEqual([]);
  expect(transcoder.push(frame({ type: 'something_new' }))).toEqual([]);
});
