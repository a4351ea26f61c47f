// A body fed from a connection: chunks as they come, back-pressure to the socket, and an honest end.
import type { BodySource, Sink } from '@agentgateway/core/body.ts';
import { GatewayError, type Reason } from '@agentgateway/core/errors.ts';
import type { HeaderList } from '@agentgateway/core/header-list.ts';

/** The connection, as the body steers it. */
export interface Flow {
  /** Somebody else is waited for: no more is wanted for now. */
  pause(): void;
  /** The next chunk is waited for. */
  resume(): void;
  /** No more is wanted at all. */
  abort(cause: Error): void;
}

/** Bytes that are read before anybody listens to them, at most. */
export const earlyBytesMax = 64 * 1024;

/** A body fed from outside: `write`, then `end` or `fail`. */
export class FedSource implements BodySource {
  readonly lengthBytes: number | undefined;
  readonly tooLargeReason: Reason;
  readonly #flow: Flow;
  #sink: Sink | undefined;
  #waiting: Uint8Array[] = [];
  /** Bytes that came before anybody listened. */
  #waitingBytes = 0;
  #isPaused = false;
  #end: { readonly trailers: HeaderList | undefined } | { readonly error: unknown } | undefined;
  #done: PromiseWithResolvers<HeaderList | undefined> | undefined;

  constructor(flow: Flow, lengthBytes: number | undefined, tooLargeReason: Reason) {
    this.#flow = flow;
    this.lengthBytes = lengthBytes;
    this.tooLargeReason = tooLargeReason;
  }

  pipe(sink: Sink): Promise<HeaderList | undefined> {
    this.#sink = sink;
    this.#done = Promise.withResolvers();
    this.#drain();
    return this.#done.promise;
  }

  takeWhole(): Uint8Array | undefined {
    const end = this.#end;
    if (!end || 'error' in end || end.trailers) return undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting.length === 1 ? waiting[0] : Buffer.concat(waiting);
  }

  cancel(cause: unknown): void {
    if (this.#end) return;
    const error = cause instanceof Error ? cause : new GatewayError('client-gone', 'the body is not wanted any more');
    this.#waiting = [];
    this.fail(error);
    this.#flow.abort(error);
  }

  /** A chunk from the connection. */
  write(chunk: Uint8Array): void {
    if (this.#end) return;
    if (this.#sink && !this.#isPaused) {
      this.#deliver(chunk);
      return;
    }
    this.#waiting.push(chunk);
    // Until somebody listens a short body may come whole, and then goes out in one piece with its head.
    if (!this.#sink && (this.#waitingBytes += chunk.byteLength) < earlyBytesMax) return;
    this.#flow.pause();
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
    if (this.#sink && !this.#isPaused && this.#waiting.length === 0) this.#settle();
  }

  #settle(): void {
    const end = this.#end!;
    if ('error' in end) this.#done!.reject(end.error);
    else this.#done!.resolve(end.trailers);
  }

  #deliver(chunk: Uint8Array): void {
    let result: true | Promise<void>;
    try {
      result = this.#sink!.write(chunk);
    } catch (error) {
      this.#refused(error);
      return;
    }
    if (result === true) return;
    this.#isPaused = true;
    this.#flow.pause();
    result.then(
      () => {
        this.#isPaused = false;
        this.#drain();
      },
      (error: unknown) => this.#refused(error),
    );
  }

  /** The sink wants no more. */
  #refused(error: unknown): void {
    this.#isPaused = false;
    this.cancel(error);
    this.#waiting = [];
    this.#done!.reject(error);
  }

  #drain(): void {
    while (this.#waiting.length > 0 && !this.#isPaused) this.#deliver(this.#waiting.shift()!);
    if (this.#isPaused) return;
    if (this.#end) this.#settle();
    else this.#flow.resume();
  }
}
