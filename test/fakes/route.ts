// Answers one request as the vendor would: who may call, which endpoint, what is refused, what is said.
import type { IncomingHttpHeaders } from 'node:http';
import { splitEvents, toBytes, type Recording } from '../recordings/recordings.ts';
import { completeAnswer, type ProviderKind, type RenderContext, type Script, type ScriptedAnswer } from './answer.ts';
import { isObject } from './json.ts';
import type { ProviderMemory } from './memory.ts';
import * as other from './other-endpoints.ts';
import { toAnthropicRefusal, toOpenaiRefusal, VendorRefusal } from './refusal.ts';
import { renderChat, renderChatStream, renderChatStreamError } from './render-chat.ts';
import { renderMessage, renderMessageStream, renderMessageStreamError } from './render-messages.ts';
import { renderResponse, renderResponseStream, renderResponseStreamError } from './render-responses.ts';
import type { Answer } from './send.ts';
import { validateChat } from './validate-chat.ts';
import { isClaudeModel } from './validate-claude.ts';
import { anthropicVersions, validateMessages } from './validate-messages.ts';
import { isOpenaiModel } from './validate-model.ts';
import { checkOpenaiSchema } from './validate-openai.ts';
import { validateResponses } from './validate-responses.ts';

type Json = Record<string, unknown>;

/** What stays the same, or grows, over a provider's life. */
export interface ProviderState {
  readonly kind: ProviderKind;
  /** Keys that may call; any where absent. */
  readonly keys: readonly string[] | undefined;
  /** Models served beside the vendor's own; a compatible vendor serves any where there are none. */
  readonly models: readonly string[];
  /** Top-level fields of a compatible vendor's chat that it refuses. */
  readonly refusedFields: readonly string[];
  /** Bodies are taken as they come: only keys, paths and JSON are checked. */
  readonly isLenient: boolean;
  readonly memory: ProviderMemory;
  readonly files: Map<string, other.StoredFile>;
  readonly mint: (prefix: string) => string;
  script: Script;
}

/** One request, read whole. */
export interface Call {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly sequence: number;
  /** What to answer instead of the script. */
  readonly replay: Recording | undefined;
}

/** What a JSON endpoint says. */
type Reply = Json | string | Uint8Array | Answer;

type Endpoint = (call: Call, state: ProviderState, id: string) => Reply | Promise<Reply>;

/** Endpoints by method and path; `*` stands for one segment, which the endpoint gets as `id`. */
const openaiEndpoints: Readonly<Record<string, Endpoint>> = {
  'POST /chat/completions': (call, state) => generate(call, state, 'chat'),
  'POST /responses': (call, state) => generate(call, state, 'responses'),
  'POST /responses/input_tokens': countInputTokens,
  'GET /responses/*': (_call, state, id) => findResponse(state, id),
  'DELETE /responses/*': (_call, state, id) => {
    findResponse(state, id);
    state.memory.forgetResponse(id);
    return other.renderDeletion(state.kind, id, 'response');
  },
  'POST /embeddings': (call, state) => {
    const body = readJson(call, state);
    checkModel(state, body['model'], 404);
    return other.renderEmbeddings(body, state.kind !== 'openai');
  },
  'POST /moderations': (call, state) => other.renderModerations(readJson(call, state), state.mint('modr-')),
  'POST /images/generations': (call, state) => other.renderImages(readJson(call, state)),
  'POST /audio/transcriptions': async (call, state) => other.renderTranscription(await readForm(call, state)),
};

const anthropicEndpoints: Readonly<Record<string, Endpoint>> = {
  'POST /messages': (call, state) => generate(call, state, 'messages'),
  'POST /messages/count_tokens': (call, state) => {
    const body = readJson(call, state);
    if (!state.isLenient) validateMessages(body, { name: 'count-tokens', version: readVersion(call) }, state.memory);
    checkModel(state, body['model'], 404);
    return { input_tokens: Math.ceil(JSON.stringify([body['system'], body['tools'], body['messages']]).length / 4) };
  },
};

