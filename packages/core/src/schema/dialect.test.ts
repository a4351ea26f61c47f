// The dialect's members, and their export to structural schemas.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { kinds, ownApiVersion } from '../kinds/registry.ts';
import {
  boolean,
  cel,
  duration,
  exactlyOne,
  integer,
  list,
  marksOf,
  money,
  name,
  oneOf,
  portOrName,
  quantity,
  secret,
  strict,
  text,
  texts,
  toBytes,
  toMs,
  toPicoDollars,
  toPicoDollarsPerUnit,
} from './dialect.ts';
import { toCrd, toStructural } from './to-crd.ts';
import { inspect, liftSecrets } from './walk.ts';

describe('members', () => {
  test.each([
    ['1h30m', 5_400_000],
    ['500ms', 500],
    ['0s', 0],
    ['1m1s1ms', 61_001],
  ])('%s lasts %d ms', (value, expected) => {
    expect(duration().safeParse(value).success).toBe(true);
    expect(toMs(value)).toBe(expected);
  });

  test.each(['', '1', '1d', '-1s', '1.5s', '1s1s1s1s1s', '100000s'])('%j is no duration', (value) =>
    expect(duration().safeParse(value).success).toBe(false),
  );

  test.each([
    ['512', 512],
    ['1Ki', 1024],
    ['32Mi', 33_554_432],
    ['2k', 2000],
    ['1G', 1e9],
  ])('%s has %d bytes', (value, expected) => expect(toBytes(quantity().parse(value))).toBe(expected));

  test('money is exact: a decimal is that many pico-dollars', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 999_999n), fc.stringMatching(/^[0-9]{1,12}$/), (whole, fraction) => {
        const amount = money().parse(`${whole}.${fraction}`);
        expect(toPicoDollars(amount)).toBe(whole * 10n ** 12n + BigInt(fraction.padEnd(12, '0')));
      }),
    );
    expect(toPicoDollars(7)).toBe(7n * 10n ** 12n);
    expect(toPicoDollarsPerUnit('0.019')).toBe(19_000n);
    expect(toPicoDollarsPerUnit('0.000001')).toBe(1n);
  });

  test.each([0.25, -1, '-1', '1.', '.5', '1e3', '1,5', '0.0000001', 1_000_000, '', null, ' 1'])(
    '%j is no rate',
    (value) => {
      const { success, error } = money(6).safeParse(value);
      expect(success).toBe(false);
      expect(error?.issues[0]?.message).toMatch(/must be an amount such as "2.50"/);
    },
  );

  test('marks survive a description', () => {
    expect(marksOf(secret().describe('x')).isSecret).toBe(true);
    expect(marksOf(name().describe('x')).pattern).toBeDefined();
    expect(inspect(secret().optional().describe('x'), '').marks.isSecret).toBe(true);
  });

  test('a text may be empty only where that is said', () => {
    expect(text(3).safeParse('').success).toBe(false);
    expect(text(3, 0).safeParse('').success).toBe(true);
    expect(text(3).safeParse('abcd').success).toBe(false);
  });
});

describe('lifting secrets', () => {
  const schema = strict({ list: list(strict({ key: secret().describe('The key.') })), other: text().optional() });

  test('takes literals, leaves references and whatever is not a secret', () => {
    const lifted: string[] = [];
    const value = { list: [{ key: 'literal' }, { key: { secretRef: { name: 'a', key: 'b' } } }], other: 'kept' };
    const result = liftSecrets(schema, value, '', (literal, path) => lifted.push(`${path}=${literal}`) && 'lifted');
    expect(result).toEqual({ ...value, list: [{ key: 'lifted' }, value.list[1]] });
    expect(lifted).toEqual(['list[0].key=literal']);
  });

  test.each([undefined, null, 7, 'text', [1], { list: 7 }, { list: [null, 'x'] }, { unknown: { key: 'x' } }])(
    'is at ease with %j',
    (value) => expect(liftSecrets(schema, value, '', () => 'lifted')).toEqual(value),
  );
});

describe('export', () => {
  test('every member becomes structural', () => {
    const schema = strict({
      text: text(9).describe('A text.'),
      name: name().optional(),
      integer: integer(1, 9).default(3),
      list: list(boolean(), 4).min(1),
      texts: texts(5).optional(),
      oneOf: oneOf('A', 'B').default('A'),
      money: money(6).optional(),
      port: portOrName().optional(),
      secret: secret().optional(),
      cel: cel().optional(),
      one: exactlyOne(['a', 'b'], { a: text().optional(), b: text().optional() }).optional(),
    });
    expect(toStructural(schema, 'spec')).toMatchSnapshot();
  });

  test.each([
    ['a union', strict({ a: z.union([strict({ b: text() }), strict({ c: text() })]) }), 'spec.a: a union'],
    ['a transform', strict({ a: z.string().transform(Number) }), "spec.a: 'pipe'"],
    ['a float', strict({ a: z.number() }), 'spec.a: numbers must be integers'],
    ['anything', strict({ a: list(z.unknown()) }), "spec.a[]: 'unknown'"],
    ['a lazy schema', strict({ a: z.lazy(() => text()) }), "spec.a: 'lazy'"],
  ])('%s is refused, with its path', (_what, schema, message) =>
    expect(() => toStructural(schema, 'spec')).toThrow(message),
  );

  test('a schema that holds itself is refused', () => {
    const schema = strict({
      get inner(): z.ZodType {
        return schema.optional();
      },
    });
    expect(() => toStructural(schema, 'spec')).toThrow(/recursion|itself/);
  });

  test.each(kinds.filter(({ crd }) => crd).map((row) => [row.kind, row] as const))('%s has a CRD', (kind, row) => {
    const crd = JSON.stringify(
      toCrd({ kind, group: 'agentgateway.dev', version: 'v1alpha1', spec: row.schema, ...row.crd! }),
    );
    expect(row.apiVersion).toBe(ownApiVersion);
    // Kubernetes refuses these in a structural schema.
    expect(crd).not.toMatch(/"(\$ref|oneOf|additionalProperties":false|number)"/);
  });
});
