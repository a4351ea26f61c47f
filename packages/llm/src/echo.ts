// The embedded echo model: answers with the last user text, natively in every format, so that a gateway works without a provider.
import type { FormatName } from './format.ts';
import { CodecError } from './hub/extra.ts';
import { writeEvent } from './stream/sse.ts';
import { asObject } from './usage.ts';

/** Where an answer's time and ids come from. */
export interface CodecClock {
  /** Seconds since the epoch. */
  readonly nowSeconds: number;
  /** A unique id, without dashes or prefix. */
  readonly id: string;
}

/** Tokens are estimated at this many bytes each. */
const bytesPerToken = 4;

interface Echo {
  readonly model: string;
  readonly text: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly isCut: boolean;
  readonly clock: CodecClock;
}

/** Refuses what no model of the format would take, in the format's own words. Throws CodecError `invalid`. */
export function checkEcho(format: FormatName, body: unknown, isCounting: boolean): void {
  const request = asObject(body) ?? {};
  const required = format === 'responses' ? ['input'] : ['messages'];
  if (format === 'messages' && !isCounting) required.push('max_tokens');
  const missing = required.find((name) => request[name] === undefined || request[name] === null);
  if (missing !== undefined) {
    if (format === 'messages') throw new CodecError('invalid', missing, 'Field required');
    throw new CodecError('invalid', '', `Missing required parameter: '${missing}'.`);
  }
  const turns = request[required[0]!];
  const isText = format === 'responses' && typeof turns === 'string';
  if (!isText && !(Array.isArray(turns) && turns.length > 0 && turns.every((turn) => asObject(turn))))
    throw new CodecError('invalid', required[0]!, 'must be a list of at least one object');
  for (const name of limits) {
    const limit = request[name];
    if (limit !== undefined && limit !== null && !(Number.isSafeInteger(limit) && (limit as number) > 0))
      throw new CodecError('invalid', name, 'must be a positive integer');
  }
}

const limits = ['max_completion_tokens', 'max_tokens', 'max_output_tokens'];

/** Answers a request body of the format, whole. */
export function echoBody(format: FormatName, body: unknown, clock: CodecClock): object {
  const echo = toEcho(body, clock);
  if (format === 'chat') return chatAnswer(echo);
  return format === 'responses' ? responsesAnswer(echo, 'completed', echo.text) : messagesAnswer(echo);
}

/** The count of a Messages request's tokens, as `count_tokens` answers it. */
export function echoCount(body: unknown): object {
  return { input_tokens: toEcho(body, { nowSeconds: 0, id: '' }).inputTokens };
}

/** Answers a request body of the format as the events of a stream, a word at a time. */
export function* echoStream(format: FormatName, body: unknown, clock: CodecClock): Generator<Uint8Array> {
  const echo = toEcho(body, clock);
  const words = echo.text.match(/\S+\s*|\s+/g) ?? [];
  if (format === 'chat')
    yield* chatEvents(echo, words, asObject(asObject(body)?.['stream_options'])?.['include_usage'] === true);
  else if (format === 'responses') yield* responsesEvents(echo, words);
  else yield* messagesEvents(echo, words);
}

function toEcho(body: unknown, clock: CodecClock): Echo {
  const request = asObject(body) ?? {};
  const whole = lastUserText(request['input'] ?? request['messages']);
  const limit = limits.map((name) => request[name]).find((value): value is number => typeof value === 'number');
  const text =
    limit === undefined
      ? whole
      : Buffer.from(whole)
          .subarray(0, limit * bytesPerToken)
          .toString('utf8')
          .replace(/\uFFFD+$/, '');
  const tokens = (content: string): number => Math.max(1, Math.ceil(Buffer.byteLength(content) / bytesPerToken));
  return {
    model: typeof request['model'] === 'string' ? request['model'] : 'echo',
    text,
    inputTokens: tokens(JSON.stringify(request['input'] ?? request['messages'] ?? '')),
    outputTokens: tokens(text),
    isCut: text !== whole,
    clock,
  };
}

function lastUserText(turns: unknown): string {
  if (typeof turns === 'string') return turns;
  if (!Array.isArray(turns)) return '';
  const last = turns.findLast((turn) => asObject(turn)?.['role'] === 'user');
  const content = asObject(last)?.['content'];
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map((part) => asObject(part)?.['text'])
    .filter((text) => typeof text === 'string')
    .join('\n');
}

function chatUsageOf({ inputTokens, outputTokens }: Echo): object {
  return { prompt_tokens: inputTokens, completion_tokens: outputTokens, total_tokens: inputTokens + outputTokens };
}

function chatAnswer(echo: Echo): object {
  const { model, text, clock, isCut } = echo;
  const choice = {
    index: 0,
    message: { role: 'assistant', content: text, refusal: null },
    logprobs: null,
    finish_reason: isCut ? 'length' : 'stop',
  };
  return {
    id: `chatcmpl-${clock.id}`,
    object: 'chat.completion',
    created: clock.nowSeconds,
    model,
    choices: [choice],
    usage: chatUsageOf(echo),
  };
}

