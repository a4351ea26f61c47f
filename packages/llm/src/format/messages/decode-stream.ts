// The events of an Anthropic Messages stream to the hub's.
import type { StreamDecoder } from '../../hub/codec.ts';
import type { Part } from '../../hub/content.ts';
import type { Extra, JsonObject } from '../../hub/extra.ts';
import { restOf } from '../../hub/notes.ts';
import type { HubEvent } from '../../hub/response.ts';
import type { Frame } from '../../stream/sse.ts';
import { type Usage, asObject, mergeUsage } from '../../usage.ts';
import { toOpaque } from '../../carrier.ts';
import { decodeBlock } from './decode-block.ts';
import { usageRest } from './encode-usage.ts';
import { decodeMessagesFailure } from './failure.ts';
import { nativeVendor, own } from './own.ts';
import { decodeStop } from './stop.ts';
import { messagesDeltaUsage, messagesUsage } from './usage.ts';

/** A block that has begun, as far as it is told. */
interface OpenPart {
  readonly part: number;
  readonly value: Part;
  signature: string;
}

/** Decodes one stream. */
export class MessagesStreamDecoder implements StreamDecoder {
  readonly #open = new Map<unknown, OpenPart>();
  #count = 0;
  #usage: Usage | undefined;

  push(frame: Frame): HubEvent[] {
    const event = asObject(frame.json());
    if (!event) return [];
    switch (event['type']) {
      case 'message_start':
        return [this.#start(event)];
      case 'content_block_start':
        return this.#startPart(event);
      case 'content_block_delta':
        return this.#delta(event);
      case 'content_block_stop':
        return this.#endPart(event['index']);
      case 'message_delta':
        return this.#stop(event);
      case 'message_stop':
        return [...this.#endParts(), { type: 'end', extra: own(restOf(event, ['type'])) }];
      case 'ping':
        return [{ type: 'ping' }];
      case 'error':
        return this.#fail(event);
      default:
        return [toOpaqueEvent(event)];
    }
  }

  end(): HubEvent[] {
    return [];
  }

  #start(event: Readonly<JsonObject>): HubEvent {
    const message = asObject(event['message']) ?? {};
    const usage = messagesUsage(message);
    // The output count of the start is a placeholder: it is kept for this format only.
    if (usage) delete usage.outputTotal;
    this.#usage = usage;
    const { content } = message;
    const rest = restOf(message, ['id', 'model', 'type', 'role', 'usage', 'content']);
    const fields: JsonObject = { ...restOf(event, ['type', 'message']), message: rest };
    if (Array.isArray(content) && content.length > 0) rest['content'] = content;
    if ('usage' in message) rest['usage'] = usageRest(message['usage'], usage);
    return {
      type: 'start',
      id: typeof message['id'] === 'string' ? message['id'] : '',
      model: typeof message['model'] === 'string' ? message['model'] : '',
      ...(usage && { usage }),
      extra: own(fields),
    };
  }

  #startPart(event: Readonly<JsonObject>): HubEvent[] {
    const part = this.#count++;
    const whole = decodeBlock(event['content_block'], `content[${part}]`);
    const value = { ...whole };
    const events: HubEvent[] = [{ type: 'partStart', choice: 0, part, value: { ...value } }];
    if (value.type === 'text' || value.type === 'reasoning') value.text = '';
    if (value.type === 'toolCall') value.arguments = '';
    if (value.type !== 'opaque') events[0] = { type: 'partStart', choice: 0, part, value: { ...value } };
    this.#open.set(event['index'], { part, value, signature: '' });
    // Words that came with the start already are told as deltas: the start of a part says none.
    if (whole.type === 'text' && whole.text !== '')
      events.push(...this.#append(part, value, { type: 'textDelta', text: whole.text }));
    if (whole.type === 'reasoning' && whole.text !== '')
      events.push(...this.#append(part, value, { type: 'reasoningDelta', text: whole.text }));
    if (whole.type === 'toolCall' && whole.arguments !== '{}' && whole.arguments !== '')
      events.push(...this.#append(part, value, { type: 'argumentsDelta', text: whole.arguments }));
    return events;
  }

  #append(
    part: number,
    value: Part,
    delta: { type: 'textDelta' | 'reasoningDelta' | 'argumentsDelta'; text: string; extra?: Extra },
  ): HubEvent[] {
    if (value.type === 'toolCall') value.arguments += delta.text;
    else if (value.type === 'text' || value.type === 'reasoning') value.text += delta.text;
    return [{ ...delta, choice: 0, part }];
  }

  #delta(event: Readonly<JsonObject>): HubEvent[] {
    const open = this.#open.get(event['index']);
    const delta = asObject(event['delta']);
    if (!open || !delta) return [toOpaqueEvent(event)];
    const { part, value } = open;
    const texts = [
      ['text_delta', 'text', 'text', 'textDelta'],
      ['thinking_delta', 'thinking', 'reasoning', 'reasoningDelta'],
      ['input_json_delta', 'partial_json', 'toolCall', 'argumentsDelta'],
    ] as const;
    for (const [name, member, kind, type] of texts) {
      const text = delta[member];
      if (delta['type'] !== name || value.type !== kind || typeof text !== 'string') continue;
      return this.#append(part, value, { type, text, ...deltaExtra(event, restOf(delta, ['type', member])) });
    }
    if (delta['type'] === 'signature_delta' && value.type === 'reasoning' && typeof delta['signature'] === 'string') {
      open.signature += delta['signature'];
      return [];
    }
    if (delta['type'] === 'citations_delta' && value.type === 'text') {
      const values = [...(value.citations?.values ?? []), delta['citation']];
      value.citations = { format: 'messages', values };
      return [{ type: 'citation', choice: 0, part, format: 'messages', value: delta['citation'] }];
    }
    return [toOpaqueEvent(event)];
  }

  #endPart(index: unknown): HubEvent[] {
    const open = this.#open.get(index);
    if (!open) return [];
    this.#open.delete(index);
    const { part, value, signature } = open;
    const opaque = value.type === 'reasoning' ? toOpaque(signature, nativeVendor, 'signature') : undefined;
    return [{ type: 'partEnd', choice: 0, part, value: opaque ? ({ ...value, opaque } as Part) : value }];
  }

