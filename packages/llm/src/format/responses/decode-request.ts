// Responses request → hub.
import type { JsonObject } from '../../hub/extra.ts';
import { readArray, readMember, readObject, requireString } from '../../hub/read.ts';
import type { HubRequest, OutputFormat, Reasoning } from '../../hub/request.ts';
import { takeResidue } from '../../hub/residue.ts';
import { asObject } from '../../usage.ts';
import { selfWriter } from './content.ts';
import { requestForm } from './request-form.ts';
import { decodeTool, decodeToolChoice } from './tool.ts';
import { decodeTurns } from './turn.ts';

/** Decodes a request. Throws CodecError `invalid`. */
export function decodeResponsesRequest(body: JsonObject): HubRequest {
  const tools = (readArray(body, 'tools') ?? []).map((tool, index) => decodeTool(tool, `tools[${index}]`));
  const toolChoice = decodeToolChoice(body['tool_choice']);
  const parallel = readMember(body, 'parallel_tool_calls', 'boolean');
  const request: HubRequest = {
    model: readMember(body, 'model', 'string') ?? '',
    turns: decodeTurns(body),
    ...(tools.length > 0 && { tools }),
    ...(toolChoice && { toolChoice }),
    ...(parallel !== undefined && { parallelToolCalls: parallel }),
    ...readText(body),
    ...readNumbers(body),
    ...readIdentity(body),
    stream: readMember(body, 'stream', 'boolean') ?? false,
  };
  const tokens = readTokens(body);
  request.extra = { format: 'responses', fields: {}, ...(tokens.length > 0 && { shape: tokens.join(' ') }) };
  const left = withoutLists(body, request);
  request.extra = takeResidue('responses', left, requestForm(request, selfWriter), tokens) ?? {
    format: 'responses',
    fields: {},
  };
  return request;
}

function readTokens(body: JsonObject): string[] {
  const tokens: string[] = [];
  const isSet = (name: string): boolean => body[name] !== undefined && body[name] !== null;
  if (!isSet('previous_response_id') && typeof body['conversation'] === 'string') tokens.push('previous:conversation');
  if (body['input'] === undefined) tokens.push('input:none');
  return tokens;
}

/** The body without the lists whose nodes keep what is theirs. */
function withoutLists(body: JsonObject, request: HubRequest): JsonObject {
  const { input, instructions, tools, ...left } = body;
  if (instructions === '' || instructions === null) left['instructions'] = instructions;
  if (input === '' || input === null) left['input'] = input;
  if (!request.tools && tools !== undefined) left['tools'] = tools;
  return left;
}

function readText(body: JsonObject): Pick<HubRequest, 'output' | 'verbosity'> {
  const text = readObject(body, 'text');
  if (!text) return {};
  const verbosity = readMember(text, 'verbosity', 'string', 'text');
  const format = readObject(text, 'format', 'text');
  const output = format && readFormat(format);
  return { ...(output && { output }), ...(verbosity !== undefined && { verbosity }) };
}

/** `text.format`; undefined for a kind that is not known. */
export function readFormat(raw: JsonObject): OutputFormat | undefined {
  switch (raw['type']) {
    case 'text':
      return { type: 'text' };
    case 'json_object':
      return { type: 'json' };
    case 'json_schema': {
      const schema = asObject(raw['schema']);
      if (!schema) return undefined;
      const description = readMember(raw, 'description', 'string', 'text.format');
      const strict = readMember(raw, 'strict', 'boolean', 'text.format');
      return {
        type: 'jsonSchema',
        name: requireString(raw, 'name', 'text.format'),
        ...(description !== undefined && { description }),
        schema,
        ...(strict !== undefined && { strict }),
      };
    }
    default:
      return undefined;
  }
}

function readNumbers(body: JsonObject): Partial<HubRequest> {
  const number = (name: string): number | undefined => readMember(body, name, 'number');
  const maxOutputTokens = number('max_output_tokens');
  const temperature = number('temperature');
  const topP = number('top_p');
  const logprobs = number('top_logprobs');
  return {
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP }),
    ...(logprobs !== undefined && { logprobs }),
  };
}

function readIdentity(body: JsonObject): Partial<HubRequest> {
  const string = (name: string): string | undefined => readMember(body, name, 'string');
  const user = string('user');
  const safetyIdentifier = string('safety_identifier');
  const metadata = readObject(body, 'metadata');
  const serviceTier = string('service_tier');
  const promptCacheKey = string('prompt_cache_key');
  const store = readMember(body, 'store', 'boolean');
  const conversation = body['conversation'];
  const previousId = string('previous_response_id') ?? (typeof conversation === 'string' ? conversation : undefined);
  const reasoning = readReasoning(body);
  return {
    ...(reasoning && { reasoning }),
    ...(user !== undefined && { user }),
    ...(safetyIdentifier !== undefined && { safetyIdentifier }),
    ...(metadata && { metadata }),
    ...(serviceTier !== undefined && { serviceTier }),
    ...(promptCacheKey !== undefined && { promptCacheKey }),
    ...(store !== undefined && { store }),
    ...(previousId !== undefined && { previousId }),
  };
}

function readReasoning(body: JsonObject): Reasoning | undefined {
  const raw = readObject(body, 'reasoning');
  if (!raw) return undefined;
  const effort = readMember(raw, 'effort', 'string', 'reasoning');
  const summary = readMember(raw, 'summary', 'string', 'reasoning');
  if (effort === undefined && summary === undefined) return undefined;
  return { ...(effort !== undefined && { effort }), ...(summary !== undefined && { summary }) };
}
