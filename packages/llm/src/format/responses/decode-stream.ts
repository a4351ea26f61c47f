// Responses events → hub events.
import type { StreamDecoder } from '../../hub/codec.ts';
import type { Part, ReasoningPart, ToolCallPart } from '../../hub/content.ts';
import type { JsonObject } from '../../hub/extra.ts';
import type { HubEvent } from '../../hub/response.ts';
import { type JsonPath, SkeletonBuilder } from '../../hub/skeleton.ts';
import type { Frame } from '../../stream/sse.ts';
import { asObject } from '../../usage.ts';
import { responsesFailure } from './failure.ts';
import { decodeItem } from './item.ts';
import { paragraphBreak } from './reasoning.ts';
import { toStop } from './stop.ts';
import { responsesUsage } from './usage.ts';

/** Name of the opaque event for the `[DONE]` that some vendors send although the format has none. */
export const doneName = 'done';

interface Open {
  readonly part: number;
  value: Part;
  /** Index of the summary's paragraph being told. */
  summary: number;
}

interface Event {
  readonly raw: JsonObject;
  readonly built: SkeletonBuilder;
}

/** A decoder of one stream. */
export class ResponsesStreamDecoder implements StreamDecoder {
  /** Open parts by item and place in it: `output_index` for calls and thoughts, `output_index:content_index` for contents. */
  readonly #open = new Map<string, Open>();
  #parts = 0;
  #hasCalls = false;
  #start: Extract<HubEvent, { type: 'start' }> | undefined;
  #isOver = false;

  push(frame: Frame): HubEvent[] {
    if (frame.data === undefined) return [{ type: 'ping' }];
    if (frame.data === '[DONE]') return [{ type: 'opaque', format: 'responses', name: doneName, value: frame.data }];
    if (this.#isOver) return [];
    const raw = asObject(frame.json());
    if (!raw) return [];
    const built = new SkeletonBuilder(raw);
    this.#readResponse({ raw, built });
    this.#read({ raw, built });
    return built.events('responses', frame.event);
  }

  end(): HubEvent[] {
    return [];
  }

  #readResponse({ raw, built }: Event): void {
    const response = asObject(raw['response']);
    if (!response) return;
    const { id, model, created_at: created } = response;
    if (!this.#start) {
      this.#start = {
        type: 'start',
        id: typeof id === 'string' ? id : '',
        model: typeof model === 'string' ? model : '',
        ...(typeof created === 'number' && { createdSeconds: created }),
      };
      built.add(this.#start);
    }
    built.takeRepeated(['response', 'id'], this.#start.id);
    built.takeRepeated(['response', 'model'], this.#start.model);
    built.takeRepeated(['response', 'created_at'], this.#start.createdSeconds);
  }

  #read(event: Event): void {
    const { raw } = event;
    switch (raw['type']) {
      case 'response.output_item.added':
        return this.#readItem(event);
      case 'response.content_part.added':
        this.#contentOf(event, asObject(raw['part'])?.['type'] === 'refusal' ? 'refusal' : 'text');
        return;
      case 'response.output_text.delta':
        return this.#tell(event, this.#contentOf(event, 'text'), 'textDelta');
      case 'response.refusal.delta':
        return this.#tell(event, this.#contentOf(event, 'refusal'), 'refusalDelta');
      case 'response.reasoning_summary_text.delta':
        return this.#tellSummary(event);
      case 'response.reasoning_text.delta':
        return this.#tell(event, this.#thoughtOf(event), 'reasoningDelta');
      case 'response.function_call_arguments.delta':
      case 'response.custom_tool_call_input.delta':
        return this.#tell(event, this.#open.get(itemKey(raw)), 'argumentsDelta');
      case 'response.output_text.annotation.added':
        return this.#cite(event);
      case 'response.content_part.done':
        return this.#endContent(event);
      case 'response.output_item.done':
        return this.#endItem(event);
      case 'response.completed':
      case 'response.incomplete':
        return this.#end(event);
      case 'response.failed':
        return this.#fail(event, ['response', 'error']);
      case 'error':
        return this.#fail(event, asObject(raw['error']) ? ['error'] : []);
      default:
    }
  }

  #readItem({ raw, built }: Event): void {
    const item = asObject(raw['item']);
    const key = itemKey(raw);
    if (item?.['type'] === 'reasoning') {
      this.#begin(key, { type: 'reasoning', text: '' }, built);
      return;
    }
    if (item?.['type'] !== 'function_call' && item?.['type'] !== 'custom_tool_call') return;
    const value: ToolCallPart = {
      type: 'toolCall',
      kind: item['type'] === 'function_call' ? 'function' : 'custom',
      id: typeof item['call_id'] === 'string' ? item['call_id'] : '',
      name: typeof item['name'] === 'string' ? item['name'] : '',
      arguments: '',
    };
    this.#hasCalls = true;
    this.#begin(key, value, built, ['item']);
  }

  #begin(key: string, value: Part, built: SkeletonBuilder, path?: JsonPath): Open {
    const open: Open = { part: this.#parts++, value, summary: 0 };
    this.#open.set(key, open);
    const leaves = path
      ? [
          [...path, 'call_id'],
          [...path, 'name'],
        ]
      : [];
    built.add({ type: 'partStart', choice: 0, part: open.part, value: { ...value } }, path, leaves);
    return open;
  }

  #contentOf({ raw, built }: Event, type: 'text' | 'refusal'): Open | undefined {
    // Thoughts have contents too: their part began with the item.
    if (asObject(raw['part'])?.['type'] === 'reasoning_text') return undefined;
    const key = contentKey(raw);
    return this.#open.get(key) ?? this.#begin(key, { type, text: '' }, built);
  }

