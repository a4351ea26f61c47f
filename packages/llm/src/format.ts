// The formats clients and providers speak, as one typed table of pure codecs.
import { chatErrorBody, chatErrorFrame } from './format/chat/error.ts';
import { chatBodySpans, chatFrameSpans } from './format/chat/spans.ts';
import { chatFinish, chatUsage, readChatFrame } from './format/chat/usage.ts';
import { messagesErrorBody, messagesErrorFrame } from './format/messages/error.ts';
import { messagesBodySpans, messagesFrameSpans } from './format/messages/spans.ts';
import { messagesFinish, messagesUsage, readMessagesFrame } from './format/messages/usage.ts';
import { responsesErrorBody, responsesErrorFrame } from './format/responses/error.ts';
import { responsesBodySpans, responsesFrameSpans } from './format/responses/spans.ts';
import { readResponsesFrame, responsesFinish, responsesUsage } from './format/responses/usage.ts';
import type { Frame } from './stream/sse.ts';
import type { Usage } from './usage.ts';

/** OpenAI Chat Completions, OpenAI Responses, Anthropic Messages. */
export type FormatName = 'chat' | 'responses' | 'messages';

/** What a stream has told so far; later words win. */
export interface StreamFacts {
  usage?: Usage | undefined;
  finishReason?: string;
  model?: string;
  id?: string;
  /** The format's own end was seen: without it, a stream that stops is cut. */
  isEnded: boolean;
  /** The provider reported a failure inside the stream. */
  failure?: string;
  /** Some text, reasoning or tool call has come. */
  hasOutput: boolean;
  /** Last sequence number of a Responses stream. */
  sequence: number;
}

/** A piece of text of an answer, readable and writable where it stands. */
export interface Span {
  readonly channel: 'text' | 'reasoning' | 'toolArguments' | 'refusal';
  readonly choice: number;
  readonly block: number;
  /** Which of its block's texts it belongs to, in the format's words: such as `content.0`. */
  readonly part: string;
  /** A delta continues its block's text; a repeat tells again what deltas told before. */
  readonly form: 'delta' | 'repeat' | 'whole';
  readonly text: string;
  replace(text: string): void;
}

/** An error in the words of a format. */
export interface FormatError {
  readonly message: string;
  readonly type: string;
  readonly code: string;
  readonly requestId: string;
}

/** One format's codec. */
export interface Format {
  readonly name: FormatName;
  /** Path below the provider's base URL. */
  readonly path: string;
  /** Usage of a buffered answer. */
  readUsage(body: unknown): Usage | undefined;
  /** Why a buffered answer ended, in the format's words. */
  readFinish(body: unknown): string | undefined;
  /** Takes in what a frame tells. */
  readFrame(frame: Frame, facts: StreamFacts): void;
  /** Text of a buffered answer. */
  bodySpans(body: unknown): Span[];
  /** Text of one frame; edits show in `frame.json()` and through encodeFrame. */
  frameSpans(frame: Frame): Span[];
  errorBody(error: FormatError): object;
  /** The event of a failure after the head; nothing may follow it. */
  errorFrame(error: FormatError, facts: StreamFacts): Uint8Array;
  /** Whether the frame carries usage and nothing else, so that it can be hidden. */
  isUsageFrame(frame: Frame): boolean;
}

/** Facts of a stream that has not begun. */
export function emptyFacts(): StreamFacts {
  return { isEnded: false, hasOutput: false, sequence: -1 };
}

/** Every format. */
export const formats: { readonly [N in FormatName]: Format } = {
  chat: {
    name: 'chat',
    path: '/chat/completions',
    readUsage: (body) => chatUsage(body),
    readFinish: chatFinish,
    readFrame: readChatFrame,
    bodySpans: chatBodySpans,
    frameSpans: chatFrameSpans,
    errorBody: chatErrorBody,
    errorFrame: chatErrorFrame,
    isUsageFrame(frame) {
      const chunk = frame.json() as { choices?: unknown; usage?: unknown } | undefined;
      return (
        Array.isArray(chunk?.choices) && chunk.choices.length === 0 && chunk.usage !== undefined && chunk.usage !== null
      );
    },
  },
  responses: {
    name: 'responses',
    path: '/responses',
    readUsage: (body) => responsesUsage(body),
    readFinish: responsesFinish,
    readFrame: readResponsesFrame,
    bodySpans: responsesBodySpans,
    frameSpans: responsesFrameSpans,
    errorBody: responsesErrorBody,
    errorFrame: responsesErrorFrame,
    isUsageFrame: () => false,
  },
  messages: {
    name: 'messages',
    path: '/messages',
    readUsage: (body) => messagesUsage(body),
    readFinish: messagesFinish,
    readFrame: readMessagesFrame,
    bodySpans: messagesBodySpans,
    frameSpans: messagesFrameSpans,
    errorBody: messagesErrorBody,
    errorFrame: messagesErrorFrame,
    isUsageFrame: () => false,
  },
};
