// Label selectors of Kubernetes: what they look like, and which labels they match (metav1.LabelSelector).
import type { z } from 'zod';
import { list, oneOf, strict, text, texts } from './dialect.ts';

/** A label selector; an empty one matches everything. */
export const labelSelector = strict({
  matchLabels: texts(63).optional().describe('Labels that must have exactly these values.'),
  matchExpressions: list(
    strict({
      key: text(317).describe('Name of the label.'),
      operator: oneOf('In', 'NotIn', 'Exists', 'DoesNotExist').describe('What must hold of the label.'),
      values: list(text(63, 0)).optional().describe('Values for In and NotIn.'),
    }),
  )
    .optional()
    .describe('More that must hold of labels.'),
});

/** A label selector as parsed. */
export type LabelSelector = z.output<typeof labelSelector>;

/** Whether labels are selected: everything that the selector says must hold. */
export function isSelected(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector;
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
      switch (operator) {
        case 'In':
          return value !== undefined && values.includes(value);
        case 'NotIn':
          return value === undefined || !values.includes(value);
        case 'Exists':
          return value !== undefined;
        case 'DoesNotExist':
          return value === undefined;
      }
    })
  );
}
