// One attempt's request in the provider's words: the client's own bytes where formats agree, else rebuilt through the hub.
import { GatewayError } from '@agentgateway/core/errors.ts';
import { hasCarrier } from '@agentgateway/llm/carrier.ts';
import { codecs } from '@agentgateway/llm/codecs.ts';
import type { FormatName } from '@agentgateway/llm/format.ts';
import { CodecError, type JsonObject } from '@agentgateway/llm/hub/extra.ts';
import type { HubRequest } from '@agentgateway/llm/hub/request.ts';
import { setMember, setNestedMember } from '@agentgateway/llm/json-edit.ts';
import type { Ask } from './ask.ts';
import { type Provider, toUpstreamFormat } from './profile.ts';

/** What is sent. */
export interface Prepared {
  /** The format that is spoken to the provider. */
  readonly format: FormatName;
  /** Whether it is the client's too, so that answers pass as bytes. */
  readonly isSame: boolean;
  /** Path below the provider's base URL. */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Whether the gateway asked for a usage chunk that the client did not. */
  readonly hidesUsage: boolean;
}

const paths: Readonly<Record<FormatName, string>> = {
  chat: '/chat/completions',
  responses: '/responses',
  messages: '/messages',
};

/** Prepares for a provider. Throws `bad-request` and `unsupported-conversion`; the latter lets another target try. */
export function prepare(ask: Ask, provider: Provider, model: string, note: (text: string) => void): Prepared {
  const format = toUpstreamFormat(provider, ask.format);
  const isSame = format === ask.format;
  // A carrier in a request of the provider's own format is another provider's thought: it is taken out or restored.
  if (isSame && !hasCarrier(ask.bytes)) return prepareSame(ask, provider, model);
  const bytes = Buffer.from(JSON.stringify(encode(ask, provider, model, note)));
  return { format, isSame, path: pathOf(format, ask), bytes, hidesUsage: format === 'chat' && !ask.wantsUsage };
}

/** The client's bytes with the provider's model name, and usage asked for where a stream would not tell it. */
function prepareSame(ask: Ask, provider: Provider, model: string): Prepared {
  const { format } = ask;
  let bytes = ask.model === model ? ask.bytes : setMember(ask.bytes, 'model', model, ask.members);
  const hidesUsage = format === 'chat' && ask.isStreaming && !ask.wantsUsage && provider.dialectal.hasStreamOptions;
  if (hidesUsage) bytes = setNestedMember(bytes, 'stream_options', 'include_usage', true);
  return { format, isSame: true, path: pathOf(format, ask), bytes, hidesUsage };
}

function pathOf(format: FormatName, { isCount }: Ask): string {
  return isCount && format === 'messages' ? '/messages/count_tokens' : paths[format];
}

function encode(ask: Ask, provider: Provider, model: string, note: (text: string) => void): JsonObject {
  const request = decodeAsk(ask);
  try {
    return codecs[toUpstreamFormat(provider, ask.format)].encodeRequest(request, {
      vendor: provider.vendor,
      model,
      maxTokensDefault: provider.maxTokens(model),
      dialectal: provider.dialectal,
      isCounting: ask.isCount,
      note: ({ path, message }) => note(path === '' ? message : `${path}: ${message}`),
    });
  } catch (error) {
    throw toRefusal(error, `provider ${provider.name}`);
  }
}

const decoded = new WeakMap<Ask, HubRequest>();

/** The client's request in the hub's words, decoded once for all attempts. Throws `bad-request`. */
export function decodeAsk(ask: Ask): HubRequest {
  const known = decoded.get(ask);
  if (known) return known;
  let request: HubRequest;
  try {
    const text = Buffer.from(ask.bytes.buffer, ask.bytes.byteOffset, ask.bytes.byteLength).toString('utf8');
    request = codecs[ask.format].decodeRequest(JSON.parse(text) as JsonObject);
  } catch (error) {
    if (error instanceof SyntaxError) throw new GatewayError('bad-request', 'the body is not valid JSON');
    throw toRefusal(error, 'the request');
  }
  decoded.set(ask, request);
  return request;
}

function toRefusal(error: unknown, who: string): unknown {
  if (!(error instanceof CodecError)) return error;
  if (error.kind === 'invalid') return new GatewayError('bad-request', error.message);
  return new GatewayError('unsupported-conversion', `${who} cannot be given this request: ${error.message}`, {
    retriable: true,
  });
}