  #thoughtOf({ raw, built }: Event): Open {
    const key = itemKey(raw);
    return this.#open.get(key) ?? this.#begin(key, { type: 'reasoning', text: '' }, built);
  }

  #tell(
    { raw, built }: Event,
    open: Open | undefined,
    type: 'textDelta' | 'refusalDelta' | 'reasoningDelta' | 'argumentsDelta',
  ): void {
    const text = raw['delta'];
    if (!open || typeof text !== 'string' || text === '') return;
    this.#add(open, text);
    built.add({ type, choice: 0, part: open.part, text }, ['delta']);
  }

  #add(open: Open, text: string): void {
    const { value } = open;
    if (value.type === 'toolCall') value.arguments += text;
    else if (value.type === 'text' || value.type === 'refusal' || value.type === 'reasoning') value.text += text;
  }

  #tellSummary(event: Event): void {
    const { raw, built } = event;
    const open = this.#thoughtOf(event);
    const text = raw['delta'];
    const summary = typeof raw['summary_index'] === 'number' ? raw['summary_index'] : 0;
    if (typeof text !== 'string' || text === '') return;
    if (summary > open.summary) {
      open.summary = summary;
      this.#add(open, paragraphBreak);
      built.add({ type: 'reasoningDelta', choice: 0, part: open.part, text: paragraphBreak, summary });
    }
    this.#add(open, text);
    built.add({ type: 'reasoningDelta', choice: 0, part: open.part, text, summary }, ['delta']);
  }

  #cite({ raw, built }: Event): void {
    const open = this.#open.get(contentKey(raw));
    const value = raw['annotation'];
    if (open?.value.type !== 'text' || value === undefined || value === null) return;
    const { citations } = open.value;
    open.value.citations = { format: 'responses', values: [...(citations?.values ?? []), value] };
    built.add({ type: 'citation', choice: 0, part: open.part, format: 'responses', value }, ['annotation']);
  }

  #endContent({ raw, built }: Event): void {
    const open = this.#open.get(contentKey(raw));
    const part = asObject(raw['part']);
    if (!open || (open.value.type !== 'text' && open.value.type !== 'refusal')) return;
    const member = open.value.type === 'text' ? 'text' : 'refusal';
    const whole = part?.[member];
    if (open.value.text === '' && typeof whole === 'string' && whole !== '') {
      this.#add(open, whole);
      const type = open.value.type === 'text' ? 'textDelta' : 'refusalDelta';
      built.add({ type, choice: 0, part: open.part, text: whole });
    }
    this.#open.delete(contentKey(raw));
    built.add({ type: 'partEnd', choice: 0, part: open.part, value: open.value }, ['part', member]);
  }

  /** The whole item: parts that it ends get what came with it alone. */
  #endItem({ raw, built }: Event): void {
    const item = asObject(raw['item']);
    const key = itemKey(raw);
    for (const [name, open] of this.#open) {
      if (!name.startsWith(`${key}:`)) continue;
      this.#open.delete(name);
      built.add({ type: 'partEnd', choice: 0, part: open.part, value: open.value });
    }
    const open = this.#open.get(key);
    if (!open || !item) return;
    this.#open.delete(key);
    const [whole] = decodeItem(item, `output[${key}]`);
    if (whole?.type === 'toolCall' && open.value.type === 'toolCall') this.#endCall(open, whole, built);
    else if (whole?.type === 'reasoning' && open.value.type === 'reasoning') this.#endThought(open, whole, built);
  }

  #endCall(open: Open, whole: ToolCallPart, built: SkeletonBuilder): void {
    const value = open.value as ToolCallPart;
    if (value.arguments === '' && whole.arguments !== '') {
      this.#add(open, whole.arguments);
      built.add({ type: 'argumentsDelta', choice: 0, part: open.part, text: whole.arguments });
    }
    const member = value.kind === 'custom' ? 'input' : 'arguments';
    built.add({ type: 'partEnd', choice: 0, part: open.part, value: { ...value, id: whole.id, name: whole.name } }, [
      'item',
      member,
    ]);
  }

  #endThought(open: Open, whole: ReasoningPart, built: SkeletonBuilder): void {
    const told = open.value as ReasoningPart;
    if (told.text === '' && whole.text !== '') {
      this.#add(open, whole.text);
      built.add({ type: 'reasoningDelta', choice: 0, part: open.part, text: whole.text });
    }
    const { path: _path, extra: _extra, ...value } = whole;
    built.add({ type: 'partEnd', choice: 0, part: open.part, value: { ...value, text: told.text } });
  }

  #end({ raw, built }: Event): void {
    this.#isOver = true;
    const response = asObject(raw['response']) ?? {};
    for (const { part, value } of this.#open.values()) built.add({ type: 'partEnd', choice: 0, part, value });
    this.#open.clear();
    const hasCalls = this.#hasCalls;
    const status = raw['type'] === 'response.incomplete' ? 'incomplete' : 'completed';
    const stop = toStop({ status, ...response }, hasCalls) ?? {
      reason: hasCalls ? ('tools' as const) : ('end' as const),
    };
    built.add({ type: 'stop', choice: 0, stop }, ['response'], stopLeaves(response));
    const usage = responsesUsage(response);
    if (usage) built.add({ type: 'usage', usage }, ['response', 'usage'], usageLeaves);
    const tier = response['service_tier'];
    built.add(
      { type: 'end', ...(typeof tier === 'string' && { serviceTier: tier }) },
      ['response'],
      typeof tier === 'string' ? [['response', 'service_tier']] : [],
    );
  }

  #fail({ raw, built }: Event, path: JsonPath): void {
    this.#isOver = true;
    const failure = responsesFailure(raw, 0) ?? { message: 'the provider failed' };
    const leaves = (['message', 'code', 'type', 'param'] as const)
      .filter((name) => failure[name] !== undefined && (path.length > 0 || name !== 'type'))
      .map((name) => [...path, name]);
    built.add({ type: 'failure', failure }, path, leaves);
  }
}

