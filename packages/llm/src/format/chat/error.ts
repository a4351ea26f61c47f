// Errors as Chat Completions clients expect them.
import type { FormatError } from '../../format.ts';
import { writeEvent } from '../../stream/sse.ts';

/** The body of a failed request. */
export function chatErrorBody({ message, type, code }: FormatError): object {
  return { error: { message, type, param: null, code } };
}

/** The event of a failure inside a stream; no `[DONE]` follows. */
export function chatErrorFrame(error: FormatError): Uint8Array {
  return writeEvent(undefined, chatErrorBody(error));
}
