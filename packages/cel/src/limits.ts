// Every limit of the expression language, in one place.

/** Characters of one expression's source. */
export const sourceLengthMax = 16_384;

/** Nodes of one expression's syntax tree. */
export const syntaxNodesMax = 2_000;

/** Levels of nesting in one expression. */
export const syntaxDepthMax = 64;

/** Elements of one list literal, entries of one map literal. */
export const literalEntriesMax = 1_000;

/** Arguments of one call. */
export const callArgumentsMax = 16;

/**
 * Cost units one evaluation may spend. A unit is one step of a comprehension, one element of a list that is made, or
 * 64 characters of text that is made; 250,000 units are some tens of milliseconds at worst.
 */
export const evaluationCostMax = 250_000;

/** Characters of text that cost one unit. */
export const charactersPerUnit = 64;

/** Characters of text that cost one unit where a regular expression reads them: matching costs more than copying. */
export const matchedCharactersPerUnit = 8;

/** UTF-16 units of one text that an expression makes. */
export const textLengthMax = 16 * 1024 * 1024;

/** Decimals that one clause of `format()` may ask for. */
export const formatPrecisionMax = 100;

/** Characters of one regular expression. */
export const patternLengthMax = 2_000;

/** Compiled regular expressions kept for patterns that are not literals; the least recently used one goes first. */
export const patternCacheEntriesMax = 256;

/** Time zones whose formatters are kept. */
export const timeZoneCacheEntriesMax = 64;

/** Levels of nesting that `json()` reads and `toJson()` writes. */
export const jsonDepthMax = 100;
