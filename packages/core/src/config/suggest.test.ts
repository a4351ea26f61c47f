// Near words: slips are found, other words are not, and the nearest come first.
import { expect, test } from 'vitest';
import { nearest, nearestFew } from './suggest.ts';

test.each([
  ['authorisation', ['authentication', 'authorization'], 'authorization'],
  ['CORS', ['cors'], 'cors'],
  ['crs', ['cors', 'cars'], 'cors'],
  ['gpt', ['claude', 'llama'], undefined],
  ['x', [], undefined],
] as const)('%s among %j is %s', (word, known, wanted) => expect(nearest(word, known)).toBe(wanted));

test('a few, the nearest first, and no more than asked for', () => {
  const known = ['gpt-5-mini', 'gpt-4o', 'gpt-4.1', 'gpt-4', 'claude-4'];
  expect(nearestFew('gpt-4', known, 3)).toEqual(['gpt-4', 'gpt-4o', 'gpt-4.1']);
  expect(nearestFew('gpt-4', known, 1)).toEqual(['gpt-4']);
});
