// An endpoint is gone when no set of the next snapshot has it, whichever set had it before.
import { expect, test } from 'vitest';
import { findRetired } from './retired.ts';

const one = { address: '10.0.0.1', port: 80 };
const two = { address: '10.0.0.2', port: 80 };
const other = { address: '10.0.0.1', port: 81 };

test.each([
  [{ a: [one, two] }, { a: [two] }, [one]],
  [{ a: [one] }, { a: [one], b: [two] }, []],
  [{ a: [one] }, { b: [one] }, []],
  [{ a: [one], b: [other] }, {}, [one, other]],
  [{}, { a: [one] }, []],
])('%j → %j takes away %j', (before, after, gone) => {
  expect(findRetired(new Map(Object.entries(before)), new Map(Object.entries(after)))).toEqual(gone);
});
