// Estimated counts: marked as such, and bounds that bound.
import { expect, test } from 'vitest';
import { boundInputTokens, completeUsage, estimateTokens } from './estimate.ts';

const sizes = { inputTextBytes: 300, outputTextBytes: 31 };

test('what was reported stays, and is not called an estimate', () => {
  const reported = { inputTotal: 5, outputTotal: 0, source: 'reported' } as const;
  expect(completeUsage(reported, sizes)).toBe(reported);
});

test('what was not reported is estimated from text, and marked', () => {
  expect(completeUsage(undefined, sizes)).toEqual({ inputTotal: 100, outputTotal: 11, source: 'estimated' });
  expect(completeUsage({ inputTotal: 7, inputCacheRead: 3, source: 'reported' }, sizes)).toEqual({
    inputTotal: 7,
    inputCacheRead: 3,
    outputTotal: 11,
    source: 'estimated',
  });
});

test('a total is never less than its parts', () => {
  const parts = { inputCacheRead: 4000, inputCacheWrite1h: 50, outputReasoning: 900, source: 'reported' } as const;
  expect(completeUsage(parts, sizes)).toMatchObject({ inputTotal: 4050, outputTotal: 900 });
});

test('a bound is a token a byte, and more for messages, pictures and pages', () => {
  expect(boundInputTokens({ textBytes: 1000, messages: 0 })).toBe(1000);
  expect(boundInputTokens({ textBytes: 0, messages: 2 })).toBe(32);
  expect(boundInputTokens({ textBytes: 0, messages: 0, images: 1 })).toBe(48_169);
  expect(boundInputTokens({ textBytes: 0, messages: 0, pages: 1 })).toBeGreaterThan(48_169);
  expect(estimateTokens(0)).toBe(0);
});