const sharedEndpoints: Readonly<Record<string, Endpoint>> = {
  'GET /models': (_call, { kind, models }) => other.renderModels(kind, [...models, ...modelsByKind[kind]]),
  'GET /models/*': (_call, state, id) => {
    checkModel(state, id, 404);
    return other.renderModel(state.kind, id);
  },
  'POST /files': async (call, state) => {
    const id = state.mint(state.kind === 'anthropic' ? 'file_' : 'file-');
    const file = await other.parseFile(await readForm(call, state), state.kind, id);
    state.files.set(id, file);
    return other.renderFile(state.kind, file);
  },
  'GET /files': (_call, { kind, files }) => {
    const data = [...files.values()].map((file) => other.renderFile(kind, file));
    return {
      ...(kind === 'anthropic' ? {} : { object: 'list' }),
      data,
      has_more: false,
      first_id: data[0]?.['id'] ?? null,
      last_id: data.at(-1)?.['id'] ?? null,
    };
  },
  'GET /files/*': (_call, state, id) => other.renderFile(state.kind, findFile(state, id)),
  'GET /files/*/content': (_call, state, id) => findFile(state, id).bytes,
  'DELETE /files/*': (_call, state, id) => {
    findFile(state, id);
    state.files.delete(id);
    return other.renderDeletion(state.kind, id, 'file');
  },
};

/** Models that a vendor lists; it serves more. */
const modelsByKind: Readonly<Record<ProviderKind, readonly string[]>> = {
  openai: ['gpt-4o', 'gpt-4o-mini', 'gpt-5', 'gpt-5-mini', 'o3', 'text-embedding-3-small'],
  anthropic: ['claude-opus-4-5', 'claude-sonnet-4-5', 'claude-haiku-4-5'],
  'openai-compatible': [],
};

/** The vendor's answer to a request; refusals too. */
export async function answerCall(call: Call, state: ProviderState): Promise<Answer> {
  const headers = vendorHeaders(state);
  try {
    authenticate(call, state);
    const [endpoint, id] = findEndpoint(call, state);
    const reply = await endpoint(call, state, id);
    if (typeof reply === 'object' && 'frames' in reply && Array.isArray(reply.frames)) {
      const answer = reply as Answer;
      return { ...answer, headers: { ...headers, ...answer.headers } };
    }
    return toAnswer(200, reply as Json | string | Uint8Array, headers);
  } catch (error) {
    if (error instanceof VendorRefusal) {
      return toAnswer(error.status, error.body as Json, { ...headers, ...error.headers });
    }
    throw error;
  }
}

/** A refusal as an answer. */
export function toRefusalAnswer({ status, body, headers }: VendorRefusal, state: ProviderState): Answer {
  return toAnswer(status, body as Json, { ...vendorHeaders(state), ...headers });
}

function toAnswer(status: number, body: Json | string | Uint8Array, headers: Readonly<Record<string, string>>): Answer {
  const [type, bytes] =
    body instanceof Uint8Array
      ? ['application/octet-stream', body]
      : typeof body === 'string'
        ? ['text/plain; charset=utf-8', Buffer.from(body)]
        : ['application/json', Buffer.from(JSON.stringify(body))];
  return {
    status,
    headers: { 'content-type': type, ...headers },
    frames: [bytes],
    isStream: false,
    toErrorFrames: () => [],
  };
}

/** What each vendor's answers say beside the body. */
function vendorHeaders({ kind, mint }: ProviderState): Record<string, string> {
  return kind === 'anthropic'
    ? {
        'request-id': mint('req_'),
        'anthropic-organization-id': 'org-fake',
        'anthropic-ratelimit-requests-remaining': '99',
      }
    : { 'x-request-id': mint('req_'), 'openai-version': '2020-10-01', 'x-ratelimit-remaining-requests': '99' };
}

