// Contract 9: a guard that masks a word holds frames, never bytes, over streams of every format, wherever they are cut.
import { Body } from '@agentgateway/core/body.ts';
import { type Format, type FormatName, type Span, type StreamFacts, formats } from '@agentgateway/llm/format.ts';
import { Frame, encodeFrame } from '@agentgateway/llm/stream/sse.ts';
import { describe, expect, test } from 'vitest';
import { PassingReader } from './read-frames.ts';
import { type FrameReader, LlmStream } from './stream.ts';

const word = 'secret';
const mask = '******';

interface Held {
  readonly frame: Frame;
  isEdited: boolean;
  /** Spans that may still be part of the word. */
  open: number;
}

/** Replaces a word in text, also where several frames tell it together. Frames leave in the order in which they came. */
class MaskingGuard implements FrameReader {
  readonly #format: Format;
  readonly #inner: FrameReader;
  readonly #queue: Held[] = [];
  readonly #open = new Map<string, { readonly held: Held; readonly span: Span }[]>();

  constructor(format: Format, inner: FrameReader) {
    this.#format = format;
    this.#inner = inner;
  }

  get hasBegun(): boolean {
    return this.#inner.hasBegun;
  }

  get isComplete(): boolean {
    return this.#inner.isComplete;
  }

  read(frame: Frame): Uint8Array | undefined {
    const held: Held = { frame, isEdited: false, open: 0 };
    this.#queue.push(held);
    for (const span of this.#format.frameSpans(frame)) {
      if (span.form === 'delta') this.#continue(held, span);
      else if (span.text.includes(word)) {
        span.replace(span.text.replaceAll(word, mask));
        held.isEdited = true;
      }
    }
    return this.#release(false);
  }

  end(): Uint8Array | undefined {
    const rest = this.#release(true);
    const last = this.#inner.end();
    return Buffer.concat([rest ?? Buffer.alloc(0), last ?? Buffer.alloc(0)]);
  }

  over(error: unknown): void {
    this.#inner.over(error);
  }

  #continue(held: Held, span: Span): void {
    const key = `${span.channel} ${span.choice} ${span.block} ${span.part}`;
    const pieces = this.#open.get(key) ?? [];
    held.open++;
    pieces.push({ held, span });
    const text = pieces.map((piece) => piece.span.text).join('');
    const masked = text.replaceAll(word, mask);
    let at = 0;
    const ends: number[] = [];
    for (const piece of pieces) {
      const { length } = piece.span.text;
      const wanted = masked.slice(at, at + length);
      if (wanted !== piece.span.text) {
        piece.span.replace(wanted);
        piece.held.isEdited = true;
      }
      ends.push((at += length));
    }
    let tail = Math.min(word.length - 1, masked.length);
    while (!word.startsWith(masked.slice(masked.length - tail))) tail--;
    const decided = ends.filter((end) => end <= masked.length - tail).length;
    for (const piece of pieces.splice(0, decided)) piece.held.open--;
    this.#open.set(key, pieces);
  }

  #release(isAll: boolean): Uint8Array | undefined {
    const output: Uint8Array[] = [];
    const held = isAll ? -1 : this.#queue.findIndex(({ open }) => open > 0);
    for (const { frame, isEdited } of this.#queue.splice(0, held < 0 ? this.#queue.length : held)) {
      const bytes = this.#inner.read(isEdited ? new Frame(encodeFrame(frame)) : frame);
      if (bytes) output.push(bytes);
    }
    return output.length === 0 ? undefined : Buffer.concat(output);
  }
}

/** A frame and what the client gets in its place; one alone is the same for both, and undefined is hidden. */
type Row = readonly [sent: string, got?: string | undefined];

