// Checks fields against a kind's schema and says every mistake in the user's own path.
import type { z } from 'zod';
import { reservedPolicyNames } from '../policy/registry.ts';
import { inspect } from '../schema/walk.ts';
import type { ConfigProblem } from './problem.ts';
import { toPath } from './problem.ts';
import { nearest } from './suggest.ts';

/** A mistake before it has a file and a line. */
export interface FieldProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly hint?: string;
}

/** Validates; the value with its defaults, or every mistake. */
export function validateFields(
  schema: z.ZodType,
  value: unknown,
): { readonly value: unknown; readonly problems: readonly FieldProblem[] } {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return { value: result.data, problems: [] };
  return { value: undefined, problems: result.error.issues.flatMap((issue) => toProblems(schema, issue)) };
}

function toProblems(schema: z.ZodType, issue: z.core.$ZodIssue): FieldProblem[] {
  const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part));
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownField(schema, [...path, key], key));
  if (issue.code === 'invalid_type' && typeof issue.input === 'string' && isSecretAt(schema, path))
    return [
      {
        path,
        message: 'must refer to a Secret',
        hint: 'write secretRef: { name, key }; only config.yaml may hold the secret itself',
      },
    ];
  if (issue.code === 'invalid_type' && issue.input !== undefined && isSecretAt(schema, path))
    return [{ path, message: 'must be a string (quote it), or refer to a Secret with secretRef: { name, key }' }];
  if (issue.code === 'invalid_type')
    return [{ path, message: issue.input === undefined ? 'is required' : `must be ${article(issue.expected)}` }];
  if (issue.code === 'invalid_value') return [{ path, message: `must be one of ${issue.values.join(', ')}` }];
  if (issue.code === 'too_small') return [{ path, message: boundMessage(issue.origin, 'least', issue.minimum) }];
  if (issue.code === 'too_big') return [{ path, message: boundMessage(issue.origin, 'most', issue.maximum) }];
  return [{ path, message: issue.message }];
}

function boundMessage(origin: string, end: 'least' | 'most', limit: number | bigint): string {
  const unit = origin === 'string' ? 'character' : origin === 'array' ? 'item' : undefined;
  if (unit === undefined) return `must be at ${end} ${limit}`;
  if (end === 'least' && limit === 1) return 'must not be empty';
  return `must have at ${end} ${limit} ${unit}${limit === 1 ? '' : 's'}`;
}

function unknownField(schema: z.ZodType, path: readonly (string | number)[], key: string): FieldProblem {
  const known = fieldsAt(schema, path.slice(0, -1));
  const reserved = known.includes('targetRefs') ? reservedPolicyNames : [];
  if (reserved.includes(key)) return { path, message: 'is not supported yet' };
  const near = nearest(key, [...known, ...reserved]);
  return {
    path,
    message: 'unknown field',
    hint: near === undefined ? `known fields: ${known.join(', ')}` : `did you mean ${near}?`,
  };
}

/** The fields that an object at a path may have. */
function fieldsAt(schema: z.ZodType, path: readonly (string | number)[]): string[] {
  const found = schemaAt(schema, path);
  const node = found && inspect(found, '');
  return node?.kind === 'object' ? Object.keys(node.shape) : [];
}

function isSecretAt(schema: z.ZodType, path: readonly (string | number)[]): boolean {
  const found = schemaAt(schema, path);
  return found !== undefined && inspect(found, '').marks.isSecret === true;
}

function schemaAt(schema: z.ZodType, path: readonly (string | number)[]): z.ZodType | undefined {
  let current = schema;
  for (const part of path) {
    const node = inspect(current, '');
    const next =
      node.kind === 'object'
        ? node.shape[String(part)]
        : node.kind === 'list'
          ? node.element
          : node.kind === 'map'
            ? node.value
            : undefined;
    if (!next) return undefined;
    current = next;
  }
  return current;
}

/** The word for a type, with its article. */
function article(type: string): string {
  const words: Readonly<Record<string, string>> = {
    object: 'a mapping',
    array: 'a list',
    record: 'a mapping',
    int: 'an integer',
    number: 'an integer',
    string: 'a string (quote it)',
    boolean: 'true or false',
  };
  return words[type] ?? `a ${type}`;
}

/** A problem with its place in the file. */
export function place(
  problem: FieldProblem,
  origin: {
    readonly file: string;
    readonly prefix: readonly (string | number)[];
    readonly lineOf: (path: readonly (string | number)[]) => number;
  },
): ConfigProblem {
  const path = [...origin.prefix, ...problem.path];
  return {
    file: origin.file,
    line: origin.lineOf(path),
    path: toPath(path),
    message: problem.message,
    ...(problem.hint !== undefined && { hint: problem.hint }),
  };
}
