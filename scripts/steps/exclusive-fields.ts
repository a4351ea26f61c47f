// Which fields of an object exclude each other, read back from its rule.
import type { SchemaMarks } from '../../packages/core/src/schema/dialect.ts';

/** The fields of which exactly one must be set; undefined where there is no such rule. */
export function exclusiveFields({ rules = [] }: SchemaMarks): string[] | undefined {
  const rule = rules.find(({ message }) => message.startsWith('exactly one of '));
  return rule && [...rule.rule.matchAll(/has\(self\.([A-Za-z0-9]+)\)/g)].map(([, field]) => field!);
}
