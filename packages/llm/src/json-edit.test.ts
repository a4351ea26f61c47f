// Edits of JSON objects in their bytes: agreement with JSON.parse, and that nothing but the member changes.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NotAnObject, depthMax, readMember, scanMembers, setMember, setNestedMember } from './json-edit.ts';

const space = fc.stringMatching(/^[ \t\r\n]{0,3}$/);

/** A string literal: plain, or with every character as an escape that JSON knows. */
const literal = fc
  .tuple(fc.string({ unit: 'binary', maxLength: 8 }), fc.boolean())
  .map(([text, isEscaped]) =>
    isEscaped
      ? `"${Array.from({ length: text.length }, (_, i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')}"`
      : JSON.stringify(text),
  );
const number = fc.constantFrom('0', '-0', '1e400', '12345678901234567890', '0.10', '-1.5E+3', '9007199254740993');
const value = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    literal,
    number,
    fc.constantFrom('true', 'false', 'null', '{}', '[]', '"}{]["', '"\\\\"', '"\\""'),
    fc
      .tuple(space, fc.array(tie('value'), { maxLength: 3 }))
      .map(([gap, items]) => `[${gap}${items.join(`${gap},`)}${gap}]`),
    fc
      .tuple(space, fc.array(fc.tuple(literal, tie('value')), { maxLength: 3 }))
      .map(([gap, members]) => `{${gap}${members.map(([key, one]) => `${key}${gap}:${one}`).join(`,${gap}`)}}`),
  ),
})).value;
const key = fc.oneof(literal, fc.constantFrom('"model"', '"mo\\u0064el"', '"__proto__"', '"1"', '""'));
const member = fc.record({ key, value, before: space, colon: space, after: space, behind: space });
const object = fc.record({ start: space, end: space, gap: space, members: fc.array(member, { maxLength: 6 }) });
type Shape = typeof object extends fc.Arbitrary<infer T> ? T : never;

function write({ start, end, gap, members }: Shape): Buffer {
  const inner = members
    .map((one) => `${one.before}${one.key}${one.colon}:${one.after}${one.value}${one.behind}`)
    .join(',');
  return Buffer.from(`${start}{${members.length === 0 ? gap : inner}}${end}`);
}

const nested = (depth: number): Buffer => Buffer.from(`{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`);

