// An upstream's response body: chunks as they come, back-pressure to the socket, time-outs, and an honest end.
import type { BodySource, Sink } from '@agentgateway/core/body.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { HeaderList } from '@agentgateway/core/header-list.ts';
import type { Timer, TimerWheel } from './timer-wheel.ts';

/** The upstream's socket, as the body steers it. */
export interface Flow {
  pause(): void;
  resume(): void;
  destroy(cause: Error): void;
}

/** A body fed from outside: `write`, then `end` or `fail`. */
export class ResponseSource implements BodySource {
  readonly lengthBytes: number | undefined;
  readonly #flow: Flow;
  readonly #timers: TimerWheel;
  readonly #idleMs: number;
  #idle: Timer | undefined;
  #sink: Sink | undefined;
  #waiting: Uint8Array[] = [];
  #isPaused = false;
  #end: { readonly trailers: HeaderList | undefined } | { readonly error: unknown } | undefined;
  readonly #done = Promise.withResolvers<HeaderList | undefined>();
  /** Called once when the body is over, either way. */
  onOver: (() => void) | undefined;

  constructor(
    flow: Flow,
    options: { readonly timers: TimerWheel; readonly idleMs: number; readonly lengthBytes: number | undefined },
  ) {
    this.#flow = flow;
    this.#timers = options.timers;
    this.#idleMs = options.idleMs;
    this.lengthBytes = options.lengthBytes;
    // A failure that nobody pipes is told through onOver alone.
    this.#done.promise.catch(() => undefined);
    this.#watchIdle();
  }

  pipe(sink: Sink): Promise<HeaderList | undefined> {
    this.#sink = sink;
    this.#drain();
    return this.#done.promise;
  }

  cancel(cause: unknown): void {
    if (this.#end) return;
    const error = cause instanceof Error ? cause : new GatewayError('client-gone', 'the body is not wanted any more');
    this.fail(error);
    this.#flow.destroy(error);
  }

  /** A chunk from the upstream. */
  write(chunk: Uint8Array): void {
    if (this.#end) return;
    this.#watchIdle();
    if (!this.#sink || this.#isPaused) {
      this.#waiting.push(chunk);
      this.#pause();
      return;
    }
    this.#deliver(chunk);
  }

  /** The complete end. */
  end(trailers: HeaderList | undefined): void {
    this.#finish({ trailers });
  }

  /** The incomplete end. What arrived before is delivered first. */
  fail(error: unknown): void {
    this.#finish({ error });
  }

  #finish(end: { readonly trailers: HeaderList | undefined } | { readonly error: unknown }): void {
    if (this.#end) return;
    this.#end = end;
    this.#idle?.stop();
    this.onOver?.();
    if (this.#sink && !this.#isPaused && this.#waiting.length === 0) this.#settle();
  }

  #settle(): void {
    const end = this.#end!;
    if ('error' in end) this.#done.reject(end.error);
    else this.#done.resolve(end.trailers);
  }

  #deliver(chunk: Uint8Array): void {
    let result: true | Promise<void>;
    try {
      result = this.#sink!.write(chunk);
    } catch (error) {
      this.cancel(error);
      this.#settle();
      return;
    }
    if (result === true) return;
    this.#isPaused = true;
    this.#pause();
    result.then(
      () => {
        this.#isPaused = false;
        this.#drain();
      },
      (error: unknown) => {
        this.#isPaused = false;
        this.#waiting = [];
        this.cancel(error);
        this.#done.reject(error);
      },
    );
  }

  #drain(): void {
    while (this.#waiting.length > 0 && !this.#isPaused) this.#deliver(this.#waiting.shift()!);
    if (this.#isPaused) return;
    if (this.#end) {
      if (this.#waiting.length === 0) this.#settle();
      return;
    }
    this.#watchIdle();
    this.#flow.resume();
  }

  #pause(): void {
    // A paused body is the reader's slowness, not the upstream's.
    this.#idle?.stop();
    this.#flow.pause();
  }

  #watchIdle(): void {
    if (this.#idleMs === 0) return;
    this.#idle?.stop();
    this.#idle = this.#timers.start(this.#idleMs, () =>
      this.cancel(new GatewayError('idle-timeout', `the upstream sent nothing for ${this.#idleMs} ms`)),
    );
  }
}