const usageLeaves: readonly JsonPath[] = [
  ['response', 'usage', 'input_tokens'],
  ['response', 'usage', 'output_tokens'],
  ['response', 'usage', 'input_tokens_details', 'cached_tokens'],
  ['response', 'usage', 'input_tokens_details', 'cache_write_tokens'],
  ['response', 'usage', 'input_tokens_details', 'audio_tokens'],
  ['response', 'usage', 'input_tokens_details', 'image_tokens'],
  ['response', 'usage', 'output_tokens_details', 'reasoning_tokens'],
  ['response', 'usage', 'output_tokens_details', 'audio_tokens'],
  ['response', 'usage', 'output_tokens_details', 'image_tokens'],
];

function stopLeaves(response: Readonly<JsonObject>): JsonPath[] {
  const leaves: JsonPath[] = typeof response['status'] === 'string' ? [['response', 'status']] : [];
  const reason = asObject(response['incomplete_details'])?.['reason'];
  return typeof reason === 'string' ? [...leaves, ['response', 'incomplete_details', 'reason']] : leaves;
}

function itemKey(raw: Readonly<JsonObject>): string {
  return String(typeof raw['output_index'] === 'number' ? raw['output_index'] : 0);
}

function contentKey(raw: Readonly<JsonObject>): string {
  return `${itemKey(raw)}:${typeof raw['content_index'] === 'number' ? raw['content_index'] : 0}`;
}
