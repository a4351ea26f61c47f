// One cell of the matrix: a client's format, a provider's format, buffered or streamed, and how exchanges cross it.
import { codecs } from '../codecs.ts';
import type { FormatName } from '../format.ts';
import { type AnswerContext, type Dialectal, type RequestContext, plainDialect } from '../hub/codec.ts';
import type { JsonObject, Note } from '../hub/extra.ts';
import type { HubEvent } from '../hub/response.ts';
import { type Frame, SseSplitter } from '../stream/sse.ts';
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
  chat: { vendor: 'openai', model: 'gpt-5.1' },
  responses: { vendor: 'openai', model: 'gpt-5.1' },
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
  return { body: spelledOut(JSON.parse(JSON.stringify(sent)) as JsonObject), notes };
}

/** A Responses request with the texts that stand for a list of one text spelled out: the API takes both forms for the same. */
function spelledOut(body: JsonObject): JsonObject {
  const { input } = body;
  if (!Array.isArray(input)) return body;
  const items = (input as JsonObject[]).map((item) => {
    const type = item['role'] === 'assistant' ? 'output_text' : 'input_text';
    return typeof item['content'] === 'string' ? { ...item, content: [{ type, text: item['content'] }] } : item;
  });
  return { ...body, input: items };
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
  const options = { from: cell.out, to: cell.in, answer: context, ...(dialectal && { dialectal }) };
  const transcoder = transcodeStream(options);
  const bytes = Buffer.concat([...framesOf(stream).flatMap((frame) => transcoder.push(frame)), ...transcoder.end()]);
  return { ...addUp(cell.in, bytes), notes };
}

/** A provider's stream of the answer, frame by frame, and what takes each of them across. */
export function openStream(
  cell: Cell,
  asked: JsonObject,
  answer: JsonObject,
  onEvent: (event: HubEvent) => void,
): { readonly frames: readonly Frame[]; push(frame: Frame): Uint8Array[] } {
  const { context } = answerContext(cell, asked);
  const transcoder = transcodeStream({ from: cell.out, to: cell.in, answer: context, onEvent });
  return { frames: framesOf(toProviderStream(cell.out, answer)), push: (frame) => transcoder.push(frame) };
}

function framesOf(stream: Uint8Array): Frame[] {
  const splitter = new SseSplitter();
  return [...splitter.push(stream), ...splitter.end()];
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
export function continued(
  format: FormatName,
  asked: JsonObject,
  answer: JsonObject,
  next: readonly unknown[],
): JsonObject {
  if (format === 'responses')
    return { ...asked, input: [...listOf(asked['input']), ...listOf(answer['output']), ...next] };
  const said =
    format === 'chat'
      ? (listOf(answer['choices'])[0] as { message: unknown }).message
      : { role: 'assistant', content: answer['content'] };
  return { ...asked, messages: [...listOf(asked['messages']), said, ...next] };
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
