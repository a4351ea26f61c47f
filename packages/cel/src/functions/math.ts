// Functions on numbers, as cel-go's math extension has them.
import { UnsignedInt } from 'cel-js/evaluator';
import { FunctionError } from '../error.ts';
import { callArgumentsMax } from '../limits.ts';
import type { FunctionRow, Handler } from './row.ts';

type Numeric = bigint | number | UnsignedInt;

const intMin = -(2n ** 63n);
const word = 2n ** 64n;

function numeric(value: unknown): Numeric {
  if (typeof value === 'bigint' || typeof value === 'number' || value instanceof UnsignedInt) return value;
  throw new FunctionError('value', 'math.least() and math.greatest() need numbers');
}

function primitive(value: Numeric): bigint | number {
  return value instanceof UnsignedInt ? value.value : value;
}

/** The least or greatest of numbers of any kind; the first wins among equals. */
function extreme(wanted: -1 | 1): (...values: unknown[]) => Numeric {
  return (...values) => {
    const numbers = (values.length === 1 && Array.isArray(values[0]) ? (values[0] as unknown[]) : values).map(numeric);
    const first = numbers[0];
    if (first === undefined)
      throw new FunctionError('value', 'math.least() and math.greatest() need at least one number');
    let best = first;
    for (const number of numbers) {
      const [left, right] = [primitive(number), primitive(best)];
      if (wanted === 1 ? left > right : left < right) best = number;
    }
    return best;
  };
}

function variadic(name: string, handler: Handler): Record<string, Handler> {
  const overloads: Record<string, Handler> = {};
  for (let count = 1; count <= callArgumentsMax; count++) {
    overloads[`math.${name}(${Array.from({ length: count }, () => 'dyn').join(', ')}): dyn`] = handler;
  }
  return overloads;
}

/** Half away from zero, which Math.round is not. */
function round(value: number): number {
  return Math.sign(value) * Math.round(Math.abs(value));
}

function absolute(value: bigint): bigint {
  if (value === intMin) throw new FunctionError('value', 'the integer overflows');
  return value < 0n ? -value : value;
}

function shiftLeft(bits: bigint, count: bigint): bigint {
  if (count < 0n) throw new FunctionError('value', 'the shift is negative');
  return count > 63n ? 0n : bits << count;
}

function shiftRight(bits: bigint, count: bigint): bigint {
  if (count < 0n) throw new FunctionError('value', 'the shift is negative');
  return count > 63n ? 0n : BigInt.asUintN(64, bits) >> count;
}

/** An operation on 64 bits, for ints and uints. */
function bitwise(name: string, apply: (left: bigint, right: bigint) => bigint): Record<string, Handler> {
  return {
    [`math.${name}(int, int): int`]: (left: bigint, right: bigint) => BigInt.asIntN(64, apply(left, right)),
    [`math.${name}(uint, uint): uint`]: (left: UnsignedInt, right: UnsignedInt) =>
      new UnsignedInt(apply(left.value, right.value)),
  };
}

function shift(name: string, apply: (bits: bigint, count: bigint) => bigint): Record<string, Handler> {
  return {
    [`math.${name}(int, int): int`]: (bits: bigint, count: bigint) => BigInt.asIntN(64, apply(bits, count)),
    [`math.${name}(uint, int): uint`]: (bits: UnsignedInt, count: bigint) =>
      new UnsignedInt(BigInt.asUintN(64, apply(bits.value, count))),
  };
}

/** The same operation on doubles, and on ints, which most leave as they are. */
function rounding(name: string, apply: (value: number) => number): Record<string, Handler> {
  return { [`math.${name}(double): double`]: apply, [`math.${name}(int): int`]: (value: bigint) => value };
}

function test(name: string, apply: (value: number) => boolean, ofInt: boolean): Record<string, Handler> {
  return { [`math.${name}(double): bool`]: apply, [`math.${name}(int): bool`]: () => ofInt };
}

function row(name: string, usage: string, doc: string, overloads: Record<string, Handler>): FunctionRow {
  return { name: `math.${name}`, group: 'math', usage: `math.${usage}`, doc, overloads };
}

/** Functions on numbers. */
export const mathFunctions: readonly FunctionRow[] = [
  row('least', 'least(a, b, …)', 'The least of its arguments, or of a list.', variadic('least', extreme(-1))),
  row(
    'greatest',
    'greatest(a, b, …)',
    'The greatest of its arguments, or of a list.',
    variadic('greatest', extreme(1)),
  ),
  row('ceil', 'ceil(x)', 'The next whole number upwards.', rounding('ceil', Math.ceil)),
  row('floor', 'floor(x)', 'The next whole number downwards.', rounding('floor', Math.floor)),
  row('round', 'round(x)', 'The nearest whole number, halves away from zero.', rounding('round', round)),
  row('trunc', 'trunc(x)', 'The number without its fraction.', rounding('trunc', Math.trunc)),
  row('abs', 'abs(x)', 'The number without its sign.', {
    'math.abs(double): double': Math.abs,
    'math.abs(int): int': absolute,
    'math.abs(uint): uint': (value: UnsignedInt) => value,
  }),
  row('sign', 'sign(x)', 'The sign: -1, 0 or 1.', {
    'math.sign(double): double': Math.sign,
    'math.sign(int): int': (value: bigint) => (value > 0n ? 1n : value < 0n ? -1n : 0n),
    'math.sign(uint): uint': (value: UnsignedInt) => new UnsignedInt(value.value > 0n ? 1n : 0n),
  }),
  row('sqrt', 'sqrt(x)', 'The square root, a double.', {
    'math.sqrt(double): double': Math.sqrt,
    'math.sqrt(int): double': (value: bigint) => Math.sqrt(Number(value)),
    'math.sqrt(uint): double': (value: UnsignedInt) => Math.sqrt(Number(value.value)),
  }),
  row(
    'isInf',
    'isInf(x)',
    'Whether it is infinite.',
    test('isInf', (value) => Math.abs(value) === Infinity, false),
  ),
  row('isNaN', 'isNaN(x)', 'Whether it is not a number.', test('isNaN', Number.isNaN, false)),
  row('isFinite', 'isFinite(x)', 'Whether it is neither infinite nor NaN.', test('isFinite', Number.isFinite, true)),
  row(
    'bitAnd',
    'bitAnd(a, b)',
    'The bits set in both.',
    bitwise('bitAnd', (left, right) => left & right),
  ),
  row(
    'bitOr',
    'bitOr(a, b)',
    'The bits set in either.',
    bitwise('bitOr', (left, right) => left | right),
  ),
  row(
    'bitXor',
    'bitXor(a, b)',
    'The bits set in one of them.',
    bitwise('bitXor', (left, right) => left ^ right),
  ),
  row('bitNot', 'bitNot(a)', 'The bits inverted.', {
    'math.bitNot(int): int': (value: bigint) => ~value,
    'math.bitNot(uint): uint': (value: UnsignedInt) => new UnsignedInt(word - 1n - value.value),
  }),
  row('bitShiftLeft', 'bitShiftLeft(a, n)', 'The bits shifted left.', shift('bitShiftLeft', shiftLeft)),
  row(
    'bitShiftRight',
    'bitShiftRight(a, n)',
    'The bits shifted right, zeros moving in.',
    shift('bitShiftRight', shiftRight),
  ),
];
