// Two connections become one after an upgrade: bytes pass both ways, ends pass, a slow reader stops its peer.
import type { Duplex } from 'node:stream';
import type { TimerWheel } from '../upstream/timer-wheel.ts';

/** How a relay ended. */
export interface RelayEnd {
  /** Bytes from the client. */
  readonly receivedBytes: number;
  /** Bytes to the client. */
  readonly sentBytes: number;
  /** Set where a side was cut off before it had ended. */
  readonly cut: 'client' | 'upstream' | 'idle' | undefined;
}

/** What a relay needs. */
export interface RelayParts {
  readonly client: Duplex;
  readonly upstream: Duplex;
  readonly timers: TimerWheel;
  /** How long both may be silent, in milliseconds; 0 for ever. */
  readonly idleMs: number;
}

/** Relays until both sides are closed. Never rejects; whoever destroys one of them ends the other. */
export function relay({ client, upstream, timers, idleMs }: RelayParts): Promise<RelayEnd> {
  return new Promise((resolve) => {
    let cut: RelayEnd['cut'];
    let open = 2;
    const counts = { client: 0, upstream: 0 };
    const idle =
      idleMs > 0
        ? timers.start(idleMs, () => {
            cut ??= 'idle';
            client.destroy();
            upstream.destroy();
          })
        : undefined;
    const join = (from: Duplex, to: Duplex, side: 'client' | 'upstream'): void => {
      from.on('data', (chunk: Buffer) => {
        counts[side] += chunk.byteLength;
        idle?.restart(idleMs);
        if (!to.write(chunk)) from.pause();
      });
      to.on('drain', () => from.resume());
      from.on('end', () => to.end());
      from.on('error', () => from.destroy());
      const closed = (): void => {
        // A side that is gone before it has ended leaves the other nothing to wait for.
        if (!(from.readableEnded && from.writableFinished)) {
          cut ??= side;
          to.destroy();
        }
        if (--open > 0) return;
        idle?.stop();
        resolve({ receivedBytes: counts.client, sentBytes: counts.upstream, cut });
      };
      // One that is destroyed and has not said so yet will.
      if (from.closed) {
        closed();
        return;
      }
      from.on('close', closed);
      from.resume();
    };
    join(client, upstream, 'client');
    join(upstream, client, 'upstream');
  });
}
