// Errors in plain JSON, and the answers given before there is an exchange, whose dialect is not known yet.
import { STATUS_CODES } from 'node:http';
import type { GatewayError } from '@agentgateway/core/errors.ts';

/** The JSON body of an error, for whoever expects no other. */
export function toFailureBody({ reason, message, hint }: GatewayError, requestId: string): object {
  return { error: { reason, message, hint, requestId } };
}

/** A whole HTTP/1.1 answer for a connection that has no request to answer (RFC 9112 §9.6: it is closed after this). */
export function toRawAnswer(error: GatewayError, requestId: string): string {
  const { status, reason, headers } = error;
  const body = JSON.stringify(toFailureBody(error, requestId));
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? reason}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${requestId}`,
    'connection: close',
    ...headers.map(([name, value]) => `${name}: ${value}`),
    '',
    body,
  ].join('\r\n');
}