const chat = (delta: object): string =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: null }] })}\n\n`;
const chatCall = (text: string): string => chat({ tool_calls: [{ index: 0, function: { arguments: text } }] });
const event = (type: string, fields: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
const block = (text: string, index = 0): string =>
  event('content_block_delta', { index, delta: { type: 'text_delta', text } });
const part = { item_id: 'm', output_index: 0, content_index: 0 };
const delta = (text: string): string => event('response.output_text.delta', { ...part, delta: text });
const item = (text: string): object => ({ id: 'm', type: 'message', content: [{ type: 'output_text', text }] });

const streams: { readonly [N in FormatName]: readonly Row[] } = {
  chat: [
    [': a comment\n\n'],
    ['data: {"choices" : [ {"delta":{"role":"assistant","content":""}, "index":0}],  "id":"c"}\r\n\r\n'],
    [chat({ content: 'My se' }), chat({ content: 'My **' })],
    [': held between, and not changed\n\n'],
    [chat({ content: 'cr' }), chat({ content: '**' })],
    [chat({ content: 'et, sec' }), chat({ content: '**, sec' })],
    [chat({ content: 'ond, secretsec' }), chat({ content: 'ond, ******sec' })],
    [chat({ reasoning_content: 'ret is another text' })],
    [chat({ content: 'ü😀' })],
    [chatCall('{"a":"s'), chatCall('{"a":"*')],
    ['data: {"choices":[],"prompt_filter_results":[ ]}\n\n'],
    [chatCall('ecret"}'), chatCall('*****"}')],
    [chat({ content: ' se' })],
    ['data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}], "id":"c"}\n\n'],
    ['data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":9}}\n\n', undefined],
    ['data: [DONE]\n\n'],
  ],
  messages: [
    ['event: message_start\ndata: {"message" : {"id":"m","model":"x","usage":{"input_tokens":3}}, "type":"message_start"}\n\n'],
    [event('content_block_start', { index: 0, content_block: { type: 'thinking', thinking: '' } })],
    [
      event('content_block_delta', { index: 0, delta: { type: 'thinking_delta', thinking: 'a sec' } }),
      event('content_block_delta', { index: 0, delta: { type: 'thinking_delta', thinking: 'a ***' } }),
    ],
    [
      event('content_block_delta', { index: 0, delta: { type: 'thinking_delta', thinking: 'ret' } }),
      event('content_block_delta', { index: 0, delta: { type: 'thinking_delta', thinking: '***' } }),
    ],
    ['event: content_block_delta\r\ndata: {"index":0,"type":"content_block_delta","delta":{"type":"signature_delta","signature":"secret"}}\r\n\r\n'],
    [event('content_block_stop', { index: 0 })],
    [event('content_block_start', { index: 1, content_block: { type: 'text', text: '' } })],
    [block('s', 1), block('*', 1)],
    ['event: ping\ndata: {"type": "ping"}\n\n'],
    [block('ecret ü', 1), block('***** ü', 1)],
    [block('tail sec', 1)],
    [event('content_block_stop', { index: 1 })],
    [event('message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 5 } })],
    [event('message_stop', {})],
  ],
  responses: [
    [event('response.created', { response: { id: 'r', output: [] }, sequence_number: 0 })],
    [event('response.output_item.added', { output_index: 0, item: { id: 'm', type: 'message', content: [] } })],
    [event('response.content_part.added', { ...part, part: { type: 'output_text', text: '' } })],
    [delta('my sec'), delta('my ***')],
    [event('response.unknown_kind', { text: 'secret' })],
    [delta('ret'), delta('***')],
    [delta(' se')],
    [
      event('response.function_call_arguments.delta', { output_index: 1, delta: '"secret' }),
      event('response.function_call_arguments.delta', { output_index: 1, delta: '"******' }),
    ],
    [
      event('response.output_text.done', { ...part, text: 'my secret se' }),
      event('response.output_text.done', { ...part, text: 'my ****** se' }),
    ],
    [
      event('response.content_part.done', { ...part, part: { type: 'output_text', text: 'my secret se' } }),
      event('response.content_part.done', { ...part, part: { type: 'output_text', text: 'my ****** se' } }),
    ],
    [
      event('response.output_item.done', { output_index: 0, item: item('my secret se') }),
      event('response.output_item.done', { output_index: 0, item: item('my ****** se') }),
    ],
    [
      event('response.completed', { response: { id: 'r', status: 'completed', output: [item('my secret se')] } }),
      event('response.completed', { response: { id: 'r', status: 'completed', output: [item('my ****** se')] } }),
    ],
  ],
}; // prettier-ignore

async function through(
  format: FormatName,
  chunks: readonly Uint8Array[],
): Promise<{ text: string; facts: StreamFacts }> {
  const facts: StreamFacts[] = [];
  const watch = { firstOutput() {}, over: (told: StreamFacts) => void facts.push(told) };
  const inner = new PassingReader(formats[format], format === 'chat', watch);
  const upstream = Body.from({
    async pipe(sink) {
      for (const chunk of chunks) await sink.write(chunk);
      return undefined;
    },
    cancel() {},
  });
  const stream = new LlmStream(upstream, new MaskingGuard(formats[format], inner), 'abort');
  await stream.begin();
  let text = '';
  await stream.pipe({
    write(chunk) {
      text += Buffer.from(chunk).toString('latin1');
      return true;
    },
  });
  expect(facts).toHaveLength(1);
  return { text: Buffer.from(text, 'latin1').toString(), facts: facts[0]! };
}

describe.each(['chat', 'messages', 'responses'] as const)('%s', (format) => {
  const rows = streams[format];
  const sent = Buffer.from(rows.map(([text]) => text).join(''));
  const got = rows.map((row) => (row.length === 1 ? row[0] : (row[1] ?? ''))).join('');

  test('whole and a byte at a time', async () => {
    expect((await through(format, [sent])).text).toBe(got);
    const bytes = Array.from({ length: sent.length }, (_, i) => sent.subarray(i, i + 1));
    const { text, facts } = await through(format, bytes);
    expect(text).toBe(got);
    expect(facts.isEnded).toBe(true);
    if (format !== 'responses') expect(facts.usage).toBeDefined();
  });

  test('cut at every byte', async () => {
    for (let at = 1; at < sent.length; at++) {
      const { text } = await through(format, [sent.subarray(0, at), sent.subarray(at)]);
      if (text !== got) expect({ at, text }).toEqual({ at, text: got });
    }
  });
});
