// Regular expressions in linear time (RE2 syntax): literal patterns compile with the expression, others through a cache.
import { RE2JS } from 're2js';
import { FunctionError } from './error.ts';
import { charge } from './evaluation.ts';
import { matchedCharactersPerUnit, patternCacheEntriesMax, patternLengthMax } from './limits.ts';

/** A compiled regular expression. */
export type Pattern = RE2JS;

const cache = new Map<string, Pattern>();

/** Compiles a pattern that stands in the source. Throws a FunctionError that names what is wrong with it. */
export function compilePattern(source: string): Pattern {
  if (source.length > patternLengthMax) {
    throw new FunctionError('value', `the regular expression is longer than ${patternLengthMax} characters`);
  }
  try {
    return RE2JS.compile(source);
  } catch {
    throw new FunctionError(
      'value',
      'the regular expression is not valid RE2 syntax (look-around and back-references are not supported)',
    );
  }
}

/** The compiled form of a pattern that is only known when the expression runs. */
export function cachedPattern(source: string): Pattern {
  const known = cache.get(source);
  if (known) {
    cache.delete(source);
    cache.set(source, known);
    return known;
  }
  const pattern = compilePattern(source);
  if (cache.size >= patternCacheEntriesMax) {
    const oldest = cache.keys().next();
    if (!oldest.done) cache.delete(oldest.value);
  }
  cache.set(source, pattern);
  return pattern;
}

/** How many patterns are cached now. */
export function cachedPatternCount(): number {
  return cache.size;
}

/** Whether the pattern matches anywhere in the text. */
export function isMatch(pattern: Pattern, text: string): boolean {
  charge(Math.ceil(text.length / matchedCharactersPerUnit));
  return pattern.test(text);
}

/** Replaces every match; `$1` and `${name}` in the replacement are groups of the match, a backslash escapes what follows. */
export function replaceMatches(pattern: Pattern, text: string, replacement: string): string {
  charge(Math.ceil(text.length / matchedCharactersPerUnit));
  try {
    return pattern.matcher(text).replaceAll(replacement, true);
  } catch {
    throw new FunctionError('value', 'the replacement names a group that the pattern does not have');
  }
}