  #endParts(): HubEvent[] {
    return [...this.#open.keys()].flatMap((index) => this.#endPart(index));
  }

  #stop(event: Readonly<JsonObject>): HubEvent[] {
    const delta = asObject(event['delta']) ?? {};
    const { stop, rest } = decodeStop(delta);
    const usage = messagesDeltaUsage(this.#usage, event);
    this.#usage = mergeUsage(this.#usage, usage);
    const events: HubEvent[] = this.#endParts();
    if (stop) {
      const fields = {
        ...restOf(event, ['type', 'delta', 'usage']),
        delta: { ...rest, ...restOf(delta, ['stop_reason', 'stop_sequence', 'stop_details']) },
      };
      events.push({ type: 'stop', choice: 0, stop, extra: own(fields) });
    }
    if (usage) events.push({ type: 'usage', usage, extra: own(usageRest(event['usage'], usage)) });
    return events;
  }

  #fail(event: Readonly<JsonObject>): HubEvent[] {
    const failure = decodeMessagesFailure(event) ?? {
      message: typeof event['message'] === 'string' ? event['message'] : 'the provider failed',
    };
    return [{ type: 'failure', failure }];
  }
}

function deltaExtra(event: Readonly<JsonObject>, delta: JsonObject): { readonly extra?: Extra } {
  const fields = { ...restOf(event, ['type', 'index', 'delta']), ...(Object.keys(delta).length > 0 && { delta }) };
  return Object.keys(fields).length > 0 ? { extra: own(fields) } : {};
}

function toOpaqueEvent(event: Readonly<JsonObject>): HubEvent {
  return { type: 'opaque', format: 'messages', name: String(event['type']), value: event };
}