function chatChoice(delta: object, reason: string | null): unknown[] {
  return [{ index: 0, delta, logprobs: null, finish_reason: reason }];
}

function* chatEvents(echo: Echo, words: readonly string[], hasUsage: boolean): Generator<Uint8Array> {
  const { model, clock, isCut } = echo;
  const chunk = (choices: unknown[], usage: unknown): Uint8Array =>
    writeEvent(undefined, {
      id: `chatcmpl-${clock.id}`,
      object: 'chat.completion.chunk',
      created: clock.nowSeconds,
      model,
      choices,
      ...(hasUsage && { usage }),
    });
  yield chunk(chatChoice({ role: 'assistant', content: '' }, null), null);
  for (const word of words) yield chunk(chatChoice({ content: word }, null), null);
  yield chunk(chatChoice({}, isCut ? 'length' : 'stop'), null);
  if (hasUsage) yield chunk([], chatUsageOf(echo));
  yield writeEvent(undefined, '[DONE]');
}

function messagesAnswer({ model, text, inputTokens, outputTokens, clock, isCut }: Echo): object {
  const usage = {
    input_tokens: inputTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    output_tokens: outputTokens,
  };
  return {
    id: `msg_${clock.id}`,
    type: 'message',
    role: 'assistant',
    model,
    content: [{ type: 'text', text }],
    stop_reason: isCut ? 'max_tokens' : 'end_turn',
    stop_sequence: null,
    usage,
  };
}

function messagesEvent(type: string, fields: object): Uint8Array {
  return writeEvent(type, { type, ...fields });
}

function* messagesEvents(echo: Echo, words: readonly string[]): Generator<Uint8Array> {
  const whole = messagesAnswer(echo) as { usage: object };
  yield messagesEvent('message_start', {
    message: { ...whole, content: [], stop_reason: null, usage: { ...whole.usage, output_tokens: 1 } },
  });
  yield messagesEvent('content_block_start', { index: 0, content_block: { type: 'text', text: '' } });
  for (const text of words)
    yield messagesEvent('content_block_delta', { index: 0, delta: { type: 'text_delta', text } });
  yield messagesEvent('content_block_stop', { index: 0 });
  yield messagesEvent('message_delta', {
    delta: { stop_reason: echo.isCut ? 'max_tokens' : 'end_turn', stop_sequence: null },
    usage: { output_tokens: echo.outputTokens },
  });
  yield messagesEvent('message_stop', {});
}

type ResponsesStatus = 'in_progress' | 'completed';

function outputText(text: string): object {
  return { type: 'output_text', text, annotations: [], logprobs: [] };
}

function responsesItem({ clock }: Echo, status: ResponsesStatus, text: string | undefined): object {
  const content = text === undefined ? [] : [outputText(text)];
  return { id: `msg_${clock.id}`, type: 'message', status, role: 'assistant', content };
}

function responsesAnswer(echo: Echo, status: ResponsesStatus, text: string | undefined): object {
  const { clock, model, inputTokens, outputTokens, isCut } = echo;
  const isOver = text !== undefined;
  const usage = {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: inputTokens + outputTokens,
  };
  return {
    id: `resp_${clock.id}`,
    object: 'response',
    created_at: clock.nowSeconds,
    status: isOver && isCut ? 'incomplete' : status,
    error: null,
    incomplete_details: isOver && isCut ? { reason: 'max_output_tokens' } : null,
    instructions: null,
    metadata: {},
    model,
    output: isOver ? [responsesItem(echo, 'completed', text)] : [],
    parallel_tool_calls: true,
    temperature: 1,
    tool_choice: 'auto',
    tools: [],
    top_p: 1,
    usage: isOver ? usage : null,
  };
}

function* responsesEvents(echo: Echo, words: readonly string[]): Generator<Uint8Array> {
  let sequence = 0;
  const event = (type: string, fields: object): Uint8Array =>
    writeEvent(type, { type, sequence_number: sequence++, ...fields });
  const place = { item_id: `msg_${echo.clock.id}`, output_index: 0, content_index: 0 };
  yield event('response.created', { response: responsesAnswer(echo, 'in_progress', undefined) });
  yield event('response.in_progress', { response: responsesAnswer(echo, 'in_progress', undefined) });
  yield event('response.output_item.added', { output_index: 0, item: responsesItem(echo, 'in_progress', undefined) });
  yield event('response.content_part.added', { ...place, part: outputText('') });
  for (const delta of words) yield event('response.output_text.delta', { ...place, delta, logprobs: [] });
  yield event('response.output_text.done', { ...place, text: echo.text, logprobs: [] });
  yield event('response.content_part.done', { ...place, part: outputText(echo.text) });
  yield event('response.output_item.done', { output_index: 0, item: responsesItem(echo, 'completed', echo.text) });
  yield event(echo.isCut ? 'response.incomplete' : 'response.completed', {
    response: responsesAnswer(echo, 'completed', echo.text),
  });
}
