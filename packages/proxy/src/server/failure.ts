// Answers given before there is an exchange: no dialect is known yet, so they speak plain JSON.
import { STATUS_CODES } from 'node:http';
import { type Reason, reasons } from '@agentgateway/core/errors.ts';

/** The JSON body of such an answer. */
export function toFailureBody(reason: Reason, message: string, { requestId }: { readonly requestId: string }): object {
  return { error: { reason, message, hint: reasons[reason].hint, requestId } };
}

/** A whole HTTP/1.1 answer for a connection that has no request to answer (RFC 9112 §9.6: it is closed after this). */
export function toRawAnswer(reason: Reason, message: string, requestId: string): string {
  const { status } = reasons[reason];
  const body = JSON.stringify(toFailureBody(reason, message, { requestId }));
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? reason}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${requestId}`,
    'connection: close',
    '',
    body,
  ].join('\r\n');
}
