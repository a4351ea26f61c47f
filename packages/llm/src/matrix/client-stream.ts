// Adds a client's stream up to the answer it tells, as the vendors' SDKs do, and checks the order of its events on the way.
import assert from 'node:assert/strict';
import type { FormatName } from '../format.ts';
import type { JsonObject } from '../hub/extra.ts';
import { type Frame, SseSplitter } from '../stream/sse.ts';

/** What a client has at the end of a stream. */
export interface Received {
  /** The answer as if it had come whole; undefined where the stream failed. */
  readonly body: JsonObject | undefined;
  /** The error that the stream told. */
  readonly failure?: JsonObject;
  readonly frames: readonly Frame[];
}

/** Adds a stream up. Throws AssertionError where events are out of order. */
export function addUp(format: FormatName, bytes: Uint8Array): Received {
  const splitter = new SseSplitter();
  const frames = [...splitter.push(bytes), ...splitter.end()];
  const told = frames.filter(({ data }) => data !== undefined);
  const sums = { chat: sumChat, responses: sumResponses, messages: sumMessages };
  return { ...sums[format](told), frames: told };
}

type Sum = Omit<Received, 'frames'>;
type Holder = Record<string, unknown>;

const jsonOf = (frame: Frame): Holder => frame.json() as Holder;
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

function sumChat(frames: readonly Frame[]): Sum {
  const failed = frames.find((frame) => frame.data !== '[DONE]' && 'error' in jsonOf(frame));
  if (failed) {
    assert.equal(frames.at(-1), failed, 'nothing follows an error');
    return { body: undefined, failure: jsonOf(failed)['error'] as JsonObject };
  }
  assert.equal(frames.at(-1)?.data, '[DONE]', 'the stream ends with [DONE]');
  const chunks = frames.slice(0, -1).map(jsonOf);
  const message: Holder = {};
  let finish: unknown = null;
  let usage: unknown;
  for (const [index, chunk] of chunks.entries()) {
    assert.equal(chunk['object'], 'chat.completion.chunk');
    assert.equal(chunk['id'], chunks[0]?.['id'], 'every chunk has the one id');
    if (chunk['usage']) {
      assert.notEqual(finish, null, 'usage follows the finish');
      usage = chunk['usage'];
    }
    const [choice] = chunk['choices'] as Holder[];
    if (!choice) continue;
    assert.equal(finish, null, 'nothing follows the finish but usage');
    const delta = choice['delta'] as Holder;
    if (index === 0) assert.equal(delta['role'], 'assistant', 'the first delta has the role');
    addDelta(message, delta);
    finish = choice['finish_reason'];
  }
  assert.notEqual(finish, null, 'a finish reason came');
  const { object: _, choices: __, ...head } = chunks[0] ?? {};
  return { body: { ...head, choices: [{ index: 0, message, finish_reason: finish }], usage } };
}

function addDelta(message: Holder, delta: Holder): void {
  for (const [name, value] of Object.entries(delta)) {
    if (name === 'role') message[name] = value;
    else if (typeof value === 'string') message[name] = textOf(message[name]) + value;
    else if (Array.isArray(value)) {
      const list = (message[name] ??= []) as Holder[];
      for (const piece of value as Holder[]) addPiece(list, piece, name);
    }
  }
}

function addPiece(list: Holder[], { index, ...piece }: Holder, name: string): void {
  if (typeof index !== 'number') {
    list.push(piece);
    return;
  }
  if (list[index] === undefined) {
    assert.equal(index, list.length, `${name} begin in order`);
    list.push(structuredClone(piece));
    return;
  }
  assert.equal(piece['id'], undefined, 'the id comes once');
  const inner = list[index]['function'] as Holder;
  inner['arguments'] = textOf(inner['arguments']) + textOf((piece['function'] as Holder)['arguments']);
}

