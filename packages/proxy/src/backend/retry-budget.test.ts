// A backend's retries: a share of its requests over an interval, and a minimum.
import { expect, test } from 'vitest';
import { RetryBudget } from './retry-budget.ts';

const settings = { percent: 20, intervalMs: 10_000, minCount: 0, minIntervalMs: 1000 };

function taken(budget: RetryBudget, times: number, nowMs: number, more: Partial<typeof settings> = {}): number {
  return Array.from({ length: times }, () => budget.take({ ...settings, ...more }, nowMs)).filter(Boolean).length;
}

test('the share is of the requests of the interval', () => {
  const budget = new RetryBudget();
  for (let i = 0; i < 50; i++) budget.begin(settings, i * 10);
  expect(taken(budget, 100, 500)).toBe(10);
  expect(taken(budget, 100, 9000)).toBe(0);
  // All of it has passed, requests and retries.
  expect(taken(budget, 100, 10_500)).toBe(0);
  for (let i = 0; i < 10; i++) budget.begin(settings, 10_600);
  expect(taken(budget, 100, 10_700)).toBe(2);
});

test('a minimum passes in any case, each of its own intervals', () => {
  const budget = new RetryBudget();
  expect(taken(budget, 10, 0, { minCount: 3 })).toBe(3);
  expect(taken(budget, 10, 900, { minCount: 3 })).toBe(0);
  expect(taken(budget, 10, 1001, { minCount: 3 })).toBe(3);
});

test('a long pause forgets everything, and time that stands still nothing', () => {
  const budget = new RetryBudget();
  for (let i = 0; i < 50; i++) budget.begin(settings, 0);
  expect(taken(budget, 100, 0)).toBe(10);
  expect(taken(budget, 100, 0)).toBe(0);
  expect(taken(budget, 1, 1e9)).toBe(0);
});
