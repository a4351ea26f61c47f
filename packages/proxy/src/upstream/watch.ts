// The time-outs of one attempt (DESIGN §5): whom the gateway waits for decides which of them runs.
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { Timer, TimerWheel } from './timer-wheel.ts';
import type { UpstreamTimeouts } from './request.ts';

/** What a time-out ends. */
export interface Watched {
  abort(error: Error): void;
}

type Phase = 'head' | 'body' | 'upload';

/** Watches an upstream. It runs only while the upstream is waited for: a slow client is not the upstream's fault. */
export class Watch {
  readonly #timeouts: UpstreamTimeouts;
  readonly #timers: TimerWheel;
  readonly #watched: Watched;
  #phase: Phase = 'head';
  #wait: Timer | undefined;
  #total: Timer | undefined;

  constructor(timers: TimerWheel, timeouts: UpstreamTimeouts, watched: Watched) {
    this.#timers = timers;
    this.#timeouts = timeouts;
    this.#watched = watched;
    const { connectMs, firstByteMs, totalMs } = timeouts;
    if (totalMs > 0)
      this.#total = timers.start(totalMs, () =>
        watched.abort(new GatewayError('attempt-timeout', `the attempt took longer than ${totalMs} ms`)),
      );
    // A free connection is waited for as well.
    if (firstByteMs > 0) this.#run('head', connectMs + firstByteMs);
  }

  /** The request is sent; its answer is waited for. */
  forHead(): void {
    this.#run('head', this.#timeouts.firstByteMs);
  }

  /** The upstream's next chunk is waited for. */
  forBody(): void {
    this.#run('body', this.#timeouts.idleMs);
  }

  /** The upstream has not taken the last chunk of the request yet. */
  forUpload(): void {
    this.#run('upload', this.#timeouts.idleMs);
  }

  /** Somebody else is waited for. */
  pause(): void {
    this.#wait?.stop();
  }

  /** The attempt is over. */
  stop(): void {
    this.#wait?.stop();
    this.#total?.stop();
  }

  #run(phase: Phase, limitMs: number): void {
    this.#phase = phase;
    if (limitMs === 0) this.#wait?.stop();
    else if (this.#wait) this.#wait.restart(limitMs);
    else this.#wait = this.#timers.start(limitMs, () => this.#watched.abort(this.#error()));
  }

  #error(): GatewayError {
    const { firstByteMs, idleMs } = this.#timeouts;
    switch (this.#phase) {
      case 'head':
        return new GatewayError('first-byte-timeout', `the upstream sent no answer within ${firstByteMs} ms`);
      case 'upload':
        return new GatewayError('idle-timeout', `the upstream took nothing of the request for ${idleMs} ms`);
      case 'body':
        return new GatewayError('idle-timeout', `the upstream sent nothing for ${idleMs} ms`);
    }
  }
}
