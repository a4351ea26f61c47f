// What went wrong with an upstream, from the errors of sockets and libraries to the table of reasons.
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { EndpointAddress } from '@agentgateway/core/exchange.ts';
import { FramingError } from '../wire/http1/framing-error.ts';

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
/** A transport's error as a GatewayError. The endpoint is named in the message; the cause is kept for the log. */
export function toUpstreamError(error: unknown, hasHead: boolean, { address, port }: EndpointAddress): GatewayError {
  if (error instanceof GatewayError) return error;
  if (error instanceof Error && error.cause instanceof GatewayError) return error.cause;
  const code = codeOf(error);
  const upstream = `${address}:${port}`;
  if (
    connectCodes.has(code) ||
    code.startsWith('ERR_TLS') ||
    code.startsWith('CERT_') ||
    code.includes('CERT') ||
    code.startsWith('ERR_SSL')
  ) {
    return new GatewayError('upstream-connect-failed', `cannot connect to ${upstream} (${code})`, { cause: error });
  }
  if (error instanceof FramingError)
    return new GatewayError('upstream-protocol-error', `${upstream} answered something that is not valid HTTP`, {
      cause: error,
    });
  const when = hasHead ? 'before its answer was whole' : 'before it answered';
  return new GatewayError('upstream-reset', `${upstream} broke the connection ${when}`, { cause: error });
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
