// Usage and progress of OpenAI Responses: totals include cache and reasoning; usage comes with the closing event.
import type { StreamFacts } from '../../format.ts';
import type { Frame } from '../../stream/sse.ts';
import { type Usage, asCount, asObject, mergeUsage, toUsage } from '../../usage.ts';
import { asText } from '../chat/usage.ts';

/** The usage of a response object. */
export function responsesUsage(body: unknown): Usage | undefined {
  const usage = asObject(asObject(body)?.['usage']);
  if (!usage) return undefined;
  const input = asObject(usage['input_tokens_details']);
  const output = asObject(usage['output_tokens_details']);
  const tier = asObject(body)?.['service_tier'];
  return toUsage({
    inputTotal: asCount(usage['input_tokens']),
    inputCacheRead: asCount(input?.['cached_tokens']),
    inputCacheWrite5m: asCount(input?.['cache_write_tokens']),
    inputCacheWrite1h: undefined,
    inputAudio: asCount(input?.['audio_tokens']),
    inputImage: asCount(input?.['image_tokens']),
    outputTotal: asCount(usage['output_tokens']),
    outputReasoning: asCount(output?.['reasoning_tokens']),
    outputAudio: asCount(output?.['audio_tokens']),
    outputImage: asCount(output?.['image_tokens']),
    serviceTier: typeof tier === 'string' ? tier : undefined,
    webSearches: undefined,
  });
}

/** Why a response object ended: what cut it short, else its status. */
export function responsesFinish(body: unknown): string | undefined {
  const response = asObject(body);
  return asText(asObject(response?.['incomplete_details'])?.['reason']) ?? asText(response?.['status']);
}

const endings = new Set(['response.completed', 'response.incomplete', 'response.failed']);

/** Takes in one frame of a stream. */
export function readResponsesFrame(frame: Frame, facts: StreamFacts): void {
  const event = asObject(frame.json());
  if (!event) return;
  const type = String(event['type']);
  const sequence = asCount(event['sequence_number']);
  if (sequence !== undefined) facts.sequence = sequence;
  const response = asObject(event['response']);
  if (typeof response?.['id'] === 'string') facts.id = response['id'];
  if (typeof response?.['model'] === 'string') facts.model = response['model'];
  facts.usage = mergeUsage(facts.usage, responsesUsage(response));
  if (type.endsWith('.delta') || type === 'response.output_item.added') facts.hasOutput = true;
  if (type === 'error')
    facts.failure = asText(event['message']) ?? asText(asObject(event['error'])?.['message']) ?? 'the provider failed';
  if (!endings.has(type)) return;
  facts.isEnded = true;
  facts.finishReason = responsesFinish(response) ?? type.slice('response.'.length);
  if (type === 'response.failed')
    facts.failure = asText(asObject(response?.['error'])?.['message']) ?? 'the provider failed';
}
