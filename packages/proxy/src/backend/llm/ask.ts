// A client's LLM request as the gateway reads it: only the members it needs, the rest stays bytes.
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { Exchange } from '@agentgateway/core/exchange.ts';
import type { FormatName } from '@agentgateway/llm/format.ts';
import { NotAnObject, readMember, scanMembers } from '@agentgateway/llm/json-edit.ts';
import { decodeBody, requestReasons } from '../../wire-encoding.ts';

/** A request for an answer, or for a count. */
export interface Ask {
  readonly format: FormatName;
  readonly isCount: boolean;
  /** The body, decoded. */
  readonly bytes: Uint8Array;
  readonly model: string;
  readonly isStreaming: boolean;
  /** Whether a Chat Completions client wants the usage chunk. */
  readonly wantsUsage: boolean;
  /** Most tokens the client will take; undefined where it did not say. */
  readonly outputMax: number | undefined;
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

/** Reads the body. Throws GatewayError for what is no JSON object, has no model, or is too long. */
export async function readAsk(
  exchange: Exchange,
  format: FormatName,
  isCount: boolean,
  bytesMax: number,
): Promise<Ask> {
  const type = exchange.headers.get('content-type');
  if (type !== undefined && !/^application\/([^;]+\+)?json\b/i.test(type)) {
    throw new GatewayError(
      'unsupported-media-type',
      `the content-type is ${type}, and this path takes application/json`,
    );
  }
  const received = await exchange.body.bytes(bytesMax);
  const encoding = exchange.headers.combined('content-encoding');
  const bytes = encoding === undefined ? received : await decodeBody(received, encoding, bytesMax, requestReasons);
  let members;
  try {
    members = scanMembers(bytes);
  } catch (error) {
    if (!(error instanceof NotAnObject)) throw error;
    throw new GatewayError('bad-request', error.message);
  }
  const model = readMember(bytes, members, 'model');
  if (typeof model !== 'string' || model === '')
    throw new GatewayError('bad-request', 'model is required and must be a string');
  const params: Record<string, number | string | boolean> = {};
  for (const name of telemetryParams) {
    const value = members.has(name) ? readMember(bytes, members, name) : undefined;
    if (typeof value === 'number') params[name] = value;
  }
  const options = members.has('stream_options') ? readMember(bytes, members, 'stream_options') : undefined;
  const limits = [params['max_completion_tokens'], params['max_tokens'], params['max_output_tokens']];
  return {
    format,
    isCount,
    bytes,
    model,
    isStreaming: !isCount && readMember(bytes, members, 'stream') === true,
    wantsUsage: (options as { include_usage?: unknown } | null | undefined)?.include_usage === true,
    outputMax: limits.find((limit) => typeof limit === 'number') as number | undefined,
    params,
  };
}
