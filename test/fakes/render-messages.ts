// Writes a scripted answer as Anthropic's Messages API does, whole or as events.
import { cut, toEvent, type RenderContext, type ScriptedStop, type ScriptedUsage } from './answer.ts';
import { isObject } from './json.ts';
import type { ProviderMemory } from './memory.ts';

type Json = Record<string, unknown>;

const stopReasons: Readonly<Record<ScriptedStop, string>> = {
  done: 'end_turn',
  'stop-sequence': 'stop_sequence',
  length: 'max_tokens',
  'context-full': 'model_context_window_exceeded',
  tools: 'tool_use',
  filtered: 'refusal',
  paused: 'pause_turn',
};

/** A `message` object. */
export function renderMessage(context: RenderContext, memory: ProviderMemory): Json {
  return {
    id: context.id('msg_'),
    type: 'message',
    role: 'assistant',
    model: context.model,
    content: renderBlocks(context, memory),
    ...renderStop(context),
    usage: renderMessageUsage(context.answer.usage),
  };
}

/** The events of a stream, in the vendor's order. */
export function renderMessageStream(context: RenderContext, memory: ProviderMemory): Uint8Array[] {
  const { answer, id, model } = context;
  const usage = renderMessageUsage(answer.usage);
  const events: Json[] = [
    {
      type: 'message_start',
      message: {
        id: id('msg_'),
        type: 'message',
        role: 'assistant',
        model,
        content: [],
        stop_reason: null,
        stop_sequence: null,
        // The output count of the start is a placeholder.
        usage: { ...usage, output_tokens: 1 },
      },
    },
  ];
  renderBlocks(context, memory).forEach((block, index) => {
    events.push({ type: 'content_block_start', index, content_block: toOpening(block) });
    if (index === 0) events.push({ type: 'ping' });
    for (const delta of toDeltas(block, answer.chunkChars)) events.push({ type: 'content_block_delta', index, delta });
    events.push({ type: 'content_block_stop', index });
  });
  const { cache_creation: _creation, service_tier: _tier, ...counts } = usage;
  events.push({ type: 'message_delta', delta: renderStop(context), usage: counts }, { type: 'message_stop' });
  return events.map((event) => toEvent(event, String(event['type'])));
}

/** What ends a stream that fails: an `error` event, and no `message_stop`. */
export function renderMessageStreamError(message: string): Uint8Array[] {
  return [toEvent({ type: 'error', error: { type: 'overloaded_error', message } }, 'error')];
}

function renderBlocks({ answer, id, request }: RenderContext, memory: ProviderMemory): Json[] {
  const blocks: Json[] = [];
  const { thinking } = request;
  const isThinkingOn = isObject(thinking) && thinking['type'] !== 'disabled';
  if (answer.reasoning !== '' && isThinkingOn) {
    const text = thinking['display'] === 'omitted' ? '' : answer.reasoning;
    blocks.push(
      answer.isReasoningRedacted
        ? { type: 'redacted_thinking', data: memory.sealRedacted() }
        : { type: 'thinking', thinking: text, signature: memory.signThinking(text) },
    );
  }
  const text = answer.text + answer.refusal;
  if (text !== '') blocks.push({ type: 'text', text });
  for (const call of answer.toolCalls) {
    blocks.push({
      type: 'tool_use',
      id: call.id === '' ? id('toolu_') : call.id,
      name: call.name,
      caller: { type: 'direct' },
      input: call.arguments === '' ? {} : (JSON.parse(call.arguments) as unknown),
    });
  }
  return blocks;
}

function renderStop({ answer }: RenderContext): Json {
  return {
    stop_reason: answer.refusal === '' ? stopReasons[answer.stop] : 'refusal',
    stop_sequence: answer.stop === 'stop-sequence' ? (answer.stopSequence ?? null) : null,
  };
}

/** A block as its start event shows it: empty. */
function toOpening(block: Json): Json {
  switch (block['type']) {
    case 'thinking':
      return { ...block, thinking: '', signature: '' };
    case 'text':
      return { ...block, text: '' };
    case 'tool_use':
      return { ...block, input: {} };
    default:
      return block;
  }
}

function toDeltas(block: Json, chars: number): Json[] {
  switch (block['type']) {
    case 'thinking':
      return [
        ...cut(String(block['thinking']), chars).map((thinking) => ({ type: 'thinking_delta', thinking })),
        { type: 'signature_delta', signature: block['signature'] },
      ];
    case 'text':
      return cut(String(block['text']), chars).map((text) => ({ type: 'text_delta', text }));
    case 'tool_use': {
      const json = JSON.stringify(block['input']);
      // The vendor begins with an empty piece, and sends nothing else for a call without arguments.
      const pieces = json === '{}' ? [''] : ['', ...cut(json, chars)];
      return pieces.map((piece) => ({ type: 'input_json_delta', partial_json: piece }));
    }
    default:
      return [];
  }
}

function renderMessageUsage(usage: ScriptedUsage): Json {
  const written = usage.cacheWrite5m + usage.cacheWrite1h;
  return {
    input_tokens: usage.input - usage.cacheRead - written,
    cache_creation_input_tokens: written,
    cache_read_input_tokens: usage.cacheRead,
    cache_creation: {
      ephemeral_5m_input_tokens: usage.cacheWrite5m,
      ephemeral_1h_input_tokens: usage.cacheWrite1h,
    },
    output_tokens: usage.output,
    service_tier: 'standard',
  };
}
