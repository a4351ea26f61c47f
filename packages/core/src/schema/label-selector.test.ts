// Which labels a selector matches, by the rules of Kubernetes.
import { expect, test } from 'vitest';
import { type LabelSelector, isSelected } from './label-selector.ts';

const labels = { team: 'a', empty: '' };
const expression = (key: string, operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist', ...values: string[]) => ({
  matchExpressions: [{ key, operator, values }],
});

test.each<[string, LabelSelector, boolean]>([
  ['nothing', {}, true],
  ['an equal label', { matchLabels: { team: 'a' } }, true],
  ['another value', { matchLabels: { team: 'b' } }, false],
  ['an absent label', { matchLabels: { other: '' } }, false],
  ['an empty value', { matchLabels: { empty: '' } }, true],
  ['a name of every object', { matchLabels: { toString: 'x' } }, false],
  ['In', expression('team', 'In', 'x', 'a'), true],
  ['In, absent', expression('other', 'In', 'a'), false],
  ['NotIn', expression('team', 'NotIn', 'a'), false],
  ['NotIn, absent', expression('other', 'NotIn', 'a'), true],
  ['Exists', expression('empty', 'Exists'), true],
  ['Exists, absent', expression('toString', 'Exists'), false],
  ['DoesNotExist', expression('other', 'DoesNotExist'), true],
  ['DoesNotExist, present', expression('team', 'DoesNotExist'), false],
  ['both', { matchLabels: { team: 'a' }, ...expression('team', 'NotIn', 'a') }, false],
])('%s', (_what, selector, isMatch) => {
  expect(isSelected(selector, labels)).toBe(isMatch);
});
