// Output items of a Responses stream, as the parts of another format's answer come: each event tells its item and place in it.
import type { AnswerContext } from '../../hub/codec.ts';
import type { Part, RefusalPart, TextPart } from '../../hub/content.ts';
import type { JsonObject } from '../../hub/extra.ts';
import type { Stop } from '../../hub/response.ts';
import { answerContent, answerItem, itemId, messageItem } from './answer-item.ts';

/** Writes one event of the stream. */
type WriteEvent = (type: string, members: JsonObject) => Uint8Array;

type Content = TextPart | RefusalPart;

/** The message being told. */
interface OpenMessage {
  readonly index: number;
  /** Ended contents, in order; the one being told is the last. */
  readonly contents: Content[];
}

/** A part being told. */
interface OpenPart {
  readonly part: Part;
  readonly index: number;
  /** Place in its message. */
  readonly content: number;
  text: string;
  annotations: number;
}

/** Keeps the items of one stream in order. */
export class ItemWriter {
  readonly #context: AnswerContext;
  readonly #event: WriteEvent;
  readonly #open = new Map<number, OpenPart>();
  #items: (JsonObject | undefined)[] = [];
  #message: OpenMessage | undefined;
  #hasRefusal = false;

  constructor(context: AnswerContext, event: WriteEvent) {
    this.#context = context;
    this.#event = event;
  }

  /** The items that are done. */
  get items(): JsonObject[] {
    return this.#items.filter((item) => item !== undefined);
  }

