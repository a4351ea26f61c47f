// Chat Completions request → hub.
import { plainDialect } from '../../hub/codec.ts';
import { CodecError, type Extra, type JsonObject } from '../../hub/extra.ts';
import { readArray, readMember, readObject, requireString } from '../../hub/read.ts';
import type { HubRequest, OutputFormat, Reasoning, Tool } from '../../hub/request.ts';
import { takeResidue } from '../../hub/residue.ts';
import { asObject } from '../../usage.ts';
import type { ChatWriter } from './content.ts';
import { outputForm, requestForm } from './request-form.ts';
import { decodeFunction, decodeFunctionChoice, decodeTool, decodeToolChoice } from './tool.ts';
import { decodeMessage } from './turn.ts';

/** The writer a body is compared with: one that changes nothing. */
export const selfWriter: ChatWriter = {
  isOwn: true,
  vendor: undefined,
  dialectal: plainDialect,
  note: () => undefined,
};

/** Decodes a request. Throws CodecError `invalid`. */
export function decodeChatRequest(body: JsonObject): HubRequest {
  const messages = readArray(body, 'messages');
  if (!messages) throw new CodecError('invalid', 'messages', 'required: the list of messages is missing');
  const request: HubRequest = {
    model: readMember(body, 'model', 'string') ?? '',
    turns: messages.map((message, index) => decodeMessage(message, index, selfWriter)),
    ...readTools(body),
    ...readSampling(body),
    ...readLimits(body),
    stream: readMember(body, 'stream', 'boolean') ?? false,
  };
  const output = readOutput(body);
  if (output) request.output = output;
  const tokens = readTokens(body);
  request.extra = { format: 'chat', fields: {}, ...(tokens.length > 0 && { shape: tokens.join(' ') }) };
  const left = withoutHandled(body, request);
  request.extra = takeResidue('chat', left, requestForm(request, selfWriter), tokens) ?? emptyExtra;
  return request;
}

const emptyExtra: Extra = { format: 'chat', fields: {} };

/** Members that several spellings share, in the client's spelling. */
function readTokens(body: JsonObject): string[] {
  const tokens: string[] = [];
  const isSet = (name: string): boolean => body[name] !== undefined && body[name] !== null;
  if (!isSet('max_completion_tokens') && isSet('max_tokens')) tokens.push('max_tokens');
  if (isSet('max_completion_tokens')) tokens.push('max_completion_tokens');
  if (typeof body['stop'] === 'string') tokens.push('stop:text');
  if (!isSet('reasoning_effort') && isSet('reasoning')) tokens.push('reasoning:object');
  return tokens;
}

/** The body without the lists whose nodes keep what is theirs. */
function withoutHandled(body: JsonObject, request: HubRequest): JsonObject {
  const { messages: _messages, ...left } = body;
  if (request.tools) {
    if (Array.isArray(left['tools']) && left['tools'].length > 0) delete left['tools'];
    if (Array.isArray(left['functions']) && left['functions'].length > 0) delete left['functions'];
  }
  if (request.toolChoice)
    delete left[request.toolChoice.extra?.shape === 'function_call' ? 'function_call' : 'tool_choice'];
  if (request.output) delete left['response_format'];
  return left;
}

function readTools(body: JsonObject): Pick<HubRequest, 'tools' | 'toolChoice' | 'parallelToolCalls'> {
  const tools: Tool[] = [
    ...(readArray(body, 'tools') ?? []).map((tool, index) => decodeTool(tool, `tools[${index}]`, selfWriter)),
    ...(readArray(body, 'functions') ?? []).map((tool, index) => decodeFunction(tool, `functions[${index}]`)),
  ];
  const toolChoice =
    decodeToolChoice(body['tool_choice'], selfWriter) ??
    (body['tool_choice'] === undefined ? decodeFunctionChoice(body['function_call']) : undefined);
  const parallel = readMember(body, 'parallel_tool_calls', 'boolean');
  return {
    ...(tools.length > 0 && { tools }),
    ...(toolChoice && { toolChoice }),
    ...(parallel !== undefined && { parallelToolCalls: parallel }),
  };
}

