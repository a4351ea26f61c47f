// Walks the leaves of a hub value and changes one at a time, to prove that an encoder writes every one of them.
type Path = readonly (string | number)[];

/** Every leaf (string, number, boolean) below a value, with its path. */
export function* leavesOf(
  value: unknown,
  path: Path = [],
): Generator<{ readonly path: Path; readonly value: unknown }> {
  if (typeof value !== 'object' || value === null) {
    if (value !== undefined && value !== null) yield { path, value };
    return;
  }
  for (const [name, inner] of Object.entries(value))
    yield* leavesOf(inner, [...path, Array.isArray(value) ? Number(name) : name]);
}

/** A copy of the value with the leaf at the path changed. */
export function withChangedLeaf<T>(value: T, path: Path): T {
  const copy = structuredClone(value);
  let holder = copy as Record<string | number, unknown>;
  for (const name of path.slice(0, -1)) holder = holder[name] as Record<string | number, unknown>;
  const last = path.at(-1)!;
  holder[last] = changed(holder[last]);
  return copy;
}

function changed(leaf: unknown): unknown {
  if (typeof leaf === 'string') return otherWords[leaf] ?? `${leaf}x`;
  return typeof leaf === 'number' ? leaf + 1 : !leaf;
}

/** Closed words of the hub: another word of the same union. */
const otherWords: Readonly<Record<string, string>> = {
  user: 'assistant',
  assistant: 'user',
  system: 'user',
  developer: 'user',
  tool: 'assistant',
  auto: 'none',
  any: 'auto',
  none: 'auto',
  end: 'length',
  tools: 'length',
  length: 'end',
  filtered: 'end',
};
