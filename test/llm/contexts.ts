// The contexts in which recorded exchanges are encoded in tests.
import type { AnswerContext, RequestContext } from '@agentgateway/llm/hub/codec.ts';
import { plainDialect } from '@agentgateway/llm/hub/codec.ts';
import type { Note } from '@agentgateway/llm/hub/extra.ts';
import type { HubRequest } from '@agentgateway/llm/hub/request.ts';

/** A request for a provider; notes are collected in `notes`. */
export function requestContext(
  fields: Partial<RequestContext> = {},
  notes: Note[] = [],
): RequestContext & { readonly notes: Note[] } {
  return {
    vendor: 'anthropic',
    model: 'model-1',
    maxTokensDefault: { tokens: 4096, source: 'the test' },
    dialectal: plainDialect,
    note: (note) => notes.push(note),
    notes,
    ...fields,
  };
}

/** An answer for a client; notes are collected in `notes`. */
export function answerContext(
  fields: Partial<AnswerContext> = {},
  notes: Note[] = [],
): AnswerContext & { readonly notes: Note[] } {
  const request: HubRequest = { model: 'model-1', turns: [], stream: false };
  return {
    vendor: 'anthropic',
    upstreamModel: 'model-1',
    request,
    clock: { nowSeconds: 1_700_000_000, id: '0123456789abcdef' },
    note: (note) => notes.push(note),
    notes,
    ...fields,
  };
}