describe('scanning', () => {
  test('agrees with JSON.parse on any object: keys, values, and the last of duplicates', () => {
    fc.assert(
      fc.property(object, (shape) => {
        const bytes = write(shape);
        const parsed = JSON.parse(bytes.toString()) as Record<string, unknown>;
        const members = scanMembers(bytes);
        // Object.keys has integers first; the order of members is not compared.
        const expected = new Set(shape.members.map((one) => JSON.parse(one.key) as string));
        expect(new Set(members.keys())).toEqual(expected);
        for (const name of expected) {
          const last = shape.members.findLast((one) => JSON.parse(one.key) === name)!;
          expect(readMember(bytes, members, name)).toEqual(JSON.parse(last.value));
          if (name !== '__proto__') expect(readMember(bytes, members, name)).toEqual(parsed[name]);
          const count = shape.members.filter((one) => JSON.parse(one.key) === name).length;
          expect(members.get(name)!.isRepeated).toBe(count > 1);
        }
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    '',
    ' ',
    '[]',
    '"a"',
    '1',
    'null',
    '{',
    '}',
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    '{,}',
    '{"a":1 "b":2}',
    '{"a":1}}',
    '{"a":1} x',
    '{"a":tru}',
    '{"a":01}',
    '{"a":1 2}',
    '{"a":[1}',
    '{"a":[}]}',
    '{"a":{]}',
    '{"a":"b}',
    '{"a":"\\x"}',
    '{"a":"\n"}',
    '{"\n":1}',
    '{a:1}',
    "{'a':1}",
    '{"a":1/**/}',
    '\uFEFF{"a":1}',
    '{"a":1]',
    '{"a":NaN}',
    '{"a":1\u00A0}',
  ])('%j is no object', (text) => {
    expect(() => scanMembers(Buffer.from(text))).toThrow(NotAnObject);
    expect(() => setMember(Buffer.from(text), 'model', 'x')).toThrow(NotAnObject);
  });

  test('any bytes give an object or NotAnObject, and never anything else', () => {
    const soup = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.stringMatching(/^[{}[\]",:\\ a1tn]{0,30}$/).map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(soup, (bytes) => {
        try {
          scanMembers(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(NotAnObject);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('nesting is bounded', () => {
    expect(scanMembers(nested(depthMax)).size).toBe(1);
    expect(() => scanMembers(nested(depthMax + 1))).toThrow(NotAnObject);
    expect(() => scanMembers(Buffer.from(`{"a":${'['.repeat(1_000_000)}`))).toThrow(NotAnObject);
  });
});

const set = (text: string): string =>
  Buffer.from(setNestedMember(Buffer.from(text), 'stream_options', 'include_usage', true)).toString();

describe('setting', () => {
  test('changes the one member’s value and no other byte', () => {
    fc.assert(
      fc.property(object, fc.oneof(key, fc.constant('"model"')), fc.jsonValue(), (shape, literalName, wanted) => {
        const bytes = write(shape);
        const name = JSON.parse(literalName) as string;
        const edited = Buffer.from(setMember(bytes, name, wanted)).toString();
        const at = shape.members.findLastIndex((one) => JSON.parse(one.key) === name);
        const text = JSON.stringify(wanted);
        if (at >= 0) {
          const members = shape.members.map((one, i) => (i === at ? { ...one, value: text } : one));
          expect(edited).toBe(write({ ...shape, members }).toString());
        } else {
          const whole = bytes.toString();
          const close = whole.lastIndexOf('}');
          const comma = shape.members.length === 0 ? '' : ',';
          expect(edited).toBe(`${whole.slice(0, close)}${comma}${JSON.stringify(name)}:${text}${whole.slice(close)}`);
        }
        expect(readMember(Buffer.from(edited), scanMembers(Buffer.from(edited)), name)).toEqual(JSON.parse(text));
      }),
      { numRuns: 500 },
    );
  });

  test('a member of a member: within it, in its place, or as a new one', () => {
    expect(set('{"stream_options" : { "a":1 } ,"b":2}')).toBe(
      '{"stream_options" : { "a":1 ,"include_usage":true} ,"b":2}',
    );
    expect(set('{"stream_options":{"include_usage":false}}')).toBe('{"stream_options":{"include_usage":true}}');
    expect(set('{"stream_options":null}')).toBe('{"stream_options":{"include_usage":true}}');
    expect(set('{ }')).toBe('{ "stream_options":{"include_usage":true}}');
  });
});

/** Counts the bytes that are looked at one by one, which no machine's speed can change. */
function looksAt(text: string): number {
  let count = 0;
  const bytes = Buffer.from(text);
  const counting = new Proxy(bytes, {
    get(target, property) {
      if (typeof property === 'string' && /^\d+$/.test(property)) count++;
      const found: unknown = Reflect.get(target, property, target);
      if (property !== 'indexOf') return typeof found === 'function' ? (found.bind(target) as unknown) : found;
      return (wanted: number, from: number): number => {
        const index = target.indexOf(wanted, from);
        count += (index < 0 ? target.length : index) - from;
        return index;
      };
    },
  });
  scanMembers(counting);
  return count;
}

describe('cost', () => {
  test.each([
    ['escaped quotes', (size: number) => `{"a":"${'\\"'.repeat(size)}"}`],
    ['backslashes', (size: number) => `{"a":"${'\\\\'.repeat(size)}"}`],
    ['many members', (size: number) => `{${Array.from({ length: size }, (_, i) => `"k${i}":${i}`).join(',')}}`],
    ['nested lists of texts', (size: number) => `{"a":[${Array.from({ length: size }, () => '["x",{}]').join(',')}]}`],
  ])('is linear in the length: %s', (_name, make) => {
    const [small, large] = [looksAt(make(500)), looksAt(make(5000))];
    expect(large / small).toBeLessThan(13);
  });
});
