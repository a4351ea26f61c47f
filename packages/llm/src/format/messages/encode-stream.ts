// The hub's events to an Anthropic Messages stream: contiguous indices, one block open at a time.
import type { AnswerContext, StreamEncoder } from '../../hub/codec.ts';
import type { Extra } from '../../hub/extra.ts';
import { ownFields } from '../../hub/notes.ts';
import type { HubEvent, Stop } from '../../hub/response.ts';
import { writeEvent } from '../../stream/sse.ts';
import { type Usage, asObject, mergeUsage } from '../../usage.ts';
import { BlockQueue, type PartEvent, type Write } from './block-queue.ts';
import { joinStop } from './encode-response.ts';
import { joinUsage } from './encode-usage.ts';
import { encodeMessagesFailure } from './failure.ts';
import { encodeStop } from './stop.ts';

/** Encodes one stream. */
export class MessagesStreamEncoder implements StreamEncoder {
  readonly #context: AnswerContext;
  readonly #blocks: BlockQueue;
  #isOwn = false;
  #usage: Usage | undefined;
  #stop: { readonly stop: Stop; readonly extra: Extra | undefined } | undefined;
  #isStopped = false;
  #hasToolCall = false;
  #refusal: string | undefined;
  readonly #noted = new Set<string>();

  constructor(context: AnswerContext) {
    this.#context = context;
    this.#blocks = new BlockQueue(context);
  }

  push(event: HubEvent): Uint8Array[] {
    const frames: Uint8Array[] = [];
    const write: Write = (type, fields) => frames.push(writeEvent(type, { type, ...fields }));
    this.#write(event, write);
    return frames;
  }

  #write(event: HubEvent, write: Write): void {
    switch (event.type) {
      case 'start':
        this.#start(event, write);
        return;
      case 'stop':
        if (event.choice > 0) return;
        this.#blocks.close(write);
        this.#stop = { stop: event.stop, extra: event.extra };
        return;
      case 'usage':
        this.#usage = mergeUsage(this.#usage, event.usage);
        if (this.#stop) this.#writeStop(write, event.usage, event.extra);
        return;
      case 'ping':
        write('ping', {});
        return;
      case 'failure': {
        const { type: _, ...fields } = encodeMessagesFailure(event.failure);
        write('error', fields);
        return;
      }
      case 'end':
        this.#blocks.close(write);
        this.#writeStop(write, this.#usage, undefined);
        write('message_stop', ownFields(event, 'messages'));
        return;
      case 'opaque': {
        if (event.format !== 'messages') return;
        const { type: _, ...fields } = asObject(event.value) ?? {};
        write(event.name, fields);
        return;
      }
      default:
        this.#writePart(event, write);
    }
  }

  #start(event: Extract<HubEvent, { type: 'start' }>, write: Write): void {
    this.#isOwn = event.extra?.format === 'messages';
    this.#usage = event.usage;
    const { message, ...fields } = ownFields(event, 'messages');
    const kept = asObject(message) ?? {};
    // The counts are demanded here, where another format does not know them yet: the closing message_delta tells the true ones.
    const unknown = this.#isOwn ? {} : { input_tokens: 0, output_tokens: 0 };
    write('message_start', {
      message: {
        id: event.id === '' ? `msg_${this.#context.clock.id}` : event.id,
        type: 'message',
        role: 'assistant',
        model: event.model,
        content: [],
        ...(!this.#isOwn && { stop_reason: null, stop_sequence: null }),
        ...kept,
        usage: { ...unknown, ...joinUsage(kept['usage'], event.usage) },
      },
      ...fields,
    });
  }

  #writePart(event: PartEvent, write: Write): void {
    if (event.choice > 0) {
      this.#noteOnce('choices', 'more answers than one are left out');
      return;
    }
    if (event.type === 'citation' && event.format !== 'messages') {
      this.#noteOnce('citations', `citations of ${event.format} are left out`);
      return;
    }
    if (event.type === 'refusalDelta') this.#refusal = (this.#refusal ?? '') + event.text;
    if (event.type === 'partStart') this.#hasToolCall ||= event.value.type === 'toolCall';
    if (event.type === 'partEnd' && event.value.type === 'refusal') this.#refusal = event.value.text;
    this.#blocks.push(event, write);
  }

  #writeStop(write: Write, usage: Usage | undefined, extra: Extra | undefined): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    const isOwn = this.#isOwn && this.#stop !== undefined;
    const { delta, ...fields } = ownFields({ extra: this.#stop?.extra }, 'messages');
    const told = encodeStop(this.#stop?.stop, { hasToolCall: this.#hasToolCall, refusal: this.#refusal, isOwn });
    const counted = isOwn ? usage : this.#usage;
    if (!counted)
      this.#noteOnce('usage', 'the provider told no usage: the zero that the format demands is not a count');
    write('message_delta', {
      delta: joinStop(told, asObject(delta) ?? {}),
      usage: { ...(!isOwn && { output_tokens: 0 }), ...joinUsage(ownFields({ extra }, 'messages'), counted) },
      ...fields,
    });
  }

  #noteOnce(path: string, message: string): void {
    if (this.#noted.has(path)) return;
    this.#noted.add(path);
    this.#context.note({ path, message });
  }
}
