// The command `agentgateway`: finds the subcommand, loads only that, and turns mistakes into one clear line.
import { SettingsError } from '@agentgateway/proxy/settings.ts';
import { meant } from './command/options.ts';

/** A subcommand: what it is for, and how it runs; resolves to the exit code. */
interface Command {
  readonly summary: string;
  load(): Promise<{ run(args: readonly string[]): Promise<number> }>;
}

const commands: Readonly<Record<string, Command>> = {
  run: { summary: 'start the gateway (the default)', load: () => import('./command/run.ts') },
  validate: { summary: 'check a configuration and list every problem', load: () => import('./command/validate.ts') },
  status: { summary: 'tell what a running gateway accepted, and why not', load: () => import('./command/status.ts') },
  explain: { summary: 'tell where a request would go, and why', load: () => import('./command/explain.ts') },
  manifests: {
    summary: 'print the Kubernetes manifests of a configuration',
    load: () => import('./command/manifests.ts'),
  },
  version: { summary: 'print the version', load: () => import('./command/version.ts') },
};

const help = `agentgateway: one URL for every model, tool and agent

usage: agentgateway [COMMAND] [FLAGS]

${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(10)} ${summary}`)
  .join('\n')}

\`agentgateway COMMAND --help\` tells the flags of each.
`;

async function main(args: readonly string[]): Promise<number> {
  const [first, ...rest] = args;
  const isHelp = first === '--help' || first === '-h' || first === 'help';
  const asked = isHelp ? rest.find((word) => !word.startsWith('-')) : first;
  if (isHelp && asked === undefined) {
    process.stdout.write(help);
    return 0;
  }
  if (first === '--version' || first === '-V') return (await commands['version']!.load()).run(rest);
  // Flags alone are those of `run`.
  const isFlag = asked === undefined || asked.startsWith('-');
  const name = isFlag ? 'run' : asked;
  if (!Object.hasOwn(commands, name)) {
    const near = meant(name, Object.keys(commands));
    const hint = near === undefined ? '' : `; did you mean ${near}?`;
    process.stderr.write(`agentgateway: there is no command '${name}'${hint}\n\n${help}`);
    return 2;
  }
  const command = await commands[name]!.load();
  if (isHelp) return command.run(['--help']);
  return command.run(isFlag ? args : rest);
}

// A reader that has seen enough, such as `head`, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`agentgateway: ${(error instanceof Error ? error.message : String(error)).trimEnd()}\n`);
  return error instanceof SettingsError ? 2 : 1;
});
