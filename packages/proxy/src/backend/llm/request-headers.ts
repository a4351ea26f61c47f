// Which of a client's headers reach a provider: nothing that identifies or authenticates the client to the gateway.
import type { Exchange } from '@agentgateway/core/exchange.ts';
import type { HeaderList } from '@agentgateway/core/header-list.ts';
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
  const headers = exchange.headers.clone();
  headers.removeWhere((name) => {
    const lower = name.toLowerCase();
    return withheld.has(lower) || lower.startsWith('x-forwarded-') || !(isSameDialect || neutral.has(lower));
  });
  if (!isSameDialect) headers.set('content-type', 'application/json');
  for (const [name, value] of provider.profile.defaultHeaders) if (!headers.has(name)) headers.append(name, value);
  // Frames are read, so they must not be compressed.
  headers.set('accept-encoding', 'identity');
  if (!provider.key) return headers;
  const key = provider.key.current();
  if (key === undefined || key === '') {
    throw new GatewayError('provider-misconfigured', `the key of provider ${provider.name} is not there`, {
      retriable: true,
    });
  }
  const [name, value] = provider.profile.keyHeader(key);
  headers.set(name, value);
  return headers;
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
