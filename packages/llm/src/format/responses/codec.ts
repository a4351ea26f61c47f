// OpenAI Responses to the hub and back.
import type { FormatCodec } from '../../hub/codec.ts';
import { decodeResponsesRequest } from './decode-request.ts';
import { decodeResponsesResponse } from './decode-response.ts';
import { ResponsesStreamDecoder } from './decode-stream.ts';
import { encodeResponsesRequest } from './encode-request.ts';
import { encodeResponsesResponse } from './encode-response.ts';
import { ResponsesStreamEncoder } from './encode-stream.ts';
import { responsesFailure } from './failure.ts';

/** The Responses codec. */
export const responsesCodec: FormatCodec = {
  decodeRequest: decodeResponsesRequest,
  encodeRequest: encodeResponsesRequest,
  decodeResponse: decodeResponsesResponse,
  encodeResponse: encodeResponsesResponse,
  decodeStream: () => new ResponsesStreamDecoder(),
  encodeStream: (context) => new ResponsesStreamEncoder(context),
  decodeFailure: responsesFailure,
};
