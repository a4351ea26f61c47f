// Puts parts that are open at once into blocks that follow each other: what belongs to a later block waits for its turn.
import { toCarrier } from '../../carrier.ts';
import type { AnswerContext } from '../../hub/codec.ts';
import type { Part } from '../../hub/content.ts';
import type { JsonObject } from '../../hub/extra.ts';
import { isOwn, ownFields } from '../../hub/notes.ts';
import type { HubEvent } from '../../hub/response.ts';
import { toClientName } from '../../hub/tool-names.ts';
import { asObject } from '../../usage.ts';
import { callCarrier, encodeAnswerPart } from './encode-response.ts';

/** An event of a part. */
export type PartEvent = Extract<HubEvent, { readonly part: number }>;

/** Writes one event of the stream. */
export type Write = (type: string, fields: JsonObject) => void;

/** A part whose block is open, or which waits. */
interface Queued {
  readonly value: Part;
  /** What came while another block was open. */
  readonly waiting: PartEvent[];
  index: number | undefined;
  /** Paragraph of the last piece of a summary. */
  summary: number | undefined;
}

/** What stands between the paragraphs of a summary, which this format has as one text. */
const paragraphBreak = '\n\n';

/** The blocks of one answer. */
export class BlockQueue {
  readonly #context: AnswerContext;
  /** In the order in which they began; the first is the one whose block may be open. */
  readonly #parts = new Map<number, Queued>();
  #count = 0;

  constructor(context: AnswerContext) {
    this.#context = context;
  }

  /** Takes an event: writes it, or keeps it until the blocks before its own are closed. */
  push(event: PartEvent, write: Write): void {
    if (event.type === 'partStart')
      this.#parts.set(event.part, { value: event.value, waiting: [], index: undefined, summary: undefined });
    const queued = this.#parts.get(event.part);
    if (!queued) return;
    if (this.#first() !== queued) queued.waiting.push(event);
    else this.#write(event, queued, write);
  }

  /** Closes what is still open, in order, for a source that forgot to. */
  close(write: Write): void {
    for (let first = this.#parts.entries().next().value; first; first = this.#parts.entries().next().value) {
      const [part, { value }] = first;
      this.#write({ type: 'partEnd', choice: 0, part, value }, first[1], write);
    }
  }

  #first(): Queued | undefined {
    return this.#parts.values().next().value;
  }

  #write(event: PartEvent, queued: Queued, write: Write): void {
    if (event.type === 'partStart') {
      if (!isLate(event.value)) this.#open(queued, write);
      return;
    }
    if (isForeignOpaque(queued.value) && event.type !== 'partEnd') return;
    if (event.type !== 'partEnd') {
      this.#delta(event, queued, write);
      return;
    }
    this.#end(event.value, queued, write);
    this.#parts.delete(event.part);
    this.#next(write);
  }

  /** Writes what waited for the block whose turn it now is; it may have ended already, and the one after it too. */
  #next(write: Write): void {
    const next = this.#first();
    if (!next) return;
    for (const event of next.waiting.splice(0)) this.#write(event, next, write);
  }

  #open(queued: Queued, write: Write): number {
    if (queued.index !== undefined) return queued.index;
    const index = this.#count++;
    queued.index = index;
    write('content_block_start', { index, content_block: this.#startBlock(queued.value) });
    return index;
  }

  #startBlock(value: Part): JsonObject {
    if (value.type === 'toolCall')
      return {
        type: 'tool_use',
        id: value.id,
        name: toClientName(value.name, this.#context.request),
        input: {},
        ...ownFields(value, 'messages'),
      };
    if (isOwn(value, 'messages') || value.type === 'opaque') return encodeAnswerPart(value, this.#context)[0] ?? {};
    if (value.type === 'reasoning') return { type: 'thinking', thinking: '', signature: '' };
    return { type: 'text', text: '' };
  }

  #delta(event: PartEvent, queued: Queued, write: Write): void {
    const send = (delta: JsonObject): void => {
      const { delta: kept, ...fields } = 'extra' in event ? ownFields(event, 'messages') : {};
      write('content_block_delta', {
        index: this.#open(queued, write),
        delta: { ...delta, ...asObject(kept) },
        ...fields,
      });
    };
    switch (event.type) {
      case 'textDelta':
      case 'refusalDelta':
        if (event.text !== '' || isOwn(queued.value, 'messages')) send({ type: 'text_delta', text: event.text });
        return;
      case 'reasoningDelta': {
        const isNext = event.summary !== undefined && queued.summary !== undefined && event.summary !== queued.summary;
        queued.summary = event.summary;
        const thinking = isNext ? paragraphBreak + event.text : event.text;
        if (thinking !== '' || isOwn(queued.value, 'messages')) send({ type: 'thinking_delta', thinking });
        return;
      }
      case 'argumentsDelta':
        send({ type: 'input_json_delta', partial_json: event.text });
        return;
      case 'citation':
        send({ type: 'citations_delta', citation: event.value });
        return;
      default:
    }
  }

  #end(value: Part, queued: Queued, write: Write): void {
    if (value.type === 'reasoning') this.#seal(value, queued, write);
    const { index } = queued;
    if (index !== undefined) write('content_block_stop', { index });
    const opaque = value.type === 'toolCall' ? value.opaque : undefined;
    if (value.type === 'toolCall' && opaque) this.#writeWhole(callCarrier(opaque, value.id, this.#context), write);
  }

  /** The signature comes last. A thought of another format gets a carrier, empty where it has nothing to verify, so that it is known again. */
  #seal(value: Extract<Part, { type: 'reasoning' }>, queued: Queued, write: Write): void {
    const { opaque } = value;
    if (isOwn(value, 'messages')) {
      const signature = opaque?.values['signature'];
      const isTold = queued.value.type === 'reasoning' && queued.value.opaque !== undefined;
      if (signature !== undefined && !isTold && queued.index !== undefined)
        write('content_block_delta', { index: queued.index, delta: { type: 'signature_delta', signature } });
      return;
    }
    if (queued.index === undefined && !opaque) return;
    if (queued.index === undefined && value.isRedacted) {
      this.#writeWhole({ type: 'redacted_thinking', data: toCarrier(opaque, this.#context) }, write);
      return;
    }
    const index = this.#open(queued, write);
    const signature = toCarrier(opaque, this.#context);
    write('content_block_delta', { index, delta: { type: 'signature_delta', signature } });
  }

  #writeWhole(block: JsonObject, write: Write): void {
    const index = this.#count++;
    write('content_block_start', { index, content_block: block });
    write('content_block_stop', { index });
  }
}

/** Whether a block is opened by its first words only: empty texts are errors when a client sends them back. */
function isLate(value: Part): boolean {
  return !(
    value.type === 'toolCall' ||
    isOwn(value, 'messages') ||
    (value.type === 'opaque' && value.format === 'messages')
  );
}

/** Whether a part has no block here: hosted tools of another format, media that a model made. */
function isForeignOpaque(value: Part): boolean {
  if (value.type === 'opaque') return value.format !== 'messages';
  return !isOwn(value, 'messages') && ['image', 'document', 'audio', 'toolResult'].includes(value.type);
}
