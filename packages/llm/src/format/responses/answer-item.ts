// Parts of another format's answer as output items of a Responses answer, with ids made from the answer's own.
import type { AnswerContext } from '../../hub/codec.ts';
import type { Part, RefusalPart, TextPart } from '../../hub/content.ts';
import type { JsonObject } from '../../hub/extra.ts';
import { toClientName } from '../../hub/tool-names.ts';
import type { ResponsesWriter } from './content.ts';
import { writeCall, writeOutput } from './item.ts';
import { carriedReasoning } from './reasoning.ts';

/** Prefixes of item ids, as OpenAI has them. */
const prefixes = { message: 'msg', reasoning: 'rs', function: 'fc', custom: 'ctc' } as const;

/** The id of the answer's nth item. */
export function itemId(kind: keyof typeof prefixes, context: AnswerContext, index: number): string {
  return `${prefixes[kind]}_${context.clock.id}_${index}`;
}

/** An item that is not a message; undefined for parts that the format has no item for. */
export function answerItem(part: Part, index: number, context: AnswerContext): JsonObject | undefined {
  const writer = answerWriter(context);
  if (part.type === 'reasoning') return carriedReasoning(part, itemId('reasoning', context, index), context);
  if (part.type !== 'toolCall') return undefined;
  const call = {
    ...part,
    name: toClientName(part.name, context.request),
    arguments: part.kind === 'function' && part.arguments === '' ? '{}' : part.arguments,
  };
  return writeCall(call, writer, { id: itemId(part.kind, context, index), status: 'completed' });
}

/** A message item. */
export function messageItem(
  parts: readonly (TextPart | RefusalPart)[],
  index: number,
  context: AnswerContext,
): JsonObject {
  const content = parts.map((part) => answerContent(part, context));
  return { id: itemId('message', context, index), type: 'message', status: 'completed', role: 'assistant', content };
}

/** A part of a message item. */
export function answerContent(part: TextPart | RefusalPart, context: AnswerContext): JsonObject {
  const written = writeOutput(part, { ...answerWriter(context), isOwn: false });
  return part.type === 'text' ? { ...written, logprobs: [] } : written;
}

function answerWriter({ vendor, note }: AnswerContext): ResponsesWriter {
  // Names and ids are given back as the client knows them.
  return { isOwn: true, vendor, note };
}
