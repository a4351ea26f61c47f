// Hub events → Chat Completions chunks.
import type { AnswerContext, StreamEncoder } from '../../hub/codec.ts';
import { toAnnotation } from '../../hub/citation.ts';
import type { Part } from '../../hub/content.ts';
import type { JsonObject } from '../../hub/extra.ts';
import { type Filling, Refill } from '../../hub/refill.ts';
import type { HubEvent } from '../../hub/response.ts';
import { type Slot, setAt, valueAt } from '../../hub/skeleton.ts';
import { toClientName } from '../../hub/tool-names.ts';
import { writeEvent } from '../../stream/sse.ts';
import { type Usage, asObject, mergeUsage } from '../../usage.ts';
import { carriedDetail } from './reasoning.ts';
import { usageMembers } from './response-form.ts';
import { fromStop } from './stop.ts';
import { cachedMember } from './usage.ts';

type Of<T extends HubEvent['type']> = Extract<HubEvent, { type: T }>;

/** One choice as far as it was told. */
interface ChoiceState {
  hasRole: boolean;
  /** By part: the call's place among the calls, and whether arguments were told. */
  readonly calls: Map<number, { readonly index: number; hasArguments: boolean }>;
  thoughts: number;
  refusal: boolean;
}

const keepAlive = Buffer.from(': keep-alive\n\n');

/** An encoder of one stream. */
export class ChatStreamEncoder implements StreamEncoder {
  readonly #context: AnswerContext;
  readonly #refill = new Refill('chat', (filling, slot, event) => this.#fill(filling, slot, event));
  readonly #choices = new Map<number, ChoiceState>();
  #start: Of<'start'> | undefined;
  #usage: Usage | undefined;
  /** Usage was told in a chunk of its own form already. */
  #hasToldUsage = false;
  #isOver = false;

  constructor(context: AnswerContext) {
    this.#context = context;
  }

  push(event: HubEvent): Uint8Array[] {
    if (this.#isOver) return [];
    this.#remember(event);
    const { whole, isTaken } = this.#refill.take(event);
    const written = whole.flatMap((filling) => this.#writeNative(filling));
    return isTaken ? written : [...written, ...this.#write(event)];
  }

  #remember(event: HubEvent): void {
    if (event.type === 'start') {
      this.#start = event;
      this.#usage = event.usage;
    } else if (event.type === 'usage') this.#usage = mergeUsage(this.#usage, event.usage);
    else if (event.type === 'partStart' && event.value.type === 'toolCall') this.#callOf(event.choice, event.part);
    else if (event.type === 'argumentsDelta') this.#callOf(event.choice, event.part).hasArguments = true;
  }

  #fill(filling: Filling, slot: Slot, event: HubEvent): void {
    const { body } = filling;
    switch (event.type) {
      case 'textDelta':
      case 'reasoningDelta':
      case 'refusalDelta':
      case 'argumentsDelta':
        if (slot.path) setAt(body, slot.path, event.text);
        return;
      case 'partStart':
        if (slot.path && event.value.type === 'toolCall') {
          const legacy = slot.path.at(-1) === 'function_call';
          if (!legacy && valueAt(body, [...slot.path, 'id']) === undefined)
            setAt(body, [...slot.path, 'id'], event.value.id);
          setAt(body, [...slot.path, ...(legacy ? [] : [event.value.kind]), 'name'], event.value.name);
        }
        return;
      case 'stop': {
        const path = slot.path ?? [];
        setAt(body, [...path, 'finish_reason'], fromStop(event.stop, this.#hasCalls(event.choice), true));
        if (event.stop.sequence !== undefined) setAt(body, [...path, 'stop_reason'], event.stop.sequence);
        return;
      }
      case 'citation':
        if (slot.path) setAt(body, slot.path, event.value);
        return;
      case 'usage':
        fillUsage(body, event.usage);
        return;
      case 'failure':
        fillFailure(body, event);
        return;
      default:
    }
  }

  #writeNative({ body, repeated, event }: Filling): Uint8Array[] {
    const start = this.#start;
    const told: JsonObject = {
      id: start?.id,
      model: start?.model,
      created: start?.createdSeconds,
      service_tier: start?.serviceTier,
    };
    for (const path of repeated) setAt(body, path, told[String(path.at(-1))]);
    if (body['error'] !== undefined && body['error'] !== null) this.#isOver = true;
    const isUsageOnly = Array.isArray(body['choices']) && body['choices'].length === 0 && asObject(body['usage']);
    if (asObject(body['usage'])) this.#hasToldUsage = true;
    if (isUsageOnly && this.#context.request.includeUsage !== true) return [];
    return [writeEvent(event, body)];
  }

  #write(event: HubEvent): Uint8Array[] {
    switch (event.type) {
      case 'start':
        return [this.#role(0)];
      case 'partStart':
        return this.#writePartStart(event);
      case 'textDelta':
        return this.#delta(event.choice, { content: event.text });
      case 'refusalDelta':
        this.#choiceOf(event.choice).refusal = true;
        return this.#delta(event.choice, { refusal: event.text });
      case 'reasoningDelta':
        return this.#delta(event.choice, { reasoning_content: event.text });
      case 'argumentsDelta':
        return this.#arguments(event.choice, event.part, event.text);
      case 'citation':
        return this.#cite(event);
      case 'partEnd':
        return this.#writePartEnd(event);
      case 'stop':
        return this.#writeStop(event);
      case 'failure': {
        this.#isOver = true;
        const { message, type, param, code } = event.failure;
        const error = { message, type: type ?? 'api_error', param: param ?? null, code: code ?? null };
        return [writeEvent(undefined, { error })];
      }
      case 'ping':
        return [keepAlive];
      case 'end':
        this.#isOver = true;
        return [...this.#usageChunk(), writeEvent(undefined, '[DONE]')];
      default:
        return [];
    }
  }

  #cite({ choice, format, value }: Of<'citation'>): Uint8Array[] {
    const annotation = toAnnotation(value, { from: format, to: 'chat' });
    return annotation === undefined ? [] : this.#delta(choice, { annotations: [annotation] });
  }

  #writePartStart({ choice, part, value }: Of<'partStart'>): Uint8Array[] {
    if (value.type !== 'toolCall') return [];
    const { index } = this.#callOf(choice, part);
    const name = toClientName(value.name, this.#context.request);
    const inner = value.kind === 'custom' ? { custom: { name, input: '' } } : { function: { name, arguments: '' } };
    return this.#delta(choice, { tool_calls: [{ index, id: value.id, type: value.kind, ...inner }] });
  }

  #arguments(choice: number, part: number, text: string, isCustom = false): Uint8Array[] {
    const { index } = this.#callOf(choice, part);
    const inner = isCustom ? { custom: { input: text } } : { function: { arguments: text } };
    return this.#delta(choice, { tool_calls: [{ index, ...inner }] });
  }

  #writePartEnd({ choice, part, value }: Of<'partEnd'>): Uint8Array[] {
    if (value.type === 'toolCall') {
      const call = this.#callOf(choice, part);
      if (call.hasArguments) return [];
      call.hasArguments = true;
      const text = value.kind === 'function' && value.arguments === '' ? '{}' : value.arguments;
      return this.#arguments(choice, part, text, value.kind === 'custom');
    }
    return value.type === 'reasoning' ? this.#carry(choice, value) : [];
  }

  /** A thought again, whole, beside its signature, so that the client can send it back as it was. */
  #carry(choice: number, part: Extract<Part, { type: 'reasoning' }>): Uint8Array[] {
    if (part.extra?.format === 'chat') return [];
    const index = this.#choiceOf(choice).thoughts++;
    return this.#delta(choice, { reasoning_details: [carriedDetail(part, index, this.#context)] });
  }

