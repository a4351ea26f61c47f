// The hub to Anthropic Messages requests, and to count_tokens requests.
import type { RequestContext } from '../../hub/codec.ts';
import { CodecError, type JsonObject } from '../../hub/extra.ts';
import { isOwn, ownFields, ownShape } from '../../hub/notes.ts';
import type { HubRequest } from '../../hub/request.ts';
import { asObject } from '../../usage.ts';
import { refusesSampling, refusesSamplingPair } from './claude-models.ts';
import { unsaidStream } from './decode-request.ts';
import { keepFields } from './encode-block.ts';
import { type EncodedThinking, encodeThinking } from './encode-thinking.ts';
import { encodeTools } from './encode-tools.ts';
import { encodeTurns } from './encode-turns.ts';
import { sourcePath } from './source-path.ts';

/** Longest `metadata.user_id` that Anthropic takes; characters. */
const userCharsMax = 256;

/** Members that an answer depends on and a count of the prompt does not; count_tokens refuses them. */
const answerMembers = new Set([
  'max_tokens',
  'metadata',
  'stop_sequences',
  'stream',
  'temperature',
  'top_p',
  'top_k',
  'service_tier',
  'container',
]);

/** Encodes a body. Throws CodecError `unsupported`. */
export function encodeMessagesRequest(request: HubRequest, context: RequestContext): JsonObject {
  refuseMeaning(request);
  noteRest(request, context);
  const { system, messages, isThinkingLost } = encodeTurns(request, context);
  const thinking = encodeThinking(request, context, isThinkingLost);
  const fields = ownFields(request, 'messages');
  const body: JsonObject = {
    model: context.model,
    ...encodeLimit(request, context, thinking),
    ...(system !== undefined && { system }),
    messages,
    ...encodeTools(request, context),
    ...(thinking.thinking && { thinking: thinking.thinking }),
    ...encodeSampling(request, context, thinking.isTurnedOn),
    ...encodeStream(request),
    ...encodeService(request, context),
    ...fields,
    ...encodeOutput(request, context, thinking.effort),
    ...encodeUser(request, context),
  };
  for (const name of context.dialectal.dropParameters) {
    if (!(name in body)) continue;
    delete body[name];
    context.note({ path: name, message: 'left out: the provider does not take it' });
  }
  if (!context.isCounting) return body;
  return Object.fromEntries(Object.entries(body).filter(([name]) => !answerMembers.has(name)));
}

function refuseMeaning({ previousId, count }: HubRequest): void {
  if (previousId !== undefined)
    throw new CodecError(
      'unsupported',
      'previous_response_id',
      'the provider of this model keeps no conversations: send the whole conversation',
    );
  if (count !== undefined && count > 1)
    throw new CodecError('unsupported', 'n', 'the provider of this model gives one answer at a time');
}

/** Members of the hub that Anthropic has no word for, under the name the client most likely used. */
const unsaid = [
  ['seed', 'seed'],
  ['frequencyPenalty', 'frequency_penalty'],
  ['presencePenalty', 'presence_penalty'],
  ['logitBias', 'logit_bias'],
  ['logprobs', 'logprobs'],
  ['metadata', 'metadata'],
  ['promptCacheKey', 'prompt_cache_key'],
  ['verbosity', 'verbosity'],
] as const satisfies readonly (readonly [keyof HubRequest, string])[];

function noteRest(request: HubRequest, { note }: RequestContext): void {
  keepFields({ extra: request.extra }, note);
  const path = (name: (typeof unsaid)[number][1]): string =>
    name === 'verbosity' || name === 'logprobs' ? sourcePath(request, name) : name;
  for (const [member, name] of unsaid)
    if (request[member] !== undefined) note({ path: path(name), message: 'left out: Anthropic has no such parameter' });
  if (request.store === true) note({ path: 'store', message: 'left out: the provider of this model keeps no answers' });
}

