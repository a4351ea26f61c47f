// In which words a caller expects errors: told by content type, path and headers (contract 16).
import type { Dialect, Exchange } from '@agentgateway/core/exchange.ts';

/** The dialect of a request, before anything is known of its route. */
export function dialectOf(exchange: Exchange): Dialect {
  if (exchange.headers.get('content-type')?.startsWith('application/grpc')) return 'grpc';
  const { path } = exchange;
  if (path.includes('/v1/messages') || exchange.headers.has('anthropic-version')) return 'messages';
  if (path.endsWith('/responses')) return 'responses';
  if (path.startsWith('/v1/') || path.endsWith('/chat/completions')) return 'chat';
  return 'json';
}
