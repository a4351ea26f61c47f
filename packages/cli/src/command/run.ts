// `agentgateway run`: starts the gateway, says what it serves and how to try it, and ends gracefully.
import { type Gateway, startGateway } from '@agentgateway/proxy/gateway.ts';
import { type Settings, parseSettings, runHelp } from '@agentgateway/proxy/settings.ts';
import { ConfigRefused } from '@agentgateway/proxy/source/source.ts';
import { version } from '@agentgateway/proxy/version.ts';

/** Runs until a signal ends it. Exit codes: 0 ended by a signal, 1 cannot start, 2 wrong flags or configuration. */
export async function run(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(runHelp);
    return 0;
  }
  const settings = parseSettings(args, process.env);
  let gateway: Gateway;
  try {
    gateway = await startGateway(settings);
  } catch (error) {
    if (!(error instanceof ConfigRefused)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
  const { log } = gateway.logs;
  log.info(
    { listening: gateway.addresses(), config: settings.config ?? 'embedded' },
    `ready on ${gateway.addresses().join(', ') || 'no address'}`,
  );
  if (process.stdout.isTTY || settings.config === undefined) process.stdout.write(welcome(gateway, settings));
  const ended = new Promise<string>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  const why = await Promise.race([ended, gateway.drainAsked.then(() => 'POST /drain')]);
  log.info({ why }, 'shutting down: no new connections, waiting for requests under way');
  process.once('SIGINT', () => process.exit(130));
  await gateway.drain(settings.drainMs);
  return 0;
}

/** Names shown of a longer list. */
const namesMax = 12;

/** What a person wants to know first. */
function welcome(gateway: Gateway, settings: Settings): string {
  const [first = '127.0.0.1:3000'] = gateway.addresses();
  const base = `http://${first.replace(/^0\.0\.0\.0|^\[::\]/, '127.0.0.1')}`;
  const models = listModels(gateway);
  const model = models.find((name) => !name.includes('*')) ?? 'MODEL';
  const admin = gateway.ports.get('admin');
  const metrics = gateway.ports.get('metrics');
  const shown =
    models.slice(0, namesMax).join(', ') + (models.length > namesMax ? ` and ${models.length - namesMax} more` : '');
  return `
  agentgateway ${version} listens on ${gateway.addresses().join(', ') || 'no address'}

    configuration  ${settings.config ?? 'embedded (none given; `make run CONFIG=config.yaml` runs yours)'}
    models         ${shown || 'none'}
    admin          ${admin ? `http://${admin.address}:${admin.port}` : 'off'}
    metrics        ${metrics ? `http://${metrics.address}:${metrics.port}/metrics` : 'off'}

  Try:

    curl ${base}/v1/models

    curl ${base}/v1/chat/completions -H 'content-type: application/json' \\
      -d '{"model":"${model}","messages":[{"role":"user","content":"Hello"}]}'

    curl -N ${base}/v1/messages -H 'content-type: application/json' -H 'anthropic-version: 2023-06-01' \\
      -d '{"model":"${model}","max_tokens":100,"stream":true,"messages":[{"role":"user","content":"Hello"}]}'

`;
}

/** The names of every LLM backend that a route leads to, as they are configured, each once. */
function listModels({ store }: Gateway): string[] {
  const snapshot = store.current;
  const rules = [...snapshot.binds.values()].flatMap(({ listeners }) =>
    listeners.flatMap(({ router }) => [...router.values()]),
  );
  const keys = new Set(rules.flatMap(({ backends }) => backends.map(({ key }) => key)));
  const names = [...keys].flatMap((key) => {
    const told = snapshot.backend(key)?.explain?.({ snapshot, model: undefined }) as { models?: string[] } | undefined;
    return told?.models ?? [];
  });
  return [...new Set(names)];
}
