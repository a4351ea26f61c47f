// Writes a scripted answer as OpenAI's Responses API does, whole or as events.
import { cut, fakeTimeS, toEvent, type RenderContext, type ScriptedUsage } from './answer.ts';
import { isObject } from './json.ts';
import type { ProviderMemory } from './memory.ts';

type Json = Record<string, unknown>;

/** A finished `response` object, which the memory then knows. */
export function renderResponse(context: RenderContext, memory: ProviderMemory): Json {
  const response = toFinal(context, toSkeleton(context), renderItems(context, memory));
  return remember(context, response, memory);
}

/** The events of a stream, in the vendor's order, numbered. */
export function renderResponseStream(context: RenderContext, memory: ProviderMemory): Uint8Array[] {
  const skeleton = toSkeleton(context);
  const items = renderItems(context, memory);
  const final = remember(context, toFinal(context, skeleton, items), memory);
  const events: Json[] = [
    { type: 'response.created', response: skeleton },
    { type: 'response.in_progress', response: skeleton },
    ...items.flatMap((item, index) => toItemEvents(item, index, context.answer.chunkChars)),
    { type: `response.${String(final['status'])}`, response: final },
  ];
  return events.map((event, number) => {
    const { type, ...rest } = event;
    return toEvent({ type, sequence_number: number, ...rest }, String(type));
  });
}

/** What ends a stream that fails: an `error` event, then the response as `failed`. `sent`: the events before it. */
export function renderResponseStreamError(message: string, sent: readonly Uint8Array[]): Uint8Array[] {
  const number = sent.length;
  const [, data] = /^data: (.*)$/mu.exec(Buffer.from(sent[0] ?? []).toString()) ?? [];
  const created = data === undefined ? {} : (JSON.parse(data) as Json)['response'];
  const response = {
    ...(isObject(created) ? created : {}),
    status: 'failed',
    error: { code: 'server_error', message },
  };
  return [
    toEvent({ type: 'error', sequence_number: number, code: 'server_error', message, param: null }, 'error'),
    toEvent({ type: 'response.failed', sequence_number: number + 1, response }, 'response.failed'),
  ];
}

/** The response as it begins; it repeats what was asked. */
function toSkeleton({ request, id, model }: RenderContext): Json {
  const text = isObject(request['text']) ? request['text'] : {};
  const reasoning = isObject(request['reasoning']) ? request['reasoning'] : {};
  return {
    id: id('resp_'),
    object: 'response',
    created_at: fakeTimeS,
    status: 'in_progress',
    background: request['background'] ?? false,
    completed_at: null,
    error: null,
    incomplete_details: null,
    instructions: request['instructions'] ?? null,
    max_output_tokens: request['max_output_tokens'] ?? null,
    max_tool_calls: request['max_tool_calls'] ?? null,
    metadata: request['metadata'] ?? {},
    model,
    output: [],
    parallel_tool_calls: request['parallel_tool_calls'] ?? true,
    previous_response_id: request['previous_response_id'] ?? null,
    prompt_cache_key: request['prompt_cache_key'] ?? null,
    reasoning: { effort: reasoning['effort'] ?? null, summary: reasoning['summary'] ?? null },
    safety_identifier: request['safety_identifier'] ?? null,
    service_tier: 'auto',
    store: request['store'] ?? true,
    temperature: request['temperature'] ?? 1,
    text: { format: text['format'] ?? { type: 'text' }, verbosity: text['verbosity'] ?? 'medium' },
    tool_choice: request['tool_choice'] ?? 'auto',
    tools: request['tools'] ?? [],
    top_logprobs: request['top_logprobs'] ?? 0,
    top_p: request['top_p'] ?? 1,
    truncation: request['truncation'] ?? 'disabled',
    usage: null,
    user: request['user'] ?? null,
  };
}

function toFinal({ answer }: RenderContext, skeleton: Json, output: readonly Json[]): Json {
  const cutShort: Partial<Record<typeof answer.stop, string>> = {
    length: 'max_output_tokens',
    'context-full': 'max_output_tokens',
    filtered: 'content_filter',
  };
  const reason = cutShort[answer.stop];
  return {
    ...skeleton,
    status: reason === undefined ? 'completed' : 'incomplete',
    incomplete_details: reason === undefined ? null : { reason },
    completed_at: reason === undefined ? fakeTimeS + 1 : null,
    service_tier: 'default',
    output,
    usage: renderResponseUsage(answer.usage),
  };
}

