// `agentgateway validate`: every problem of a configuration at once, with file, line, path and hint.
import { formatIssue } from '@agentgateway/core/translate/issue.ts';
import { count, load, pathOf, translate } from './config.ts';
import { parse } from './options.ts';

const help = `agentgateway validate [-f] FILE-OR-FOLDER

Lists every problem with its file, line and path. Exit code 0: none, 2: some.
`;

/** Exit codes: 0 nothing wrong, 2 problems. */
export async function run(args: readonly string[]): Promise<number> {
  const parsed = parse(args, { help, options: { file: { type: 'string', short: 'f' } }, positionalsMax: 1 });
  if (!parsed) return 0;
  const path = pathOf(parsed);
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
