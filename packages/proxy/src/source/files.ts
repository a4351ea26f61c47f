// Reads configuration files and notices when they change, vanish, are replaced by rename, or come back.
import { type FSWatcher, readFileSync, readdirSync, statSync, watch } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Longest configuration file that is read. */
export const fileBytesMax = 64 * 1024 * 1024;

/** Wait after a change before reading, because editors write in several steps. */
const settleMs = 50;

/** How often files are looked at where the system gives no notice (network file systems, symlink swaps). */
const pollMs = 2000;

/** A file as it was read. */
export interface ConfigFile {
  readonly name: string;
  readonly text: string;
  /** Whether it is config.yaml in the short form or a folder's plain manifests. */
  readonly role: 'config' | 'manifests';
}

/** Reads the configuration: a file alone, or a folder's config.yaml and other YAML and JSON files. Throws naming the file. */
export function readFiles(path: string): ConfigFile[] {
  const stat = statSync(path);
  if (!stat.isDirectory()) return [readOne(path, 'config')];
  const names = readdirSync(path)
    .filter((name) => /\.(ya?ml|json)$/.test(name) && !name.startsWith('.'))
    .sort();
  return names.map((name) => readOne(join(path, name), name === 'config.yaml' ? 'config' : 'manifests'));
}

function readOne(name: string, role: ConfigFile['role']): ConfigFile {
  const { size } = statSync(name);
  if (size > fileBytesMax) throw new Error(`${name} has ${size} bytes; a configuration file may have ${fileBytesMax}`);
  return { name, role, text: readFileSync(name, 'utf8') };
}

/** Calls back, coalesced, whenever something about the path may have changed. */
export function watchFiles(path: string, onChange: () => void): Disposable {
  let timer: NodeJS.Timeout | undefined;
  const soon = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      onChange();
    }, settleMs);
  };
  const watchers: FSWatcher[] = [];
  const folder = isFolder(path) ? path : dirname(path);
  try {
    // The folder is watched, not the file: a rename in its place would leave a watch on the old inode.
    const watcher = watch(folder, (_event, name) => {
      if (folder === path || name === null || name === basename(path)) soon();
    });
    watcher.on('error', () => undefined);
    watchers.push(watcher);
  } catch {
    // Polling below still notices.
  }
  let seen = fingerprint(path);
  const poll = setInterval(() => {
    const now = fingerprint(path);
    if (now === seen) return;
    seen = now;
    soon();
  }, pollMs);
  return {
    [Symbol.dispose]() {
      clearInterval(poll);
      clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
    },
  };
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function fingerprint(path: string): string {
  try {
    const stat = statSync(path);
    if (!stat.isDirectory()) return `${stat.ino} ${stat.size} ${stat.mtimeMs}`;
    return readdirSync(path)
      .sort()
      .map((name) => fingerprint(join(path, name)))
      .join('\n');
  } catch {
    return 'absent';
  }
}