function remember({ request }: RenderContext, response: Json, memory: ProviderMemory): Json {
  const previous = request['previous_response_id'];
  memory.remember(response, typeof previous === 'string' ? previous : undefined, request['store'] !== false);
  return response;
}

function renderItems({ answer, id, request }: RenderContext, memory: ProviderMemory): Json[] {
  const items: Json[] = [];
  const status = answer.stop === 'length' || answer.stop === 'context-full' ? 'incomplete' : 'completed';
  if (answer.reasoning !== '') {
    const reasoning = isObject(request['reasoning']) ? request['reasoning'] : {};
    const isShown = typeof reasoning['summary'] === 'string' && !answer.isReasoningRedacted;
    const itemId = id('rs_');
    const include: unknown[] = Array.isArray(request['include']) ? request['include'] : [];
    items.push({
      id: itemId,
      type: 'reasoning',
      summary: isShown ? [{ type: 'summary_text', text: answer.reasoning }] : [],
      ...(include.includes('reasoning.encrypted_content') ? { encrypted_content: memory.sealReasoning(itemId) } : {}),
    });
  }
  const content: Json[] = [];
  if (answer.text !== '') content.push({ type: 'output_text', annotations: [], logprobs: [], text: answer.text });
  if (answer.refusal !== '') content.push({ type: 'refusal', refusal: answer.refusal });
  if (content.length > 0) items.push({ id: id('msg_'), type: 'message', status, content, role: 'assistant' });
  for (const call of answer.toolCalls) {
    items.push({
      id: id('fc_'),
      type: 'function_call',
      status,
      arguments: call.arguments,
      call_id: call.id,
      name: call.name,
    });
  }
  return items;
}

function toItemEvents(item: Json, output_index: number, chars: number): Json[] {
  const where = { item_id: item['id'], output_index };
  const begin = (opening: Json): Json => ({ type: 'response.output_item.added', output_index, item: opening });
  const end = { type: 'response.output_item.done', output_index, item };
  switch (item['type']) {
    case 'reasoning': {
      const summary = item['summary'] as readonly Json[];
      const parts = summary.flatMap((part, summary_index) => toSummaryEvents(part, { ...where, summary_index }, chars));
      return [begin({ ...item, summary: [] }), ...parts, end];
    }
    case 'message': {
      const content = item['content'] as readonly Json[];
      const parts = content.flatMap((part, content_index) => toPartEvents(part, { ...where, content_index }, chars));
      return [begin({ ...item, status: 'in_progress', content: [] }), ...parts, end];
    }
    default: {
      const args = String(item['arguments']);
      return [
        begin({ ...item, status: 'in_progress', arguments: '' }),
        ...cut(args, chars).map((delta) => ({ type: 'response.function_call_arguments.delta', ...where, delta })),
        { type: 'response.function_call_arguments.done', ...where, arguments: args },
        end,
      ];
    }
  }
}

function toSummaryEvents(part: Json, where: Json, chars: number): Json[] {
  const text = String(part['text']);
  return [
    { type: 'response.reasoning_summary_part.added', ...where, part: { type: 'summary_text', text: '' } },
    ...cut(text, chars).map((delta) => ({ type: 'response.reasoning_summary_text.delta', ...where, delta })),
    { type: 'response.reasoning_summary_text.done', ...where, text },
    { type: 'response.reasoning_summary_part.done', ...where, part },
  ];
}

function toPartEvents(part: Json, where: Json, chars: number): Json[] {
  const isRefusal = part['type'] === 'refusal';
  const field = isRefusal ? 'refusal' : 'text';
  const name = isRefusal ? 'response.refusal' : 'response.output_text';
  const text = String(part[field]);
  const logprobs = isRefusal ? {} : { logprobs: [] };
  return [
    { type: 'response.content_part.added', ...where, part: { ...part, [field]: '' } },
    ...cut(text, chars).map((delta) => ({ type: `${name}.delta`, ...where, delta, ...logprobs })),
    { type: `${name}.done`, ...where, [field]: text, ...logprobs },
    { type: 'response.content_part.done', ...where, part },
  ];
}

function renderResponseUsage(usage: ScriptedUsage): Json {
  return {
    input_tokens: usage.input,
    input_tokens_details: { cached_tokens: usage.cacheRead },
    output_tokens: usage.output,
    output_tokens_details: { reasoning_tokens: usage.reasoning },
    total_tokens: usage.input + usage.output,
  };
}
