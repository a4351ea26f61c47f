// A goal is met up to its limit, by the figure that is shown.
import { expect, test } from 'vitest';
import { isMet, showGoal } from './goals.ts';

test('a goal is met at its limit and missed beyond it', () => {
  const goal = { what: 'TLS', limit: 1.3, unit: ' ×' };
  expect(isMet({ ...goal, measured: 1.304 })).toBe(true);
  expect(showGoal({ ...goal, measured: 1.2 })).toBe('TLS: 1.20 × (at most 1.3 ×): met');
  expect(showGoal({ ...goal, measured: 1.31 })).toBe('TLS: 1.31 × (at most 1.3 ×): NOT MET');
});
