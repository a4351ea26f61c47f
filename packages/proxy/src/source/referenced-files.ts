// Files that the configuration names, such as certificates: read beside it, watched as long as it names them.
import { createHash } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import type { ReferencedFile } from '@agentgateway/core/config/loader.ts';
import { readText, watchFiles } from './files.ts';

/** Longest file that the configuration may name. */
const referencedBytesMax = 1024 * 1024;

type Read = ReturnType<ReferencedFile>;

/** Reads named files. Relative paths are relative to the configuration file that names them. */
export const readReferenced: ReferencedFile = (path, from) => read(resolve(dirname(from), path));

function read(path: string): Read {
  try {
    return { text: readText(path, referencedBytesMax) };
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (code === 'ENOENT') return { problem: 'there is no such file' };
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

/** The files that the last reading of a configuration named, as they were then. */
export class ReferencedFiles implements Disposable {
  readonly #onChange: () => void;
  readonly #seen = new Map<string, string>();
  #watches = new Map<string, Disposable>();

  /** `onChange` is called when one of them may have changed. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Reads a configuration through `load`, which names files, and watches those from then on and no others. */
  reading<T>(load: (readFile: ReferencedFile) => T): T {
    this.#seen.clear();
    const result = load((path, from) => {
      const absolute = resolve(dirname(from), path);
      const found = read(absolute);
      this.#seen.set(absolute, idOf(found));
      return found;
    });
    this.#watch();
    return result;
  }

  /** Whether one of them says something else than it did. */
  hasChanged(): boolean {
    return [...this.#seen].some(([path, id]) => idOf(read(path)) !== id);
  }

  [Symbol.dispose](): void {
    for (const watch of this.#watches.values()) watch[Symbol.dispose]();
    this.#watches.clear();
  }

  #watch(): void {
    const next = new Map<string, Disposable>();
    for (const path of this.#seen.keys()) next.set(path, this.#watches.get(path) ?? watchFiles(path, this.#onChange));
    for (const [path, watch] of this.#watches) if (!next.has(path)) watch[Symbol.dispose]();
    this.#watches = next;
  }
}

/** What is remembered of a file: it may hold a key, so not its text. */
function idOf(found: Read): string {
  return 'text' in found ? createHash('sha256').update(found.text).digest('hex') : found.problem;
}
