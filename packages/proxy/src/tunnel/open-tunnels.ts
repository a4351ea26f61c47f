// Puts tunnels together: the snapshot they follow, and what they share.
import type { Log } from '@agentgateway/core/environment.ts';
import type { Clock } from '../environment.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { TimerWheel } from '../upstream/timer-wheel.ts';
import { EndpointLoad } from './endpoint-load.ts';
import { tunnelLimits } from './limits.ts';
import { ReadBuffers } from './read-buffers.ts';
import type { TunnelRecorder } from './record.ts';
import { TunnelTable, type TunnelTableParts } from './tunnel-table.ts';

/** What tunnels are opened with. */
export interface TunnelsOptions extends Pick<TunnelTableParts, 'defaultAddress' | 'log' | 'handOver'> {
  readonly snapshot: () => Snapshot;
  readonly log: Log;
  readonly clock: Clock;
  readonly timers: TimerWheel;
  readonly recorder: TunnelRecorder;
}

/** A table without sockets yet. New connections and flows follow the current snapshot; old ones keep what they began with. */
export function openTunnels({ snapshot, clock, timers, recorder, ...table }: TunnelsOptions): TunnelTable {
  return new TunnelTable({
    ...table,
    plan: (key) => snapshot().tunnels.get(key),
    parts: {
      clock,
      timers,
      limits: tunnelLimits,
      buffers: new ReadBuffers(tunnelLimits.bulkBufferBytes, tunnelLimits.bulkBuffersMax),
      load: new EndpointLoad(() => clock.random()),
      recorder,
      findEndpoints({ key, port }, transport) {
        const current = snapshot();
        return current.backend(key)?.endpoints?.({ snapshot: current, port, transport }) ?? [];
      },
    },
  });
}
