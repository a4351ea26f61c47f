// Usage and progress of Chat Completions: totals include cache and reasoning; the last usage of a stream counts.
import type { StreamFacts } from '../../format.ts';
import type { Frame } from '../../stream/sse.ts';
import { type Usage, asCount, asObject, mergeUsage, toUsage } from '../../usage.ts';

/** The usage of an answer or a chunk. */
export function chatUsage(body: unknown): Usage | undefined {
  const usage = asObject(asObject(body)?.['usage']);
  if (!usage) return undefined;
  const prompt = asObject(usage['prompt_tokens_details']);
  const completion = asObject(usage['completion_tokens_details']);
  const tier = asObject(body)?.['service_tier'];
  return toUsage({
    inputTotal: asCount(usage['prompt_tokens']),
    inputCacheRead: asCount(prompt?.['cached_tokens']) ?? asCount(usage[cachedMember(usage) ?? '']),
    inputCacheWrite5m: asCount(prompt?.['cache_write_tokens']),
    inputCacheWrite1h: undefined,
    inputAudio: asCount(prompt?.['audio_tokens']),
    inputImage: asCount(prompt?.['image_tokens']),
    outputTotal: asCount(usage['completion_tokens']),
    outputReasoning: asCount(completion?.['reasoning_tokens']),
    outputAudio: asCount(completion?.['audio_tokens']),
    outputImage: asCount(completion?.['image_tokens']),
    serviceTier: typeof tier === 'string' ? tier : undefined,
    webSearches: asCount(asObject(usage['server_tool_use_details'])?.['web_search_requests']),
  });
}

/** Members in which vendors count cached input outside `prompt_tokens_details`: Mistral, Together and Moonshot, DeepSeek. */
const cachedMembers = ['num_cached_tokens', 'cached_tokens', 'prompt_cache_hit_tokens'] as const;

/** The vendor's own member for cached input, where the usual one is absent. */
export function cachedMember(usage: Readonly<Record<string, unknown>>): string | undefined {
  if (asCount(asObject(usage['prompt_tokens_details'])?.['cached_tokens']) !== undefined) return undefined;
  return cachedMembers.find((name) => asCount(usage[name]) !== undefined);
}

/** Why a completion ended: its first choice that says so. */
export function chatFinish(body: unknown): string | undefined {
  const choices = asObject(body)?.['choices'];
  for (const choice of Array.isArray(choices) ? choices : []) {
    const reason = asText(asObject(choice)?.['finish_reason']);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** Takes in one frame of a stream. */
export function readChatFrame(frame: Frame, facts: StreamFacts): void {
  if (frame.data === '[DONE]') {
    facts.isEnded = true;
    return;
  }
  const chunk = asObject(frame.json());
  if (!chunk) return;
  if (typeof chunk['id'] === 'string') facts.id = chunk['id'];
  if (typeof chunk['model'] === 'string' && chunk['model'] !== '') facts.model = chunk['model'];
  if (chunk['error'] !== undefined && chunk['error'] !== null)
    facts.failure = asText(asObject(chunk['error'])?.['message']) ?? asText(chunk['error']) ?? 'the provider failed';
  facts.usage = mergeUsage(facts.usage, chatUsage(chunk));
  for (const choice of Array.isArray(chunk['choices']) ? chunk['choices'] : []) {
    const { finish_reason: reason, delta } = choice as { finish_reason?: unknown; delta?: unknown };
    if (typeof reason === 'string') facts.finishReason = reason;
    const fields = asObject(delta);
    if (fields && Object.entries(fields).some(([name, value]) => name !== 'role' && value !== null && value !== ''))
      facts.hasOutput = true;
  }
}

/** A text, or undefined for anything else. */
export function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
