// Chat Completions chunks → hub events.
import { isCarrier, toOpaque } from '../../carrier.ts';
import { plainDialect, type Dialectal, type StreamDecoder } from '../../hub/codec.ts';
import type { Opaque, Part, ReasoningPart, ToolCallPart } from '../../hub/content.ts';
import type { JsonObject } from '../../hub/extra.ts';
import type { HubEvent } from '../../hub/response.ts';
import { type JsonPath, SkeletonBuilder } from '../../hub/skeleton.ts';
import type { Frame } from '../../stream/sse.ts';
import { asObject } from '../../usage.ts';
import { toOwnTotals } from './decode-response.ts';
import { chatFailure } from './failure.ts';
import { detailsVendor, reasoningMembers } from './reasoning.ts';
import { toStop } from './stop.ts';
import { chatUsage } from './usage.ts';

type Open = { readonly part: number; value: Part };

/** One choice while it comes. */
interface ChoiceState {
  parts: number;
  /** The thought, text or refusal that is being told; calls stay open beside it, because theirs may be interleaved. */
  open: Open | undefined;
  readonly calls: { readonly part: number; readonly index: number | undefined; value: ToolCallPart }[];
  /** Index of the `reasoning_details` entry being told. */
  detail: unknown;
  hasCalls: boolean;
  isStopped: boolean;
}

/** A decoder of one stream. */
export class ChatStreamDecoder implements StreamDecoder {
  readonly #dialectal: Dialectal;
  readonly #choices = new Map<number, ChoiceState>();
  #start: Extract<HubEvent, { type: 'start' }> | undefined;
  #isOver = false;

  constructor(dialectal: Dialectal = plainDialect) {
    this.#dialectal = dialectal;
  }

