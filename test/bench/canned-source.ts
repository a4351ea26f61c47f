// Loaded into a gateway with --import: keeps what the worker that reads files hands over, or hands it over in the worker's place.
// So a proxy without file sources can be measured before there is another source.
import { EventEmitter } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { deserialize, serialize } from 'node:v8';
import { isMainThread } from 'node:worker_threads';
import type { FromSource } from '@agentgateway/proxy/source/messages.ts';

const threads = createRequire(import.meta.url)('node:worker_threads') as { Worker: new (...args: never[]) => object };
const kept = process.env['BENCH_KEEP_UPDATE'];
const canned = process.env['BENCH_CANNED_UPDATE'];

/** Stands where the worker stood, without a thread. */
class CannedWorker extends EventEmitter {
  constructor() {
    super();
    const update: unknown = deserialize(readFileSync(canned!));
    setImmediate(() => this.emit('message', update));
  }

  postMessage(): void {
    // Feedback has no reader here.
  }

  async terminate(): Promise<number> {
    return 0;
  }
}

if (isMainThread && kept) {
  const prototype = threads.Worker.prototype as Record<'emit', (this: object, ...args: unknown[]) => unknown>;
  const { emit } = prototype;
  prototype.emit = function (...args) {
    if (args[0] === 'message' && (args[1] as FromSource).type === 'update') writeFileSync(kept, serialize(args[1]));
    return emit.apply(this, args);
  };
}
if (isMainThread && canned) {
  threads.Worker = CannedWorker;
  syncBuiltinESMExports();
}
