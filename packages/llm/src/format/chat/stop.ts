// Why a model stopped, in the words of Chat Completions.
import type { Stop } from '../../hub/response.ts';

const reasons: Readonly<Record<string, Stop['reason']>> = {
  stop: 'end',
  eos: 'end',
  end_turn: 'end',
  length: 'length',
  max_tokens: 'length',
  model_length: 'contextFull',
  tool_calls: 'tools',
  function_call: 'tools',
  content_filter: 'filtered',
  error: 'failed',
};

const words = {
  end: 'stop',
  stopSequence: 'stop',
  length: 'length',
  contextFull: 'length',
  tools: 'tool_calls',
  filtered: 'content_filter',
  paused: 'stop',
  failed: 'error',
} as const satisfies Record<Stop['reason'], string>;

/** A stop from `finish_reason`. Calls that came out count as `tools` even where the provider only says that it is done. */
export function toStop(raw: string, hasCalls: boolean, sequence: unknown): Stop {
  const reason = Object.hasOwn(reasons, raw) ? reasons[raw]! : 'end';
  if (reason === 'end' && hasCalls) return { reason: 'tools', raw };
  if (reason === 'end' && typeof sequence === 'string') return { reason: 'stopSequence', sequence, raw };
  return { reason, raw };
}

/** `finish_reason`. `isOwn` keeps the provider's own word where it means the same. */
export function fromStop(stop: Stop, hasCalls: boolean, isOwn: boolean): string {
  if (isOwn && stop.raw !== undefined && toStop(stop.raw, hasCalls, stop.sequence).reason === stop.reason)
    return stop.raw;
  return stop.reason === 'end' && hasCalls ? 'tool_calls' : words[stop.reason];
}
