// The groups for memory at rest, and for what a reload costs.
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from './bench.ts';
import { freePort, untilServing } from './processes.ts';
import { measureReloads } from './reload.ts';
import { showSpread } from './summary.ts';
import { gatewayMain, startGateway } from './systems.ts';

/** How long a gateway rests before its idle memory is read. */
const idleMs = 3000;

/** Resident memory of a gateway that serves nothing yet: as on a laptop, and without the worker that reads files. */
export async function benchIdle(bench: Bench): Promise<[]> {
  const { folder, skip } = bench;
  const main = gatewayMain;
  const what = relative(join(import.meta.dirname, '../..'), main);
  const update = join(folder, 'update');
  const variants = [
    ['idle RSS on a laptop', 170, { BENCH_KEEP_UPDATE: update }],
    ['idle RSS without file sources', 130, { BENCH_CANNED_UPDATE: update }],
  ] as const;
  // The second hands over what the first was handed, on the same port.
  const port = await freePort();
  for (const [row, limit, env] of variants) {
    try {
      const config = {
        gateways: [{ name: 'idle', listeners: [{ name: 'http', port }] }],
        llmBackends: [{ name: 'models', providers: [{ name: 'echo', echo: {} }] }],
      };
      const preload = 'canned-source.ts';
      const started = startGateway({ folder: join(folder, 'idle'), config, main, preload, env });
      await using running = started.running;
      await untilServing(`http://127.0.0.1:${port}/v1/models`, running);
      await sleep(idleMs);
      const measured = Math.round(running.rssMb());
      bench.goal({ what: `${row} (${what})`, measured, limit, unit: ' MB' });
    } catch (error) {
      skip(`${row} (${what})`, error, true);
    }
  }
  return [];
}

/** One of 1,000 routes is changed. */
export async function benchReload(bench: Bench): Promise<[]> {
  const { cpuMs, stopMs, quietStopMs } = await measureReloads(bench.folder, bench.rounds);
  bench.say('reload, one of 1,000 routes changed:');
  bench.say(`  main-thread CPU from delta to swap    ${showSpread(cpuMs, 1)} ms`);
  bench.say(
    `  longest stop of the event loop        ${showSpread(stopMs, 1)} ms (quiet ${showSpread(quietStopMs, 1)} ms)`,
  );
  bench.goal({ what: 'reload, main-thread CPU', measured: cpuMs.median, limit: 5, unit: ' ms' });
  return [];
}
