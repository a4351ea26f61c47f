// The official CEL conformance vectors, run through our own compile and evaluate.
import { readFileSync } from 'node:fs';
import type { Value } from '@bufbuild/cel-spec/cel/expr/value_pb.js';
import { getConformanceSuite } from '@bufbuild/cel-spec/testdata/tests.js';
import type { IncrementalTest, IncrementalTestSuite } from '@bufbuild/cel-spec/testdata/tests.js';
import { createRegistry } from '@bufbuild/protobuf';
import { anyUnpack, DurationSchema, TimestampSchema } from '@bufbuild/protobuf/wkt';
import { Duration, UnsignedInt } from 'cel-js/evaluator';
import { describe, expect, test } from 'vitest';
import { CelError, compile } from './cel.ts';
import { isTimestamp } from './view.ts';

/** Suites that are about protobuf messages, or about what only a static checker knows. */
const leftOut = new Set([
  'dynamic',
  'enums',
  'proto2',
  'proto2_ext',
  'proto3',
  'type_deductions',
  'unknowns',
  'wrappers',
]);

/** Vectors outside those suites that need protobuf messages all the same. */
const needsMessages =
  /TestAllTypes|NestedTestAllTypes|google\.protobuf\.(Any|Struct|Value|ListValue|\w+Value)\b|google\.protobuf\.(Timestamp|Duration)\{/;

/** Suite → why it is not whole, and the vectors that fail. It may only shrink. */
type ExpectedFailures = Readonly<Record<string, { readonly why: string; readonly vectors: readonly string[] }>>;

const expected = JSON.parse(
  readFileSync(new URL('./testdata/cel-spec.failures.json', import.meta.url), 'utf8'),
) as ExpectedFailures;

interface Vector {
  readonly id: string;
  readonly test: IncrementalTest;
}

function vectorsOf(suite: IncrementalTestSuite): Vector[] {
  const seen = new Map<string, number>();
  const collect = (part: IncrementalTestSuite, path: string): Vector[] => [
    ...part.tests
      .filter(
        (one) =>
          !needsMessages.test(one.original.expr) && !JSON.stringify(Object.keys(one.original.bindings)).includes('msg'),
      )
      .map((one) => {
        const name = `${path}${one.name}`;
        const count = (seen.get(name) ?? 0) + 1;
        seen.set(name, count);
        return { id: count === 1 ? name : `${name}#${count}`, test: one };
      }),
    ...part.suites.flatMap((inner) => collect(inner, `${path}${inner.name}/`)),
  ];
  return collect(suite, '');
}

const registry = createRegistry(TimestampSchema, DurationSchema);

/** A value of the vectors as our context takes it. */
function toInput(value: Value): unknown {
  const { kind } = value;
  switch (kind.case) {
    case 'nullValue':
      return null;
    case 'uint64Value':
      return new UnsignedInt(kind.value);
    case 'listValue':
      return kind.value.values.map(toInput);
    case 'mapValue':
      return new Map(
        kind.value.entries.map((entry) => [
          entry.key ? toInput(entry.key) : null,
          entry.value ? toInput(entry.value) : null,
        ]),
      );
    case 'objectValue': {
      const message = anyUnpack(kind.value, registry);
      if (message?.$typeName === 'google.protobuf.Timestamp') {
        const time = message as unknown as { seconds: bigint; nanos: number };
        // oxlint-disable-next-line no-restricted-globals -- a given time
        return new Date(Number(time.seconds) * 1000 + time.nanos / 1e6);
      }
      const span = message as unknown as { seconds: bigint; nanos: number };
      return new Duration(span.seconds, span.nanos);
    }
    default:
      return kind.value;
  }
}

/** A result or expectation as text that tells the types of numbers apart and puts keys in order. */
function show(value: unknown): string {
  switch (typeof value) {
    case 'bigint':
      return `int ${value}`;
    case 'number':
      return `double ${Object.is(value, -0) ? 0 : value}`;
    case 'string':
      return JSON.stringify(value);
    case 'object':
      return value === null ? 'null' : showObject(value);
    default:
      return String(value);
  }
}

function showObject(value: object): string {
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`;
  if (value instanceof UnsignedInt) return `uint ${value.value}`;
  if (value instanceof Duration) return `duration ${value.seconds * 1_000_000_000n + BigInt(value.nanos)}`;
  if (isTimestamp(value)) return `timestamp ${value.getTime()}`;
  if (value instanceof Map)
    return `{${[...value]
      .map(([key, member]) => `${show(key)}: ${show(member)}`)
      .sort()
      .join(', ')}}`;
  if (Object.getPrototypeOf(value) === Object.prototype) return show(new Map(Object.entries(value)));
  if ('name' in value) return `type ${String(value.name)}`;
  return 'unknown';
}

function showExpected(value: Value): string {
  if (value.kind.case === 'typeValue') return `type ${value.kind.value === 'null_type' ? 'null' : value.kind.value}`;
  return show(toInput(value));
}

/** Bindings become variables of the expression itself, because ours has no variables but its roots. */
function bindingsAround(one: IncrementalTest['original']): { source: string; metadata: Map<string, unknown> } {
  const metadata = new Map<string, unknown>();
  let source = one.expr;
  for (const [name, bound] of Object.entries(one.bindings)) {
    if (bound.kind.case !== 'value') continue;
    metadata.set(name, toInput(bound.kind.value));
    source = `cel.bind(${name}, metadata["${name}"], ${source})`;
  }
  return { source, metadata };
}

/** What the vector's expression gives: text of the value, or `error`. */
function outcome(one: IncrementalTest['original']): string {
  const { source, metadata } = bindingsAround(one);
  try {
    const expression = compile(source);
    return one.checkOnly ? 'checked' : show(expression.evaluate({ metadata }));
  } catch (error) {
    if (error instanceof CelError) return 'error';
    throw error;
  }
}

function wanted(one: IncrementalTest['original']): string {
  if (one.checkOnly) return 'checked';
  const { resultMatcher } = one;
  switch (resultMatcher.case) {
    case 'value':
      return showExpected(resultMatcher.value);
    case 'typedResult':
      return resultMatcher.value.result ? showExpected(resultMatcher.value.result) : 'checked';
    case 'evalError':
    case 'anyEvalErrors':
      return 'error';
    default:
      return 'true';
  }
}

const suites = getConformanceSuite().suites.filter((suite) => !leftOut.has(suite.name));

describe('cel-spec', () => {
  for (const suite of suites) {
    test(suite.name, () => {
      const failures = vectorsOf(suite)
        .filter((vector) => outcome(vector.test.original) !== wanted(vector.test.original))
        .map((vector) => vector.id);
      // A vector that is listed and passes is as wrong as one that fails and is not listed.
      expect(failures).toEqual(expected[suite.name]?.vectors ?? []);
    });
  }

  test('names every suite it excuses', () => {
    const names = new Set(suites.map((suite) => suite.name));
    expect(Object.keys(expected).filter((name) => !names.has(name))).toEqual([]);
    for (const [name, { why, vectors }] of Object.entries(expected))
      expect([name, why.length > 0, vectors.length > 0]).toEqual([name, true, true]);
  });

  test('runs most of the vectors, and most of them pass', () => {
    const all = suites.reduce((sum, suite) => sum + vectorsOf(suite).length, 0);
    const failing = Object.values(expected).reduce((sum, { vectors }) => sum + vectors.length, 0);
    expect(all).toBeGreaterThan(1500);
    expect(1 - failing / all).toBeGreaterThan(0.9);
  });
});
