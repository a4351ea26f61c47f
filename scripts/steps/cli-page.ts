// The reference page of the command line, from what the program itself prints.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { runHelp, runOptions } from '../../packages/proxy/src/settings.ts';
import { escapeCell, toTable } from './markdown.ts';

const main = join(import.meta.dirname, '../../packages/cli/src/main.ts');

/** The page; throws where a command's or a flag's help is not in its usual form. */
export function generateCliPage(): string {
  const commands = [...print('help').matchAll(/^ {2}([a-z]+) +(.+)$/gm)].map(
    ([, name, summary]) => [name!, summary!] as const,
  );
  if (commands.length === 0) throw new Error('`agentgateway help` lists no commands');
  const usages = commands
    .filter(([name]) => name !== 'run')
    .map(([name]) => [name, print(name, '--help').trim()] as const)
    .filter(([name, text]) => text.startsWith(`agentgateway ${name}`));
  return `
# Command line

\`./agentgateway COMMAND\` from a clone, \`node dist/main.js COMMAND\` from a build. Without a command, \`run\`.

${toTable(
  ['command', 'what it does'],
  commands.map(([name, summary]) => [`\`${name}\``, escapeCell(summary)]),
)}

Exit codes: 0 done, or ended by a signal · 1 cannot start, or the answer is no: a request that would be refused, an object that is not accepted · 2 wrong flags or configuration.

## run

Every flag has an environment variable; the flag wins.

${toTable(['flag', 'variable', 'what it sets (default)'], flagRows())}

${usages.map(([name, text]) => `## ${name}\n\n\`\`\`text\n${text}\n\`\`\``).join('\n\n')}
`;
}

function print(...args: readonly string[]): string {
  return execFileSync(process.execPath, [main, ...args], { encoding: 'utf8' });
}

/** One row a flag, in the order of the help. */
function flagRows(): string[][] {
  const rows = [
    ...runHelp.matchAll(
      /^ +(?:-(\w), )? *--([a-z-]+)(?: ([A-Z][A-Z-]*))? +(.+?)(?: {2,}([A-Z][A-Z0-9_]*(?:=\w+)?))?$/gm,
    ),
  ].map(([, short, flag, value, text, variable]) => ({ flag: flag!, short, value, text: text!.trim(), variable }));
  const told = new Set(rows.map(({ flag }) => flag));
  const untold = Object.keys(runOptions).filter((flag) => flag !== 'help' && !told.has(flag));
  if (untold.length > 0) throw new Error(`the help of run does not tell of --${untold.join(', --')} in the usual form`);
  return rows.map(({ flag, short, value, text, variable }) => [
    `\`${short === undefined ? '' : `-${short}, `}--${flag}${value === undefined ? '' : ` ${value}`}\``,
    variable === undefined ? '' : `\`${variable}\``,
    escapeCell(text),
  ]);
}