function authenticate({ headers }: Call, { kind, keys }: ProviderState): void {
  const [, bearer] = /^Bearer\s+(\S+)$/iu.exec(headers.authorization ?? '') ?? [];
  const isKnown = (key: string): boolean => keys === undefined || keys.includes(key);
  if (kind !== 'anthropic') {
    if (bearer === undefined) {
      throw toOpenaiRefusal(
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
        { status: 401 },
      );
    }
    if (isKnown(bearer)) return;
    throw toOpenaiRefusal(
      `Incorrect API key provided: ${bearer.slice(0, 3)}***. You can find your API key at https://platform.openai.com/account/api-keys.`,
      { status: 401, code: 'invalid_api_key' },
    );
  }
  const key = headers['x-api-key'];
  if (key === undefined && bearer === undefined) throw toAnthropicRefusal('x-api-key header is required', 401);
  if (typeof key === 'string' && !isKnown(key)) throw toAnthropicRefusal('invalid x-api-key', 401);
  if (key === undefined && !isKnown(bearer ?? '')) throw toAnthropicRefusal('Invalid bearer token', 401);
  const version = headers['anthropic-version'];
  if (version === undefined) throw toAnthropicRefusal('anthropic-version: header is required');
  if (!anthropicVersions.some((known) => known === version)) {
    throw toAnthropicRefusal(`anthropic-version: "${String(version)}" is not a valid version`);
  }
}

function findEndpoint({ method, path }: Call, { kind }: ProviderState): [Endpoint, string] {
  const own = kind === 'anthropic' ? anthropicEndpoints : openaiEndpoints;
  // Compatible vendors put the API below paths of their own: `/openai/v1`, `/api/v1`, or none.
  const prefix =
    kind === 'openai-compatible'
      ? /^(?:\/[^/]+)*?(?=\/(?:chat|responses|models|embeddings|files|images|audio|moderations)(?:\/|$))/u
      : /^\/v1/u;
  const rest = prefix.test(path) ? path.replace(prefix, '') : undefined;
  if (rest !== undefined) {
    for (const [pattern, endpoint] of Object.entries({ ...own, ...sharedEndpoints })) {
      const [verb = '', shape = ''] = pattern.split(' ');
      if (verb !== method) continue;
      const match = new RegExp(`^${shape.replace('*', '([^/]+)')}$`, 'u').exec(rest);
      if (match !== null) return [endpoint, decodeURIComponent(match[1] ?? '')];
    }
  }
  if (kind === 'anthropic') throw toAnthropicRefusal('Not Found', 404);
  throw toOpenaiRefusal(`Invalid URL (${method} ${path})`, { status: 404 });
}

function readJson({ headers, body }: Call, { kind }: ProviderState): Json {
  const type = headers['content-type'];
  if (type === undefined || !/^application\/json\b/iu.test(type)) {
    const message = `Unsupported content type: '${String(type)}'. This API method only accepts 'application/json' requests, but you specified the header 'Content-Type: ${String(type)}'. Please try again with a supported content type.`;
    throw kind === 'anthropic'
      ? toAnthropicRefusal(message)
      : toOpenaiRefusal(message, { code: 'unsupported_content_type' });
  }
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    if (isObject(value)) return value;
  } catch {
    // Said below.
  }
  throw kind === 'anthropic'
    ? toAnthropicRefusal('The request body is not valid JSON')
    : toOpenaiRefusal(
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)",
      );
}

function readForm({ headers, body }: Call, { kind }: ProviderState): Promise<FormData> {
  return other.parseForm(body, headers['content-type'] ?? '', kind);
}

/** Refuses a model that the vendor does not serve. */
function checkModel({ kind, models, isLenient }: ProviderState, model: unknown, status: number): void {
  if (isLenient || typeof model !== 'string' || models.includes(model)) return;
  if (kind === 'anthropic') {
    if (isClaudeModel(model)) return;
    throw toAnthropicRefusal(`model: ${model}`, 404);
  }
  if (kind === 'openai' ? isOpenaiModel(model) : models.length === 0) return;
  throw status === 404
    ? toOpenaiRefusal(`The model \`${model}\` does not exist or you do not have access to it.`, {
        status,
        code: 'model_not_found',
      })
    : toOpenaiRefusal(`The requested model '${model}' does not exist.`, {
        status,
        param: 'model',
        code: 'model_not_found',
      });
}

