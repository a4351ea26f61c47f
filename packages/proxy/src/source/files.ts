// Reads configuration files and notices when they change, vanish, are replaced by rename, or come back.
import { type FSWatcher, readFileSync, readdirSync, statSync, watch } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Longest configuration file that is read. */
export const fileBytesMax = 64 * 1024 * 1024;

/** How long nothing may have happened before a changed file is read, because editors write in several steps. */
const settleMs = 50;

/** Longest wait for that. */
const settleMaxMs = 1000;

/** How often files are looked at where the system gives no notice (network file systems, symlink swaps). */
const pollMs = 2000;

/** A file as it was read. */
export interface ConfigFile {
  readonly name: string;
  readonly text: string;
  /** Whether it is config.yaml in the short form or a folder's plain manifests. */
  readonly role: 'config' | 'manifests';
}

/** Files that cannot be read: which, and why. */
export class Unreadable extends Error {
  readonly file: string;

  constructor(file: string, message: string) {
    super(message);
    this.name = 'Unreadable';
    this.file = file;
  }
}

/**
 * Reads the configuration: a file alone, or a folder's config.yaml and other YAML and JSON files, in the order of their
 * names. Throws Unreadable. Undefined while something is still being written: a change will be noticed then.
 */
export function readFiles(path: string): ConfigFile[] | undefined {
  const before = fingerprint(path);
  const files = readAll(path);
  return fingerprint(path) === before ? files : undefined;
}

function readAll(path: string): ConfigFile[] {
  if (!isFolder(path)) return [readOne(path, 'config')];
  const names = attempt(path, () => readdirSync(path).filter(isConfigName).sort());
  if (names.length === 0)
    throw new Unreadable(path, 'the folder holds no config.yaml and no other .yaml, .yml or .json file');
  return names.map((name) => readOne(join(path, name), name === 'config.yaml' ? 'config' : 'manifests'));
}

function readOne(name: string, role: ConfigFile['role']): ConfigFile {
  return attempt(name, () => ({ name, role, text: readText(name, fileBytesMax) }));
}

/** Reads a text. Throws where it cannot be read, is longer than `bytesMax`, or is no UTF-8. */
export function readText(path: string, bytesMax: number): string {
  const { size } = statSync(path);
  if (size > bytesMax) throw new Error(`it has ${size} bytes; at most ${bytesMax} are read`);
  const bytes = readFileSync(path);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error('it is not UTF-8 text');
  }
}

function attempt<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Unreadable(file, error instanceof Error ? error.message : String(error));
  }
}

/** Calls back, once things have settled, whenever something about the path may have changed. */
export function watchFiles(path: string, onChange: () => void): Disposable {
  return new Watch(path, onChange);
}

class Watch implements Disposable {
  readonly #path: string;
  readonly #onChange: () => void;
  readonly #poll: NodeJS.Timeout;
  #seen: string;
  #watcher: FSWatcher | undefined;
  /** Which folder is watched: another one may come in its place. */
  #folder = '';
  #settle: NodeJS.Timeout | undefined;
  #firstMs = 0;

  constructor(path: string, onChange: () => void) {
    this.#path = path;
    this.#onChange = onChange;
    this.#watch();
    this.#seen = fingerprint(path);
    this.#poll = setInterval(() => this.#look(), pollMs);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#poll);
    clearTimeout(this.#settle);
    this.#watcher?.close();
  }

  #watch(): void {
    const isWhole = isFolder(this.#path);
    // The folder is watched, not the file: a rename in its place would leave a watch on the old inode.
    const folder = isWhole ? this.#path : dirname(this.#path);
    const identity = identify(folder);
    if (this.#watcher && identity === this.#folder) return;
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#folder = identity;
    try {
      this.#watcher = watch(folder, (_event, name) => {
        if (name === null || (isWhole ? isConfigName(name) : name === basename(this.#path))) this.#soon();
      });
      this.#watcher.on('error', () => undefined);
    } catch {
      // Looking every now and then still notices.
    }
  }

  #look(): void {
    this.#watch();
    const now = fingerprint(this.#path);
    if (now === this.#seen) return;
    this.#seen = now;
    this.#soon();
  }

  #soon(): void {
    const nowMs = performance.now();
    if (this.#settle === undefined) this.#firstMs = nowMs;
    else if (nowMs - this.#firstMs > settleMaxMs) return;
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => {
      this.#settle = undefined;
      this.#onChange();
    }, settleMs);
  }
}

/** Other files in the folder, such as a log that is written there, are none of our business. */
function isConfigName(name: string): boolean {
  return /\.(ya?ml|json)$/.test(name) && !name.startsWith('.');
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function identify(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? `${stat.dev} ${stat.ino}` : 'absent';
}

/** Changes when anything that would be read does. */
function fingerprint(path: string): string {
  try {
    const stat = statSync(path);
    if (!stat.isDirectory()) return `${stat.ino} ${stat.size} ${stat.mtimeMs} ${stat.ctimeMs}`;
    return readdirSync(path)
      .filter(isConfigName)
      .sort()
      .map((name) => `${name} ${fingerprint(join(path, name))}`)
      .join('\n');
  } catch {
    return 'absent';
  }
}