  begin(part: number, value: Part): Uint8Array[] {
    switch (value.type) {
      case 'text':
      case 'refusal':
        return this.#beginContent(part, value);
      case 'reasoning':
        return [...this.#closeMessage(), ...this.#beginThought(part, value)];
      case 'toolCall':
        return [...this.#closeMessage(), ...this.#beginCall(part, value)];
      default:
        return [];
    }
  }

  tell(part: number, delta: string): Uint8Array[] {
    const open = this.#open.get(part);
    if (!open) return [];
    const written: Uint8Array[] = [];
    const place = this.#place(open);
    if (open.part.type === 'reasoning' && open.text === '')
      written.push(
        this.#event('response.reasoning_summary_part.added', { ...place, part: { type: 'summary_text', text: '' } }),
      );
    open.text += delta;
    const type = deltaTypes[open.part.type as keyof typeof deltaTypes];
    written.push(this.#event(`${this.#typeOf(open, type)}.delta`, { ...place, delta, ...extraOf(open) }));
    return written;
  }

  /** Adds an annotation; undefined for a citation that the format has no form for. */
  cite(part: number, annotation: unknown): Uint8Array[] {
    const open = this.#open.get(part);
    if (open?.part.type !== 'text' || annotation === undefined) return [];
    const members = { ...this.#place(open), annotation_index: open.annotations++, annotation };
    return [this.#event('response.output_text.annotation.added', members)];
  }

  end(part: number, value: Part): Uint8Array[] {
    const open = this.#open.get(part);
    if (!open) return [];
    this.#open.delete(part);
    switch (value.type) {
      case 'text':
      case 'refusal':
        return this.#endContent(open, value);
      case 'reasoning':
        return this.#endThought(open, value);
      case 'toolCall':
        return this.#endCall(open, value);
      default:
        return [];
    }
  }

  /** The model stopped: what is open ends, and a refusal that only the stop explains is told. */
  close(stop: Stop): Uint8Array[] {
    const written: Uint8Array[] = [];
    for (const [part, open] of this.#open) written.push(...this.end(part, ended(open)));
    if (stop.reason === 'filtered' && stop.detail !== undefined && !this.#hasRefusal) {
      const value: RefusalPart = { type: 'refusal', text: stop.detail };
      written.push(...this.begin(-1, { ...value, text: '' }), ...this.tell(-1, stop.detail), ...this.end(-1, value));
    }
    return [...written, ...this.#closeMessage()];
  }

  #add(item: JsonObject): Uint8Array[] {
    const index = this.#items.length;
    this.#items.push(undefined);
    return [this.#event('response.output_item.added', { output_index: index, item })];
  }

  #done(index: number, item: JsonObject): Uint8Array {
    this.#items[index] = item;
    return this.#event('response.output_item.done', { output_index: index, item });
  }

  #beginContent(part: number, value: Content): Uint8Array[] {
    const written: Uint8Array[] = [];
    if (value.type === 'refusal') this.#hasRefusal = true;
    if (!this.#message) {
      const index = this.#items.length;
      this.#message = { index, contents: [] };
      written.push(...this.#add({ ...messageItem([], index, this.#context), status: 'in_progress' }));
    }
    const { index, contents } = this.#message;
    const open: OpenPart = { part: value, index, content: contents.length, text: '', annotations: 0 };
    contents.push(value);
    this.#open.set(part, open);
    const empty = answerContent({ ...value, text: '' }, this.#context);
    written.push(this.#event('response.content_part.added', { ...this.#place(open), part: empty }));
    return written;
  }

  #endContent(open: OpenPart, value: Content): Uint8Array[] {
    const whole = { ...value, text: open.text };
    if (this.#message?.index === open.index) this.#message.contents[open.content] = whole;
    const place = this.#place(open);
    const done =
      value.type === 'text'
        ? this.#event('response.output_text.done', { ...place, text: open.text, logprobs: [] })
        : this.#event('response.refusal.done', { ...place, refusal: open.text });
    return [done, this.#event('response.content_part.done', { ...place, part: answerContent(whole, this.#context) })];
  }

  #closeMessage(): Uint8Array[] {
    const message = this.#message;
    if (!message) return [];
    const written: Uint8Array[] = [];
    for (const [part, open] of this.#open)
      if (open.index === message.index) written.push(...this.end(part, ended(open)));
    this.#message = undefined;
    return [...written, this.#done(message.index, messageItem(message.contents, message.index, this.#context))];
  }

  #beginThought(part: number, value: Part): Uint8Array[] {
    const index = this.#items.length;
    this.#open.set(part, { part: value, index, content: 0, text: '', annotations: 0 });
    const item = { id: itemId('reasoning', this.#context, index), type: 'reasoning', summary: [] };
    return this.#add(item);
  }

  #endThought(open: OpenPart, value: Extract<Part, { type: 'reasoning' }>): Uint8Array[] {
    const written: Uint8Array[] = [];
    if (open.text !== '') {
      const place = this.#place(open);
      const part = { type: 'summary_text', text: open.text };
      written.push(
        this.#event('response.reasoning_summary_text.done', { ...place, text: open.text }),
        this.#event('response.reasoning_summary_part.done', { ...place, part }),
      );
    }
    const item = answerItem({ ...value, text: open.text }, open.index, this.#context) ?? {};
    return [...written, this.#done(open.index, item)];
  }

  #beginCall(part: number, value: Extract<Part, { type: 'toolCall' }>): Uint8Array[] {
    const index = this.#items.length;
    this.#open.set(part, { part: value, index, content: 0, text: '', annotations: 0 });
    const item = answerItem(value, index, this.#context) ?? {};
    const member = value.kind === 'custom' ? 'input' : 'arguments';
    return this.#add({ ...item, [member]: '', status: 'in_progress' });
  }

  #endCall(open: OpenPart, value: Extract<Part, { type: 'toolCall' }>): Uint8Array[] {
    const written: Uint8Array[] = [];
    const item = answerItem({ ...value, arguments: open.text || value.arguments }, open.index, this.#context) ?? {};
    const place = this.#place(open);
    const [type, member] =
      value.kind === 'custom'
        ? (['response.custom_tool_call_input', 'input'] as const)
        : (['response.function_call_arguments', 'arguments'] as const);
    const whole = item[member];
    if (open.text === '' && whole !== '') written.push(this.#event(`${type}.delta`, { ...place, delta: whole }));
    written.push(this.#event(`${type}.done`, { ...place, [member]: whole }), this.#done(open.index, item));
    return written;
  }

  /** Which item an event speaks of, and which place in it. */
  #place({ part, index, content }: OpenPart): JsonObject {
    const kind = part.type === 'toolCall' ? part.kind : part.type === 'reasoning' ? 'reasoning' : 'message';
    const place = { item_id: itemId(kind, this.#context, index), output_index: index };
    if (part.type === 'toolCall') return place;
    return part.type === 'reasoning' ? { ...place, summary_index: 0 } : { ...place, content_index: content };
  }

  #typeOf({ part }: OpenPart, type: string): string {
    return part.type === 'toolCall' && part.kind === 'custom' ? 'response.custom_tool_call_input' : type;
  }
}

const deltaTypes = {
  text: 'response.output_text',
  refusal: 'response.refusal',
  reasoning: 'response.reasoning_summary_text',
  toolCall: 'response.function_call_arguments',
} as const;

function extraOf({ part }: OpenPart): JsonObject {
  return part.type === 'text' ? { logprobs: [] } : {};
}

/** A part as far as it was told. */
function ended({ part, text }: OpenPart): Part {
  if (part.type === 'toolCall') return { ...part, arguments: text };
  return part.type === 'text' || part.type === 'refusal' || part.type === 'reasoning' ? { ...part, text } : part;
}
