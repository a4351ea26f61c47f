// Flags of the subcommands: parsed strictly, with help that tells them.
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { SettingsError } from '@agentgateway/proxy/settings.ts';

/** Values of parsed flags and what stood beside them. */
export interface Parsed {
  readonly values: Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;
  readonly positionals: readonly string[];
}

/** Parses flags; `--help` prints the text and gives undefined. Throws SettingsError for flags that do not exist. */
export function parse(args: readonly string[], options: ParseArgsOptionsConfig, help: string): Parsed | undefined {
  const all: ParseArgsOptionsConfig = { ...options, help: { type: 'boolean', short: 'h' } };
  let parsed: Parsed;
  try {
    parsed = parseArgs({ args: [...args], options: all, allowPositionals: true }) as Parsed;
  } catch (error) {
    throw new SettingsError(`${error instanceof Error ? error.message : String(error)}\n\n${help}`);
  }
  if (parsed.values['help'] !== true) return parsed;
  process.stdout.write(help);
  return undefined;
}

/** A flag's text, where it was given. */
export function textOf({ values }: Parsed, flag: string): string | undefined {
  const value = values[flag];
  return typeof value === 'string' ? value : undefined;
}
