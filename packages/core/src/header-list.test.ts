// Order, duplicates and case stay; look-ups do not care about case.
import { expect, test } from 'vitest';
import * as fc from 'fast-check';
import { HeaderList } from './header-list.ts';

const name = fc.constantFrom('a', 'A', 'b', 'B', 'x-c', 'X-C', 'Set-Cookie', 'cookie', 'Cookie');
const pairs = fc.array(fc.tuple(name, fc.string({ maxLength: 3 })), { maxLength: 10 });

test('look-ups see every occurrence in any case', () => {
  fc.assert(
    fc.property(pairs, fc.constantFrom('a', 'b', 'x-c', 'cookie', 'set-cookie', 'none'), (given, wanted) => {
      const list = HeaderList.from(given);
      const values = given.filter(([key]) => key.toLowerCase() === wanted).map(([, value]) => value);
      expect(list.size).toBe(given.length);
      expect(list.all(wanted)).toEqual(values);
      expect(list.get(wanted)).toBe(values[0]);
      expect(list.has(wanted)).toBe(values.length > 0);
      const joined = wanted === 'set-cookie' ? values[0] : values.join(wanted === 'cookie' ? '; ' : ', ');
      expect(list.combined(wanted)).toBe(values.length === 0 ? undefined : joined);
    }),
  );
});

test('set leaves one value in the place of the first, and every other field alone', () => {
  fc.assert(
    fc.property(pairs, name, (given, wanted) => {
      const list = HeaderList.from(given);
      const copy = list.clone();
      list.set(wanted, 'new');
      const isOther = ([key]: readonly [string, string]): boolean => key.toLowerCase() !== wanted.toLowerCase();
      expect([...list.entries()].filter(isOther)).toEqual(given.filter(isOther));
      expect(list.all(wanted.toLowerCase())).toEqual(['new']);
      const first = given.findIndex((pair) => !isOther(pair));
      const at = [...list.entries()].findIndex((pair) => !isOther(pair));
      expect(at).toBe(first < 0 ? list.size - 1 : first);
      expect([...copy.entries()]).toEqual(given);
    }),
  );
});

test('remove takes every occurrence and nothing else', () => {
  fc.assert(
    fc.property(pairs, (given) => {
      const list = HeaderList.from(given);
      list.remove('x-c');
      list.append('X-Last', '1');
      expect([...list.entries()]).toEqual([...given.filter(([key]) => key.toLowerCase() !== 'x-c'), ['X-Last', '1']]);
    }),
  );
});