  #writeStop({ choice, stop }: Of<'stop'>): Uint8Array[] {
    const written: Uint8Array[] = [];
    if (stop.reason === 'filtered' && stop.detail !== undefined && !this.#choiceOf(choice).refusal)
      written.push(...this.#delta(choice, { refusal: stop.detail }));
    const finish = fromStop(stop, this.#hasCalls(choice), false);
    written.push(
      ...this.#roleOnce(choice),
      this.#chunk([{ index: choice, delta: {}, logprobs: null, finish_reason: finish }]),
    );
    return written;
  }

  #usageChunk(): Uint8Array[] {
    if (this.#hasToldUsage || this.#context.request.includeUsage !== true || !this.#usage) return [];
    this.#hasToldUsage = true;
    return [this.#chunk([], usageMembers(this.#usage))];
  }

  #delta(choice: number, delta: JsonObject): Uint8Array[] {
    return [...this.#roleOnce(choice), this.#chunk([{ index: choice, delta, logprobs: null, finish_reason: null }])];
  }

  #roleOnce(choice: number): Uint8Array[] {
    return this.#choiceOf(choice).hasRole ? [] : [this.#role(choice)];
  }

  #role(choice: number): Uint8Array {
    this.#choiceOf(choice).hasRole = true;
    const delta = { role: 'assistant', content: '' };
    return this.#chunk([{ index: choice, delta, logprobs: null, finish_reason: null }]);
  }

  #chunk(choices: readonly unknown[], usage: unknown = null): Uint8Array {
    const { clock, request, upstreamModel } = this.#context;
    return writeEvent(undefined, {
      id: `chatcmpl-${clock.id}`,
      object: 'chat.completion.chunk',
      created: this.#start?.createdSeconds ?? clock.nowSeconds,
      model: this.#start?.model ?? upstreamModel,
      choices,
      ...(request.includeUsage === true && { usage }),
    });
  }

  #choiceOf(choice: number): ChoiceState {
    const known = this.#choices.get(choice);
    if (known) return known;
    const state: ChoiceState = { hasRole: false, calls: new Map(), thoughts: 0, refusal: false };
    this.#choices.set(choice, state);
    return state;
  }

  #callOf(choice: number, part: number): { readonly index: number; hasArguments: boolean } {
    const { calls } = this.#choiceOf(choice);
    const known = calls.get(part);
    if (known) return known;
    const call = { index: calls.size, hasArguments: false };
    calls.set(part, call);
    return call;
  }

  #hasCalls(choice: number): boolean {
    return this.#choiceOf(choice).calls.size > 0;
  }
}

function fillUsage(body: JsonObject, usage: Usage): void {
  const known = asObject(body['usage']);
  const told = usageMembers(usage, { cached: known && cachedMember(known) });
  if (!known) {
    body['usage'] = told;
    return;
  }
  for (const [name, value] of Object.entries(told)) {
    const inner = asObject(known[name]);
    if (name === 'total_tokens' && known[name] !== undefined) continue;
    (known as JsonObject)[name] = inner ? { ...inner, ...(value as JsonObject) } : value;
  }
}

function fillFailure(body: JsonObject, { failure }: Of<'failure'>): void {
  if (!asObject(body['error'])) {
    body['error'] = failure.message;
    return;
  }
  for (const name of ['message', 'type', 'code', 'param'] as const) {
    const value = failure[name];
    if (value !== undefined && valueAt(body, ['error', name]) === undefined) setAt(body, ['error', name], value);
  }
}
