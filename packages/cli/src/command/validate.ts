// `agentgateway validate`: every problem of a configuration at once, with file, line, path and hint.
import { createTranslator } from '@agentgateway/core/translate/translate.ts';
import { load, readPath } from './config.ts';

/** Exit codes: 0 nothing wrong, 2 problems. */
export async function run(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write('agentgateway validate [-f] FILE-OR-FOLDER\n');
    return 0;
  }
  const path = readPath(args);
  const loaded = load(path);
  if (!loaded.ok) return 2;
  const { issues } = createTranslator().translate({
    objects: loaded.config.manifests,
    feedback: new Map(),
    controllerName: 'agentgateway.dev/controller',
  });
  for (const issue of issues) {
    const place = issue.origin ? `${issue.origin.file}:${issue.origin.line}: ` : '';
    process.stderr.write(
      `${place}${issue.object}: ${issue.path}: ${issue.message} (${issue.condition}=False ${issue.reason})\n`,
    );
  }
  if (issues.length > 0) return 2;
  process.stdout.write(
    `${path ?? 'the embedded configuration'}: ${loaded.config.manifests.length} objects, no problems\n`,
  );
  return 0;
}
