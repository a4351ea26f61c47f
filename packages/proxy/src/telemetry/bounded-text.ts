// Texts that clients and providers choose, cut to what a log line or a story may hold.

/** Longest name of a model, reason to finish or the like that is told, in UTF-16 code units. */
export const nameMax = 256;
/** Longest path, host or method that is told. */
export const placeMax = 2048;
/** Longest message of a failure, and longest note. */
export const messageMax = 1024;

/** The text, or its beginning with a mark and the length that it had. */
export function cut(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max)}… (${text.length} characters)`;
}

/** As {@link cut}, where there may be none. */
export function cutIfAny(text: string | undefined, max: number): string | undefined {
  return text === undefined ? undefined : cut(text, max);
}
