// Loading a configuration offline, for commands that look at files without starting anything.
import { controllerNameDefault } from '@agentgateway/core/controller.ts';
import { type LoadedConfig, loadConfig } from '@agentgateway/core/config/load.ts';
import { createTranslator } from '@agentgateway/core/translate/translate.ts';
import type { Translation } from '@agentgateway/core/world.ts';
import { SettingsError, readEnvironment } from '@agentgateway/proxy/settings.ts';
import { readFiles } from '@agentgateway/proxy/source/files.ts';
import { readReferenced } from '@agentgateway/proxy/source/referenced-files.ts';
import { formatProblem } from '@agentgateway/proxy/source/source.ts';
import { type Parsed, textOf } from './options.ts';

/** A configuration and where it was read from; undefined once the problems have been told. */
export interface Loaded {
  readonly config: LoadedConfig;
  readonly path: string | undefined;
}

/** Loads and validates; problems go to standard error, every one of them. */
export function load(path: string | undefined): Loaded | undefined {
  const files = path === undefined ? [] : read(path);
  if (!files) return undefined;
  const config = loadConfig({ files, env: readEnvironment(), readFile: readReferenced });
  for (const notice of config.skipped) process.stderr.write(`${formatProblem(notice)}\n`);
  if (config.problems.length === 0) return { config, path };
  for (const problem of config.problems) process.stderr.write(`${formatProblem(problem)}\n`);
  process.stderr.write(`${count(config.problems.length, 'problem')}\n`);
  return undefined;
}

/** The file or folder of a command: `-f`, or the word beside the flags; undefined where neither is given. */
export function pathOf(parsed: Parsed): string | undefined {
  const flag = textOf(parsed, 'file');
  const [word] = parsed.positionals;
  if (flag !== undefined && word !== undefined)
    throw new SettingsError(`two configurations are given, '${flag}' and '${word}'; one is wanted`);
  return flag ?? word;
}

/** The manifests' resources, conditions and mistakes. */
export function translate({ config }: Loaded): Translation {
  return createTranslator().translate({
    objects: config.manifests,
    feedback: new Map(),
    controllerName: controllerNameDefault,
    sharesBinds: true,
  });
}

/** A number of things, in English. */
export function count(number: number, thing: string): string {
  return `${number} ${thing}${number === 1 ? '' : 's'}`;
}

function read(path: string): ReturnType<typeof readFiles> | undefined {
  try {
    return readFiles(path);
  } catch (error) {
    const why =
      error instanceof Error && !error.message.includes('ENOENT') ? error.message : 'there is no such file or folder';
    process.stderr.write(`${path}: cannot be read: ${why}\n`);
    return undefined;
  }
}