  push(frame: Frame): HubEvent[] {
    if (this.#isOver) return [];
    if (frame.data === undefined) return [{ type: 'ping' }];
    if (frame.data === '[DONE]') {
      this.#isOver = true;
      return [...this.#closeAll(), { type: 'end' }];
    }
    const chunk = asObject(frame.json());
    if (!chunk) return [];
    const built = new SkeletonBuilder(chunk);
    const failure =
      chunk['error'] === undefined || chunk['error'] === null
        ? undefined
        : (chatFailure(chunk, 0) ?? { message: 'the provider failed' });
    if (failure) {
      this.#isOver = true;
      built.add({ type: 'failure', failure }, ['error'], failureLeaves(chunk));
      return built.events('chat', frame.event);
    }
    this.#readStart(chunk, built);
    const choices = Array.isArray(chunk['choices']) ? chunk['choices'] : [];
    choices.forEach((choice, position) => this.#readChoice(choice, ['choices', position], built));
    const usage = toOwnTotals(chatUsage(chunk), this.#dialectal);
    if (usage) built.add({ type: 'usage', usage }, ['usage'], usageLeaves);
    return built.events('chat', frame.event);
  }

  end(): HubEvent[] {
    return [];
  }

  #readStart(chunk: JsonObject, built: SkeletonBuilder): void {
    const { id, model, created, service_tier: tier } = chunk;
    if (!this.#start) {
      this.#start = {
        type: 'start',
        id: typeof id === 'string' ? id : '',
        model: typeof model === 'string' ? model : '',
        ...(typeof created === 'number' && { createdSeconds: created }),
        ...(typeof tier === 'string' && { serviceTier: tier }),
      };
      built.add(this.#start);
    }
    const { createdSeconds, serviceTier } = this.#start;
    built.takeRepeated(['id'], this.#start.id);
    built.takeRepeated(['model'], this.#start.model);
    built.takeRepeated(['created'], createdSeconds);
    built.takeRepeated(['service_tier'], serviceTier);
  }

  #readChoice(value: unknown, path: JsonPath, built: SkeletonBuilder): void {
    const raw = asObject(value);
    if (!raw) return;
    const index = typeof raw['index'] === 'number' ? raw['index'] : 0;
    const state = this.#choices.get(index) ?? emptyChoice();
    this.#choices.set(index, state);
    if (state.isStopped) return;
    const delta = asObject(raw['delta']);
    if (delta) this.#readDelta({ delta, path: [...path, 'delta'], index, state, built });
    const finish = raw['finish_reason'];
    if (typeof finish !== 'string') return;
    for (const event of closeChoice(index, state)) built.add(event);
    state.isStopped = true;
    const sequence = raw['stop_reason'];
    const stop = toStop(finish, state.hasCalls, sequence);
    const leaves = stop.sequence === undefined ? [] : [[...path, 'stop_reason']];
    built.add({ type: 'stop', choice: index, stop }, path, [[...path, 'finish_reason'], ...leaves]);
  }

  #readDelta(read: ReadDelta): void {
    readReasoning(read);
    const { delta, path } = read;
    const { content, refusal } = delta;
    if (typeof content === 'string' && content !== '')
      tell(read, { value: { type: 'text', text: '' }, text: content, path: [...path, 'content'] });
    if (Array.isArray(content))
      content.forEach((value, position) => readChunk(read, value, [...path, 'content', position]));
    if (typeof refusal === 'string' && refusal !== '')
      tell(read, { value: { type: 'refusal', text: '' }, text: refusal, path: [...path, 'refusal'] });
    cite(read);
    const calls = Array.isArray(delta['tool_calls']) ? delta['tool_calls'] : [];
    calls.forEach((call, position) => {
      const raw = asObject(call);
      if (raw) readCall(read, raw, [...path, 'tool_calls', position]);
    });
    const legacy = asObject(delta['function_call']);
    if (legacy && calls.length === 0) readCall(read, { index: -1, function: legacy }, [...path, 'function_call']);
  }

  #closeAll(): HubEvent[] {
    return [...this.#choices].flatMap(([index, state]): HubEvent[] => {
      if (state.isStopped) return [];
      state.isStopped = true;
      const reason = state.hasCalls ? 'tools' : 'end';
      return [...closeChoice(index, state), { type: 'stop', choice: index, stop: { reason } }];
    });
  }
}

interface ReadDelta {
  readonly delta: Readonly<JsonObject>;
  readonly path: JsonPath;
  readonly index: number;
  readonly state: ChoiceState;
  readonly built: SkeletonBuilder;
}

const usageLeaves: readonly JsonPath[] = [
  ['usage', 'prompt_tokens'],
  ['usage', 'completion_tokens'],
  ['usage', 'prompt_tokens_details', 'cached_tokens'],
  ['usage', 'prompt_tokens_details', 'cache_write_tokens'],
  ['usage', 'prompt_tokens_details', 'audio_tokens'],
  ['usage', 'prompt_tokens_details', 'image_tokens'],
  ['usage', 'completion_tokens_details', 'reasoning_tokens'],
  ['usage', 'completion_tokens_details', 'audio_tokens'],
  ['usage', 'completion_tokens_details', 'image_tokens'],
  ['usage', 'server_tool_use_details', 'web_search_requests'],
];

function failureLeaves(chunk: JsonObject): JsonPath[] {
  if (typeof chunk['error'] === 'string') return [['error']];
  return ['message', 'type', 'code', 'param']
    .filter((name) => typeof asObject(chunk['error'])?.[name] === 'string')
    .map((name) => ['error', name]);
}

function emptyChoice(): ChoiceState {
  return { parts: 0, open: undefined, calls: [], detail: undefined, hasCalls: false, isStopped: false };
}

interface Told {
  readonly value: Extract<Part, { text: string }>;
  readonly text: string;
  readonly path: JsonPath;
}

const deltaTypes = { text: 'textDelta', reasoning: 'reasoningDelta', refusal: 'refusalDelta' } as const;

/** Adds a delta of text, thought or refusal; a part of another kind ends before. */
function tell({ index, state, built }: ReadDelta, { value, text, path }: Told): void {
  if (state.open?.value.type !== value.type) {
    closeOpen(index, state, built);
    state.open = { part: state.parts++, value };
    built.add({ type: 'partStart', choice: index, part: state.open.part, value: { ...value } });
  }
  const open = state.open;
  const told = open.value as Told['value'];
  told.text += text;
  built.add({ type: deltaTypes[value.type], choice: index, part: open.part, text }, path);
}

/** Mistral streams thoughts, and text beside them, as content parts. */
function readChunk(read: ReadDelta, value: unknown, path: JsonPath): void {
  const raw = asObject(value);
  const thinking: unknown[] = Array.isArray(raw?.['thinking']) ? raw['thinking'] : [];
  const told = (holder: unknown, type: 'text' | 'reasoning', at: JsonPath): void => {
    const text = asObject(holder)?.['text'];
    if (typeof text === 'string' && text !== '') tell(read, { value: { type, text: '' }, text, path: [...at, 'text'] });
  };
  if (raw?.['type'] === 'text') told(raw, 'text', path);
  else thinking.forEach((entry, index) => told(entry, 'reasoning', [...path, 'thinking', index]));
}

/** Annotations belong to the text that is open. */
function cite({ delta, path, index, state, built }: ReadDelta): void {
  const { open } = state;
  if (open?.value.type !== 'text' || !Array.isArray(delta['annotations'])) return;
  for (const [position, value] of delta['annotations'].entries()) {
    const before = open.value.citations?.values ?? [];
    open.value.citations = { format: 'chat', values: [...before, value] };
    built.add({ type: 'citation', choice: index, part: open.part, format: 'chat', value }, [
      ...path,
      'annotations',
      position,
    ]);
  }
}

function closeOpen(index: number, state: ChoiceState, built: SkeletonBuilder): void {
  if (!state.open) return;
  built.add({ type: 'partEnd', choice: index, part: state.open.part, value: state.open.value });
  state.open = undefined;
}

function closeChoice(index: number, state: ChoiceState): HubEvent[] {
  const ended = [...(state.open ? [state.open] : []), ...state.calls];
  state.open = undefined;
  state.calls.length = 0;
  return ended.map(({ part, value }) => ({ type: 'partEnd', choice: index, part, value }));
}

function readReasoning(read: ReadDelta): void {
  const { delta, path, state, index, built } = read;
  const details = Array.isArray(delta['reasoning_details']) ? delta['reasoning_details'] : [];
  const member = reasoningMembers.find((name) => typeof delta[name] === 'string' && delta[name] !== '');
  if (member !== undefined && details.length === 0)
    tell(read, { value: { type: 'reasoning', text: '' }, text: delta[member] as string, path: [...path, member] });
  details.forEach((value, position) => {
    const detail = asObject(value);
    if (!detail) return;
    if (isRepeat(state, detail)) {
      keepSecrets(read, detail);
      closeOpen(index, state, built);
      return;
    }
    // A new entry is a new thought: each has its own signature.
    if (state.open?.value.type === 'reasoning' && state.detail !== detail['index']) closeOpen(index, state, built);
    state.detail = detail['index'];
    const text = detail['text'] ?? detail['summary'];
    if (typeof text === 'string' && text !== '') {
      const isTwice = member !== undefined && details.length === 1 && delta[member] === text;
      const at = isTwice
        ? [...path, member]
        : [...path, 'reasoning_details', position, detail['text'] === undefined ? 'summary' : 'text'];
      tell(read, { value: { type: 'reasoning', text: '' }, text, path: at });
    }
    keepSecrets(read, detail);
  });
}

/** A gateway such as this one tells a thought in a plain member and then again, whole, beside its signature. */
function isRepeat({ open }: ChoiceState, { signature, text }: Readonly<JsonObject>): boolean {
  const isTold = open?.value.type === 'reasoning' && open.value.text === text;
  return isTold && typeof signature === 'string' && isCarrier(signature);
}

/** A signature or hidden thought, which comes whole, belongs to the thought that is open, or makes one. */
function keepSecrets({ index, state, built }: ReadDelta, detail: Readonly<JsonObject>): void {
  const member = typeof detail['data'] === 'string' ? 'data' : 'signature';
  const secret = detail[member];
  if (typeof secret !== 'string' || secret === '') return;
  if (state.open?.value.type !== 'reasoning') {
    closeOpen(index, state, built);
    const value: ReasoningPart = { type: 'reasoning', text: '', ...(member === 'data' && { isRedacted: true }) };
    state.open = { part: state.parts++, value };
    built.add({ type: 'partStart', choice: index, part: state.open.part, value: { ...value } });
  }
  const opaque = readSecret(member, secret, detail);
  if (opaque) (state.open.value as ReasoningPart).opaque = opaque;
}

function readSecret(member: string, secret: string, { format, id }: Readonly<JsonObject>): Opaque | undefined {
  const opaque = toOpaque(secret, detailsVendor, member);
  if (!opaque || isCarrier(secret)) return opaque;
  const named = { ...(typeof format === 'string' && { format }), ...(typeof id === 'string' && { id }) };
  return { ...opaque, values: { ...opaque.values, ...named } };
}

function readCall(read: ReadDelta, raw: Readonly<JsonObject>, path: JsonPath): void {
  const { index: choice, state, built } = read;
  const kind = asObject(raw['custom']) && raw['type'] === 'custom' ? 'custom' : 'function';
  const inner = asObject(raw[kind]) ?? {};
  const isLegacy = raw['index'] === -1;
  const at = isLegacy ? path : [...path, kind];
  const index = typeof raw['index'] === 'number' ? raw['index'] : undefined;
  const id = typeof raw['id'] === 'string' && raw['id'] !== '' ? raw['id'] : undefined;
  const name = typeof inner['name'] === 'string' ? inner['name'] : '';
  let call = findCall(state, { index, id, name });
  if (!call) {
    closeOpen(choice, state, built);
    const part = state.parts++;
    const value: ToolCallPart = {
      type: 'toolCall',
      kind,
      id: id ?? `call_${choice}_${part}`,
      name,
      arguments: '',
      ...(isLegacy && { extra: { format: 'chat', fields: {}, shape: 'function_call' } as const }),
    };
    call = { part, index, value };
    state.calls.push(call);
    state.hasCalls = true;
    const leaves = [...(id === undefined ? [] : [[...path, 'id']]), [...at, 'name']];
    built.add({ type: 'partStart', choice, part, value: { ...value } }, path, leaves);
  }
  const member = kind === 'custom' ? 'input' : 'arguments';
  const text = inner[member];
  const written = typeof text === 'string' ? text : asObject(text) ? JSON.stringify(text) : '';
  const signature = asObject(asObject(raw['extra_content'])?.['google'])?.['thought_signature'];
  const opaque = typeof signature === 'string' ? toOpaque(signature, 'gemini', 'thought_signature') : undefined;
  if (opaque) call.value = { ...call.value, opaque };
  if (written === '') return;
  call.value.arguments += written;
  built.add({ type: 'argumentsDelta', choice, part: call.part, text: written }, [...at, member]);
}

/** The call that a delta continues: by index, else by id; without either it is the last one. A new id with a name is a new call. */
function findCall(
  state: ChoiceState,
  { index, id, name }: { readonly index: number | undefined; readonly id: string | undefined; readonly name: string },
): ChoiceState['calls'][number] | undefined {
  const isNew = (call: ChoiceState['calls'][number]): boolean =>
    id !== undefined && name !== '' && call.value.id !== id;
  const same = state.calls.findLast((call) =>
    index === undefined ? id === undefined || call.value.id === id : call.index === index,
  );
  if (!same || isNew(same)) return undefined;
  // A name without an id and an index can only begin a call: continuations have none.
  return index === undefined && id === undefined && name !== '' ? undefined : same;
}
