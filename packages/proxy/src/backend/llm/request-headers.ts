// Which of a client's headers reach a provider: nothing that identifies or authenticates the client to the gateway.
import type { SecretValue } from '@agentgateway/core/environment.ts';
import type { Exchange } from '@agentgateway/core/exchange.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { Provider } from './profile.ts';

/** Never sent: credentials, cookies, what proxies say of the client, and what describes a body that may be rebuilt. */
const withheld = new Set([
  'authorization',
  'x-api-key',
  'x-goog-api-key',
  'api-key',
  'cookie',
  'origin',
  'referer',
  'forwarded',
  'via',
  'x-real-ip',
  'x-request-id',
  'openai-organization',
  'openai-project',
  'accept-encoding',
  'content-encoding',
  'content-length',
]);

/** Sent across formats too; everything else is the client's dialect. */
const neutral = new Set(['user-agent', 'traceparent', 'tracestate', 'baggage']);

/**
 * The headers of an attempt. Same format keeps the client's end-to-end fields; across formats only neutral ones pass.
 * Throws `provider-misconfigured` where the provider's key is not there.
 */
export function toProviderHeaders(exchange: Exchange, provider: Provider, isSameDialect: boolean): HeaderList {
  const headers = new HeaderList();
  const { raw } = exchange.headers;
  for (let i = 0; i < raw.length; i += 2) {
    const lower = raw[i]!.toLowerCase();
    const isKept = isSameDialect ? !withheld.has(lower) && !lower.startsWith('x-forwarded-') : neutral.has(lower);
    if (isKept) headers.raw.push(raw[i]!, raw[i + 1]!);
  }
  if (!isSameDialect) headers.set('content-type', 'application/json');
  for (const [name, value] of provider.profile.defaultHeaders) if (!headers.has(name)) headers.append(name, value);
  // Frames are read, so they must not be compressed.
  headers.set('accept-encoding', 'identity');
  if (!provider.key) return headers;
  const [name, value] = provider.profile.keyHeader(readKey(provider.name, provider.key));
  headers.set(name, value);
  return headers;
}

/** Files and secrets often end in a line break, which is no part of a key. */
function readKey(provider: string, key: SecretValue): string {
  const text = key.current()?.trim() ?? '';
  const isSendable = /^[\x21-\x7e]+$/.test(text);
  if (isSendable) return text;
  const what = text === '' ? 'is not there' : 'has characters that no header can carry';
  throw new GatewayError('provider-misconfigured', `the key of provider ${provider} ${what}`, { retriable: true });
}

/** Fields of an answer that mean something in every format. */
function isShared(lowerName: string): boolean {
  return lowerName === 'retry-after' || lowerName === 'retry-after-ms' || lowerName.includes('ratelimit-');
}

/** The headers for the client: what described the body as the provider sent it is gone; across formats only shared fields stay. */
export function toClientHeaders(headers: HeaderList, isSameFormat: boolean): HeaderList {
  headers.removeWhere((name) => {
    const lower = name.toLowerCase();
    if (lower === 'content-encoding' || lower === 'content-length' || lower === 'set-cookie') return true;
    return !isSameFormat && !isShared(lower);
  });
  return headers;
}
