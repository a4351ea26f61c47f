// The members of a Responses answer, as the hub's answer has them.
import type { AnswerContext } from '../../hub/codec.ts';
import type { Part } from '../../hub/content.ts';
import type { JsonObject } from '../../hub/extra.ts';
import type { Form } from '../../hub/residue.ts';
import type { Choice, HubResponse } from '../../hub/response.ts';
import type { Usage } from '../../usage.ts';
import { selfWriter } from './content.ts';
import { formatOf, present } from './request-form.ts';
import { stopMembers } from './stop.ts';
import { writeToolChoice, writeTool } from './tool.ts';
import { instructionsOf } from './turn.ts';

/** The members of an answer of this format. */
export function responseForm(response: HubResponse): Form {
  const [choice] = response.choices;
  const stop = choice?.stop;
  return {
    derived: {
      ...(response.id !== '' && { id: response.id }),
      model: response.model,
      created_at: response.createdSeconds,
      ...(stop && stopMembers(stop, hasCalls(choice))),
      ...(response.usage && { usage: usageMembers(response.usage, false) }),
      service_tier: response.serviceTier,
    },
    defaults: { object: 'response' },
  };
}

/** Whether the model called a tool. */
export function hasCalls(choice: Choice | undefined): boolean {
  return choice?.parts.some((part: Part) => part.type === 'toolCall') ?? false;
}

/** `usage`: totals include cache and reasoning. `isWhole` writes the members that the format demands even where nothing was counted. */
export function usageMembers(usage: Usage, isWhole: boolean): JsonObject {
  const { inputTotal, outputTotal, inputCacheWrite5m, inputCacheWrite1h } = usage;
  const written = inputCacheWrite5m === undefined && inputCacheWrite1h === undefined;
  const zero = isWhole ? 0 : undefined;
  const input = present({
    cached_tokens: usage.inputCacheRead ?? zero,
    cache_write_tokens: written ? undefined : (inputCacheWrite5m ?? 0) + (inputCacheWrite1h ?? 0),
    audio_tokens: usage.inputAudio,
    image_tokens: usage.inputImage,
  });
  const output = present({
    reasoning_tokens: usage.outputReasoning ?? zero,
    audio_tokens: usage.outputAudio,
    image_tokens: usage.outputImage,
  });
  const isCounted = inputTotal !== undefined && outputTotal !== undefined;
  return present({
    input_tokens: inputTotal ?? zero,
    input_tokens_details: Object.keys(input).length > 0 ? input : undefined,
    output_tokens: outputTotal ?? zero,
    output_tokens_details: Object.keys(output).length > 0 ? output : undefined,
    total_tokens: isCounted || isWhole ? (inputTotal ?? 0) + (outputTotal ?? 0) : undefined,
  });
}

/** The members that every answer has, as the client's request set them; of a request of this format only. */
export function repeatedMembers({ request }: AnswerContext): JsonObject {
  const format = request.output ? formatOf(request.output) : { type: 'text' };
  return {
    background: false,
    error: null,
    incomplete_details: null,
    instructions: instructionsOf(request.turns) ?? null,
    max_output_tokens: request.maxOutputTokens ?? null,
    metadata: request.metadata ?? {},
    parallel_tool_calls: request.parallelToolCalls ?? true,
    previous_response_id: null,
    reasoning: { effort: request.reasoning?.effort ?? null, summary: request.reasoning?.summary ?? null },
    // The provider of another format keeps nothing under this id.
    store: false,
    temperature: request.temperature ?? null,
    text: present({ format, verbosity: request.verbosity }),
    tool_choice: request.toolChoice ? writeToolChoice(request.toolChoice, selfWriter) : 'auto',
    tools: (request.tools ?? []).map((tool) => writeTool(tool, selfWriter)),
    top_p: request.topP ?? null,
    truncation: 'disabled',
    user: request.user ?? null,
  };
}
