// Puts the data plane together: source → store → binds → pipeline, telemetry and admin beside it, and takes it apart again.
import type { Socket } from 'node:net';
import { randomBytes } from 'node:crypto';
import type { ResourceChanges } from '@agentgateway/api/keys.ts';
import { type AdminPort, adminApp, metricsApp, openPort, readinessApp } from './admin/server.ts';
import { pause } from './backend/attempt.ts';
import { callout } from './backend/callout.ts';
import type { BackendEnvironment } from './backend/registry.ts';
import { type Clock, createEnvironment, systemClock } from './environment.ts';
import { type Pipeline, handle } from './pipeline/handle.ts';
import { Sessions } from './pipeline/session.ts';
import { findExposed } from './exposure.ts';
import { Readiness } from './readiness.ts';
import { RecordingLedger } from './recording-ledger.ts';
import { BindTable } from './server/bind-table.ts';
import { serverLimits } from './server/limits.ts';
import { SecureTable } from './server/secure-table.ts';
import { type Settings, gatewayLimits } from './settings.ts';
import { requestBinds } from './snapshot/served-lanes.ts';
import type { Snapshot } from './snapshot/snapshot.ts';
import { Store } from './snapshot/store.ts';
import { type Applied, type Source, startSource } from './source/source.ts';
import { type Logs, createLogs } from './telemetry/log.ts';
import { Metrics } from './telemetry/metrics.ts';
import { Recorder } from './telemetry/recorder.ts';
import { Stories } from './telemetry/stories.ts';
import { readTraceSettings } from './telemetry/trace-settings.ts';
import { openTunnelRecorder } from './telemetry/tunnel-recorder.ts';
import type { Tracing } from './telemetry/tracing.ts';
import { openTunnels } from './tunnel/open-tunnels.ts';
import type { TunnelRecord } from './tunnel/record.ts';
import type { TunnelConnection } from './tunnel/tunnel.ts';
import type { HandedOver } from './tunnel/tcp-bind.ts';
import type { TunnelTable } from './tunnel/tunnel-table.ts';
import { findRetired } from './upstream/retired.ts';
import { type Transport, createTransport } from './upstream/transport.ts';
import { version } from './version.ts';

/** A running gateway. */
export interface Gateway extends AsyncDisposable {
  readonly store: Store;
  readonly source: Source;
  readonly ledger: RecordingLedger;
  readonly logs: Logs;
  readonly metrics: Metrics;
  readonly stories: Stories;
  readonly readiness: Readiness;
  readonly transport: Transport;
  /** Resolves when something other than a signal asks for the end: `POST /drain` on the admin port. */
  readonly drainAsked: Promise<void>;
  /** Where the gateway listens, as `address:port`, sorted. */
  addresses(): readonly string[];
  /** Listener key → why it is not served. */
  bindErrors(): ReadonlyMap<string, string>;
  /** The admin, metrics and readiness ports that are open, by what they are. */
  readonly ports: ReadonlyMap<string, AdminPort>;
  /** Asks for the end. */
  startDrain(): void;
  /** Stops accepting, lets requests under way finish until the deadline, then breaks what is left. */
  drain(deadlineMs: number): Promise<void>;
}

/** What serves requests, and what keeps account of them. */
interface Plane {
  readonly store: Store;
  readonly binds: BindTable;
  readonly tunnels: TunnelTable;
  readonly secure: SecureTable;
  readonly ledger: RecordingLedger;
  readonly metrics: Metrics;
  readonly stories: Stories;
  readonly tracing: Tracing | undefined;
  readonly transport: Transport;
}

