// The members of a Responses request beside its lists, as the hub's request has them.
import { isEffort } from '../../hub/effort.ts';
import type { JsonObject } from '../../hub/extra.ts';
import type { HubRequest, OutputFormat } from '../../hub/request.ts';
import { type Form, hasToken } from '../../hub/residue.ts';
import { effortOf, schemaNameDefault, serviceTierOf } from '../chat/request-form.ts';
import type { ResponsesWriter } from './content.ts';
import { writeToolChoice } from './tool.ts';

/** Fewest tokens that the API lets an answer have. */
export const maxOutputTokensMin = 16;

/** Simple members. Notes are taken of what the format does not have. */
export function requestForm(request: HubRequest, writer: ResponsesWriter): Form {
  const { reasoning, verbosity, output, logprobs, previousId } = request;
  const previousMember = hasToken(request.extra, 'responses', 'previous:conversation')
    ? 'conversation'
    : 'previous_response_id';
  const text = present({ format: output && formatOf(output), verbosity });
  const thinking = present({ effort: effortOf(reasoning, writer.isOwn), summary: summaryOf(request, writer) });
  const derived: JsonObject = {
    model: request.model,
    tool_choice: request.toolChoice && writeToolChoice(request.toolChoice, writer),
    parallel_tool_calls: request.parallelToolCalls,
    text: Object.keys(text).length > 0 ? text : undefined,
    max_output_tokens: request.maxOutputTokens,
    temperature: request.temperature,
    top_p: request.topP,
    top_logprobs: logprobs === 0 && !writer.isOwn ? undefined : logprobs,
    reasoning: Object.keys(thinking).length > 0 ? thinking : undefined,
    stream: request.stream ? true : undefined,
    user: request.user,
    safety_identifier: request.safetyIdentifier,
    metadata: request.metadata,
    prompt_cache_key: request.promptCacheKey,
    [previousMember]: previousId,
    service_tier: request.serviceTier,
    store: request.store,
  };
  if (!writer.isOwn) Object.assign(derived, foreignMembers(request, writer));
  return { derived: present(derived) };
}

/** Without the members that are undefined. */
export function present(members: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

/** `text.format`. */
export function formatOf(output: OutputFormat): JsonObject {
  if (output.type === 'text') return { type: 'text' };
  if (output.type === 'json') return { type: 'json_object' };
  const { name, description, schema, strict } = output;
  return present({ type: 'json_schema', name: name ?? schemaNameDefault, description, schema, strict });
}

/** Anthropic's clients see thoughts unless they asked not to; OpenAI tells summaries only when asked. */
function summaryOf({ reasoning }: HubRequest, { isOwn }: ResponsesWriter): string | undefined {
  if (isOwn || !reasoning) return reasoning?.summary;
  const isThinking = reasoning.mode === 'enabled' || reasoning.mode === 'adaptive';
  return isThinking && reasoning.summary !== 'omitted' ? 'auto' : undefined;
}

/** Members of another format that Responses does not have as they are. */
function foreignMembers(request: HubRequest, writer: ResponsesWriter): JsonObject {
  const leave = (path: string, message: string): void => writer.note({ path, message: `left out: ${message}` });
  const { topK, seed, frequencyPenalty, presencePenalty, logitBias, serviceTier, metadata, maxOutputTokens } = request;
  const absent = { top_k: topK, seed, frequency_penalty: frequencyPenalty, presence_penalty: presencePenalty };
  for (const [name, value] of Object.entries({ ...absent, logit_bias: logitBias }))
    if (value !== undefined) leave(name, 'Responses has no such parameter');
  if (request.reasoning?.effort !== undefined && !isEffort(request.reasoning.effort))
    leave('reasoning_effort', 'no such effort is known');
  const tier = serviceTierOf(serviceTier);
  if (serviceTier !== undefined && tier === undefined) leave('service_tier', 'the target has no such tier');
  const isTextual = metadata && Object.values(metadata).every((value) => typeof value === 'string');
  if (metadata && !isTextual) leave('metadata', 'Responses takes texts only');
  if (request.store === true) leave('store', 'the answer is not kept: its id would name nothing');
  const isSmall = maxOutputTokens !== undefined && maxOutputTokens < maxOutputTokensMin;
  if (isSmall)
    writer.note({ path: 'max_tokens', message: `raised to ${maxOutputTokensMin}: the target takes no smaller limit` });
  return {
    service_tier: tier,
    metadata: isTextual ? metadata : undefined,
    ...(isSmall && { max_output_tokens: maxOutputTokensMin }),
    // Nothing of another format's client could ever refer to what the provider keeps.
    store: false,
  };
}
