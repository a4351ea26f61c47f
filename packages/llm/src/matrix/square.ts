// What a square of the matrix says: what must come out, why it is refused, or why the client's format cannot even ask.
import type { FormatName } from '../format.ts';
import type { JsonObject } from '../hub/extra.ts';

/** The client's format has no words for it. */
export interface Absent {
  readonly absent: string;
}

/** The crossing throws CodecError; the message contains this. */
export interface Refused {
  readonly refused: string;
}

/** The crossing gives this. */
export interface Expected {
  /** Members that must be there; lists whole, objects in part. */
  readonly body: JsonObject;
  /** Top-level members that must not be there. */
  readonly without?: readonly string[];
  /** Texts that must be nowhere in it. */
  readonly lacks?: readonly string[];
  /** Patterns that one note each must match. */
  readonly notes?: readonly RegExp[];
}

/** One square, or how it depends on the other side's format. */
export type Square = Expected | Refused | ((other: FormatName) => Expected | Refused);

/** One thing per format. */
export type PerFormat<T> = { readonly [F in FormatName]: T };
