// Errors as OpenAI Responses clients expect them.
import type { FormatError, StreamFacts } from '../../format.ts';
import { writeEvent } from '../../stream/sse.ts';

/** The body of a failed request. */
export function responsesErrorBody({ message, type, code }: FormatError): object {
  return { error: { message, type, param: null, code } };
}

/** The `error` event of a failure inside a stream; its sequence number continues the stream's. */
export function responsesErrorFrame({ message, code }: FormatError, { sequence }: StreamFacts): Uint8Array {
  return writeEvent('error', { type: 'error', code, message, param: null, sequence_number: sequence + 1 });
}
