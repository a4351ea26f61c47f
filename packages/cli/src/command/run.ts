// `agentgateway run`: starts the gateway, says what it serves and how to try it, and ends gracefully.
import { type Gateway, startGateway } from '@agentgateway/proxy/gateway.ts';
import { parseSettings, runHelp, runOptions } from '@agentgateway/proxy/settings.ts';
import { ConfigRefused } from '@agentgateway/proxy/source/source.ts';
import { parse } from './options.ts';
import { toWelcome } from './welcome.ts';

/** Runs until a signal ends it. Exit codes: 0 ended by a signal, 1 cannot start, 2 wrong flags or configuration. */
export async function run(args: readonly string[]): Promise<number> {
  const usage = {
    help: runHelp,
    options: runOptions,
    positionalsMax: 0,
    positionalHint: 'the configuration is named with -f',
  };
  if (!parse(args, usage)) return 0;
  const settings = parseSettings(args, process.env);
  // From the first moment: a signal during the start is one too.
  const signalled = untilSignal();
  let gateway: Gateway;
  try {
    gateway = await startGateway(settings);
  } catch (error) {
    if (!(error instanceof ConfigRefused)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
  const { log } = gateway.logs;
  const unbound = [...new Set(gateway.bindErrors().values())];
  if (gateway.addresses().length === 0 && unbound.length > 0) {
    await gateway.drain(0);
    process.stderr.write(`agentgateway: ${unbound.join('\n')}\n${portAdvice}\n`);
    return 1;
  }
  log.info(
    { listening: gateway.addresses(), config: settings.config ?? 'embedded' },
    `ready on ${gateway.addresses().join(', ') || 'no address'}`,
  );
  if (process.stdout.isTTY || settings.config === undefined) process.stdout.write(toWelcome(gateway, settings));
  const why = await Promise.race([signalled, gateway.drainAsked.then(() => 'POST /drain')]);
  log.info({ why }, `shutting down (${why}): no new connections, waiting for requests under way`);
  await gateway.drain(settings.drainMs);
  return 0;
}

const portAdvice = 'stop the other process, or give the listener another port in the configuration';

/** Resolves with the first signal; a second one ends the process at once. */
function untilSignal(): Promise<string> {
  return new Promise((resolve) => {
    let isAsked = false;
    for (const [signal, number] of [
      ['SIGINT', 2],
      ['SIGTERM', 15],
    ] as const) {
      process.on(signal, () => {
        if (isAsked) process.exit(128 + number);
        isAsked = true;
        resolve(signal);
      });
    }
  });
}
