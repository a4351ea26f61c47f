// What a reload costs the traffic: CPU of the main thread for one of 1,000 routes changed, and the longest stop of its event loop.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Mark } from './loop-monitor.ts';
import { type Running, freePort, untilApplied, untilServing } from './processes.ts';
import { type Spread, spreadOf } from './summary.ts';
import { startGateway } from './systems.ts';

const routeCount = 1000;
/** How long the event loop is watched, so that quiet times and reloads compare. */
const windowMs = 2000;

/** Figures of some reloads. */
export interface ReloadFigures {
  /** Main-thread CPU from the worker's delta to the swap. */
  readonly cpuMs: Spread;
  /** Longest stop of the event loop during a reload, and without one. */
  readonly stopMs: Spread;
  readonly quietStopMs: Spread;
}

function config(port: number, edition: number): object {
  const route = (index: number): object => ({
    name: `route-${index}`,
    hostnames: [`host-${index % 100}.example.com`],
    rules: [
      {
        matches: [{ path: { value: `/service-${index}${index === 500 ? `-${edition}` : ''}` } }],
        backendRefs: [{ group: 'agentgateway.dev', kind: 'HTTPBackend', name: `backend-${index % 50}` }],
      },
    ],
  });
  return {
    gateways: [{ name: 'bench', listeners: [{ name: 'http', port }] }],
    httpBackends: Array.from({ length: 50 }, (_, index) => ({ name: `backend-${index}`, host: '127.0.0.1', port: 9 })),
    llmBackends: [{ name: 'models', providers: [{ name: 'echo', echo: {} }] }],
    httpRoutes: [
      ...Array.from({ length: routeCount }, (_, index) => route(index)),
      {
        name: 'models',
        rules: [
          {
            matches: [{ path: { value: '/v1' } }],
            backendRefs: [{ group: 'agentgateway.dev', kind: 'LLMBackend', name: 'models' }],
          },
        ],
      },
    ],
  };
}

/** Measures some reloads of a gateway of its own. */
export async function measureReloads(folder: string, rounds: number): Promise<ReloadFigures> {
  const port = await freePort();
  const marks = join(folder, 'marks.jsonl');
  const { running: gateway, file } = startGateway({
    folder: join(folder, 'reload'),
    config: config(port, 0),
    preload: 'loop-monitor.ts',
    env: { BENCH_MARKS: marks },
  });
  await using running = gateway;
  await untilServing(`http://127.0.0.1:${port}/v1/models`, running);
  await sleep(2000);
  const figures = { cpuMs: [] as number[], stopMs: [] as number[], quietStopMs: [] as number[] };
  // The first warms up.
  for (let edition = 0; edition <= rounds; edition++) {
    await takeStop(running, marks);
    await sleep(windowMs);
    const quietStopMs = await takeStop(running, marks);
    await Promise.all([edit(running, file, config(port, edition + 1)), sleep(windowMs)]);
    const stopMs = await takeStop(running, marks);
    const swap = readMarks(marks).findLast(({ kind }) => kind === 'swap');
    if (swap?.kind !== 'swap') throw new Error('the gateway’s monitor saw no swap');
    if (edition === 0) continue;
    figures.cpuMs.push(swap.cpuMicros / 1000);
    figures.stopMs.push(stopMs);
    figures.quietStopMs.push(quietStopMs);
  }
  return {
    cpuMs: spreadOf(figures.cpuMs),
    stopMs: spreadOf(figures.stopMs),
    quietStopMs: spreadOf(figures.quietStopMs),
  };
}

/** Replaces the file as editors do, and waits until it is applied. */
function edit(running: Running, file: string, next: object): Promise<void> {
  return untilApplied(running, () => {
    writeFileSync(`${file}.new`, JSON.stringify(next, undefined, 1));
    renameSync(`${file}.new`, file);
  });
}

function readMarks(file: string): Mark[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Mark);
}

/** Asks the gateway's monitor for the longest stop since it was last asked. */
async function takeStop(running: Running, file: string): Promise<number> {
  const stops = (): number[] => readMarks(file).flatMap((mark) => (mark.kind === 'stop' ? [mark.stopMs] : []));
  const before = stops().length;
  running.signal('SIGUSR2');
  for (let tries = 0; tries < 1000; tries++) {
    const now = stops();
    if (now.length > before) return now.at(-1)!;
    await sleep(10);
  }
  throw new Error('the gateway’s monitor does not answer');
}
