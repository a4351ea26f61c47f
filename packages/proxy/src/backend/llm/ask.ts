// A client's LLM request as the gateway reads it: only the members it needs, the rest stays bytes.
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { Exchange } from '@agentgateway/core/exchange.ts';
import type { FormatName } from '@agentgateway/llm/format.ts';
import { type Members, NotAnObject, readMember, scanMembers } from '@agentgateway/llm/json-edit.ts';
import { collectRequest } from '../../wire-encoding.ts';

/** A request for an answer, or for a count. */
export interface Ask {
  readonly format: FormatName;
  readonly isCount: boolean;
  /** The body, decoded. */
  readonly bytes: Uint8Array;
  /** Where its members lie. */
  readonly members: Members;
  readonly model: string;
  readonly isStreaming: boolean;
  /** Whether a Chat Completions client wants the usage chunk. */
  readonly wantsUsage: boolean;
  /** Most tokens of one choice that the client will take; undefined where it did not say. */
  readonly outputMax: number | undefined;
  /** How many answers are asked for at once. */
  readonly choices: number;
  readonly params: Readonly<Record<string, number | string | boolean>>;
}

/** Request parameters that telemetry names (OTel gen_ai.request.*). */
const telemetryParams = [
  'temperature',
  'top_p',
  'top_k',
  'max_tokens',
  'max_completion_tokens',
  'max_output_tokens',
  'seed',
  'frequency_penalty',
  'presence_penalty',
];

/** Which members limit the answer, by format. */
const limitMembers: Readonly<Record<FormatName, readonly string[]>> = {
  chat: ['max_completion_tokens', 'max_tokens'],
  responses: ['max_output_tokens'],
  messages: ['max_tokens'],
};

/** Longest model name, in characters: names are compared, logged and told in answers. */
const modelCharsMax = 512;

/** Reads the body. Throws GatewayError for what is no JSON object, has no model, or is too long. */
export async function readAsk(
  exchange: Exchange,
  format: FormatName,
  isCount: boolean,
  bytesMax: number,
): Promise<Ask> {
  requireJson(exchange.headers.get('content-type'));
  const bytes = await collectRequest(exchange, bytesMax);
  let members: Members;
  try {
    members = scanMembers(bytes);
  } catch (error) {
    if (!(error instanceof NotAnObject)) throw error;
    throw new GatewayError('bad-request', error.message);
  }
  const model = checkModel(readMember(bytes, members, 'model'), members.get('model')?.isRepeated ?? false);
  const params: Record<string, number | string | boolean> = {};
  for (const name of telemetryParams) {
    const value = members.has(name) ? readMember(bytes, members, name) : undefined;
    if (typeof value === 'number') params[name] = value;
  }
  const options = members.has('stream_options') ? readMember(bytes, members, 'stream_options') : undefined;
  const limits = limitMembers[format].map((name) => params[name]).filter(isTokenCount);
  const choices = format === 'chat' && members.has('n') ? readMember(bytes, members, 'n') : undefined;
  return {
    format,
    isCount,
    bytes,
    members,
    model,
    isStreaming: !isCount && readMember(bytes, members, 'stream') === true,
    wantsUsage: (options as { include_usage?: unknown } | null | undefined)?.include_usage === true,
    outputMax: limits.length === 0 ? undefined : Math.max(...limits),
    choices: isTokenCount(choices) ? Math.max(1, choices) : 1,
    params,
  };
}

/** JSON travels in UTF-8 (RFC 8259 §8.1). */
function requireJson(type: string | undefined): void {
  if (type === undefined || type === 'application/json') return;
  const charset = /;\s*charset=\s*"?([^";\s]+)/i.exec(type)?.[1]?.toLowerCase() ?? 'utf-8';
  const isUtf8 = charset === 'utf-8' || charset === 'utf8' || charset === 'us-ascii';
  if (isUtf8 && /^application\/([^;]+\+)?json\s*(;|$)/i.test(type)) return;
  throw new GatewayError(
    'unsupported-media-type',
    `the content-type is ${type}, and this path takes application/json in UTF-8`,
  );
}

/** The name of the model that is asked for. Throws where there is none to rely on. */
export function checkModel(model: unknown, isRepeated: boolean): string {
  if (typeof model !== 'string' || model === '')
    throw new GatewayError('bad-request', 'model is required and must be a string');
  if (model.length > modelCharsMax)
    throw new GatewayError('bad-request', `model is longer than ${modelCharsMax} characters`);
  // What the gateway allows must be what the provider reads, and readers disagree about which of two counts.
  if (isRepeated) throw new GatewayError('bad-request', 'model is given more than once');
  return model;
}

function isTokenCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
