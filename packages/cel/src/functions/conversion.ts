// Conversions between types. The engine's own accept more than CEL does (`int("")`, `int("0b1")`), so these replace them.
import { UnsignedInt } from 'cel-js/evaluator';
import type { Duration } from 'cel-js/evaluator';
import { FunctionError } from '../error.ts';
import type { Cidr, IpAddress } from '../ip.ts';
import { durationText, timestampText } from '../value.ts';
import type { FunctionRow } from './row.ts';

const intMin = -(2n ** 63n);
const intMax = 2n ** 63n - 1n;
const uintMax = 2n ** 64n - 1n;

function failure(type: string): FunctionError {
  return new FunctionError('value', `${type}() cannot convert this value`);
}

function toInt(value: bigint): bigint {
  if (value < intMin || value > intMax) throw failure('int');
  return value;
}

function toUint(value: bigint): UnsignedInt {
  if (value < 0n || value > uintMax) throw failure('uint');
  return new UnsignedInt(value);
}

function truncated(value: number, type: string): bigint {
  if (!Number.isFinite(value)) throw failure(type);
  return BigInt(Math.trunc(value));
}

/** The largest doubles below 2^63 are ints; 2^63 itself and -2^63 are refused, as cel-go does. */
function intOfDouble(value: number): bigint {
  if (Math.abs(value) >= 2 ** 63) throw failure('int');
  return truncated(value, 'int');
}

function intOfText(text: string): bigint {
  if (!/^[+-]?\d{1,20}$/.test(text)) throw failure('int');
  return toInt(BigInt(text.replace('+', '')));
}

function uintOfText(text: string): UnsignedInt {
  if (!/^\d{1,20}$/.test(text)) throw failure('uint');
  return toUint(BigInt(text));
}

function doubleOfText(text: string): number {
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(text);
  if (special) return special[2]?.toLowerCase() === 'nan' ? NaN : special[1] === '-' ? -Infinity : Infinity;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) throw failure('double');
  return Number(text);
}

function boolOfText(text: string): boolean {
  if (['1', 't', 'true', 'TRUE', 'True'].includes(text)) return true;
  if (['0', 'f', 'false', 'FALSE', 'False'].includes(text)) return false;
  throw failure('bool');
}

function textOfDouble(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOfBytes(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new FunctionError('value', 'the bytes are not UTF-8');
  }
}

const identity = (value: unknown) => value;
const timestamp = 'google.protobuf.Timestamp';
const duration = 'google.protobuf.Duration';

/** Conversions between types. */
export const conversionFunctions: readonly FunctionRow[] = [
  { name: 'type', group: 'conversion', usage: 'type(x)', doc: 'The type, to compare with `int`, `string`, `list`, …' },
  { name: 'dyn', group: 'conversion', usage: 'dyn(x)', doc: 'The same value, its type no longer checked beforehand.' },
  {
    name: 'int',
    group: 'conversion',
    usage: 'int(x)',
    doc: 'A whole number of a number, decimal text or a timestamp (seconds since 1970).',
    overloads: {
      'int(int): int': identity,
      'int(uint): int': (value: UnsignedInt) => toInt(value.value),
      'int(double): int': intOfDouble,
      'int(string): int': intOfText,
      [`int(${timestamp}): int`]: (value: Date) => BigInt(Math.floor(value.getTime() / 1000)),
    },
  },
  {
    name: 'uint',
    group: 'conversion',
    usage: 'uint(x)',
    doc: 'An unsigned whole number.',
    overloads: {
      'uint(uint): uint': identity,
      'uint(int): uint': toUint,
      'uint(double): uint': (value: number) => toUint(truncated(value, 'uint')),
      'uint(string): uint': uintOfText,
    },
  },
  {
    name: 'double',
    group: 'conversion',
    usage: 'double(x)',
    doc: 'A floating-point number.',
    overloads: {
      'double(double): double': identity,
      'double(int): double': (value: bigint) => Number(value),
      'double(uint): double': (value: UnsignedInt) => Number(value.value),
      'double(string): double': doubleOfText,
    },
  },
  {
    name: 'string',
    group: 'conversion',
    usage: 'string(x)',
    doc: 'The text of a simple value; for lists and maps see toJson().',
    overloads: {
      'string(string): string': identity,
      'string(bool): string': (value: boolean) => String(value),
      'string(int): string': (value: bigint) => String(value),
      'string(uint): string': (value: UnsignedInt) => String(value.value),
      'string(double): string': textOfDouble,
      'string(bytes): string': textOfBytes,
      [`string(${timestamp}): string`]: timestampText,
      [`string(${duration}): string`]: (value: Duration) => durationText(value),
      'string(IP): string': (value: IpAddress) => value.toString(),
      'string(CIDR): string': (value: Cidr) => value.toString(),
    },
  },
  {
    name: 'bool',
    group: 'conversion',
    usage: 'bool(x)',
    doc: 'The boolean that a text such as `true` stands for.',
    overloads: { 'bool(bool): bool': identity, 'bool(string): bool': boolOfText },
  },
  {
    name: 'bytes',
    group: 'conversion',
    usage: 'bytes(x)',
    doc: 'The UTF-8 bytes of a text.',
    overloads: {
      'bytes(bytes): bytes': identity,
      'bytes(string): bytes': (text: string) => new Uint8Array(Buffer.from(text, 'utf8')),
    },
  },
];
