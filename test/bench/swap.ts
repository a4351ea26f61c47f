// The group for swaps: one of 1,000 routes is changed again and again under full load; no request may fail, and the slowest is compared with a quiet time's.
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from './bench.ts';
import { type LoadResult, loadTargets } from './load.ts';
import { freePort, untilApplied, untilServing } from './processes.ts';
import { routesConfig, targetOf } from './routes.ts';
import { showSpread, spreadOf } from './summary.ts';
import { startGateway, startUpstreams } from './systems.ts';

const size = { routes: 1000, listeners: 1 };
/** The route in the middle is the one that changes; it is not asked for. */
const targets = Array.from({ length: size.routes }, (_, index) => index)
  .filter((index) => index !== size.routes / 2)
  .map((index) => targetOf(index, size));
/** Pause after an edit that was applied. */
const pauseMs = 200;

/** Slowest requests and failures with and without swaps, for BENCH_OUT. */
export interface SwapRow {
  readonly name: 'swap-1000-routes';
  readonly system: 'agentgateway';
  readonly swaps: number;
  readonly requests: number;
  /** Rounds with a request that failed. */
  readonly failedRounds: number;
  readonly slowestMs: number;
  readonly quietSlowestMs: number;
  /** What swaps add to the slowest, the median of the rounds. */
  readonly addedMs: number;
}

/** Swaps under full load. */
export async function benchSwap(bench: Bench): Promise<SwapRow[]> {
  const { folder, seconds, say } = bench;
  const { staticPort } = await startUpstreams(folder);
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  const config = (edition: number): string =>
    JSON.stringify(routesConfig(port, size, staticPort, edition), undefined, 1);
  const editions = [config(1), config(2)];
  const { running, file } = startGateway({
    folder: join(folder, 'swap'),
    config: routesConfig(port, size, staticPort),
  });
  const first = targetOf(0, size);
  await untilServing(`${base}${first.path}`, running, { host: first.host });
  const ask = (): Promise<LoadResult> => loadTargets(base, targets, seconds, folder);
  let swaps = 0;
  const askWithSwaps = async (): Promise<LoadResult> => {
    const over = new AbortController();
    const asked = ask().finally(() => over.abort());
    const edit = async (): Promise<void> => {
      while (!over.signal.aborted) {
        await untilApplied(running, () => {
          writeFileSync(`${file}.new`, editions[swaps % 2]!);
          renameSync(`${file}.new`, file);
        });
        swaps++;
        await sleep(pauseMs);
      }
    };
    const [result] = await Promise.all([asked, edit()]);
    return result;
  };
  await ask();
  const [quiet, busy] = [[] as number[], [] as number[]];
  let [requests, failedRounds] = [0, 0];
  await bench.eachRound(async () => {
    const without = await ask();
    try {
      const during = await askWithSwaps();
      quiet.push(without.slowestMs);
      busy.push(during.slowestMs);
      requests += during.requests;
    } catch (error) {
      failedRounds++;
      bench.skip('a round of swaps', error, true);
    }
  });
  bench.goal({ what: 'swaps under load, rounds with failed requests', measured: failedRounds, limit: 0, unit: '' });
  if (busy.length === 0) return [];
  const [slowest, quietSlowest] = [spreadOf(busy), spreadOf(quiet)];
  const added = spreadOf(busy.map((ms, round) => ms - quiet[round]!));
  say(`${swaps} swaps of one of 1,000 routes, ${requests} requests meanwhile`);
  say(`  slowest request ${showSpread(slowest, 1)} ms, without swaps ${showSpread(quietSlowest, 1)} ms`);
  bench.goal({ what: 'swaps under load, added to the slowest', measured: added.median, limit: 20, unit: ' ms' });
  return [
    {
      name: 'swap-1000-routes',
      system: 'agentgateway',
      swaps,
      requests,
      failedRounds,
      slowestMs: slowest.median,
      quietSlowestMs: quietSlowest.median,
      addedMs: added.median,
    },
  ];
}
