// Streams as a strict provider of each format would send a given answer: texts in small pieces, parallel calls interleaved.
import type { FormatName } from '../format.ts';
import type { JsonObject } from '../hub/extra.ts';
import { writeEvent } from '../stream/sse.ts';

type Body = Readonly<Record<string, unknown>>;

/** Characters of one delta. */
const pieceChars = 3;

function piecesOf(text: string): string[] {
  return text.match(new RegExp(`[^]{1,${pieceChars}}`, 'gu')) ?? [];
}

const listOf = (value: unknown): Body[] => (Array.isArray(value) ? (value as Body[]) : []);
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The stream of an answer, whole. */
export function toProviderStream(format: FormatName, body: JsonObject): Uint8Array {
  const streams = { chat: chatStream, responses: responsesStream, messages: messagesStream };
  return Buffer.concat([...streams[format](body)]);
}

function* chatStream(body: JsonObject): Generator<Uint8Array> {
  const { choices, usage, object: _, ...head } = body;
  const chunk = (choices: unknown[], more: JsonObject = {}): Uint8Array =>
    writeEvent(undefined, { ...head, object: 'chat.completion.chunk', choices, ...more });
  const choice = listOf(choices)[0] ?? {};
  const message = choice['message'] as Body;
  const delta = (delta: JsonObject): Uint8Array => chunk([{ index: 0, delta, logprobs: null, finish_reason: null }]);
  yield delta({ role: 'assistant', content: '' });
  for (const member of ['reasoning_content', 'content', 'refusal'])
    for (const piece of piecesOf(textOf(message[member]))) yield delta({ [member]: piece });
  const calls = listOf(message['tool_calls']);
  for (const [index, call] of calls.entries()) {
    const inner = call['function'] as Body;
    yield delta({ tool_calls: [{ ...call, index, function: { ...inner, arguments: '' } }] });
  }
  const texts = calls.map((call) => piecesOf(textOf((call['function'] as Body)['arguments'])));
  for (let i = 0; i < Math.max(0, ...texts.map(({ length }) => length)); i++)
    for (const [index, pieces] of texts.entries())
      if (pieces[i] !== undefined) yield delta({ tool_calls: [{ index, function: { arguments: pieces[i] } }] });
  yield chunk([{ index: 0, delta: {}, logprobs: null, finish_reason: choice['finish_reason'] }]);
  if (usage !== undefined) yield chunk([], { usage });
  yield writeEvent(undefined, '[DONE]');
}

const typed = (type: string, fields: JsonObject): Uint8Array => writeEvent(type, { type, ...fields });

function* messagesStream(body: JsonObject): Generator<Uint8Array> {
  const { content, stop_reason, stop_sequence, stop_details, usage, ...head } = body;
  const counts = { ...(usage as JsonObject | undefined) };
  const message = {
    ...head,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { ...counts, output_tokens: 1 },
  };
  yield typed('message_start', { message });
  yield typed('ping', {});
  for (const [index, block] of listOf(content).entries()) {
    const { start, deltas } = toBlock(block);
    yield typed('content_block_start', { index, content_block: start });
    for (const delta of deltas) yield typed('content_block_delta', { index, delta });
    yield typed('content_block_stop', { index });
  }
  const details = stop_details === undefined ? {} : { stop_details };
  yield typed('message_delta', {
    delta: { stop_reason, stop_sequence, ...details },
    usage: { output_tokens: counts['output_tokens'] },
  });
  yield typed('message_stop', {});
}

function toBlock(block: Body): { readonly start: JsonObject; readonly deltas: JsonObject[] } {
  if (block['type'] === 'text')
    return {
      start: { type: 'text', text: '' },
      deltas: [
        ...piecesOf(textOf(block['text'])).map((text) => ({ type: 'text_delta', text })),
        ...listOf(block['citations']).map((citation) => ({ type: 'citations_delta', citation })),
      ],
    };
  if (block['type'] === 'thinking')
    return {
      start: { type: 'thinking', thinking: '', signature: '' },
      deltas: [
        ...piecesOf(textOf(block['thinking'])).map((thinking) => ({ type: 'thinking_delta', thinking })),
        { type: 'signature_delta', signature: block['signature'] },
      ],
    };
  if (block['type'] !== 'tool_use') return { start: { ...block }, deltas: [] };
  const input = JSON.stringify(block['input']);
  const pieces = input === '{}' ? [] : piecesOf(input);
  return {
    start: { ...block, input: {} },
    deltas: pieces.map((partial_json) => ({ type: 'input_json_delta', partial_json })),
  };
}

function* responsesStream(body: JsonObject): Generator<Uint8Array> {
  let sequence = 0;
  const event = (type: string, fields: JsonObject): Uint8Array =>
    writeEvent(type, { type, sequence_number: sequence++, ...fields });
  const response = { ...body, status: 'in_progress', output: [], usage: null, incomplete_details: null };
  yield event('response.created', { response });
  yield event('response.in_progress', { response });
  for (const [output_index, item] of listOf(body['output']).entries()) {
    const place = { item_id: item['id'], output_index };
    yield event('response.output_item.added', { output_index, item: emptied(item) });
    for (const { type, ...fields } of itemEvents(item)) yield event(String(type), { ...place, ...fields });
    yield event('response.output_item.done', { output_index, item });
  }
  yield event(`response.${textOf(body['status'])}`, { response: body });
}

function emptied(item: Body): JsonObject {
  if (item['type'] === 'message') return { ...item, status: 'in_progress', content: [] };
  if (item['type'] === 'function_call') return { ...item, status: 'in_progress', arguments: '' };
  return item['type'] === 'reasoning' ? { ...item, summary: [] } : { ...item };
}

function* itemEvents(item: Body): Generator<JsonObject> {
  if (item['type'] === 'function_call') {
    const whole = textOf(item['arguments']);
    for (const delta of piecesOf(whole)) yield { type: 'response.function_call_arguments.delta', delta };
    yield { type: 'response.function_call_arguments.done', arguments: whole };
  }
  for (const [summary_index, part] of listOf(item['summary']).entries()) {
    const text = textOf(part['text']);
    yield { type: 'response.reasoning_summary_part.added', summary_index, part: { ...part, text: '' } };
    for (const delta of piecesOf(text)) yield { type: 'response.reasoning_summary_text.delta', summary_index, delta };
    yield { type: 'response.reasoning_summary_text.done', summary_index, text };
    yield { type: 'response.reasoning_summary_part.done', summary_index, part };
  }
  if (item['type'] !== 'message') return;
  for (const [content_index, part] of listOf(item['content']).entries()) {
    const isRefusal = part['type'] === 'refusal';
    const [name, member] = isRefusal ? (['refusal', 'refusal'] as const) : (['output_text', 'text'] as const);
    const text = textOf(part[member]);
    const logprobs = isRefusal ? {} : { logprobs: [] };
    yield { type: 'response.content_part.added', content_index, part: { ...part, [member]: '' } };
    for (const delta of piecesOf(text)) yield { type: `response.${name}.delta`, content_index, delta, ...logprobs };
    yield { type: `response.${name}.done`, content_index, [member]: text, ...logprobs };
    yield { type: 'response.content_part.done', content_index, part };
  }
}
