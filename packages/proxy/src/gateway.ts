// Puts the data plane together: source → store → binds → pipeline, and takes it apart again.
import type { Rejection, ResourceChanges } from '@agentgateway/api/keys.ts';
import type { Environment } from '@agentgateway/core/environment.ts';
import { BindTable } from './server/bind-table.ts';
import type { Settings } from './settings.ts';
import { Store } from './snapshot/store.ts';
import { type Source, startSource } from './source/source.ts';
import { createLogs, type Logs } from './telemetry/log.ts';
import { type BackendEnvironment } from './backend/registry.ts';
import { callout } from './backend/callout.ts';
import { createEnvironment, systemClock } from './environment.ts';
import { handle, type Pipeline } from './pipeline/handle.ts';
import { Recorder } from './pipeline/record.ts';
import { RecordingLedger } from './recording-ledger.ts';
import { createTransport, type Transport } from './upstream/transport.ts';

/** A running gateway. */
export interface Gateway extends AsyncDisposable {
  readonly store: Store;
  readonly source: Source;
  readonly recorder: Recorder;
  readonly ledger: RecordingLedger;
  readonly logs: Logs;
  readonly transport: Transport;
  /** Where the gateway listens, as `address:port`, sorted. */
  addresses(): readonly string[];
  /** Stops accepting, lets requests under way finish until the deadline, then breaks what is left. */
  drain(deadlineMs: number): Promise<void>;
}

/** How many requests' stories are kept. */
const storiesMax = 500;
/** How long a record waits for its attempts' settlements. */
const settleTimeoutMs = 5000;
/** Longest request body that steps may read. */
const replayBytesMax = 32 * 1024 * 1024;
/** Longest response body that steps may read. */
const responseBytesMax = 32 * 1024 * 1024;

/** Starts a gateway; resolves once the first configuration is served. Throws ConfigRefused when it cannot be used. */
export async function startGateway(
  settings: Settings,
  logs: Logs = createLogs({
    level: settings.logLevel,
    format: settings.logFormat,
    accessLogFile: settings.accessLogFile,
  }),
): Promise<Gateway> {
  const { log } = logs;
  const clock = systemClock;
  const transport = createTransport({ log, clock });
  const ledger = new RecordingLedger();
  const environment: Environment = createEnvironment({
    clock,
    log,
    ledger,
    readSecret: (key, entry) => store.secret(key, entry),
    upstream: (key) => callout(() => store.current, clock, key),
  });
  const backendEnvironment: BackendEnvironment = Object.assign(environment, { transport });
  const recorder = new Recorder({ clock, log, access: logs.access, storiesMax, settleTimeoutMs });
  const binds = new BindTable({
    defaultAddress: settings.bindAddress,
    log,
    clock,
    trustedHops: settings.trustedHops,
    handle: (bind, head, responder) => handle(pipeline, bind, head, responder),
  });
  const store: Store = new Store(backendEnvironment, (next) => binds.open(next.binds));
  const pipeline: Pipeline = {
    store,
    timers: transport.timers,
    limits: { replayBytesMax, responseBytesMax },
    record: (exchange, reply, end) => recorder.record(exchange, reply, end),
  };
  const apply = async (
    changes: ResourceChanges,
  ): Promise<{ rejections: Rejection[]; bindErrors: ReadonlyMap<string, string> }> => {
    const rejections = await store.update(changes);
    binds.closeAbsent(store.current.binds);
    return { rejections, bindErrors: binds.errors };
  };
  const source = startSource({ input: { config: settings.config, env: settings.env }, log, now: clock.now, apply });
  const stop = async (deadlineMs: number): Promise<void> => {
    await source[Symbol.asyncDispose]();
    await binds.drain(deadlineMs);
    transport.close();
    logs.flush();
  };
  try {
    await source.ready;
  } catch (error) {
    await stop(0);
    throw error;
  }
  return {
    store,
    source,
    recorder,
    ledger,
    logs,
    transport,
    addresses: () => binds.addresses(),
    drain: stop,
    [Symbol.asyncDispose]: () => stop(0),
  };
}
