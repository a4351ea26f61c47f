// Files → manifests: parse, validate, expand variables, expand the short form, add what was left out (contract 13).
import type { Manifest } from '../world.ts';
import { addDefaults } from './defaults.ts';
import { parseDocuments } from './document.ts';
import { Loader, type ReferencedFile, isObject } from './loader.ts';
import type { ConfigProblem } from './problem.ts';

export type { ConfigProblem } from './problem.ts';

/** What to load. */
export interface ConfigInput {
  readonly files: readonly { readonly name: string; readonly text: string; readonly role: 'config' | 'manifests' }[];
  readonly env: Readonly<Record<string, string>>;
  /** Reads certificates that the configuration names; without it there are no such files. */
  readonly readFile?: ReferencedFile;
}

/** Manifests, or every problem; with any problem nothing is to be used. */
export interface LoadedConfig {
  readonly manifests: readonly Manifest[];
  readonly problems: readonly ConfigProblem[];
  /** Objects in a folder that are not for the gateway: what was left out, for a notice. */
  readonly skipped: readonly ConfigProblem[];
}

/** Loads a configuration. Pure. Without files, what the environment offers. */
export function loadConfig({ files, env, readFile = noFiles }: ConfigInput): LoadedConfig {
  const loader = new Loader(env, readFile);
  for (const { name, text, role } of files) {
    const { documents, problems } = parseDocuments(name, text);
    loader.problems.push(...problems);
    if (role === 'config' && documents.length === 0 && problems.length === 0)
      loader.problems.push({
        file: name,
        path: '',
        message: 'is empty',
        hint: 'write {} to run with nothing but the defaults',
      });
    for (const document of documents) {
      const isManifest = isObject(document.value) && 'apiVersion' in document.value && 'kind' in document.value;
      if (isManifest) loader.addManifest(document, role === 'manifests');
      else if (role === 'config') loader.addShort(document);
    }
  }
  const { skipped } = loader;
  if (loader.problems.length > 0) return { manifests: [], problems: loader.problems, skipped };
  const { manifests, problems } = addDefaults(loader.items, env);
  if (problems.length > 0) return { manifests: [], problems, skipped };
  return { manifests: manifests.map((manifest, age) => withAge(manifest, age)), problems: [], skipped };
}

function noFiles(): { readonly problem: string } {
  return { problem: 'there are no files here' };
}

/** Age is the order in the files, so that manifests and what they were ejected from are of one age. */
function withAge(manifest: Manifest, age: number): Manifest {
  return { ...manifest, metadata: { ...manifest.metadata, creationTimestamp: toTimestamp(age) } };
}

/** Milliseconds of the first day of the epoch, as a timestamp. */
function toTimestamp(epochMs: number): string {
  const seconds = Math.floor(epochMs / 1000);
  return `1970-01-01T${pad(Math.floor(seconds / 3600), 2)}:${pad(Math.floor(seconds / 60) % 60, 2)}:${pad(seconds % 60, 2)}.${pad(epochMs % 1000, 3)}Z`;
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}
