// Stop reasons: every one that the vendor's SDK knows has its place, and unknown ones survive.
import type { BetaStopReason } from '@anthropic-ai/sdk/resources/beta/messages/messages';
import { expect, test } from 'vitest';
import type { Stop } from '../../hub/response.ts';
import { decodeStop, encodeStop } from './stop.ts';

/** A reason that the SDK learns does not compile until it has its place here. */
const reasons: { readonly [R in BetaStopReason]: Stop['reason'] } = {
  end_turn: 'end',
  stop_sequence: 'stopSequence',
  max_tokens: 'length',
  model_context_window_exceeded: 'contextFull',
  tool_use: 'tools',
  refusal: 'filtered',
  pause_turn: 'paused',
  compaction: 'paused',
};

const told = { hasToolCall: false, refusal: undefined, isOwn: true };

test.each(Object.entries(reasons))('%s is %s, and back', (raw, reason) => {
  const { stop } = decodeStop({ stop_reason: raw, stop_sequence: null });
  expect(stop).toEqual({ reason, raw });
  expect(encodeStop(stop, told)).toEqual({ stop_reason: raw, stop_sequence: null });
});

test('a reason of tomorrow ends the answer and keeps its name', () => {
  const { stop } = decodeStop({ stop_reason: 'tired', stop_sequence: null });
  expect(stop).toEqual({ reason: 'end', raw: 'tired' });
  expect(encodeStop(stop, told)['stop_reason']).toBe('tired');
  expect(encodeStop(stop, { ...told, isOwn: false })['stop_reason']).toBe('end_turn');
});

test('no reason is none; a changed one wins over the word it had', () => {
  expect(decodeStop({ stop_reason: null, stop_sequence: null }).stop).toBeUndefined();
  expect(encodeStop({ reason: 'length', raw: 'end_turn' }, told)['stop_reason']).toBe('max_tokens');
});
