// Text made of a pattern and values, as cel-go's strings extension has it: %s %d %f %e %b %o %x %X and %%.
import { Duration, UnsignedInt } from 'cel-js/evaluator';
import { FunctionError } from '../error.ts';
import { charge } from '../evaluation.ts';
import { formatPrecisionMax, jsonDepthMax } from '../limits.ts';
import { durationText, timestampText, toText } from '../value.ts';
import { isTimestamp } from '../view.ts';

const clauses = /%(?:%|(?:\.(\d{1,3}))?([a-zA-Z])|)/g;
const precisionDefault = 6;

/** The pattern with each clause replaced by the next value of the list. */
export function format(pattern: string, values: readonly unknown[]): string {
  let next = 0;
  const text = pattern.replaceAll(clauses, (clause: string, digits: string | undefined, letter: string | undefined) => {
    if (clause === '%%') return '%';
    if (letter === undefined) throw new FunctionError('value', 'format() has a % without a clause; write %% for %');
    if (next >= values.length) throw new FunctionError('value', 'format() has more clauses than values');
    charge(1);
    return formatted(letter, digits, values[next++]);
  });
  return text;
}

function formatted(letter: string, digits: string | undefined, value: unknown): string {
  const precision = digits === undefined ? precisionDefault : Number(digits);
  if (precision > formatPrecisionMax)
    throw new FunctionError('value', `format() has a precision above ${formatPrecisionMax}`);
  switch (letter) {
    case 's':
      return toFormatText(value, 0);
    case 'd':
      return notFinite(value) ?? String(wholeOf(value, letter));
    case 'f':
      return notFinite(value) ?? fixed(numberOf(value, letter), precision);
    case 'e':
      return (
        notFinite(value) ??
        numberOf(value, letter)
          .toExponential(precision)
          .replace(/e([+-])(\d)$/, 'e$10$2')
      );
    case 'b':
      return typeof value === 'boolean' ? String(Number(value)) : wholeOf(value, letter).toString(2);
    case 'o':
      return wholeOf(value, letter).toString(8);
    case 'x':
      return hexadecimal(value);
    case 'X':
      return hexadecimal(value).toUpperCase();
    default:
      throw new FunctionError('value', `format() has no clause %${letter}`);
  }
}

function wrong(letter: string): FunctionError {
  return new FunctionError('value', `format() cannot write this value as %${letter}`);
}

function notFinite(value: unknown): string | undefined {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : undefined;
}

function wholeOf(value: unknown, letter: string): bigint {
  if (typeof value === 'bigint') return value;
  if (value instanceof UnsignedInt) return value.value;
  throw wrong(letter);
}

function numberOf(value: unknown, letter: string): number {
  if (typeof value === 'number') return value;
  return Number(wholeOf(value, letter));
}

/** Halves go to the even digit, which toFixed does not do; 100 decimals show a half exactly. */
function fixed(value: number, precision: number): string {
  if (Math.abs(value) >= 1e21) return `${BigInt(value)}${precision === 0 ? '' : `.${'0'.repeat(precision)}`}`;
  const text = value.toFixed(precision);
  if (precision >= formatPrecisionMax) return text;
  const exact = value.toFixed(formatPrecisionMax);
  const cut = exact.length - formatPrecisionMax + precision;
  const isHalf = /^50*$/.test(exact.slice(cut));
  const truncated = precision === 0 ? exact.slice(0, cut - 1) : exact.slice(0, cut);
  return isHalf && /[02468]$/.test(truncated) ? truncated : text;
}

function hexadecimal(value: unknown): string {
  if (typeof value === 'string') return Buffer.from(value, 'utf8').toString('hex');
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex');
  return wholeOf(value, 'x').toString(16);
}

/** What %s writes: text as it is, lists and maps in brackets, the keys of maps in order. */
function toFormatText(value: unknown, depth: number): string {
  charge(1);
  if (depth > jsonDepthMax) throw new FunctionError('value', 'the value is nested too deeply for format()');
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map((element) => toFormatText(element, depth + 1)).join(', ')}]`;
  if (value instanceof Map) {
    const entries = [...value].map(
      ([key, member]) => [toFormatText(key, depth + 1), toFormatText(member, depth + 1)] as const,
    );
    return `{${entries
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, member]) => `${key}: ${member}`)
      .join(', ')}}`;
  }
  if (value instanceof UnsignedInt) return String(value.value);
  if (isTimestamp(value)) return timestampText(value);
  if (value instanceof Duration) return durationText(value);
  if (value instanceof Uint8Array)
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8');
  return toText(value);
}
