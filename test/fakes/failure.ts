// Ways in which a provider fails on demand.

/** One failure of one answer. Bytes and events count from the start of the response body. */
export type Failure =
  /** A refusal of the vendor's own accord: 429, 5xx. The body is the vendor's error unless given. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly body?: unknown;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** The request is read, then the connection reset. */
  | { readonly kind: 'reset-before-head' }
  /** The head and so many bytes go out, then the connection is reset. */
  | { readonly kind: 'reset-mid-stream'; readonly afterBytes: number }
  /** Nothing more comes, and the connection stays: before the head, or after so many events of the body. */
  | { readonly kind: 'stall'; readonly afterEvents?: number }
  /** A body that is not what its content type says; in a stream, one event after the first that is no JSON. */
  | { readonly kind: 'garbage'; readonly text?: string }
  /** The body goes out in writes of these sizes, in turn, over and over; `[1]` is every byte alone. */
  | { readonly kind: 'split'; readonly sizes: readonly number[] }
  /** The body comes compressed: whether asked or not, or only where `accept-encoding` names gzip. */
  | { readonly kind: 'gzip'; readonly when: 'always' | 'asked' }
  /** After so many events the stream says that it failed, in its format's way, and ends cleanly. */
  | { readonly kind: 'error-event'; readonly afterEvents: number; readonly message?: string }
  /** The stream ends cleanly after so many events, or before its last; a buffered body is cut in half, its framing intact. */
  | { readonly kind: 'truncate'; readonly afterEvents?: number };

/** Holds an answer's events back until the test lets them go, so that tests order events without sleeping. */
export class Gate {
  #allowed = 0;
  #asked = 0;
  #wake: (() => void)[] = [];

  /** Lets so many more events out. */
  release(count = 1): void {
    this.#allowed += count;
    this.#notify();
  }

  /** Lets everything out from now on. */
  open(): void {
    this.release(Number.POSITIVE_INFINITY);
  }

  /** Resolves when the provider has come to its event number `count` (the first is 1), so that all before it were written. */
  async reached(count: number): Promise<void> {
    while (this.#asked < count) await this.#changed();
  }

  /** Used by the provider: resolves when the next event may go; rejects with the signal's reason when the client is gone. */
  async pass(signal: AbortSignal): Promise<void> {
    this.#asked += 1;
    const mine = this.#asked;
    this.#notify();
    const wake = (): void => this.#notify();
    signal.addEventListener('abort', wake, { once: true });
    try {
      while (this.#allowed < mine) {
        signal.throwIfAborted();
        await this.#changed();
      }
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }

  #notify(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }
}
