// `agentgateway validate`: every problem of a configuration at once, with file, line, path and hint.
import { formatIssue } from '@agentgateway/core/translate/issue.ts';
import { count, load, translate } from './config.ts';
import { parse, textOf } from './options.ts';

const help = `agentgateway validate [-f] FILE-OR-FOLDER

Lists every problem with its file, line and path. Exit code 0: none, 2: some.
`;

/** Exit codes: 0 nothing wrong, 2 problems. */
export async function run(args: readonly string[]): Promise<number> {
  const parsed = parse(args, { file: { type: 'string', short: 'f' } }, help);
  if (!parsed) return 0;
  const path = textOf(parsed, 'file') ?? parsed.positionals[0];
  const loaded = load(path);
  if (!loaded) return 2;
  const { issues } = translate(loaded);
  for (const issue of issues) process.stderr.write(`${formatIssue(issue)}\n`);
  if (issues.length > 0) {
    process.stderr.write(`${count(issues.length, 'problem')}\n`);
    return 2;
  }
  process.stdout.write(
    `${path ?? 'the embedded configuration'}: ${count(loaded.config.manifests.length, 'object')}, no problems\n`,
  );
  return 0;
}
