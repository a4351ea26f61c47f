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
/** TLS that failed (ERR_TLS, ERR_SSL), and what OpenSSL finds wrong with a certificate, in node's words for it. */
const tlsCode =
  /^ERR_(TLS|SSL)|CERT|^CRL_|LEAF_SIGNATURE|ISSUER_PUBLIC_KEY|^(INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH)$/;

/** A transport's error as a GatewayError. The endpoint is named in the message; the cause is kept for the log. */
export function toUpstreamError(error: unknown, hasHead: boolean, { address, port }: EndpointAddress): GatewayError {
  if (error instanceof GatewayError) return error;
  if (error instanceof Error && error.cause instanceof GatewayError) return error.cause;
  const { code, cause } = rootOf(error);
  const upstream = `${address}:${port}`;
  if (connectCodes.has(code) || (!hasHead && tlsCode.test(code)))
    return new GatewayError('upstream-connect-failed', `cannot connect to ${upstream} (${code})`, { cause });
  if (error instanceof FramingError)
    return new GatewayError('upstream-protocol-error', `${upstream} answered something that is not valid HTTP`, {
      cause: error,
    });
  const when = hasHead ? 'before its answer was whole' : 'before it answered';
  return new GatewayError('upstream-reset', `${upstream} broke the connection ${when}`, { cause: error });
}

/** The error that the others come from, with its code. */
function rootOf(error: unknown): { readonly code: string; readonly cause: unknown } {
  for (let current = error; current instanceof Error; current = current.cause) {
    const { code, reason } = current as { code?: unknown; reason?: unknown };
    // A stream that never was says so; why its session failed is its cause.
    if (typeof code === 'string' && !(code === 'ERR_HTTP2_STREAM_CANCEL' && current.cause)) {
      // OpenSSL's message tells where in its source it happened, too.
      const isOpenssl = code.startsWith('ERR_SSL') && typeof reason === 'string';
      return { code, cause: isOpenssl ? new Error(reason) : current };
    }
    const first = current instanceof AggregateError ? (current.errors[0] as { code?: unknown } | undefined) : undefined;
    if (typeof first?.code === 'string') return { code: first.code, cause: error };
  }
  return { code: '', cause: error };
}
