// The members of a Chat Completions answer, as the hub's answer has them.
import type { AnswerContext } from '../../hub/codec.ts';
import type { Part, ReasoningPart, TextPart, ToolCallPart } from '../../hub/content.ts';
import { toAnnotation } from '../../hub/citation.ts';
import type { JsonObject } from '../../hub/extra.ts';
import { type Form, hasToken, tokensOf } from '../../hub/residue.ts';
import type { Choice, HubResponse } from '../../hub/response.ts';
import { toClientName } from '../../hub/tool-names.ts';
import type { Usage } from '../../usage.ts';
import { assistantMembers } from './assistant.ts';
import type { ChatWriter } from './content.ts';
import { writeAnswerReasoning, writeReasoning } from './reasoning.ts';
import { fromStop } from './stop.ts';

/** A word in an answer's shape: its completion count left reasoning out. */
export const outsideToken = 'reasoning:outside';

/** The answer's simple members; `id` and `created` of an answer of another format are the caller's. */
export function responseForm(response: HubResponse, isOwn: boolean): Form {
  const tier = response.serviceTier;
  return {
    derived: {
      ...(isOwn && response.id !== '' && { id: response.id }),
      model: response.model,
      created: response.createdSeconds,
      ...(response.usage && {
        usage: usageMembers(response.usage, usageShapeOf(response)),
      }),
      ...(tier !== undefined && { service_tier: tier }),
    },
    defaults: { object: 'chat.completion' },
  };
}

/** How a vendor counts. */
interface UsageShape {
  readonly isReasoningOutside?: boolean;
  /** Its own member for cached input. */
  readonly cached?: string | undefined;
}

/** Words in an answer's shape that begin so name the vendor's own member for cached input. */
export const cachedToken = 'cached:';

function usageShapeOf({ extra }: HubResponse): UsageShape {
  const cached = extra?.format === 'chat' ? tokensOf(extra).find((token) => token.startsWith(cachedToken)) : undefined;
  return {
    isReasoningOutside: hasToken(extra, 'chat', outsideToken),
    cached: cached?.slice(cachedToken.length),
  };
}

/** `usage`: totals include cache and reasoning. */
export function usageMembers(usage: Usage, { isReasoningOutside = false, cached }: UsageShape = {}): JsonObject {
  const { inputTotal, outputTotal, inputCacheWrite5m, inputCacheWrite1h } = usage;
  const completion =
    outputTotal === undefined ? undefined : outputTotal - (isReasoningOutside ? (usage.outputReasoning ?? 0) : 0);
  const cacheWrite =
    inputCacheWrite5m === undefined && inputCacheWrite1h === undefined
      ? undefined
      : (inputCacheWrite5m ?? 0) + (inputCacheWrite1h ?? 0);
  const prompt = present({
    cached_tokens: cached === undefined ? usage.inputCacheRead : undefined,
    cache_write_tokens: cacheWrite,
    audio_tokens: usage.inputAudio,
    image_tokens: usage.inputImage,
  });
  const details = present({
    reasoning_tokens: usage.outputReasoning,
    audio_tokens: usage.outputAudio,
    image_tokens: usage.outputImage,
  });
  return present({
    prompt_tokens: inputTotal,
    completion_tokens: completion,
    total_tokens: inputTotal === undefined || outputTotal === undefined ? undefined : inputTotal + outputTotal,
    prompt_tokens_details: Object.keys(prompt).length > 0 ? prompt : undefined,
    completion_tokens_details: Object.keys(details).length > 0 ? details : undefined,
    ...(cached !== undefined && { [cached]: usage.inputCacheRead }),
    ...(usage.webSearches !== undefined && {
      server_tool_use_details: { web_search_requests: usage.webSearches },
    }),
  });
}

function present(members: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

/** Who writes an answer: no context while an answer is only compared with itself. */
interface AnswerWriter {
  readonly writer: ChatWriter;
  readonly context: AnswerContext | undefined;
}

/** One choice. */
export function choiceForm(choice: Choice, index: number, { writer, context }: AnswerWriter): Form {
  const { isOwn } = writer;
  const tokens = choice.extra?.format === 'chat' ? tokensOf(choice.extra) : [];
  const parts = isOwn ? choice.parts : answerParts(choice.parts, writer, context);
  const reasoning = (thoughts: readonly ReasoningPart[]): JsonObject =>
    context ? writeAnswerReasoning(thoughts, tokens, { writer, context }) : writeReasoning(thoughts, tokens, writer);
  // The client gets names and ids as it knows them.
  const asIs = { ...writer, isOwn: true };
  const message = assistantMembers({ parts, isList: tokens.includes('content:list'), writer: asIs, reasoning });
  const hasCalls = choice.parts.some((part) => part.type === 'toolCall');
  const detail = choice.stop?.reason === 'filtered' ? choice.stop.detail : undefined;
  if (!isOwn && detail !== undefined && message['refusal'] === undefined) message['refusal'] = detail;
  const sequence = isOwn && choice.stop?.sequence !== undefined ? { stop_reason: choice.stop.sequence } : {};
  return {
    derived: {
      message,
      ...(choice.stop && { finish_reason: fromStop(choice.stop, hasCalls, isOwn) }),
      ...sequence,
    },
    defaults: isOwn
      ? { index }
      : { index, message: { content: null, refusal: null }, logprobs: null, finish_reason: 'stop' },
  };
}

/** Parts of another format's answer as Chat Completions can hold them: one text; what only that format knows is noted. */
function answerParts(parts: readonly Part[], writer: ChatWriter, context: AnswerContext | undefined): Part[] {
  const texts = parts.filter((part) => part.type === 'text');
  const kept = parts.flatMap((part): Part[] => {
    if (part.type === 'text') return part === texts[0] ? [joined(texts, writer)] : [];
    if (part.type === 'toolCall' && context) return [withClientName(part, context)];
    if (part.type === 'reasoning' || part.type === 'refusal' || part.type === 'toolCall') return [part];
    writer.note({
      path: part.path ?? '',
      message: `left out: a ${part.type === 'opaque' ? part.name : part.type} has no place in Chat Completions`,
    });
    return [];
  });
  return kept;
}

function joined(texts: readonly TextPart[], writer: ChatWriter): TextPart {
  let text = '';
  const annotations: unknown[] = [];
  for (const { text: each, citations, path } of texts) {
    for (const value of citations?.values ?? []) {
      const annotation = toAnnotation(value, { from: citations!.format, to: 'chat', offset: text.length });
      if (annotation !== undefined) annotations.push(annotation);
      else writer.note({ path: path ?? '', message: 'a citation was left out: Chat Completions has none of its kind' });
    }
    text += each;
  }
  return { type: 'text', text, ...(annotations.length > 0 && { citations: { format: 'chat', values: annotations } }) };
}

/** A call under the name that the client knows. */
function withClientName(part: ToolCallPart, context: AnswerContext): ToolCallPart {
  const text = part.kind === 'function' && part.arguments === '' ? '{}' : part.arguments;
  return { ...part, name: toClientName(part.name, context.request), arguments: text };
}
