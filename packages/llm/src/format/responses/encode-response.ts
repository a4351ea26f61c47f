// Hub answer → Responses answer.
import type { AnswerContext } from '../../hub/codec.ts';
import type { Part, RefusalPart, TextPart } from '../../hub/content.ts';
import type { JsonObject } from '../../hub/extra.ts';
import { writeNode } from '../../hub/residue.ts';
import type { Choice, HubResponse } from '../../hub/response.ts';
import { answerItem, messageItem } from './answer-item.ts';
import type { ResponsesWriter } from './content.ts';
import { cutItems, writeCall, writeMessage } from './item.ts';
import { writeReasoning } from './reasoning.ts';
import { repeatedMembers, responseForm, usageMembers } from './response-form.ts';
import { fromStop } from './stop.ts';

/** Encodes an answer; of several choices the first. */
export function encodeResponsesResponse(response: HubResponse, context: AnswerContext): JsonObject {
  const parts = response.choices[0]?.parts ?? [];
  if (response.extra?.format === 'responses') {
    const place = { format: 'responses', path: '', note: context.note } as const;
    const body = writeNode(responseForm(response), response.extra, place);
    body['output'] = ownItems(parts, { isOwn: true, vendor: context.vendor, note: context.note });
    return body;
  }
  const [choice] = response.choices;
  const output = foreignItems(choice, context);
  return responseObject({ response, choice, output }, context);
}

function ownItems(parts: readonly Part[], writer: ResponsesWriter): JsonObject[] {
  return cutItems(parts).flatMap((item, index): JsonObject[] => {
    if (Array.isArray(item)) return [writeMessage(item, writer, { type: 'message', role: 'assistant' })];
    if (item.type === 'toolCall') return [writeCall(item, writer)];
    if (item.type === 'opaque') return [item.value];
    const written = item.type === 'reasoning' ? writeReasoning(item, writer, index) : undefined;
    return written ? [written] : [];
  });
}

/** The items of an answer of another format; what only that format knows is noted. */
function foreignItems(choice: Choice | undefined, context: AnswerContext): JsonObject[] {
  const parts = [...(choice?.parts ?? [])];
  const { stop } = choice ?? {};
  const isExplained = parts.some((part) => part.type === 'refusal');
  if (stop?.reason === 'filtered' && stop.detail !== undefined && !isExplained)
    parts.push({ type: 'refusal', text: stop.detail });
  const items: JsonObject[] = [];
  let open: (TextPart | RefusalPart)[] = [];
  const close = (): void => {
    if (open.length > 0) items.push(messageItem(open, items.length, context));
    open = [];
  };
  for (const part of parts) {
    if (part.type === 'text' || part.type === 'refusal') {
      open.push(part);
      continue;
    }
    close();
    const item = answerItem(part, items.length, context);
    if (item) items.push(item);
    else
      context.note({
        path: part.path ?? '',
        message: `left out: Responses has no item for ${part.type === 'opaque' ? part.name : part.type}`,
      });
  }
  close();
  return items;
}

/** What a response object is made of. */
interface ResponseParts {
  readonly response: Pick<HubResponse, 'model' | 'createdSeconds' | 'usage' | 'serviceTier'>;
  /** Undefined while the answer is being made. */
  readonly choice: Pick<Choice, 'stop'> | undefined;
  readonly output: readonly JsonObject[];
}

/** A response object for an answer of another format. */
export function responseObject({ response, choice, output }: ResponseParts, context: AnswerContext): JsonObject {
  const { clock, upstreamModel } = context;
  const stop = choice?.stop ?? (choice && ({ reason: 'end' } as const));
  const ending = stop && fromStop(stop);
  const error =
    stop?.reason === 'failed' ? { code: 'server_error', message: stop.detail ?? 'the provider failed' } : null;
  return {
    ...repeatedMembers(context),
    id: `resp_${clock.id}`,
    object: 'response',
    created_at: response.createdSeconds ?? clock.nowSeconds,
    status: ending?.status ?? 'in_progress',
    ...(ending?.status === 'completed' && { completed_at: clock.nowSeconds }),
    error,
    incomplete_details: ending?.reason === undefined ? null : { reason: ending.reason },
    model: response.model === '' ? upstreamModel : response.model,
    output,
    usage: response.usage ? usageMembers(response.usage, true) : null,
    ...(response.serviceTier !== undefined && { service_tier: response.serviceTier }),
  };
}
