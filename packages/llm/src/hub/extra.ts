// What a format says that the hub has no word for: kept for the same format, noted where it is dropped.
import type { FormatName } from '../format.ts';

/** A JSON object as it was parsed. */
export type JsonObject = { [name: string]: unknown };

/**
 * Fields and forms of one format beside what the hub understands. An encoder of the same format writes them back; any other
 * encoder leaves them out and says so, unless the table of that pair carries them.
 */
export interface Extra {
  readonly format: FormatName;
  /** Fields under their own names, at the place of the node that holds this. */
  fields: JsonObject;
  /** How the node was written where a format has several ways, such as `content: text` for a plain string. */
  shape?: string;
}

/** Something that did not cross from one format to another, for the request's story. */
export interface Note {
  /** Path in the source's own words, such as `messages[2].content[0].citations`. */
  readonly path: string;
  readonly message: string;
}

/** Takes notes. */
export type TakeNote = (note: Note) => void;

/** Why a body cannot be decoded or encoded; the message is safe to send to the client. */
export class CodecError extends Error {
  /** `invalid`: the source's own format forbids it. `unsupported`: the target cannot express it, and dropping it would change the meaning. */
  readonly kind: 'invalid' | 'unsupported';
  /** Path in the source's own words. */
  readonly path: string;

  constructor(kind: 'invalid' | 'unsupported', path: string, message: string) {
    super(path === '' ? message : `${path}: ${message}`);
    this.name = 'CodecError';
    this.kind = kind;
    this.path = path;
  }
}