/** Starts a gateway; resolves once the first configuration is served. Throws ConfigRefused when it cannot be used. */
export async function startGateway(settings: Settings, logs: Logs = createLogs(settings)): Promise<Gateway> {
  const readiness = new Readiness();
  const configured = readiness.task('configuration');
  const plane = openPlane(settings, logs, await openTracing(settings));
  const { store, binds, tunnels, secure, ledger, metrics, stories, tracing, transport } = plane;
  const source = startSource({
    input: { config: settings.config, env: settings.env },
    log: logs.log,
    now: () => systemClock.now(),
    apply: (changes) => apply(plane, changes, settings, logs),
    refused: () => metrics.add('agentgateway_config_refusals_total', {}),
  });
  const ports = new Map<string, AdminPort>();
  const asked = Promise.withResolvers<void>();
  const stop = async (deadlineMs: number): Promise<void> => {
    readiness.drain();
    await source[Symbol.asyncDispose]();
    await Promise.all([binds.drain(deadlineMs), tunnels.drain(deadlineMs), secure.drain(deadlineMs)]);
    transport.close();
    for (const port of ports.values()) await port[Symbol.asyncDispose]();
    await tracing?.[Symbol.asyncDispose]();
    logs.flush();
  };
  const gateway: Gateway = {
    store,
    source,
    ledger,
    logs,
    metrics,
    stories,
    readiness,
    transport,
    ports,
    drainAsked: asked.promise,
    addresses: () => [...binds.addresses(), ...tunnels.addresses()],
    bindErrors: () => bindErrors(plane),
    startDrain: () => asked.resolve(),
    drain: stop,
    [Symbol.asyncDispose]: () => stop(0),
  };
  try {
    await openPorts(gateway, settings, ports);
    await source.ready;
    configured();
  } catch (error) {
    await stop(0);
    throw error;
  }
  return gateway;
}

/** Loads what traces need only where they are on. */
async function openTracing({ env }: Settings): Promise<Tracing | undefined> {
  const settings = readTraceSettings(env);
  if (!settings) return undefined;
  const { Tracing } = await import('./telemetry/tracing.ts');
  return new Tracing(settings, version);
}

/** Everything between the sockets and the upstreams, without configuration yet. */
function openPlane(settings: Settings, logs: Logs, tracing: Tracing | undefined): Plane {
  const { log } = logs;
  const clock = systemClock;
  const transport = createTransport({ log, clock });
  const ledger = new RecordingLedger();
  const metrics = new Metrics(version);
  const stories = new Stories(gatewayLimits.storiesMax);
  const { settleTimeoutMs, replayBytesMax, responseBytesMax } = gatewayLimits;
  const recorder = new Recorder({ clock, timers: transport.timers, logs, metrics, stories, tracing, settleTimeoutMs });
  const environment: BackendEnvironment = Object.assign(
    createEnvironment({
      clock,
      log,
      ledger,
      readSecret: (key, entry) => store.secret(key, entry),
      upstream: (key) => callout(() => store.current, clock, key),
      pause: (ms, exchange) => pause(transport.timers, exchange, ms),
    }),
    { transport, current: () => store.current },
  );
  const binds = new BindTable({
    defaultAddress: settings.bindAddress,
    log,
    clock,
    trustedHops: settings.trustedHops,
    plan: (key) => store.current.binds.get(key),
    handle: (bind, head, responder) => handle(pipeline, bind, head, responder),
    refused: (bind, refusal) => recorder.refused(bind, refusal),
  });
  const tunnelRecorder = openTunnelRecorder(logs, metrics.tunnels);
  const secure = new SecureTable({
    log,
    clock,
    trustedHops: settings.trustedHops,
    limits: serverLimits,
    plan: (key) => store.current.binds.get(key),
    secret: ({ secret, entry }) => store.secret(secret, entry),
    handle: (bind, head, responder) => handle(pipeline, bind, head, responder),
    refused: (bind, refusal) => recorder.refused(bind, refusal),
    proxy: (connection, client) => tunnels.proxy(toTunnelConnection(connection, client)),
    failed: (connection, message) => tunnelRecorder.closed(toFailedHandshake(connection, message, clock)),
  });
  const tunnels: TunnelTable = openTunnels({
    snapshot: () => store.current,
    defaultAddress: settings.bindAddress,
    log,
    clock,
    timers: transport.timers,
    recorder: tunnelRecorder,
    handOver: (connection) => secure.accept(connection),
  });
  const store: Store = new Store(environment, async (next) => {
    await binds.open(requestBinds(next));
    await tunnels.open(next.tunnels);
  });
  const pipeline: Pipeline = {
    store,
    timers: transport.timers,
    limits: { replayBytesMax, responseBytesMax },
    sessions: new Sessions(settings.sessionKey ?? randomBytes(32), () => clock.now()),
    begin(exchange, snapshot) {
      snapshot.use.enter();
      recorder.begin(exchange);
    },
    answer: (exchange, reply) => recorder.answer(exchange, reply),
    record: (exchange, reply, end) =>
      recorder.record(exchange, reply, end, () => (exchange.snapshot as Snapshot).use.leave()),
  };
  return { store, binds, tunnels, secure, ledger, metrics, stories, tracing, transport };
}

