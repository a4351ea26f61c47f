// Fields of multipart forms: found whatever else the form holds, and replaced without touching another byte.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { boundaryOf, readFields, writeField } from './multipart.ts';

const boundary = 'x-b';
const part = fc.record({
  name: fc.constantFrom('model', 'file', 'models', 'x'),
  file: fc.constantFrom('', '; filename="a; name=model"', '; filename="q\\"; name=\\"model"'),
  type: fc.constantFrom('', 'Content-Type: audio/wav\r\n'),
  value: fc.oneof(
    fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
    fc
      .constantFrom(
        '--x-bogus',
        '\r\n--x-bogus\r\n',
        '\r\n\r\nContent-Disposition: form-data; name="model"\r\n\r\nno',
        '',
      )
      .map((text) => Buffer.from(text)),
  ),
});

type Part = typeof part extends fc.Arbitrary<infer T> ? T : never;

function write(parts: readonly Part[]): Buffer {
  const pieces = parts.map(({ name, file, type, value }) =>
    Buffer.concat([
      Buffer.from(`--${boundary}\r\n${type}content-disposition: form-data; name="${name}"${file}\r\n\r\n`),
      value,
      Buffer.from('\r\n'),
    ]),
  );
  return Buffer.concat([...pieces, Buffer.from(`--${boundary}--\r\n`)]);
}

test('every field of a name is found; one is replaced, and nothing else', () => {
  fc.assert(
    fc.property(fc.array(part, { maxLength: 4 }), (parts) => {
      const form = write(parts);
      const wanted = parts.filter(({ name }) => name === 'model').map(({ value }) => value.toString('utf8'));
      expect(readFields(form, boundary, 'model')).toEqual(wanted);
      const at = parts.findIndex(({ name }) => name === 'model');
      const edited = parts.map((one, i) => (i === at ? { ...one, value: Buffer.from('neu ü') } : one));
      expect(Buffer.from(writeField(form, boundary, 'model', 'neu ü')).equals(write(edited))).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test('any bytes are taken', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      readFields(bytes, boundary, 'model');
    }),
  );
});

test.each([
  ['multipart/form-data; boundary=abc', 'abc'],
  ['Multipart/Form-Data; charset=x; boundary="a b;c"', 'a b;c'],
  ['multipart/form-data', undefined],
  ['multipart/mixed; boundary=abc', undefined],
  [undefined, undefined],
])('the boundary of %s', (type, expected) => {
  expect(boundaryOf(type)).toBe(expected);
});
