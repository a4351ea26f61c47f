// Every format's codec, by name.
import { chatCodec } from './format/chat/codec.ts';
import { messagesCodec } from './format/messages/codec.ts';
import { responsesCodec } from './format/responses/codec.ts';
import type { FormatName } from './format.ts';
import type { FormatCodec } from './hub/codec.ts';

/** The codecs. */
export const codecs: { readonly [N in FormatName]: FormatCodec } = {
  chat: chatCodec,
  responses: responsesCodec,
  messages: messagesCodec,
};