type Format = 'chat' | 'responses' | 'messages';

async function generate(call: Call, state: ProviderState, format: Format): Promise<Answer> {
  const request = readJson(call, state);
  if (!state.isLenient) validate(request, state, { format, version: readVersion(call) });
  const toErrorFrames = {
    chat: renderChatStreamError,
    responses: renderResponseStreamError,
    messages: renderMessageStreamError,
  }[format];
  if (call.replay !== undefined) return toReplayed(call.replay, toErrorFrames);
  const isStream = request['stream'] === true;
  const model = String(request['model']);
  const scripted = await state.script({
    format,
    model,
    isStream,
    body: request,
    headers: call.headers,
    sequence: call.sequence,
  });
  const context = toContext(scripted, request, state, format);
  const { memory } = state;
  if (!isStream) {
    const body = { chat: renderChat, responses: renderResponse, messages: renderMessage }[format](context, memory);
    return toAnswer(200, body, scripted.headers ?? {});
  }
  const frames = { chat: renderChatStream, responses: renderResponseStream, messages: renderMessageStream }[format](
    context,
    memory,
  );
  return {
    status: 200,
    headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', ...scripted.headers },
    frames,
    isStream,
    toErrorFrames,
  };
}

function toContext(scripted: ScriptedAnswer, request: Json, state: ProviderState, format: Format): RenderContext {
  const answer = completeAnswer(scripted, state.mint, format === 'messages' ? 'toolu_' : 'call_');
  return { kind: state.kind, model: String(request['model']), request, answer, id: state.mint };
}

function readVersion({ headers }: Call): string {
  return String(headers['anthropic-version']);
}

function validate(
  request: Json,
  state: ProviderState,
  { format, version }: { readonly format: Format; readonly version: string },
): void {
  const { kind, memory, refusedFields } = state;
  const refused = refusedFields.find((name) => name in request);
  if (refused !== undefined) {
    throw toOpenaiRefusal(`Unknown parameter: '${refused}'.`, { param: refused, code: 'unknown_parameter' });
  }
  if (format === 'chat') validateChat(request, kind);
  else if (format === 'responses') validateResponses(request, kind, memory);
  else validateMessages(request, { name: 'messages', version }, memory);
  // The Responses API answers 400 for a model that does not exist; the others 404.
  checkModel(state, request['model'], format === 'responses' ? 400 : 404);
}

function toReplayed({ response, isStream }: Recording, toErrorFrames: Answer['toErrorFrames']): Answer {
  const { body, status, headers } = response;
  const frames =
    isStream && body.kind === 'text' ? splitEvents(body.text).map((event) => Buffer.from(event)) : [toBytes(body)];
  return { status, headers, frames, isStream, toErrorFrames };
}

function countInputTokens(call: Call, state: ProviderState): Json {
  const body = readJson(call, state);
  checkOpenaiSchema('responses-input-tokens', body, state.kind !== 'openai');
  checkModel(state, body['model'], 400);
  const counted = JSON.stringify([body['instructions'], body['tools'], body['input']]);
  return { object: 'response.input_tokens', input_tokens: Math.ceil(counted.length / 4) };
}

function findResponse({ memory }: ProviderState, id: string): Json {
  const body = memory.findResponse(id)?.body;
  if (body !== undefined) return body;
  throw toOpenaiRefusal(`Response with id '${id}' not found.`, { status: 404 });
}

function findFile({ kind, files }: ProviderState, id: string): other.StoredFile {
  const file = files.get(id);
  if (file !== undefined) return file;
  throw kind === 'anthropic'
    ? toAnthropicRefusal(`File not found: ${id}`, 404)
    : toOpenaiRefusal(`No such File object: ${id}`, { status: 404, param: 'id' });
}
