// Functions on lists and maps, and those that decide what an expression does.
import { Optional } from 'cel-js';
import { Duration, UnsignedInt } from 'cel-js/evaluator';
import { FunctionError } from '../error.ts';
import { charge } from '../evaluation.ts';
import { jsonDepthMax } from '../limits.ts';
import type { FunctionRow } from './row.ts';

type Mapping = ReadonlyMap<unknown, unknown> | Readonly<Record<string, unknown>>;

/** The entries of a map, whichever of the engine's forms it has. */
function entriesOf(map: Mapping): Iterable<[unknown, unknown]> {
  return map instanceof Map ? (map as Map<unknown, unknown>).entries() : Object.entries(map);
}

function isMapping(value: unknown): value is Mapping {
  if (typeof value !== 'object' || value === null) return false;
  return value instanceof Map || Object.getPrototypeOf(value) === Object.prototype;
}

function merge(left: Mapping, right: Mapping): Map<unknown, unknown> {
  return new Map([...entriesOf(left), ...entriesOf(right)]);
}

function flattenList(list: readonly unknown[], depth = 1n): unknown[] {
  if (depth < 0n) throw new FunctionError('value', 'the depth is negative');
  const flat: unknown[] = [];
  for (const element of list) {
    if (Array.isArray(element) && depth > 0n) flat.push(...flattenList(element as unknown[], depth - 1n));
    else flat.push(element);
    charge(1);
  }
  return flat;
}

/** Members of maps and lists beneath become members of this map, their names joined with dots. */
function flattenMap(map: Mapping, levels: number): Map<string, unknown> {
  const flat = new Map<string, unknown>();
  const add = (prefix: string, members: Iterable<[unknown, unknown]>, left: number): void => {
    for (const [key, value] of members) {
      charge(1);
      const name = prefix === '' ? String(key) : `${prefix}.${String(key)}`;
      if (left > 0 && isMapping(value)) add(name, entriesOf(value), left - 1);
      else if (left > 0 && Array.isArray(value)) add(name, value.entries(), left - 1);
      else flat.set(name, value);
    }
  };
  add('', entriesOf(map), levels);
  return flat;
}

function ofNonZeroValue(value: unknown): Optional {
  return isZero(value) ? Optional.none() : Optional.of(value);
}

function isZero(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return !value;
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length === 0;
  if (value instanceof UnsignedInt) return value.value === 0n;
  if (value instanceof Duration) return value.seconds === 0n && value.nanos === 0;
  if (value instanceof Map) return value.size === 0;
  return isMapping(value) && Object.keys(value).length === 0;
}

