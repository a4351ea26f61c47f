// What a vendor remembers and can verify: signatures of thinking, encrypted reasoning, stored responses; its own and the recorded ones.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { loadRecordings, splitEvents, toJson, type Recording } from '../recordings/recordings.ts';
import { isObject, toObjects } from './json.ts';

type Json = Record<string, unknown>;

/** A response that can be continued by its id. */
export interface StoredResponse {
  readonly id: string;
  readonly output: readonly Json[];
  readonly previous: string | undefined;
  /** The whole object, where it is known. */
  readonly body: Json | undefined;
}

const magic = Buffer.from('fake');
const nonceBytes = 8;
const macBytes = 32;

/** Signs what the fake says and knows again what it, or the vendor in the recordings, said. */
export class ProviderMemory {
  readonly #key: string;
  readonly #responses = new Map<string, StoredResponse>();
  readonly #itemIds = new Set<string>();
  /** Item → the reasoning item that must stand before it. */
  readonly #reasoningOf = new Map<string, string>();

  constructor(key: string) {
    this.#key = key;
  }

  /** A signature of a thinking block's text. */
  signThinking(text: string): string {
    return this.#seal(`thinking\0${text}`).toString('base64');
  }

  /** Whether a signature was made, here or in a recording, for exactly this text. */
  isThinkingGenuine(text: string, signature: string): boolean {
    return this.#isSealed(Buffer.from(signature, 'base64'), `thinking\0${text}`) || recordedTexts(signature).has(text);
  }

  /** The data of a redacted thinking block. */
  sealRedacted(): string {
    return this.#seal('redacted').toString('base64');
  }

  /** Whether redacted data was made here or in a recording. */
  isRedactedGenuine(data: string): boolean {
    return this.#isSealed(Buffer.from(data, 'base64'), 'redacted') || recorded().redacted.has(data);
  }

  /** The encrypted content of a reasoning item. */
  sealReasoning(id: string): string {
    return `gAAAAA${this.#seal(`reasoning\0${id}`).toString('base64url')}`;
  }

