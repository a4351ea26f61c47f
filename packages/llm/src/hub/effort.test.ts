// Budgets and efforts name each other.
import { expect, test } from 'vitest';
import { budgetTokensMin, effortBudgets, isEffort, toEffort } from './effort.ts';

test('each effort is the name of its own budget', () => {
  for (const [word, tokens] of Object.entries(effortBudgets)) expect(toEffort(tokens)).toBe(word);
});

test('budgets between efforts are the smaller one; none is nothing only', () => {
  expect(toEffort(0)).toBe('none');
  expect(toEffort(1)).toBe('minimal');
  expect(toEffort(3000)).toBe('low');
  expect(toEffort(1_000_000)).toBe('max');
  expect(isEffort('high')).toBe(true);
  expect(isEffort('toString')).toBe(false);
});

test('every budget but none is one that Anthropic takes', () => {
  const { none: _, ...budgets } = effortBudgets;
  for (const tokens of Object.values(budgets)) expect(tokens).toBeGreaterThanOrEqual(budgetTokensMin);
});
