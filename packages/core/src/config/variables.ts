// ${NAME}, ${NAME:-default} and $$ in string values, after parsing.
import type { z } from 'zod';
import { inspect } from '../schema/walk.ts';

const reference = /\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

/** Whether expansion changes a text. */
export function hasVariables(text: string): boolean {
  return text.search(reference) >= 0;
}

/** Expands one text; names of unset variables are collected. */
export function expandText(
  text: string,
  env: Readonly<Record<string, string>>,
  onUnset: (name: string) => void,
): string {
  return text.replaceAll(reference, (match, name: string | undefined, fallback: string | undefined) => {
    if (name === undefined) return '$';
    const value = env[name];
    if (value !== undefined && value !== '') return value;
    if (fallback !== undefined) return fallback;
    onUnset(name);
    return match;
  });
}

/** Called with the name of an unset variable and the path of the value that names it. */
export type OnUnset = (name: string, path: readonly (string | number)[]) => void;

/** Expands every string of a value; where the schema wants an integer or a boolean, the text becomes one if it can. */
export function expandValue(
  schema: z.ZodType,
  value: unknown,
  env: Readonly<Record<string, string>>,
  onUnset: OnUnset,
): unknown {
  return expand(schema, value, [], (text, path) => expandText(text, env, (name) => onUnset(name, path)));
}

type Expand = (text: string, path: readonly (string | number)[]) => string;

function expand(
  schema: z.ZodType | undefined,
  value: unknown,
  path: readonly (string | number)[],
  expandOne: Expand,
): unknown {
  if (typeof value === 'string') {
    const text = expandOne(value, path);
    return text === value || !schema ? text : toTyped(schema, text);
  }
  if (typeof value !== 'object' || value === null) return value;
  const node = schema && inspect(schema, '');
  if (Array.isArray(value)) {
    const element = node?.kind === 'list' ? node.element : undefined;
    return value.map((item, index) => expand(element, item, [...path, index], expandOne));
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const child = node?.kind === 'map' ? node.value : node?.kind === 'object' ? node.shape[key] : undefined;
      return [key, expand(child, inner, [...path, key], expandOne)];
    }),
  );
}

/** What came out of a variable is text; the schema says what it stands for. */
function toTyped(schema: z.ZodType, text: string): unknown {
  const { kind } = inspect(schema, '');
  if (kind === 'integer' && /^-?[0-9]{1,15}$/.test(text)) return Number(text);
  if (kind === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}
