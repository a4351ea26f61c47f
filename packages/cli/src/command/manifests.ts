// `agentgateway manifests`: what to `kubectl apply` for a laptop's configuration.
import { parseArgs } from 'node:util';
import { eject } from '@agentgateway/core/config/eject.ts';
import { load } from './config.ts';

/** Prints manifests; secrets are left empty unless --with-secrets. */
export async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: {
      file: { type: 'string', short: 'f' },
      'with-secrets': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
    allowPositionals: true,
  });
  if (values.help) {
    process.stdout.write('agentgateway manifests [-f] FILE-OR-FOLDER [--with-secrets]\n');
    return 0;
  }
  const loaded = load(values.file ?? positionals[0]);
  if (!loaded.ok) return 2;
  process.stdout.write(eject(loaded.config.manifests, { withSecrets: values['with-secrets'] === true }));
  return 0;
}
