// Hub events → Responses events.
import type { AnswerContext, StreamEncoder } from '../../hub/codec.ts';
import { toAnnotation } from '../../hub/citation.ts';
import type { JsonObject } from '../../hub/extra.ts';
import { type Filling, Refill } from '../../hub/refill.ts';
import type { HubEvent, Stop } from '../../hub/response.ts';
import { type Slot, setAt, valueAt } from '../../hub/skeleton.ts';
import { writeEvent } from '../../stream/sse.ts';
import { type Usage, asObject, mergeUsage } from '../../usage.ts';
import { doneName } from './decode-stream.ts';
import { responseObject } from './encode-response.ts';
import { usageMembers } from './response-form.ts';
import { stopMembers } from './stop.ts';
import { ItemWriter } from './stream-items.ts';

type Of<T extends HubEvent['type']> = Extract<HubEvent, { type: T }>;

const keepAlive = Buffer.from(': keep-alive\n\n');

/** An encoder of one stream. */
export class ResponsesStreamEncoder implements StreamEncoder {
  readonly #context: AnswerContext;
  readonly #refill = new Refill('responses', (filling, slot, event) => this.#fill(filling, slot, event));
  readonly #items: ItemWriter;
  #start: Of<'start'> | undefined;
  #usage: Usage | undefined;
  #stop: Stop | undefined;
  #hasCalls = false;
  #sequence = 0;
  #isOver = false;

  constructor(context: AnswerContext) {
    this.#context = context;
    this.#items = new ItemWriter(context, (type, members) => this.#event(type, members));
  }

  push(event: HubEvent): Uint8Array[] {
    if (event.type === 'opaque' && event.format === 'responses' && event.name === doneName)
      return [writeEvent(undefined, event.value)];
    if (this.#isOver) return [];
    this.#remember(event);
    const { whole, isTaken } = this.#refill.take(event);
    const written = whole.map((filling) => this.#writeNative(filling));
    return isTaken ? written : [...written, ...this.#write(event)];
  }

  #remember(event: HubEvent): void {
    if (event.type === 'start') {
      this.#start = event;
      this.#usage = event.usage;
    } else if (event.type === 'usage') this.#usage = mergeUsage(this.#usage, event.usage);
    else if (event.type === 'partStart' && event.value.type === 'toolCall') this.#hasCalls = true;
  }

  #fill({ body }: Filling, { path = [] }: Slot, event: HubEvent): void {
    if (path.length === 0 && event.type !== 'failure') return;
    switch (event.type) {
      case 'textDelta':
      case 'reasoningDelta':
      case 'refusalDelta':
      case 'argumentsDelta':
        return setAt(body, path, event.text);
      case 'citation':
        return setAt(body, path, event.value);
      case 'partStart':
        if (event.value.type === 'toolCall') {
          setAt(body, [...path, 'call_id'], event.value.id);
          setAt(body, [...path, 'name'], event.value.name);
        }
        return;
      case 'partEnd': {
        const { value } = event;
        if (value.type === 'toolCall') setAt(body, path, value.arguments);
        else if (value.type === 'text' || value.type === 'refusal') setAt(body, path, value.text);
        return;
      }
      case 'stop':
        for (const [name, value] of Object.entries(stopMembers(event.stop, this.#hasCalls)))
          setAt(body, [...path, name], merged(valueAt(body, [...path, name]), value));
        return;
      case 'usage':
        return setAt(body, path, mergedUsage(valueAt(body, path), usageMembers(event.usage, false)));
      case 'failure':
        for (const name of ['message', 'code', 'type', 'param'] as const)
          if (event.failure[name] !== undefined && valueAt(body, [...path, name]) === undefined)
            setAt(body, [...path, name], event.failure[name]);
        return;
      case 'end':
        if (event.serviceTier !== undefined) setAt(body, [...path, 'service_tier'], event.serviceTier);
        return;
      default:
    }
  }

  #writeNative({ body, repeated, event }: Filling): Uint8Array {
    const start = this.#start;
    const told: JsonObject = { id: start?.id, model: start?.model, created_at: start?.createdSeconds };
    for (const path of repeated) setAt(body, path, told[String(path.at(-1))]);
    if (typeof body['sequence_number'] === 'number') this.#sequence = body['sequence_number'] + 1;
    return writeEvent(event, body);
  }

  #event(type: string, members: JsonObject): Uint8Array {
    return writeEvent(type, { type, sequence_number: this.#sequence++, ...members });
  }

  #write(event: HubEvent): Uint8Array[] {
    switch (event.type) {
      case 'start': {
        const response = this.#response(undefined, []);
        return [this.#event('response.created', { response }), this.#event('response.in_progress', { response })];
      }
      case 'partStart':
        return this.#items.begin(event.part, event.value);
      case 'textDelta':
      case 'refusalDelta':
      case 'reasoningDelta':
      case 'argumentsDelta':
        return this.#items.tell(event.part, event.text);
      case 'citation':
        return this.#items.cite(event.part, toAnnotation(event.value, { from: event.format, to: 'responses' }));
      case 'partEnd':
        return this.#items.end(event.part, event.value);
      case 'stop':
        if (event.choice !== 0) return [];
        this.#stop = event.stop;
        return this.#items.close(event.stop);
      case 'failure': {
        this.#isOver = true;
        const { message, code, param } = event.failure;
        return [this.#event('error', { code: code ?? null, message, param: param ?? null })];
      }
      case 'ping':
        return [keepAlive];
      case 'end':
        return this.#end(event);
      default:
        return [];
    }
  }

  #end({ serviceTier }: Of<'end'>): Uint8Array[] {
    this.#isOver = true;
    const stop: Stop = this.#stop ?? { reason: 'end' };
    const closing = this.#items.close(stop);
    const response = this.#response(stop, this.#items.items, serviceTier);
    return [...closing, this.#event(`response.${String(response['status'])}`, { response })];
  }

  #response(stop: Stop | undefined, output: readonly JsonObject[], tier?: string): JsonObject {
    const { model = '', createdSeconds, serviceTier = tier } = this.#start ?? {};
    const response = {
      model,
      ...(createdSeconds !== undefined && { createdSeconds }),
      ...(stop && this.#usage && { usage: this.#usage }),
      ...(serviceTier !== undefined && { serviceTier }),
    };
    return responseObject({ response, choice: stop && { stop }, output }, this.#context);
  }
}

function merged(known: unknown, value: unknown): unknown {
  const before = asObject(known);
  const later = asObject(value);
  return before && later ? { ...before, ...later } : value;
}

/** Counts over what the vendor says besides; a sum that the vendor gave stays. */
function mergedUsage(known: unknown, told: JsonObject): JsonObject {
  const before = asObject(known) ?? {};
  const entries = Object.entries(told).map(([name, value]): [string, unknown] => [name, merged(before[name], value)]);
  return {
    ...Object.fromEntries(entries),
    ...(before['total_tokens'] !== undefined && { total_tokens: before['total_tokens'] }),
    ...rest(before, told),
  };
}

function rest(before: Readonly<JsonObject>, told: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(before).filter(([name]) => !Object.hasOwn(told, name)));
}
