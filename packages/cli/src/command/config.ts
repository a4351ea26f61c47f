// Loading a configuration offline, for commands that look at files without starting anything.
import { parseArgs } from 'node:util';
import { type LoadedConfig, loadConfig } from '@agentgateway/core/config/load.ts';
import { readFiles } from '@agentgateway/proxy/source/files.ts';
import { formatProblem } from '@agentgateway/proxy/source/source.ts';

/** A configuration and where it was read from; or the problems, already told. */
export type Loaded =
  | { readonly ok: true; readonly config: LoadedConfig; readonly path: string | undefined }
  | { readonly ok: false };

/** The path given with -f or as an argument. */
export function readPath(args: readonly string[]): string | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { file: { type: 'string', short: 'f' } },
    allowPositionals: true,
  });
  return values.file ?? positionals[0];
}

/** Loads and validates; problems go to standard error, every one of them. */
export function load(path: string | undefined): Loaded {
  const env = Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const config = loadConfig({ files: path === undefined ? [] : readFiles(path), env });
  if (config.problems.length === 0) return { ok: true, config, path };
  for (const problem of config.problems) process.stderr.write(`${formatProblem(problem)}\n`);
  process.stderr.write(`${config.problems.length} problem${config.problems.length === 1 ? '' : 's'}\n`);
  return { ok: false };
}