function sumMessages(frames: readonly Frame[]): Sum {
  const events = frames.map(jsonOf);
  for (const [index, event] of events.entries()) assert.equal(frames[index]?.event, event['type'], 'names agree');
  const failed = events.find(({ type }) => type === 'error');
  if (failed) {
    assert.equal(events.at(-1), failed, 'nothing follows an error');
    return { body: undefined, failure: failed['error'] as JsonObject };
  }
  const steps = events.filter(({ type }) => type !== 'ping');
  assert.equal(steps[0]?.['type'], 'message_start');
  assert.deepEqual(
    steps.slice(-2).map(({ type }) => type),
    ['message_delta', 'message_stop'],
  );
  const body = structuredClone(steps[0]?.['message']) as Holder;
  const content: Holder[] = [];
  const inputs: string[] = [];
  let open: number | undefined;
  for (const step of steps.slice(1, -2)) {
    const { type, index } = step as { type: string; index: number };
    if (type === 'content_block_start') {
      assert.equal(open, undefined, 'one block is open at a time');
      assert.equal(index, content.length, 'indices are contiguous');
      content.push(structuredClone(step['content_block']) as Holder);
      inputs.push('');
      open = index;
      continue;
    }
    assert.equal(index, open, 'only the open block goes on');
    if (type === 'content_block_stop') open = undefined;
    else addBlockDelta(content[index]!, step['delta'] as Holder, (json) => (inputs[index] += json));
  }
  assert.equal(open, undefined, 'every block is closed');
  for (const [index, json] of inputs.entries()) if (json !== '') content[index]!['input'] = JSON.parse(json) as unknown;
  const delta = steps.at(-2)!;
  const usage = { ...(body['usage'] as Holder), ...(delta['usage'] as Holder) };
  return { body: { ...body, ...(delta['delta'] as Holder), content, usage } };
}

function addBlockDelta(block: Holder, delta: Holder, addInput: (json: string) => void): void {
  for (const member of ['text', 'thinking', 'signature'])
    if (typeof delta[member] === 'string') block[member] = textOf(block[member]) + delta[member];
  if (typeof delta['partial_json'] === 'string') addInput(delta['partial_json']);
  if (delta['citation'] !== undefined)
    block['citations'] = [...((block['citations'] as unknown[]) ?? []), delta['citation']];
}

function sumResponses(frames: readonly Frame[]): Sum {
  const events = frames.map(jsonOf);
  for (const [index, event] of events.entries()) {
    assert.equal(frames[index]?.event, event['type'], 'names agree');
    assert.equal(event['sequence_number'], index, 'sequence numbers count from 0');
  }
  const last = events.at(-1) ?? {};
  if (last['type'] === 'error') return { body: undefined, failure: last };
  const response = last['response'] as Holder;
  if (last['type'] === 'response.failed') return { body: undefined, failure: response['error'] as JsonObject };
  assert.equal(events[0]?.['type'], 'response.created');
  assert.ok(
    ['response.completed', 'response.incomplete'].includes(String(last['type'])),
    'the stream ends in its own way',
  );
  const added = events.filter(({ type }) => type === 'response.output_item.added');
  const done = events.filter(({ type }) => type === 'response.output_item.done');
  const output = response['output'] as Holder[];
  assert.deepEqual(
    added.map(({ output_index: index }) => index),
    [...output.keys()],
    'items begin in order',
  );
  for (const event of done)
    assert.deepEqual(event['item'], output[Number(event['output_index'])], 'items end as they are told');
  assert.equal(done.length, output.length, 'every item ends');
  for (const name of ['output_text', 'function_call_arguments', 'refusal', 'reasoning_summary_text'])
    checkDone(events, name);
  return { body: response };
}

/** What the deltas of a text add up to is what its closing event repeats. */
function checkDone(events: readonly Holder[], name: string): void {
  const keyOf = (event: Holder): string =>
    ['item_id', 'output_index', 'content_index', 'summary_index'].map((key) => String(event[key])).join('/');
  const sums = new Map<string, string>();
  for (const event of events) {
    const key = keyOf(event);
    if (event['type'] === `response.${name}.delta`) sums.set(key, (sums.get(key) ?? '') + textOf(event['delta']));
    if (event['type'] !== `response.${name}.done`) continue;
    const whole = event['text'] ?? event['arguments'] ?? event['refusal'];
    assert.equal(sums.get(key) ?? '', whole, `${name} deltas add up`);
    sums.delete(key);
  }
  assert.equal(sums.size, 0, `every ${name} is closed`);
}
