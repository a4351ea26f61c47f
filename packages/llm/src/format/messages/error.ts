// Errors as Anthropic Messages clients expect them.
import type { FormatError } from '../../format.ts';
import { writeEvent } from '../../stream/sse.ts';

/** The body of a failed request. */
export function messagesErrorBody({ message, type, requestId }: FormatError): object {
  return { type: 'error', error: { type, message }, request_id: requestId };
}

/** The `error` event of a failure inside a stream. */
export function messagesErrorFrame(error: FormatError): Uint8Array {
  return writeEvent('error', messagesErrorBody(error));
}
