// What is wrong with the framing of a message; each side says it in its own words.

/** Bytes that are no well-formed HTTP/1.x message, or more of them than may be. The message says what and never quotes them. */
export class FramingError extends Error {
  override readonly name = 'FramingError';
  /** Whether a limit was passed, rather than a rule. */
  readonly isTooLarge: boolean;

  constructor(message: string, isTooLarge = false) {
    super(message);
    this.isTooLarge = isTooLarge;
  }
}