  /** Whether encrypted content was made, here or in a recording, for the item of this id; without an id, for any. */
  isReasoningGenuine(id: string | undefined, content: string): boolean {
    const owner = recorded().encrypted.get(content);
    if (owner !== undefined) return id === undefined || owner === id;
    if (!content.startsWith('gAAAAA')) return false;
    const sealed = Buffer.from(content.slice('gAAAAA'.length), 'base64url');
    if (id !== undefined) return this.#isSealed(sealed, `reasoning\0${id}`);
    return [...this.#itemIds].some((known) => this.#isSealed(sealed, `reasoning\0${known}`));
  }

  /** Remembers the order and ids of a response's items; `isStored`: and the response, so that it can be continued. */
  remember(body: Json, previous: string | undefined, isStored: boolean): void {
    const output = toObjects(body['output']);
    noteOrder(output, this.#itemIds, this.#reasoningOf);
    const id = String(body['id']);
    if (isStored) this.#responses.set(id, { id, output, previous, body });
  }

  /** A stored response, its own or a recorded one. */
  findResponse(id: string): StoredResponse | undefined {
    return this.#responses.get(id) ?? recorded().responses.get(id);
  }

  /** Forgets a response; false where there was none. */
  forgetResponse(id: string): boolean {
    return this.#responses.delete(id);
  }

  /** Whether an item of this id was ever sent out. */
  hasItem(id: string): boolean {
    return this.#itemIds.has(id) || recorded().itemIds.has(id);
  }

  /** The reasoning item that an item of this id came right after. */
  findReasoningOf(id: string): string | undefined {
    return this.#reasoningOf.get(id) ?? recorded().reasoningOf.get(id);
  }

  #mac(nonce: Uint8Array, content: string): Buffer {
    return createHmac('sha256', this.#key).update(nonce).update(content).digest();
  }

  #seal(content: string): Buffer {
    const nonce = randomBytes(nonceBytes);
    return Buffer.concat([magic, nonce, this.#mac(nonce, content)]);
  }

  #isSealed(sealed: Buffer, content: string): boolean {
    if (sealed.length !== magic.length + nonceBytes + macBytes || !sealed.subarray(0, magic.length).equals(magic)) {
      return false;
    }
    const nonce = sealed.subarray(magic.length, magic.length + nonceBytes);
    return timingSafeEqual(sealed.subarray(magic.length + nonceBytes), this.#mac(nonce, content));
  }
}

/** What the recordings know. */
interface Recorded {
  /** Signature → the thinking texts it was seen with where the vendor made or accepted it. */
  readonly thinking: Map<string, Set<string>>;
  readonly redacted: Set<string>;
  /** Encrypted content → the id of its item. */
  readonly encrypted: Map<string, string>;
  readonly responses: Map<string, StoredResponse>;
  readonly itemIds: Set<string>;
  readonly reasoningOf: Map<string, string>;
}

let knowledge: Recorded | undefined;

const noTexts: ReadonlySet<string> = new Set();

function recordedTexts(signature: string): ReadonlySet<string> {
  return recorded().thinking.get(signature) ?? noTexts;
}

function recorded(): Recorded {
  if (knowledge !== undefined) return knowledge;
  knowledge = {
    thinking: new Map(),
    redacted: new Set(),
    encrypted: new Map(),
    responses: new Map(),
    itemIds: new Set(),
    reasoningOf: new Map(),
  };
  for (const recording of loadRecordings({ api: 'messages', outcome: 'ok' })) learnMessages(recording, knowledge);
  for (const recording of loadRecordings({ api: 'responses', outcome: 'ok' })) learnResponse(recording, knowledge);
  return knowledge;
}

function readEvents({ response }: Recording): Json[] {
  if (response.body.kind !== 'text') return [];
  return splitEvents(response.body.text).flatMap((event) => {
    const [, data] = /^data: (\{.*)$/mu.exec(event) ?? [];
    return data === undefined ? [] : [JSON.parse(data) as Json];
  });
}

function learnMessages(recording: Recording, { thinking, redacted }: Recorded): void {
  const learn = (block: Json): void => {
    const { type, signature, data } = block;
    if (type === 'redacted_thinking') redacted.add(String(data));
    if (type !== 'thinking' || typeof signature !== 'string' || signature === '') return;
    const texts = thinking.get(signature) ?? new Set();
    thinking.set(signature, texts.add(String(block['thinking'])));
  };
  const request = toJson(recording.request.body);
  const answer = toJson(recording.response.body);
  if (isObject(request))
    toObjects(request['messages'])
      .flatMap(({ content }) => toObjects(content))
      .forEach(learn);
  if (isObject(answer)) toObjects(answer['content']).forEach(learn);
  const blocks = new Map<unknown, Json>();
  for (const event of readEvents(recording)) {
    const { content_block: block, delta, index } = event;
    if (isObject(block)) blocks.set(index, { ...block });
    const open = blocks.get(index);
    if (open === undefined || !isObject(delta)) continue;
    for (const name of ['thinking', 'signature']) {
      if (typeof delta[name] === 'string')
        open[name] = `${typeof open[name] === 'string' ? open[name] : ''}${delta[name]}`;
    }
  }
  blocks.forEach(learn);
}

function learnResponse(recording: Recording, known: Recorded): void {
  const learn = (body: Json, previous: string | undefined): void => {
    const id = String(body['id']);
    const output = toObjects(body['output']);
    noteOrder(output, known.itemIds, known.reasoningOf);
    learnItems(output, known);
    known.responses.set(id, { id, output, previous, body });
  };
  const request = toJson(recording.request.body);
  const previous = isObject(request) ? request['previous_response_id'] : undefined;
  const answer = toJson(recording.response.body);
  if (isObject(request)) learnItems(toObjects(request['input']), known);
  if (isObject(answer)) learn(answer, typeof previous === 'string' ? previous : undefined);
  for (const { response } of readEvents(recording)) {
    if (isObject(response)) learn(response, typeof previous === 'string' ? previous : undefined);
  }
}

function learnItems(items: readonly Json[], { encrypted, itemIds }: Recorded): void {
  for (const item of items) {
    if (typeof item['id'] !== 'string') continue;
    itemIds.add(item['id']);
    if (typeof item['encrypted_content'] === 'string') encrypted.set(item['encrypted_content'], item['id']);
  }
}

function noteOrder(output: readonly Json[], itemIds: Set<string>, reasoningOf: Map<string, string>): void {
  output.forEach((item, index) => {
    if (typeof item['id'] !== 'string') return;
    itemIds.add(item['id']);
    const before = output[index - 1];
    if (before?.['type'] === 'reasoning' && item['type'] !== 'reasoning')
      reasoningOf.set(item['id'], String(before['id']));
  });
}
