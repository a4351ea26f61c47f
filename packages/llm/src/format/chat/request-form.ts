// The members of a Chat Completions request beside its lists, as the hub's request has them.
import { type Effort, isEffort, toEffort } from '../../hub/effort.ts';
import type { JsonObject } from '../../hub/extra.ts';
import type { HubRequest, OutputFormat, Reasoning } from '../../hub/request.ts';
import { type Form, hasToken } from '../../hub/residue.ts';
import type { ChatWriter } from './content.ts';

/** Name of a schema where the client gave none: the format wants one. */
export const schemaNameDefault = 'response';

/** Service tiers that OpenAI knows, by the word of the client's format. */
const serviceTiers: Readonly<Record<string, string>> = {
  auto: 'auto',
  default: 'default',
  flex: 'flex',
  scale: 'scale',
  priority: 'priority',
  standard_only: 'default',
};

/** Simple members. Notes are taken of what the format does not have. */
export function requestForm(request: HubRequest, writer: ChatWriter): Form {
  const { logprobs, stop, includeUsage } = request;
  const isTextStop = stop?.length === 1 && hasToken(request.extra, 'chat', 'stop:text');
  const derived: JsonObject = {
    model: request.model,
    parallel_tool_calls: request.parallelToolCalls,
    verbosity: request.verbosity,
    [maxTokensMember(request, writer)]: request.maxOutputTokens,
    temperature: request.temperature,
    top_p: request.topP,
    stop: isTextStop ? stop[0] : stop,
    n: request.count,
    seed: request.seed,
    frequency_penalty: request.frequencyPenalty,
    presence_penalty: request.presencePenalty,
    logit_bias: request.logitBias,
    logprobs: logprobs === undefined ? undefined : true,
    top_logprobs: logprobs === undefined || logprobs === 0 ? undefined : logprobs,
    ...reasoningMembers(request, writer),
    stream: request.stream ? true : undefined,
    stream_options: includeUsage === undefined ? undefined : { include_usage: includeUsage },
    ...userMembers(request, writer),
    prompt_cache_key: request.promptCacheKey,
  };
  if (writer.isOwn) {
    const { topK, metadata, serviceTier, store } = request;
    Object.assign(derived, { top_k: topK, metadata, service_tier: serviceTier, store });
  } else Object.assign(derived, foreignMembers(request, writer));
  return { derived: Object.fromEntries(Object.entries(derived).filter(([, value]) => value !== undefined)) };
}

/** Vendors that follow OpenAI know one name for the user alone. */
function userMembers({ user, safetyIdentifier }: HubRequest, { isOwn, vendor }: ChatWriter): JsonObject {
  if (isOwn || vendor === 'openai') return { user, safety_identifier: safetyIdentifier };
  return { user: user ?? safetyIdentifier };
}

function reasoningMembers({ reasoning, extra }: HubRequest, { isOwn }: ChatWriter): JsonObject {
  if (!hasToken(extra, 'chat', 'reasoning:object')) return { reasoning_effort: effortOf(reasoning, isOwn) };
  if (!reasoning) return {};
  const { effort, budgetTokens } = reasoning;
  const members = {
    ...(effort !== undefined && { effort }),
    ...(budgetTokens !== undefined && { max_tokens: budgetTokens }),
  };
  return { reasoning: members };
}

function maxTokensMember(request: HubRequest, writer: ChatWriter): 'max_tokens' | 'max_completion_tokens' {
  if (hasToken(request.extra, 'chat', 'max_tokens')) return 'max_tokens';
  if (hasToken(request.extra, 'chat', 'max_completion_tokens')) return 'max_completion_tokens';
  return writer.dialectal.maxTokensMember;
}

/**
 * The effort: in the client's word, or what its budget stands for. Adaptive thinking leaves the choice to the model, and so does
 * a vendor's own word from another format.
 */
export function effortOf(reasoning: Reasoning | undefined, isOwn: boolean): string | undefined {
  if (!reasoning) return undefined;
  const { effort } = reasoning;
  if (effort !== undefined) return isOwn || isEffort(effort) ? effort : undefined;
  if (reasoning.mode === 'disabled') return 'none' satisfies Effort;
  return reasoning.budgetTokens === undefined ? undefined : toEffort(reasoning.budgetTokens);
}

/** A tier in OpenAI's words; undefined for one it does not have. */
export function serviceTierOf(tier: string | undefined): string | undefined {
  return tier !== undefined && Object.hasOwn(serviceTiers, tier) ? serviceTiers[tier] : undefined;
}

function foreignMembers(request: HubRequest, writer: ChatWriter): JsonObject {
  const { topK, metadata, store, reasoning } = request;
  const tier = serviceTierOf(request.serviceTier);
  const leave = (path: string, message: string): void => writer.note({ path, message: `left out: ${message}` });
  if (topK !== undefined) leave('top_k', 'Chat Completions has no such parameter');
  if (request.serviceTier !== undefined && tier === undefined) leave('service_tier', 'the target has no such tier');
  if (metadata && Object.keys(metadata).length > 0)
    leave('metadata', 'Chat Completions keeps it only with stored answers');
  if (store === true) leave('store', 'the answer is not kept: its id would name nothing');
  if (reasoning?.summary !== undefined) leave('reasoning.summary', 'Chat Completions has no summaries');
  if (reasoning?.effort !== undefined && !isEffort(reasoning.effort))
    leave('reasoning.effort', 'no such effort is known');
  return { service_tier: tier };
}

/** `response_format`. */
export function outputForm(output: OutputFormat): Form {
  if (output.type === 'text') return { derived: { type: 'text' } };
  if (output.type === 'json') return { derived: { type: 'json_object' } };
  const { name, description, schema, strict } = output;
  return {
    derived: { type: 'json_schema', json_schema: { name: name ?? schemaNameDefault, description, schema, strict } },
  };
}
