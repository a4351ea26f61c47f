// Flags of the subcommands: parsed strictly, with help that tells them and a guess at what was meant.
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { nearest } from '@agentgateway/core/config/suggest.ts';
import { SettingsError } from '@agentgateway/proxy/settings.ts';

/** Values of parsed flags and what stood beside them. */
export interface Parsed {
  readonly values: Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;
  readonly positionals: readonly string[];
}

/** A subcommand's words. */
export interface Usage {
  readonly help: string;
  readonly options: ParseArgsOptionsConfig;
  /** How many words may stand beside the flags. */
  readonly positionalsMax: number;
  /** What to say of a word too many. */
  readonly positionalHint?: string;
}

/** Parses flags; `--help` prints the text and gives undefined. Throws SettingsError, with help, for what does not exist. */
export function parse(args: readonly string[], usage: Usage): Parsed | undefined {
  const { help, positionalsMax } = usage;
  const options: ParseArgsOptionsConfig = { ...usage.options, help: { type: 'boolean', short: 'h' } };
  if (checkFlags(args, options, help)) {
    process.stdout.write(help);
    return undefined;
  }
  let parsed: Parsed;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true }) as Parsed;
  } catch (error) {
    throw new SettingsError(`${error instanceof Error ? error.message : String(error)}\n\n${help}`);
  }
  const extra = parsed.positionals[positionalsMax];
  if (extra === undefined) return parsed;
  const hint = usage.positionalHint === undefined ? '' : ` (${usage.positionalHint})`;
  throw new SettingsError(`'${extra}' is a word too many${hint}\n\n${help}`);
}

/** Throws for a flag that does not exist; tells whether help is asked for. */
function checkFlags(args: readonly string[], options: ParseArgsOptionsConfig, help: string): boolean {
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true });
  let isHelp = false;
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    isHelp ||= token.name === 'help';
    if (Object.hasOwn(options, token.name)) continue;
    const near = meant(token.name, Object.keys(options));
    const hint = near === undefined ? '' : `; did you mean --${near}?`;
    throw new SettingsError(`there is no flag ${token.rawName}${hint}\n\n${help}`);
  }
  return isHelp;
}

/** The known word that was meant by what was typed: one that begins with it, or the nearest; undefined where none is near. */
export function meant(typed: string, known: readonly string[]): string | undefined {
  return known.find((word) => word.startsWith(typed)) ?? nearest(typed, known);
}

/** A flag's text, where it was given. */
export function textOf({ values }: Parsed, flag: string): string | undefined {
  const value = values[flag];
  return typeof value === 'string' ? value : undefined;
}

/** The form that `--output` asks for. */
export function outputOf(parsed: Parsed): 'text' | 'json' {
  const output = textOf(parsed, 'output') ?? 'text';
  if (output === 'text' || output === 'json') return output;
  throw new SettingsError(`--output is '${output}'; it must be text or json`);
}
