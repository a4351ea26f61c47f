// The pieces turns and answers are made of: a superset of what the formats can say.
import type { Extra, JsonObject } from './extra.ts';

/** A mark of the prompt cache on the node that holds it; it is carried where the target has marks, and never moved. */
export interface CacheMark {
  /** How long the prefix is kept; undefined is the provider's default of five minutes. */
  readonly ttl: '5m' | '1h' | undefined;
}

interface Node {
  cache?: CacheMark;
  extra?: Extra;
  /** Where it stood in the client's words, for notes and errors, such as `messages[2].content[0]`. */
  path?: string;
}

/** Plain text. `citations` are kept as the format wrote them. */
export interface TextPart extends Node {
  type: 'text';
  text: string;
  citations?: { readonly format: Extra['format']; readonly values: readonly unknown[] };
}

/** Where media comes from. `id` is a file of the provider's own store and never crosses providers. */
export type MediaSource =
  | { readonly kind: 'base64'; readonly mediaType: string; readonly data: string }
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'file'; readonly id: string }
  | { readonly kind: 'text'; readonly mediaType: string; readonly text: string };

/** A picture. */
export interface ImagePart extends Node {
  type: 'image';
  source: MediaSource;
  detail?: string;
}

/** A document such as a PDF. */
export interface DocumentPart extends Node {
  type: 'document';
  source: MediaSource;
  name?: string;
}

/** Sound. */
export interface AudioPart extends Node {
  type: 'audio';
  /** base64. */
  data: string;
  /** wav, mp3 … as the format writes it. */
  encoding: string;
}

/** Who can verify an opaque value: a signature is worth something to its own vendor alone. */
export interface Opaque {
  /** Vendor of the provider that made it, such as `anthropic` or `openai`. */
  readonly vendor: string;
  /** Model that made it, where known. */
  readonly model?: string;
  /** Member names as the vendor's format has them (`signature`, `data`, `encrypted_content`, `id`); bytes never change. */
  readonly values: Readonly<Record<string, string>>;
}

/** What a model thought. Text is never trimmed or normalised. */
export interface ReasoningPart extends Node {
  type: 'reasoning';
  /** Full or summarised text; empty where only the opaque value exists. */
  text: string;
  /** Summaries as separate paragraphs, where the format has them. */
  summaries?: string[];
  /** Set for thoughts that the vendor hides: only `opaque` says anything. */
  isRedacted?: boolean;
  opaque?: Opaque;
}

/** A call of a tool by the model. */
export interface ToolCallPart extends Node {
  type: 'toolCall';
  id: string;
  name: string;
  /** JSON text exactly as the model wrote it; empty means no arguments. A custom tool's input is free text. */
  arguments: string;
  kind: 'function' | 'custom';
  /** A thought signature on the call itself (Gemini). */
  opaque?: Opaque;
}

/** What a tool answered. */
export interface ToolResultPart extends Node {
  type: 'toolResult';
  callId: string;
  /** Text, images and documents. */
  content: (TextPart | ImagePart | DocumentPart | OpaquePart)[];
  isError?: boolean;
}

/** The model's words for declining. */
export interface RefusalPart extends Node {
  type: 'refusal';
  text: string;
}

/** A piece that only one format knows, such as a hosted tool's call; it never crosses formats. */
export interface OpaquePart extends Node {
  type: 'opaque';
  readonly format: Extra['format'];
  /** Its type in that format, for messages. */
  readonly name: string;
  value: JsonObject;
}

/** Any piece. */
export type Part =
  | TextPart
  | ImagePart
  | DocumentPart
  | AudioPart
  | ReasoningPart
  | ToolCallPart
  | ToolResultPart
  | RefusalPart
  | OpaquePart;
