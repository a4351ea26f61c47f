// Functions on text. Positions count code points, as CEL has it, not UTF-16 units.
import { FunctionError } from '../error.ts';
import { textLengthMax } from '../limits.ts';
import { format } from './format.ts';
import type { FunctionRow } from './row.ts';

const surrogate = /[\ud800-\udfff]/;

/** The code points of a text; the text itself where each is one unit, which is indexed the same way. */
function codePoints(text: string): string | readonly string[] {
  return surrogate.test(text) ? Array.from(text) : text;
}

function sliced(points: string | readonly string[], start: number, end: number): string {
  return typeof points === 'string' ? points.slice(start, end) : points.slice(start, end).join('');
}

function outOfRange(): FunctionError {
  return new FunctionError('value', 'the index is out of range');
}

function charAt(text: string, index: bigint): string {
  const points = codePoints(text);
  if (index < 0n || index > points.length) throw outOfRange();
  return sliced(points, Number(index), Number(index) + 1);
}

function substring(text: string, start: bigint, end?: bigint): string {
  const points = codePoints(text);
  const last = end ?? BigInt(points.length);
  if (start < 0n || last < start || last > points.length) throw outOfRange();
  return sliced(points, Number(start), Number(last));
}

/** The position in code points of a position in UTF-16 units. */
function toPoint(text: string, unit: number): bigint {
  if (unit < 0) return -1n;
  return BigInt(codePoints(text.slice(0, unit)).length);
}

/** The position in UTF-16 units of a position in code points. */
function toUnit(text: string, point: bigint): number {
  const points = codePoints(text);
  if (point < 0n || point > points.length) throw outOfRange();
  return typeof points === 'string' ? Number(point) : sliced(points, 0, Number(point)).length;
}

function indexOf(text: string, part: string, from = 0n): bigint {
  return toPoint(text, text.indexOf(part, toUnit(text, from)));
}

function lastIndexOf(text: string, part: string, from?: bigint): bigint {
  return toPoint(text, text.lastIndexOf(part, from === undefined ? text.length : toUnit(text, from)));
}

function split(text: string, separator: string, limit = -1n): string[] {
  if (limit === 0n) return [];
  // Text is split into code points, not into halves of surrogate pairs.
  const parts = separator === '' ? Array.from(text) : text.split(separator);
  const count = Number(limit);
  if (count < 0 || parts.length <= count) return parts;
  return [...parts.slice(0, count - 1), parts.slice(count - 1).join(separator)];
}

function replace(text: string, from: string, to: string, limit = -1n): string {
  if (limit === 0n) return text;
  const parts = split(text, from, limit < 0n ? -1n : limit + 1n);
  const pieces =
    from === '' && (limit < 0n || parts.length <= limit) ? ['', ...parts, ''] : from === '' ? ['', ...parts] : parts;
  return joined(pieces, to);
}

function joined(parts: readonly unknown[], separator: string): string {
  let length = Math.max(0, parts.length - 1) * separator.length;
  for (const part of parts) {
    if (typeof part !== 'string') throw new FunctionError('value', 'join() needs a list of text');
    length += part.length;
  }
  if (length > textLengthMax) throw new FunctionError('cost', 'the text that is made is too long');
  return parts.join(separator);
}

const lowerAscii = (text: string) => text.replace(/[A-Z]+/g, (part) => part.toLowerCase());
const upperAscii = (text: string) => text.replace(/[a-z]+/g, (part) => part.toUpperCase());
const reverse = (text: string) => Array.from(text).reverse().join('');

/** Unicode's White_Space property, which String.trim differs from by U+0085 and U+FEFF. */
const edges = /^\p{White_Space}+|\p{White_Space}+$/gu;

function quote(text: string): string {
  const escapes: Readonly<Record<string, string>> = {
    '\u0007': '\\a',
    '\b': '\\b',
    '\f': '\\f',
    '\n': '\\n',
    '\r': '\\r',
    '\t': '\\t',
    '\v': '\\v',
    '\\': '\\\\',
    '"': '\\"',
  };
  // oxlint-disable-next-line no-control-regex -- the characters that Go's escapes name
  return `"${text.toWellFormed().replace(/[\u0007\b\f\n\r\t\v\\"]/g, (character) => escapes[character] ?? character)}"`;
}

