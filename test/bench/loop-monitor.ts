// Loaded into a gateway with --import: tells the main thread's CPU of each change of configuration, and at each SIGUSR2 the longest stop of its event loop since the last.
import { appendFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Worker, isMainThread } from 'node:worker_threads';
import type { FromSource, ToSource } from '@agentgateway/proxy/source/messages.ts';

/** One line of the file that BENCH_MARKS names. */
export type Mark =
  /** Longest time between two turns of a 1 ms timer, beyond that millisecond. */
  | { readonly kind: 'stop'; readonly stopMs: number }
  /** CPU of the main thread, user and system, from the worker's delta to the feedback that follows the swap. */
  | { readonly kind: 'swap'; readonly cpuMicros: number };

const resolutionMs = 1;
const file = process.env['BENCH_MARKS'];

function tell(mark: Mark): void {
  if (file) appendFileSync(file, `${JSON.stringify(mark)}\n`);
}

function cpuMicros(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

type Method = (this: Worker, ...args: unknown[]) => unknown;

/** A worker whose messages are timed; the gateway knows nothing of it. */
function watchWorkers(): void {
  let deltaMicros: number | undefined;
  const prototype = Worker.prototype as unknown as Record<'emit' | 'postMessage', Method>;
  const { emit, postMessage } = prototype;
  prototype.emit = function (...args) {
    if (args[0] === 'message' && (args[1] as FromSource).type === 'update') deltaMicros = cpuMicros();
    return emit.apply(this, args);
  };
  prototype.postMessage = function (...args) {
    if ((args[0] as ToSource).type === 'feedback' && deltaMicros !== undefined) {
      tell({ kind: 'swap', cpuMicros: cpuMicros() - deltaMicros });
      deltaMicros = undefined;
    }
    return postMessage.apply(this, args);
  };
}

if (isMainThread && file) {
  watchWorkers();
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  process.on('SIGUSR2', () => {
    tell({ kind: 'stop', stopMs: Math.max(0, delay.max / 1e6 - resolutionMs) });
    delay.reset();
  });
}
