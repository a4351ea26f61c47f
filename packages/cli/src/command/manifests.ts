// `agentgateway manifests`: what to `kubectl apply` for a laptop's configuration.
import { eject } from '@agentgateway/core/config/eject.ts';
import { load, pathOf } from './config.ts';
import { parse } from './options.ts';

const help = `agentgateway manifests [-f] FILE-OR-FOLDER [--with-secrets]

Prints the Kubernetes manifests that a configuration stands for. Secrets are left empty unless --with-secrets is given.
Exit code 0: printed, 2: problems, told on standard error.
`;

/** Exit codes: 0 printed, 2 problems or wrong flags. */
export async function run(args: readonly string[]): Promise<number> {
  const parsed = parse(args, {
    help,
    options: { file: { type: 'string', short: 'f' }, 'with-secrets': { type: 'boolean' } },
    positionalsMax: 1,
  });
  if (!parsed) return 0;
  const loaded = load(pathOf(parsed));
  if (!loaded) return 2;
  process.stdout.write(eject(loaded.config.manifests, { withSecrets: parsed.values['with-secrets'] === true }));
  return 0;
}
