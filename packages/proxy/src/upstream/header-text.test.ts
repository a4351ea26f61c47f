// Whatever shortcut is taken, the text is what the bytes say.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { toText } from './header-text.ts';

const likely = fc.constantFrom(
  'date',
  'Date',
  'dave',
  'DATE',
  'content-type',
  'Content-Type',
  'content-tyqe',
  'ETag',
  '',
);

test('fields read the same as when each is decoded', () => {
  const part = fc.oneof(
    likely.map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  );
  fc.assert(
    fc.property(fc.array(part), (raw) => {
      expect(toText(raw)).toEqual(raw.map((one) => one.toString('latin1')));
    }),
  );
});
