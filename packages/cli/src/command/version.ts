// `agentgateway version`.
import { version } from '@agentgateway/proxy/version.ts';
import { outputOf, parse } from './options.ts';

const help = `agentgateway version [-o text|json]

Prints the versions of the product and of Node.
`;

/** Exit codes: 0 printed, 2 wrong flags. */
export async function run(args: readonly string[]): Promise<number> {
  const parsed = parse(args, { help, options: { output: { type: 'string', short: 'o' } }, positionalsMax: 0 });
  if (!parsed) return 0;
  const { node } = process.versions;
  const text =
    outputOf(parsed) === 'json' ? JSON.stringify({ version, node }) : `agentgateway ${version} (node ${node})`;
  process.stdout.write(`${text}\n`);
  return 0;
}
