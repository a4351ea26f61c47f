// `agentgateway run`: starts the gateway, says what it serves and how to try it, and ends gracefully.
import { ConfigRefused } from '@agentgateway/proxy/source/source.ts';
import { type Gateway, startGateway } from '@agentgateway/proxy/gateway.ts';
import { SettingsError, parseSettings, runHelp, type Settings } from '@agentgateway/proxy/settings.ts';

/** Runs until a signal ends it. Exit codes: 0 ended by a signal, 1 cannot start, 2 wrong flags or configuration. */
export async function run(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(runHelp);
    return 0;
  }
  let settings: Settings;
  let gateway: Gateway;
  try {
    settings = parseSettings(args, process.env);
    gateway = await startGateway(settings);
  } catch (error) {
    if (!(error instanceof ConfigRefused) && !(error instanceof SettingsError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
  welcome(gateway, settings);
  const signal = await new Promise<string>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  gateway.logs.log.info({ signal }, 'shutting down: no new connections, waiting for requests under way');
  process.once('SIGINT', () => process.exit(130));
  await gateway.drain(settings.drainMs);
  return 0;
}

/** What a person wants to know first. */
function welcome(gateway: Gateway, settings: Settings): void {
  const addresses = gateway.addresses();
  gateway.logs.log.info(
    { listening: addresses, config: settings.config ?? 'embedded' },
    `ready on ${addresses.join(', ') || 'no address'}`,
  );
  if (!process.stdout.isTTY && settings.config !== undefined) return;
  const base = `http://${(addresses[0] ?? '127.0.0.1:3000').replace(/^0\.0\.0\.0|^\[::\]/, '127.0.0.1')}`;
  process.stdout.write(`
  agentgateway listens on ${addresses.join(', ')}. Try:

    curl ${base}/v1/models
    curl ${base}/v1/chat/completions -H 'content-type: application/json' \\
      -d '{"model":"echo","messages":[{"role":"user","content":"Hello"}]}'
    curl -N ${base}/v1/messages -H 'content-type: application/json' -H 'anthropic-version: 2023-06-01' \\
      -d '{"model":"echo","max_tokens":100,"stream":true,"messages":[{"role":"user","content":"Hello"}]}'

`);
}
