// From an expression's result back to JSON and text.
import { Optional } from 'cel-js';
import { Duration, UnsignedInt } from 'cel-js/evaluator';
import { CelError } from './error.ts';
import { Cidr, IpAddress } from './ip.ts';
import { jsonDepthMax } from './limits.ts';
import { isTimestamp } from './view.ts';

/** A JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/**
 * The JSON form of a result (as proto3's JSON mapping has it): ints are numbers as long as they are exact, else decimal
 * text; bytes are base64; timestamps RFC 3339; durations seconds with an `s`; addresses text. Throws a CelError
 * where the value is nested too deeply.
 */
export function toJson(value: unknown): Json {
  return convert(value, 0);
}

/**
 * The text of a result, for headers, keys and labels: text as it is, bytes as UTF-8, null as nothing, numbers and booleans
 * as they are written, all else as JSON.
 */
export function toText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === null || value === undefined) return '';
  if (value instanceof Uint8Array)
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8');
  const json = toJson(value);
  return typeof json === 'string' ? json : JSON.stringify(json);
}

function convert(value: unknown, depth: number): Json {
  if (depth > jsonDepthMax) throw new CelError('value', 'the value is nested too deeply for JSON');
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'bigint':
      return integer(value);
    case 'number':
      if (Number.isFinite(value)) return value;
      return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
    case 'object':
      return value === null ? null : convertObject(value, depth);
    default:
      return null;
  }
}

function convertObject(value: object, depth: number): Json {
  if (Array.isArray(value)) return value.map((element) => convert(element, depth + 1));
  if (value instanceof Map) return convertEntries(value.entries(), depth);
  if (value instanceof Uint8Array)
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
  if (isTimestamp(value)) return timestampText(value);
  if (value instanceof Duration) return durationText(value);
  if (value instanceof UnsignedInt) return integer(value.value);
  if (value instanceof IpAddress || value instanceof Cidr) return value.toString();
  if (value instanceof Optional) return value.hasValue() ? convert(value.value(), depth) : null;
  if (value instanceof Set) return [...value].map((element) => convert(element, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) return convertEntries(Object.entries(value), depth);
  // What is left are the language's own types, as in `type(1)`.
  return 'name' in value && typeof value.name === 'string' ? value.name : null;
}

function convertEntries(entries: Iterable<[unknown, unknown]>, depth: number): { [key: string]: Json } {
  const result: [string, Json][] = [];
  for (const [key, value] of entries) result.push([String(key), convert(value, depth + 1)]);
  return Object.fromEntries(result);
}

function integer(value: bigint): Json {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

/** RFC 3339 text of a timestamp, in UTC, without a fraction where it is zero. */
export function timestampText(value: Date): string {
  return value
    .toISOString()
    .replace(/\.000Z$/, 'Z')
    .replace(/(\.\d*?)0+Z$/, '$1Z');
}

/** Decimal seconds of a duration with an `s`, as protobuf writes it. */
export function durationText(value: Duration): string {
  const nanos = value.seconds * 1_000_000_000n + BigInt(value.nanos);
  const absolute = nanos < 0n ? -nanos : nanos;
  const fraction = (absolute % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '');
  return `${nanos < 0n ? '-' : ''}${absolute / 1_000_000_000n}${fraction === '' ? '' : `.${fraction}`}s`;
}