/** Functions on text. */
export const textFunctions: readonly FunctionRow[] = [
  { name: 'contains', group: 'text', usage: 'text.contains(part)', doc: 'Whether the part is in the text.' },
  { name: 'startsWith', group: 'text', usage: 'text.startsWith(part)', doc: 'Whether the text begins with the part.' },
  { name: 'endsWith', group: 'text', usage: 'text.endsWith(part)', doc: 'Whether the text ends with the part.' },
  {
    name: 'matches',
    group: 'text',
    usage: 'text.matches(pattern)',
    doc: 'Whether the regular expression (RE2 syntax) matches anywhere in the text; `^` and `$` tie it to the ends.',
  },
  {
    name: 'regexReplace',
    group: 'text',
    usage: 'text.regexReplace(pattern, replacement)',
    doc: 'Replaces every match; `$1` and `${name}` are its groups.',
  },
  {
    name: 'charAt',
    group: 'text',
    usage: 'text.charAt(index)',
    doc: 'The character at the index, empty at the end.',
    overloads: { 'string.charAt(int): string': charAt },
  },
  {
    name: 'indexOf',
    group: 'text',
    usage: 'text.indexOf(part[, from])',
    doc: 'Where the part first is, or -1.',
    overloads: { 'string.indexOf(string): int': indexOf, 'string.indexOf(string, int): int': indexOf },
  },
  {
    name: 'lastIndexOf',
    group: 'text',
    usage: 'text.lastIndexOf(part[, from])',
    doc: 'Where the part last is, or -1.',
    overloads: { 'string.lastIndexOf(string): int': lastIndexOf, 'string.lastIndexOf(string, int): int': lastIndexOf },
  },
  {
    name: 'substring',
    group: 'text',
    usage: 'text.substring(start[, end])',
    doc: 'The characters from start to before end.',
    overloads: { 'string.substring(int): string': substring, 'string.substring(int, int): string': substring },
  },
  {
    name: 'replace',
    group: 'text',
    usage: 'text.replace(from, to[, limit])',
    doc: 'Replaces all, or the first few, occurrences of a text.',
    overloads: {
      'string.replace(string, string): string': replace,
      'string.replace(string, string, int): string': replace,
    },
  },
  {
    name: 'split',
    group: 'text',
    usage: 'text.split(separator[, limit])',
    doc: 'The parts between separators, a list.',
    overloads: { 'string.split(string): list<string>': split, 'string.split(string, int): list<string>': split },
  },
  {
    name: 'join',
    group: 'text',
    usage: 'list.join([separator])',
    doc: 'The texts of a list as one.',
    overloads: { 'list.join(): string': (list: unknown[]) => joined(list, ''), 'list.join(string): string': joined },
  },
  {
    name: 'format',
    group: 'text',
    usage: 'pattern.format([values])',
    doc: 'The pattern with its clauses replaced by the values: %s any, %d whole, %f and %e (with `.2` decimals), %b, %o, %x, %X.',
    overloads: { 'string.format(list): string': format },
  },
  {
    name: 'trim',
    group: 'text',
    usage: 'text.trim()',
    doc: 'The text without white space at its ends.',
    overloads: { 'string.trim(): string': (text: string) => text.replace(edges, '') },
  },
  {
    name: 'lowerAscii',
    group: 'text',
    usage: 'text.lowerAscii()',
    doc: 'A to Z in lower case.',
    overloads: { 'string.lowerAscii(): string': lowerAscii },
  },
  {
    name: 'upperAscii',
    group: 'text',
    usage: 'text.upperAscii()',
    doc: 'a to z in upper case.',
    overloads: { 'string.upperAscii(): string': upperAscii },
  },
  {
    name: 'reverse',
    group: 'text',
    usage: 'text.reverse()',
    doc: 'The characters in reverse order.',
    overloads: { 'string.reverse(): string': reverse },
  },
  {
    name: 'stripPrefix',
    group: 'text',
    usage: 'text.stripPrefix(prefix)',
    doc: 'The text without the prefix, where it has it.',
    overloads: {
      'string.stripPrefix(string): string': (text: string, prefix: string) =>
        text.startsWith(prefix) ? text.slice(prefix.length) : text,
    },
  },
  {
    name: 'stripSuffix',
    group: 'text',
    usage: 'text.stripSuffix(suffix)',
    doc: 'The text without the suffix, where it has it.',
    overloads: {
      'string.stripSuffix(string): string': (text: string, suffix: string) =>
        suffix !== '' && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text,
    },
  },
  {
    name: 'strings.quote',
    group: 'text',
    usage: 'strings.quote(text)',
    doc: 'The text as a literal, with quotes and escapes.',
    overloads: { 'strings.quote(string): string': quote },
  },
];
