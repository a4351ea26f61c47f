// A mistake in a configuration, in the user's own path and line.

/** What is wrong, where, and what to do. */
export interface ConfigProblem {
  readonly file: string;
  readonly line?: number;
  /** Path in the user's file, such as `llmBackends[0].providers[1].name`. */
  readonly path: string;
  readonly message: string;
  readonly hint?: string;
}

/** A path as it is written. */
export function toPath(parts: readonly (string | number)[]): string {
  return parts.reduce<string>(
    (path, part) => (typeof part === 'number' ? `${path}[${part}]` : path === '' ? part : `${path}.${part}`),
    '',
  );
}

/** The parts of a path as it is written. */
export function fromPath(path: string): (string | number)[] {
  return [...path.matchAll(/\[([0-9]+)\]|([^.[\]]+)/g)].map(([, index, name]) =>
    index === undefined ? name! : Number(index),
  );
}
