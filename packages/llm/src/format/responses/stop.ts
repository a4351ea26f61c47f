// Why a model stopped, in the words of Responses: a status, and a reason where the answer is incomplete.
import type { JsonObject } from '../../hub/extra.ts';
import type { Stop } from '../../hub/response.ts';
import { asObject } from '../../usage.ts';

/** How an answer ended. */
interface Ending {
  readonly status: 'completed' | 'incomplete' | 'failed';
  readonly reason?: string;
}

const endings: { readonly [R in Stop['reason']]: Ending } = {
  end: { status: 'completed' },
  stopSequence: { status: 'completed' },
  tools: { status: 'completed' },
  length: { status: 'incomplete', reason: 'max_output_tokens' },
  contextFull: { status: 'incomplete', reason: 'max_output_tokens' },
  filtered: { status: 'incomplete', reason: 'content_filter' },
  paused: { status: 'incomplete' },
  failed: { status: 'failed' },
};

/** The stop that a response object tells; undefined while it is not over. */
export function toStop(response: Readonly<JsonObject>, hasCalls: boolean): Stop | undefined {
  const { status } = response;
  if (status === 'completed') return { reason: hasCalls ? 'tools' : 'end', raw: status };
  if (status === 'failed' || status === 'cancelled') {
    const message = asObject(response['error'])?.['message'];
    return { reason: 'failed', raw: status, ...(typeof message === 'string' && { detail: message }) };
  }
  if (status !== 'incomplete') return undefined;
  const reason = asObject(response['incomplete_details'])?.['reason'];
  if (typeof reason !== 'string') return { reason: 'paused', raw: status };
  if (reason === 'content_filter') return { reason: 'filtered', raw: reason };
  return { reason: reason === 'max_output_tokens' || reason === 'max_tokens' ? 'length' : 'paused', raw: reason };
}

/** How an answer with this stop ends. */
export function fromStop({ reason }: Stop): Ending {
  return endings[reason];
}

/** The members that tell the stop: the provider's own words where they mean the same. */
export function stopMembers(stop: Stop, hasCalls: boolean): JsonObject {
  const kept = wordsOf(stop);
  const told = kept && toStop(kept, hasCalls);
  if (kept && told?.reason === stop.reason) return kept;
  const { status, reason } = fromStop(stop);
  return {
    status,
    ...(reason !== undefined && { incomplete_details: { reason } }),
    ...(status === 'failed' && stop.detail !== undefined && { error: { message: stop.detail } }),
  };
}

/** The raw word as members again. */
function wordsOf({ raw, detail }: Stop): JsonObject | undefined {
  if (raw === undefined) return undefined;
  if (raw === 'completed' || raw === 'incomplete') return { status: raw };
  if (raw === 'failed' || raw === 'cancelled')
    return { status: raw, ...(detail !== undefined && { error: { message: detail } }) };
  return { status: 'incomplete', incomplete_details: { reason: raw } };
}