function readSampling(body: JsonObject): Partial<HubRequest> {
  const number = (name: string): number | undefined => readMember(body, name, 'number');
  const temperature = number('temperature');
  const topP = number('top_p');
  const topK = number('top_k');
  const seed = number('seed');
  const frequencyPenalty = number('frequency_penalty');
  const presencePenalty = number('presence_penalty');
  const logitBias = readObject(body, 'logit_bias');
  const hasLogprobs = readMember(body, 'logprobs', 'boolean') ?? false;
  const topLogprobs = number('top_logprobs');
  const stop = readStop(body);
  return {
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP }),
    ...(topK !== undefined && { topK }),
    ...(stop && { stop }),
    ...(seed !== undefined && { seed }),
    ...(frequencyPenalty !== undefined && { frequencyPenalty }),
    ...(presencePenalty !== undefined && { presencePenalty }),
    ...(logitBias && { logitBias }),
    ...(hasLogprobs && { logprobs: topLogprobs ?? 0 }),
  };
}

function readStop(body: JsonObject): string[] | undefined {
  const value = body['stop'];
  if (typeof value === 'string') return [value];
  const list = readArray(body, 'stop');
  if (!list || list.length === 0) return undefined;
  if (!list.every((each) => typeof each === 'string'))
    throw new CodecError('invalid', 'stop', 'must be a string or a list of strings');
  return [...list];
}

function readLimits(body: JsonObject): Partial<HubRequest> {
  const string = (name: string): string | undefined => readMember(body, name, 'string');
  const maxOutputTokens =
    readMember(body, 'max_completion_tokens', 'number') ?? readMember(body, 'max_tokens', 'number');
  const count = readMember(body, 'n', 'number');
  const reasoning = readReasoning(body);
  const verbosity = string('verbosity');
  const user = string('user');
  const safetyIdentifier = string('safety_identifier');
  const metadata = readObject(body, 'metadata');
  const serviceTier = string('service_tier');
  const promptCacheKey = string('prompt_cache_key');
  const store = readMember(body, 'store', 'boolean');
  const options = readObject(body, 'stream_options');
  const includeUsage = options && readMember(options, 'include_usage', 'boolean', 'stream_options');
  return {
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    ...(count !== undefined && { count }),
    ...(reasoning && { reasoning }),
    ...(verbosity !== undefined && { verbosity }),
    ...(user !== undefined && { user }),
    ...(safetyIdentifier !== undefined && { safetyIdentifier }),
    ...(metadata && { metadata }),
    ...(serviceTier !== undefined && { serviceTier }),
    ...(promptCacheKey !== undefined && { promptCacheKey }),
    ...(store !== undefined && { store }),
    ...(includeUsage !== undefined && { includeUsage }),
  };
}

/** `reasoning_effort`, or OpenRouter's `reasoning` with an effort or a budget in it. */
function readReasoning(body: JsonObject): Reasoning | undefined {
  const effort = readMember(body, 'reasoning_effort', 'string');
  if (effort !== undefined) return { effort };
  const raw = readObject(body, 'reasoning');
  if (!raw) return undefined;
  const named = readMember(raw, 'effort', 'string', 'reasoning');
  const budgetTokens = readMember(raw, 'max_tokens', 'number', 'reasoning');
  if (named === undefined && budgetTokens === undefined) return undefined;
  return { ...(named !== undefined && { effort: named }), ...(budgetTokens !== undefined && { budgetTokens }) };
}

function readOutput(body: JsonObject): OutputFormat | undefined {
  const raw = readObject(body, 'response_format');
  if (!raw) return undefined;
  const output = readFormat(raw);
  if (!output) return undefined;
  const extra = takeResidue('chat', raw, outputForm(output));
  return extra ? { ...output, extra } : output;
}

function readFormat(raw: JsonObject): OutputFormat | undefined {
  switch (raw['type']) {
    case 'text':
      return { type: 'text' };
    case 'json_object':
      return { type: 'json' };
    case 'json_schema': {
      const path = 'response_format.json_schema';
      const inner = readObject(raw, 'json_schema', 'response_format') ?? {};
      const schema = asObject(inner['schema']);
      if (!schema) return undefined;
      const description = readMember(inner, 'description', 'string', path);
      const strict = readMember(inner, 'strict', 'boolean', path);
      return {
        type: 'jsonSchema',
        name: requireString(inner, 'name', path),
        ...(description !== undefined && { description }),
        schema: schema,
        ...(strict !== undefined && { strict }),
      };
    }
    default:
      return undefined;
  }
}
