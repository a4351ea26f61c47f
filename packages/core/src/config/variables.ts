// ${NAME}, ${NAME:-default} and $$ in string values, after parsing.

/** Expands one text; names of unset variables are collected. */
export function expandText(
  text: string,
  env: Readonly<Record<string, string>>,
  onUnset: (name: string) => void,
): string {
  return text.replaceAll(
    /\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g,
    (match, name: string | undefined, fallback: string | undefined) => {
      if (name === undefined) return match === '$$' ? '$' : match;
      const value = env[name];
      if (value !== undefined && value !== '') return value;
      if (fallback !== undefined) return fallback;
      onUnset(name);
      return match;
    },
  );
}

/** Expands every string of a value. */
export function expandValue(
  value: unknown,
  env: Readonly<Record<string, string>>,
  onUnset: (name: string, path: readonly (string | number)[]) => void,
  path: readonly (string | number)[] = [],
): unknown {
  if (typeof value === 'string') return expandText(value, env, (name) => onUnset(name, path));
  if (Array.isArray(value)) return value.map((item, index) => expandValue(item, env, onUnset, [...path, index]));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, expandValue(inner, env, onUnset, [...path, key])]),
  );
}
