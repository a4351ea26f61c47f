// Binds on free ports with hand-made plans and a recorder that remembers, for tests.
import type { EndpointAddress } from '@agentgateway/core/exchange.ts';
import type { Log } from '@agentgateway/core/environment.ts';
import { systemClock } from '../environment.ts';
import { compileChoice } from '../snapshot/choose.ts';
import { TimerWheel } from '../upstream/timer-wheel.ts';
import { EndpointLoad } from './endpoint-load.ts';
import { type TunnelLimits, tunnelLimits } from './limits.ts';
import type { TunnelBindPlan, TunnelChoice, TunnelListener, TunnelRoute } from './plan.ts';
import { ReadBuffers } from './read-buffers.ts';
import type { TunnelPlace, TunnelRecord } from './record.ts';
import type { TunnelParts } from './tunnel.ts';

/** What tunnels under test share, and what they told. */
export interface TestTunnels extends Disposable {
  readonly parts: TunnelParts;
  readonly records: TunnelRecord[];
  readonly dropped: (TunnelPlace & { readonly reason: string })[];
  /** How many were opened so far. */
  readonly opened: TunnelPlace[];
  /** By `key`; tests change it. */
  readonly backends: Map<string, readonly EndpointAddress[]>;
  /** Resolves with the first record that was not given yet. */
  record(): Promise<TunnelRecord>;
}

/** Opens what tunnels share. */
export function openTunnels(limits: Partial<TunnelLimits> = {}): TestTunnels {
  const records: TunnelRecord[] = [];
  const waiting: ((record: TunnelRecord) => void)[] = [];
  let given = 0;
  const opened: TunnelPlace[] = [];
  const dropped: TestTunnels['dropped'] = [];
  const backends = new Map<string, readonly EndpointAddress[]>();
  const all = { ...tunnelLimits, ...limits };
  const timers = new TimerWheel(() => systemClock.monotonicMs());
  const give = (): void => {
    while (waiting.length > 0 && given < records.length) waiting.shift()!(records[given++]!);
  };
  return {
    parts: {
      clock: systemClock,
      timers,
      limits: all,
      buffers: new ReadBuffers(all.bulkBufferBytes, all.bulkBuffersMax),
      load: new EndpointLoad(() => systemClock.random()),
      recorder: {
        opened: (place) => opened.push(place),
        closed(record) {
          records.push(record);
          give();
        },
        dropped: (what) => dropped.push(what),
        connected: () => {},
      },
      findEndpoints: ({ key }) => backends.get(key) ?? [],
    },
    records,
    opened,
    dropped,
    backends,
    record: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        give();
      }),
    [Symbol.dispose]: () => timers.close(),
  };
}

/** A backend on a port of 127.0.0.1. */
export function backendAt(...ports: readonly number[]): readonly EndpointAddress[] {
  return ports.map((port) => ({ address: '127.0.0.1', port }));
}

/** A route to backends by key. */
export function routeTo(backends: readonly (string | Partial<TunnelChoice>)[], timeouts = {}): TunnelRoute {
  const choices = backends.map((backend) => ({
    port: 0,
    weight: 1,
    invalid: undefined,
    proxyVersion: undefined,
    key: '',
    ...(typeof backend === 'string' ? { key: backend } : backend),
  }));
  return {
    key: 'tcproute/default/test',
    rule: '',
    backends: choices,
    timeouts: { connectMs: 10_000, idleMs: 60_000, ...timeouts },
    policies: [],
    refusal: () => undefined,
    choose: compileChoice(choices),
  };
}

/** A listener. */
export function listenerOf(listener: Partial<TunnelListener>): TunnelListener {
  return {
    key: 'listener/default/test/tcp',
    gateway: 'gateway/default/test',
    mode: 'tcp',
    hostname: '',
    routes: [],
    proxyHeader: undefined,
    refusal: () => undefined,
    route: () => undefined,
    ...listener,
  };
}

/** A bind with one listener. */
export function bindOf(listener: Partial<TunnelListener>, bind: Partial<TunnelBindPlan> = {}): TunnelBindPlan {
  const only = listenerOf(listener);
  return {
    key: ':1',
    transport: 'tcp',
    isTls: false,
    address: '',
    port: 1,
    listeners: [only],
    select: () => only,
    ...bind,
  };
}

/** A log that says nothing. */
export const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
