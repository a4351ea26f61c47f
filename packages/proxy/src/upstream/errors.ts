// What went wrong with an upstream, from the errors of sockets and libraries to the table of reasons.
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { EndpointAddress } from '@agentgateway/core/exchange.ts';

const connectCodes = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EACCES',
  'EPERM',
  'EHOSTDOWN',
]);
const protocolCodes = new Set(['UND_ERR_HEADERS_OVERFLOW', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH']);

/**
 * What undici says of a 100 that nobody asked for: it breaks the connection, and has no option not to. A client should pass
 * over it (RFC 9110 §15.2); the gateway never sends `expect`, so few upstreams do it.
 */
const unaskedContinue = 'bad response';

/** A transport's error as a GatewayError. The endpoint is named in the message; the cause is kept for the log. */
export function toUpstreamError(error: unknown, hasHead: boolean, { address, port }: EndpointAddress): GatewayError {
  if (error instanceof GatewayError) return error;
  if (error instanceof Error && error.cause instanceof GatewayError) return error.cause;
  const code = codeOf(error);
  const upstream = `${address}:${port}`;
  if (code === 'UND_ERR_CONNECT_TIMEOUT')
    return new GatewayError('connect-timeout', `no connection to ${upstream} in time`, { cause: error });
  if (
    connectCodes.has(code) ||
    code.startsWith('ERR_TLS') ||
    code.startsWith('CERT_') ||
    code.includes('CERT') ||
    code.startsWith('ERR_SSL')
  ) {
    return new GatewayError('upstream-connect-failed', `cannot connect to ${upstream} (${code})`, { cause: error });
  }
  if (protocolCodes.has(code) || isParserError(error))
    return new GatewayError('upstream-protocol-error', `${upstream} answered something that is not valid HTTP`, {
      cause: error,
    });
  if (code === 'UND_ERR_SOCKET' && (error as Error).message === unaskedContinue)
    return new GatewayError('upstream-protocol-error', `${upstream} sent 100 Continue, which nobody asked for`, {
      cause: error,
    });
  const when = hasHead ? 'before its answer was whole' : 'before it answered';
  return new GatewayError('upstream-reset', `${upstream} broke the connection ${when}`, { cause: error });
}

/** undici's parser errors carry no code. */
function isParserError(error: unknown): boolean {
  return error instanceof Error && error.name === 'HTTPParserError';
}

function codeOf(error: unknown): string {
  for (let current = error; current instanceof Error; current = current.cause) {
    const { code } = current as { code?: unknown };
    // A stream that never was says so; why its session failed is its cause.
    if (typeof code === 'string' && !(code === 'ERR_HTTP2_STREAM_CANCEL' && current.cause)) return code;
    const first = current instanceof AggregateError ? (current.errors[0] as { code?: unknown } | undefined) : undefined;
    if (typeof first?.code === 'string') return first.code;
  }
  return '';
}
