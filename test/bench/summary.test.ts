// Figures are summarised without loss: medians of odd and even counts, extremes, and tables whose columns line up.
import { expect, test } from 'vitest';
import { showSpread, showTable, spreadOf } from './summary.ts';

test('the median is the middle, or between the two middles', () => {
  expect(spreadOf([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
  expect(spreadOf([10, 1, 2, 4])).toEqual({ median: 3, min: 1, max: 10 });
  expect(() => spreadOf([])).toThrow('nothing was measured');
});

test('a spread shows its extremes', () => {
  expect(showSpread({ median: 2.34, min: 1, max: 30 }, 1)).toBe('2.3 (1.0–30.0)');
});

test('names are aligned to the left and figures to the right', () => {
  expect(
    showTable(
      ['row', 'system', 'µs'],
      [
        ['plain', 'nginx', '20.1'],
        ['llm', 'agentgateway', '5'],
      ],
    ),
  ).toBe(['row    system          µs', 'plain  nginx         20.1', 'llm    agentgateway     5'].join('\n'));
});
