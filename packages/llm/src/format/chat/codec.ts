// OpenAI Chat Completions to the hub and back.
import type { FormatCodec } from '../../hub/codec.ts';
import { decodeChatRequest } from './decode-request.ts';
import { decodeChatResponse } from './decode-response.ts';
import { ChatStreamDecoder } from './decode-stream.ts';
import { encodeChatRequest } from './encode-request.ts';
import { encodeChatResponse } from './encode-response.ts';
import { ChatStreamEncoder } from './encode-stream.ts';
import { chatFailure } from './failure.ts';

/** The Chat Completions codec. */
export const chatCodec: FormatCodec = {
  decodeRequest: decodeChatRequest,
  encodeRequest: encodeChatRequest,
  decodeResponse: decodeChatResponse,
  encodeResponse: encodeChatResponse,
  decodeStream: (dialectal) => new ChatStreamDecoder(dialectal),
  encodeStream: (context) => new ChatStreamEncoder(context),
  decodeFailure: chatFailure,
};