function encodeLimit(
  request: HubRequest,
  { maxTokensDefault, note, isCounting }: RequestContext,
  thinking: EncodedThinking,
): JsonObject {
  if (isCounting) return {};
  const { maxOutputTokens } = request;
  const limit = maxOutputTokens ?? maxTokensDefault.tokens;
  if (maxOutputTokens === undefined)
    note({
      path: sourcePath(request, 'limit'),
      message: `${limit}, which ${maxTokensDefault.source} says: the client gave none`,
    });
  const { budgetTokens } = thinking;
  if (budgetTokens === undefined || limit > budgetTokens) return { max_tokens: limit };
  note({
    path: sourcePath(request, 'limit'),
    message: `raised from ${limit} to ${limit + budgetTokens}: thinking may take ${budgetTokens}`,
  });
  return { max_tokens: limit + budgetTokens };
}

function encodeSampling(request: HubRequest, { model, note }: RequestContext, isThinking: boolean): JsonObject {
  const { temperature, topP, topK, stop } = request;
  const members = { temperature, top_p: topP, top_k: topK, stop_sequences: stop };
  if (!isOwn(request, 'messages')) {
    const drop = (names: readonly (keyof typeof members)[], why: string): void => {
      for (const name of names) {
        if (members[name] === undefined) continue;
        members[name] = undefined;
        note({ path: name, message: `left out: ${why}` });
      }
    };
    if (temperature !== undefined && temperature > 1) {
      members.temperature = 1;
      note({ path: 'temperature', message: `lowered from ${temperature} to 1, the most that Anthropic takes` });
    }
    const others = ['top_p', 'top_k'] as const;
    if (refusesSampling(model)) drop(['temperature', ...others], `${model} takes the default alone`);
    if (isThinking) {
      const isDefault = members.temperature === 1;
      drop(isDefault ? others : ['temperature', ...others], 'Anthropic forbids it beside thinking');
    }
    if (members.temperature !== undefined && refusesSamplingPair(model))
      drop(['top_p'], `${model} takes it or the temperature, not both`);
    const words = stop?.filter((word) => word.trim() !== '');
    if (words?.length !== stop?.length)
      note({ path: sourcePath(request, 'stop'), message: 'Anthropic takes no blank stop sequences' });
    members.stop_sequences = words?.length ? words : undefined;
  }
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

function encodeStream(request: HubRequest): JsonObject {
  const isUnsaid = ownShape(request, 'messages') === unsaidStream || !isOwn(request, 'messages');
  return isUnsaid && !request.stream ? {} : { stream: request.stream };
}

/** OpenAI's tiers that have a counterpart; the others are left out. */
const tiers: Readonly<Record<string, string>> = { auto: 'auto', default: 'standard_only' };

function encodeService({ serviceTier, ...request }: HubRequest, { note }: RequestContext): JsonObject {
  if (serviceTier === undefined) return {};
  const tier = isOwn(request, 'messages') ? serviceTier : tiers[serviceTier];
  if (tier !== undefined) return { service_tier: tier };
  note({ path: 'service_tier', message: `left out: Anthropic has no tier ${serviceTier}` });
  return {};
}

function encodeOutput(request: HubRequest, { note }: RequestContext, effort: string | undefined): JsonObject {
  const { output } = request;
  const kept = asObject(ownFields(request, 'messages')['output_config']);
  const config: JsonObject = { ...kept, ...(effort !== undefined && { effort }) };
  if (output?.type !== 'jsonSchema') return kept || effort !== undefined ? { output_config: config } : {};
  if (output.description !== undefined)
    note({ path: sourcePath(request, 'output'), message: 'the description of the schema is left out' });
  const format = {
    type: 'json_schema',
    schema: output.schema,
    ...keepFields({ ...output, path: sourcePath(request, 'output') }, note),
  };
  if (ownShape(output, 'messages') === 'output_format')
    return { output_format: format, ...((kept || effort !== undefined) && { output_config: config }) };
  return { output_config: { ...config, format } };
}

function encodeUser(request: HubRequest, { note }: RequestContext): JsonObject {
  const kept = asObject(ownFields(request, 'messages')['metadata']);
  const user = request.user ?? request.safetyIdentifier;
  if (user === undefined) return {};
  if (user.length <= userCharsMax || isOwn(request, 'messages')) return { metadata: { ...kept, user_id: user } };
  note({ path: sourcePath(request, 'user'), message: `left out: Anthropic takes at most ${userCharsMax} characters` });
  return {};
}