/** Functions on lists and maps, and of control. */
export const collectionFunctions: readonly FunctionRow[] = [
  {
    name: 'has',
    group: 'logic',
    usage: 'has(a.b)',
    doc: 'Whether the member is there. For a header write `"x-name" in request.headers`.',
  },
  {
    name: 'default',
    group: 'logic',
    usage: 'default(expression, other)',
    doc: 'The expression, or the other where what it reads is not there.',
  },
  {
    name: 'coalesce',
    group: 'logic',
    usage: 'coalesce(a, b, …)',
    doc: 'The first that neither fails nor is null; null, or the last failure, where there is none.',
  },
  {
    name: 'fail',
    group: 'logic',
    usage: 'fail(["why"])',
    doc: 'Fails; the message is told where it is written as a literal.',
  },
  {
    name: 'with',
    group: 'logic',
    usage: 'value.with(name, expression)',
    doc: 'The expression, in which the name stands for the value.',
  },
  {
    name: 'cel.bind',
    group: 'logic',
    usage: 'cel.bind(name, value, expression)',
    doc: 'The expression, in which the name stands for the value.',
  },
  {
    name: 'size',
    group: 'collections',
    usage: 'size(x), x.size()',
    doc: 'How many characters, bytes, elements or entries there are.',
  },
  {
    name: 'all',
    group: 'collections',
    usage: 'list.all(x, test), map.all(key, value, test)',
    doc: 'Whether the test holds for every element, or every key of a map; with two variables, index and element or key and value.',
  },
  {
    name: 'exists',
    group: 'collections',
    usage: 'list.exists(x, test), map.exists(key, value, test)',
    doc: 'Whether the test holds for at least one; with two variables, index and element or key and value.',
  },
  {
    name: 'exists_one',
    group: 'collections',
    usage: 'list.exists_one(x, test), map.exists_one(key, value, test)',
    doc: 'Whether the test holds for exactly one; with two variables, index and element or key and value.',
  },
  { name: 'existsOne', group: 'collections', usage: 'list.existsOne(x, test)', doc: 'The same as exists_one.' },
  {
    name: 'filter',
    group: 'collections',
    usage: 'list.filter(x, test)',
    doc: 'The elements, or the keys of a map, for which the test holds.',
  },
  {
    name: 'map',
    group: 'collections',
    usage: 'list.map(x[, test], expression)',
    doc: 'What the expression gives for each element, or key of a map.',
  },
  {
    name: 'transformList',
    group: 'collections',
    usage: 'map.transformList(key, value[, test], expression)',
    doc: 'A list of what the expression gives for each key and value, or index and element.',
  },
  {
    name: 'transformMap',
    group: 'collections',
    usage: 'map.transformMap(key, value[, test], expression)',
    doc: 'The map with each value replaced by what the expression gives for key and value.',
  },
  {
    name: 'mapValues',
    group: 'collections',
    usage: 'map.mapValues(x, expression)',
    doc: 'The map with each value replaced by what the expression gives for it.',
  },
  {
    name: 'filterKeys',
    group: 'collections',
    usage: 'map.filterKeys(x, test)',
    doc: 'The entries whose key passes the test.',
  },
  {
    name: 'merge',
    group: 'collections',
    usage: 'map.merge(other)',
    doc: 'The entries of both; those of the other win.',
    overloads: { 'map.merge(map): map': merge },
  },
  {
    name: 'flatten',
    group: 'collections',
    usage: 'list.flatten([depth]), map.flatten()',
    doc: 'One level less: elements of lists within the list, or members of maps and lists within the map, named `outer.inner`.',
    overloads: {
      'list.flatten(): list': flattenList,
      'list.flatten(int): list': flattenList,
      'map.flatten(): map': (map: Mapping) => flattenMap(map, 1),
      'flatten(map): map': (map: Mapping) => flattenMap(map, 1),
      'flatten(list): list': flattenList,
    },
  },
  {
    name: 'flattenRecursive',
    group: 'collections',
    usage: 'map.flattenRecursive()',
    doc: 'The map with everything beneath in one level, named `a.b.c`.',
    overloads: {
      'map.flattenRecursive(): map': (map: Mapping) => flattenMap(map, jsonDepthMax),
      'flattenRecursive(map): map': (map: Mapping) => flattenMap(map, jsonDepthMax),
    },
  },
  { name: 'optional.of', group: 'logic', usage: 'optional.of(value)', doc: 'An optional that holds the value.' },
  { name: 'optional.none', group: 'logic', usage: 'optional.none()', doc: 'An optional that holds nothing.' },
  {
    name: 'optional.ofNonZeroValue',
    group: 'logic',
    usage: 'optional.ofNonZeroValue(value)',
    doc: 'An optional that holds the value, unless it is null, false, zero or empty.',
    overloads: { 'optional.ofNonZeroValue(dyn): optional<dyn>': ofNonZeroValue },
  },
  {
    name: 'optMap',
    group: 'logic',
    usage: 'a.?b.optMap(x, expression)',
    doc: 'An optional of what the expression gives for the value; none stays none.',
  },
  {
    name: 'optFlatMap',
    group: 'logic',
    usage: 'a.?b.optFlatMap(x, optional)',
    doc: 'The optional that the expression gives for the value; none stays none.',
  },
  { name: 'hasValue', group: 'logic', usage: 'a.?b.hasValue()', doc: 'Whether an optional holds a value.' },
  { name: 'value', group: 'logic', usage: 'a.?b.value()', doc: 'The value of an optional; fails where there is none.' },
  { name: 'or', group: 'logic', usage: 'a.?b.or(a.?c)', doc: 'The first of two optionals that holds a value.' },
  { name: 'orValue', group: 'logic', usage: 'a.?b.orValue(other)', doc: 'The value of an optional, or the other.' },
];
