// Anthropic Messages as a codec of the hub.
import type { FormatCodec } from '../../hub/codec.ts';
import { decodeMessagesRequest } from './decode-request.ts';
import { decodeMessagesResponse } from './decode-response.ts';
import { MessagesStreamDecoder } from './decode-stream.ts';
import { encodeMessagesRequest } from './encode-request.ts';
import { encodeMessagesResponse } from './encode-response.ts';
import { MessagesStreamEncoder } from './encode-stream.ts';
import { decodeMessagesFailure } from './failure.ts';

/** Anthropic Messages, both ways. */
export const messagesCodec: FormatCodec = {
  decodeRequest: decodeMessagesRequest,
  encodeRequest: encodeMessagesRequest,
  decodeResponse: (body) => decodeMessagesResponse(body),
  encodeResponse: encodeMessagesResponse,
  decodeStream: () => new MessagesStreamDecoder(),
  encodeStream: (context) => new MessagesStreamEncoder(context),
  decodeFailure: decodeMessagesFailure,
};
