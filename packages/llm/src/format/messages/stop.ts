// Why a model stopped, in the words of Anthropic Messages and of the hub.
import type { JsonObject } from '../../hub/extra.ts';
import type { Stop } from '../../hub/response.ts';
import { restOf } from '../../hub/notes.ts';
import { asObject } from '../../usage.ts';

const reasons: Readonly<Record<string, Stop['reason']>> = {
  end_turn: 'end',
  stop_sequence: 'stopSequence',
  max_tokens: 'length',
  model_context_window_exceeded: 'contextFull',
  tool_use: 'tools',
  refusal: 'filtered',
  pause_turn: 'paused',
  compaction: 'paused',
};

const words: { readonly [R in Stop['reason']]: string } = {
  end: 'end_turn',
  stopSequence: 'stop_sequence',
  length: 'max_tokens',
  contextFull: 'model_context_window_exceeded',
  tools: 'tool_use',
  filtered: 'refusal',
  paused: 'pause_turn',
  failed: 'end_turn',
};

/** The hub's reason; a word that is not known yet ended the answer all the same. */
function toReason(raw: string): Stop['reason'] {
  return Object.hasOwn(reasons, raw) ? reasons[raw]! : 'end';
}

/** The stop that an answer or a message_delta tells, and what else its members say; no stop where it goes on. */
export function decodeStop(holder: Readonly<JsonObject>): {
  readonly stop: Stop | undefined;
  readonly rest: JsonObject;
} {
  const { stop_reason: raw, stop_sequence: sequence, stop_details: details } = holder;
  const told = asObject(details);
  const explanation = told?.['explanation'];
  const rest: JsonObject = {};
  if (typeof sequence !== 'string' && 'stop_sequence' in holder && sequence !== null) rest['stop_sequence'] = sequence;
  if (!('stop_sequence' in holder)) rest['stop_sequence'] = undefined;
  if (told) rest['stop_details'] = typeof explanation === 'string' ? restOf(told, ['explanation']) : told;
  else if ('stop_details' in holder) rest['stop_details'] = details;
  if (typeof raw !== 'string') return { stop: undefined, rest };
  const stop: Stop = {
    reason: toReason(raw),
    ...(typeof sequence === 'string' && { sequence }),
    raw,
    ...(typeof explanation === 'string' && { detail: explanation }),
  };
  return { stop, rest };
}

/** What the answer holds that its stop must agree with. */
export interface Told {
  readonly hasToolCall: boolean;
  /** The model's words for declining, where a format tells them apart. */
  readonly refusal: string | undefined;
  /** The stop was decoded from this format: its own word is kept. */
  readonly isOwn: boolean;
}

/** The members `stop_reason`, `stop_sequence` and, for refusals, `stop_details`. */
export function encodeStop(stop: Stop | undefined, { hasToolCall, refusal, isOwn }: Told): JsonObject {
  const sequence = stop?.sequence ?? null;
  if (isOwn) {
    const { reason, raw, detail } = stop ?? {};
    const isAgreed = raw !== undefined && toReason(raw) === reason;
    return {
      stop_reason: isAgreed ? raw : reason === undefined ? null : words[reason],
      stop_sequence: sequence,
      ...(detail !== undefined && { stop_details: { explanation: detail } }),
    };
  }
  const isEnd = stop === undefined || stop.reason === 'end';
  const isRefused = stop?.reason === 'filtered' || (isEnd && refusal !== undefined);
  if (isRefused) {
    const explanation = stop?.detail ?? refusal ?? null;
    return {
      stop_reason: 'refusal',
      stop_sequence: null,
      stop_details: { type: 'refusal', category: null, explanation },
    };
  }
  return { stop_reason: isEnd && hasToolCall ? 'tool_use' : words[stop?.reason ?? 'end'], stop_sequence: sequence };
}
