// What a function of the expression language is: how it is called, what it says in the reference pages, what it does.

/** How functions are grouped in the reference pages. */
export type FunctionGroup =
  | 'logic'
  | 'collections'
  | 'conversion'
  | 'text'
  | 'encoding'
  | 'math'
  | 'time'
  | 'network'
  | 'http';

/** A function's code; the engine has checked the arguments against the signature. */
export type Handler = (...args: never[]) => unknown;

/** One function and its overloads. */
export interface FunctionRow {
  /** As it is called: `size`, `math.abs`. */
  readonly name: string;
  readonly group: FunctionGroup;
  /** One sentence for the reference pages. */
  readonly doc: string;
  /** How it is written, for the reference pages: `text.charAt(index)`. */
  readonly usage: string;
  /**
   * Signature → code. Left out where the engine's own function or a macro (macros.ts) does the work. A receiver such as
   * `math` or `base64` is a namespace, other receivers are types.
   */
  readonly overloads?: Readonly<Record<string, Handler>>;
}
