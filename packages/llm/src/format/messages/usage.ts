// Usage and progress of Anthropic Messages: the input count excludes cache, so totals are added up here.
import type { StreamFacts } from '../../format.ts';
import type { Frame } from '../../stream/sse.ts';
import { type Usage, asCount, asObject, mergeUsage, toUsage } from '../../usage.ts';

/** The usage of an answer, or of a message_start or message_delta event. */
export function messagesUsage(body: unknown): Usage | undefined {
  const usage = asObject(asObject(body)?.['usage']);
  if (!usage) return undefined;
  const write = asObject(usage['cache_creation']);
  const input = asCount(usage['input_tokens']);
  const cacheRead = asCount(usage['cache_read_input_tokens']);
  const cacheWrite = asCount(usage['cache_creation_input_tokens']);
  const write1h = asCount(write?.['ephemeral_1h_input_tokens']);
  const tier = usage['service_tier'];
  return toUsage({
    inputTotal: input === undefined ? undefined : input + (cacheRead ?? 0) + (cacheWrite ?? 0),
    inputCacheRead: cacheRead,
    inputCacheWrite5m:
      asCount(write?.['ephemeral_5m_input_tokens']) ??
      (cacheWrite === undefined ? undefined : cacheWrite - (write1h ?? 0)),
    inputCacheWrite1h: write1h,
    inputAudio: undefined,
    outputTotal: asCount(usage['output_tokens']),
    outputReasoning: asCount(asObject(usage['output_tokens_details'])?.['thinking_tokens']),
    outputAudio: undefined,
    serviceTier: typeof tier === 'string' ? tier : undefined,
    webSearches: asCount(asObject(usage['server_tool_use'])?.['web_search_requests']),
  });
}

/** Why a message ended. */
export function messagesFinish(body: unknown): string | undefined {
  const reason = asObject(body)?.['stop_reason'];
  return typeof reason === 'string' ? reason : undefined;
}

/** Takes in one frame of a stream. message_start's output count is a placeholder and is left out. */
export function readMessagesFrame(frame: Frame, facts: StreamFacts): void {
  const event = asObject(frame.json());
  if (!event) return;
  switch (event['type']) {
    case 'message_start': {
      const message = asObject(event['message']);
      if (typeof message?.['id'] === 'string') facts.id = message['id'];
      if (typeof message?.['model'] === 'string') facts.model = message['model'];
      const usage = messagesUsage(message);
      if (usage) delete usage.outputTotal;
      facts.usage = mergeUsage(facts.usage, usage);
      return;
    }
    case 'content_block_start':
    case 'content_block_delta':
      facts.hasOutput = true;
      return;
    case 'message_delta': {
      const reason = messagesFinish(event['delta']);
      if (reason !== undefined) facts.finishReason = reason;
      facts.usage = mergeUsage(facts.usage, messagesDeltaUsage(facts.usage, event));
      return;
    }
    case 'message_stop':
      facts.isEnded = true;
      return;
    case 'error': {
      const message = asObject(event['error'])?.['message'];
      facts.failure = typeof message === 'string' ? message : 'the provider failed';
      return;
    }
    default:
  }
}

/**
 * The usage of a message_delta event after what came before. It may repeat the input counts or leave any of them out: the total is
 * made of the parts that hold, and a count of cache writes without its lifetimes is split by those told before.
 */
export function messagesDeltaUsage(before: Usage | undefined, event: unknown): Usage | undefined {
  const later = messagesUsage(event);
  const raw = asObject(asObject(event)?.['usage']);
  if (!later || !raw) return later;
  const write = asCount(raw['cache_creation_input_tokens']);
  const write1h = before?.inputCacheWrite1h;
  if (write !== undefined && write1h !== undefined && !asObject(raw['cache_creation']))
    later.inputCacheWrite5m = Math.max(0, write - write1h);
  const plain = asCount(raw['input_tokens']);
  const { inputCacheRead = 0, inputCacheWrite5m = 0, inputCacheWrite1h = 0 } = mergeUsage(before, later) ?? later;
  if (plain !== undefined) later.inputTotal = plain + inputCacheRead + inputCacheWrite5m + inputCacheWrite1h;
  return later;
}
