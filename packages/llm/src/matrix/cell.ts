// One cell of the matrix: a client's format, a provider's format, buffered or streamed, and how exchanges cross it.
import { codecs } from '../codecs.ts';
import type { FormatName } from '../format.ts';
import { type AnswerContext, type Dialectal, type RequestContext, plainDialect } from '../hub/codec.ts';
import type { JsonObject, Note } from '../hub/extra.ts';
import { SseSplitter } from '../stream/sse.ts';
import { transcodeStream } from '../transcode.ts';
import { type Received, addUp } from './client-stream.ts';
import { toProviderStream } from './provider-stream.ts';

/** A cell. */
export interface Cell {
  /** The client's format. */
  readonly in: FormatName;
  /** The provider's format. */
  readonly out: FormatName;
  readonly mode: 'buffered' | 'streamed';
}

/** Every format. */
export const formatNames = ['chat', 'responses', 'messages'] as const satisfies readonly FormatName[];

/** Every cell. */
export const cells: readonly Cell[] = formatNames.flatMap((from) =>
  formatNames.flatMap((to) => (['buffered', 'streamed'] as const).map((mode) => ({ in: from, out: to, mode }))),
);

/** The vendor behind each provider format, and a model of its. */
export const makers = {
  chat: { vendor: 'openai', model: 'gpt-4.1' },
  responses: { vendor: 'openai', model: 'gpt-5' },
  messages: { vendor: 'anthropic', model: 'claude-sonnet-4-6' },
} as const satisfies Record<FormatName, { readonly vendor: string; readonly model: string }>;

/** A request as the provider gets it. */
export interface SentRequest {
  readonly body: JsonObject;
  readonly notes: readonly Note[];
}

/** Takes a client's request across. Throws CodecError. */
export function crossRequest(cell: Cell, asked: JsonObject, fields: Partial<RequestContext> = {}): SentRequest {
  const notes: Note[] = [];
  const body = cell.mode === 'streamed' ? { ...asked, stream: true } : asked;
  const hub = structuredClone(codecs[cell.in].decodeRequest(structuredClone(body)));
  const sent = codecs[cell.out].encodeRequest(hub, {
    ...makers[cell.out],
    maxTokensDefault: { tokens: 4096, source: 'the table of maxima' },
    dialectal: plainDialect,
    note: (note) => notes.push(note),
    ...fields,
  });
  // What goes over the wire is JSON: what has no place in it is not there.
  return { body: JSON.parse(JSON.stringify(sent)) as JsonObject, notes };
}

/** An answer as the client gets it. */
export interface ReceivedAnswer extends Received {
  readonly notes: readonly Note[];
}

/** Takes a provider's answer across, in the cell's mode. Throws CodecError, and AssertionError for a stream out of order. */
export function crossAnswer(cell: Cell, asked: JsonObject, answer: JsonObject, dialectal?: Dialectal): ReceivedAnswer {
  if (cell.mode === 'streamed') return crossStream(cell, asked, toProviderStream(cell.out, answer), dialectal);
  const { context, notes } = answerContext(cell, asked);
  const hub = structuredClone(codecs[cell.out].decodeResponse(structuredClone(answer), dialectal));
  const body = codecs[cell.in].encodeResponse(hub, context);
  return { body: JSON.parse(JSON.stringify(body)) as JsonObject, notes, frames: [] };
}

/** Takes a provider's stream across. */
export function crossStream(cell: Cell, asked: JsonObject, stream: Uint8Array, dialectal?: Dialectal): ReceivedAnswer {
  const { context, notes } = answerContext(cell, asked);
  const transcoder = transcodeStream({
    from: cell.out,
    to: cell.in,
    answer: context,
    ...(dialectal && { dialectal }),
  });
  const splitter = new SseSplitter();
  const frames = [...splitter.push(stream), ...splitter.end()];
  const bytes = Buffer.concat([...frames.flatMap((frame) => transcoder.push(frame)), ...transcoder.end()]);
  return { ...addUp(cell.in, bytes), notes };
}

function answerContext(cell: Cell, asked: JsonObject): { context: AnswerContext; notes: Note[] } {
  const notes: Note[] = [];
  const { vendor, model } = makers[cell.out];
  const body = cell.mode === 'streamed' ? { ...asked, stream: true } : asked;
  const context: AnswerContext = {
    vendor,
    upstreamModel: model,
    request: codecs[cell.in].decodeRequest(structuredClone(body)),
    clock: { nowSeconds: 1_700_000_000, id: '0123456789abcdef' },
    note: (note) => notes.push(note),
  };
  return { context, notes };
}

/** The client's next request: the conversation with the answer as it came, and what follows. */
export function continued(format: FormatName, asked: JsonObject, answer: JsonObject, next: readonly unknown[]): JsonObject {
  const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
  if (format === 'responses') return { ...asked, input: [...list(asked['input']), ...list(answer['output']), ...next] };
  const said =
    format === 'chat'
      ? (list(answer['choices'])[0] as { message: unknown }).message
      : { role: 'assistant', content: answer['content'] };
  return { ...asked, messages: [...list(asked['messages']), said, ...next] };
}
