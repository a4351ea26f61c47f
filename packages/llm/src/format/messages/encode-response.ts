// The hub to Anthropic Messages answers.
import { toCarrier } from '../../carrier.ts';
import type { AnswerContext } from '../../hub/codec.ts';
import type { Part, ReasoningPart } from '../../hub/content.ts';
import type { JsonObject } from '../../hub/extra.ts';
import { isOwn, ownFields } from '../../hub/notes.ts';
import type { HubResponse } from '../../hub/response.ts';
import { toClientName } from '../../hub/tool-names.ts';
import { asObject } from '../../usage.ts';
import { encodeDocument, encodeImage, encodeText, encodeToolUse, keepFields } from './encode-block.ts';
import { joinUsage } from './encode-usage.ts';
import { encodeStop } from './stop.ts';

/** Encodes an answer: the first choice, since this format knows but one. */
export function encodeMessagesResponse(response: HubResponse, context: AnswerContext): JsonObject {
  const { note, clock } = context;
  const [choice, ...others] = response.choices;
  const parts = choice?.parts ?? [];
  if (others.length > 0) note({ path: 'choices', message: `${others.length} more answers are left out` });
  const refusal = parts.flatMap((part) => (part.type === 'refusal' ? [part.text] : [])).join('\n');
  const stop = encodeStop(choice?.stop, {
    hasToolCall: parts.some(({ type }) => type === 'toolCall'),
    refusal: refusal === '' ? undefined : refusal,
    isOwn: isOwn(response, 'messages'),
  });
  const kept = ownFields(response, 'messages');
  return {
    id: response.id === '' ? `msg_${clock.id}` : response.id,
    type: 'message',
    role: 'assistant',
    model: response.model,
    content: parts.flatMap((part) => encodeAnswerPart(part, context)),
    ...joinStop(stop, ownFields(choice ?? {}, 'messages')),
    ...kept,
    usage: encodeAnswerUsage(response, kept['usage'], context),
  };
}

/** Stop members with what the same format said besides; a member that it left out stays out. */
export function joinStop(stop: JsonObject, rest: JsonObject): JsonObject {
  const details = asObject(rest['stop_details']);
  const joined: JsonObject = {
    ...stop,
    ...rest,
    ...(details && { stop_details: { ...details, ...asObject(stop['stop_details']) } }),
  };
  if (stop['stop_sequence'] !== null) joined['stop_sequence'] = stop['stop_sequence'];
  return Object.fromEntries(Object.entries(joined).filter(([, value]) => value !== undefined));
}

function encodeAnswerUsage(response: HubResponse, kept: unknown, { note }: AnswerContext): JsonObject {
  const usage = joinUsage(kept, response.usage);
  if (Object.keys(usage).length > 0 || isOwn(response, 'messages')) return usage;
  note({ path: 'usage', message: 'the provider told no usage: the zeros that the format demands are not a count' });
  return { input_tokens: 0, output_tokens: 0 };
}

/** The blocks of one part of an answer. */
export function encodeAnswerPart(part: Part, context: AnswerContext): JsonObject[] {
  const { note, request } = context;
  const { path = '' } = part;
  switch (part.type) {
    case 'text':
      return part.text === '' && !isOwn(part, 'messages') ? [] : [encodeText(part, note)];
    case 'refusal':
      keepFields(part, note);
      return part.text === '' ? [] : [{ type: 'text', text: part.text }];
    case 'reasoning':
      return encodeThought(part, context);
    case 'toolCall': {
      const call = encodeToolUse(part, { id: part.id, name: toClientName(part.name, request) }, note);
      return part.opaque ? [callCarrier(part.opaque, part.id, context), call] : [call];
    }
    case 'image':
    case 'document':
      if (isOwn(part, 'messages'))
        return [part.type === 'image' ? encodeImage(part, note) : encodeDocument(part, note)];
      note({ path, message: `an answer's ${part.type} is left out: messages has no place for it` });
      return [];
    case 'opaque':
      if (part.format === 'messages') return [part.value];
      note({ path, message: `${part.name} of ${part.format} is left out` });
      return [];
    default:
      note({ path, message: `${part.type} in an answer is left out: messages has no place for it` });
      return [];
  }
}

/** The block that carries a call's own signature: clients replay it untouched, and the decoder hands it back to the call. */
export function callCarrier(
  opaque: NonNullable<ReasoningPart['opaque']>,
  id: string,
  context: AnswerContext,
): JsonObject {
  return { type: 'redacted_thinking', data: toCarrier(opaque, context, id) };
}

function encodeThought(part: ReasoningPart, context: AnswerContext): JsonObject[] {
  const { opaque } = part;
  if (isOwn(part, 'messages')) {
    const seal = opaque?.values[part.isRedacted ? 'data' : 'signature'];
    return [
      {
        type: part.isRedacted ? 'redacted_thinking' : 'thinking',
        ...(!part.isRedacted && { thinking: part.text }),
        ...(seal !== undefined && { [part.isRedacted ? 'data' : 'signature']: seal }),
        ...ownFields(part, 'messages'),
      },
    ];
  }
  if (part.text === '' && !opaque) return [];
  keepFields(part, context.note);
  if (part.isRedacted) return [{ type: 'redacted_thinking', data: toCarrier(opaque, context) }];
  return [{ type: 'thinking', thinking: part.text, signature: toCarrier(opaque, context) }];
}