/** What a TLS listener decrypts, as a connection that is proxied. */
function toTunnelConnection(
  { id, bind, listener, ends, hello, startMs }: HandedOver,
  client: Socket,
): TunnelConnection {
  return { id, bind, listener, ends, startMs, client, protocol: 'tls', serverName: hello.serverName };
}

/** What is told of a connection that did not get past its handshake. */
function toFailedHandshake(
  { id, bind, listener, ends, hello, startMs }: HandedOver,
  message: string,
  clock: Clock,
): TunnelRecord {
  return {
    id,
    bind,
    gateway: listener.gateway,
    listener: listener.key,
    route: '',
    rule: '',
    backend: '',
    endpoint: '',
    protocol: 'tls',
    client: ends.source,
    serverName: hello.serverName,
    durationMs: clock.monotonicMs() - startMs,
    receivedBytes: 0,
    sentBytes: 0,
    reason: 'tls-handshake-failed',
    message,
  };
}

/** Listener key → why it is not served. */
function bindErrors({ binds, tunnels }: Pick<Plane, 'binds' | 'tunnels'>): ReadonlyMap<string, string> {
  return new Map([...binds.errors, ...tunnels.errors]);
}

/** Brings a change of the configuration to the requests. */
async function apply(
  { store, binds, tunnels, secure, transport, metrics }: Plane,
  changes: ResourceChanges,
  settings: Settings,
  { log }: Logs,
): Promise<Applied> {
  const { endpointSets } = store.current;
  await store.update(changes);
  for (const endpoint of findRetired(endpointSets, store.current.endpointSets)) transport.retire(endpoint);
  await binds.closeAbsent(requestBinds(store.current));
  await tunnels.closeAbsent(store.current.tunnels);
  secure.closeAbsent(store.current.binds);
  metrics.add('agentgateway_config_updates_total', {});
  metrics.set('agentgateway_config_generation', {}, store.current.generation);
  for (const exposed of findExposed(store.current, settings.bindAddress)) {
    log.warn(
      { exposed },
      `anybody who can connect spends your credentials: ${exposed}; add apiKeyAuthentication, or bind 127.0.0.1`,
    );
  }
  return {
    rejections: store.rejections,
    bindErrors: bindErrors({ binds, tunnels }),
    addresses: [settings.bindAddress],
  };
}

/** Opens the ports beside the traffic; one that is switched off, or taken by another process, is left out and said. */
async function openPorts(gateway: Gateway, settings: Settings, ports: Map<string, AdminPort>): Promise<void> {
  const wanted = [
    {
      what: 'admin',
      app: adminApp(gateway, settings.adminAddress),
      address: settings.adminAddress,
      port: settings.adminPort,
    },
    { what: 'metrics', app: metricsApp(gateway), address: settings.bindAddress, port: settings.metricsPort },
    { what: 'readiness', app: readinessApp(gateway), address: settings.bindAddress, port: settings.readinessPort },
  ];
  for (const { what, app, address, port } of wanted) {
    if (port === undefined) continue;
    try {
      ports.set(what, await openPort(app, address, port, what));
    } catch (error) {
      gateway.logs.log.warn(
        { err: error },
        error instanceof Error ? error.message : `the ${what} port cannot be opened`,
      );
    }
  }
}
