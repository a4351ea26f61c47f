// Notices a client that takes nothing of its answer, with one timer for many waits.

/** Watches waits that follow one another: the timer is set by the first and looks, when it fires, whether one is still the same. */
export class WriteWatch {
  readonly #idleMs: number;
  readonly #expired: () => void;
  #timer: NodeJS.Timeout | undefined;
  /** Counts waits; while none is under way, undefined. */
  #waiting: number | undefined;
  #count = 0;
  #seen: number | undefined;

  /** `expired` is called once, when one wait has taken at least `idleMs` milliseconds and at most twice that. */
  constructor(idleMs: number, expired: () => void) {
    this.#idleMs = idleMs;
    this.#expired = expired;
  }

  /** A wait begins. */
  begin(): void {
    this.#waiting = ++this.#count;
    if (this.#timer) return;
    this.#seen = this.#waiting;
    this.#timer = setTimeout(this.#look, this.#idleMs);
  }

  /** The wait is over. */
  end(): void {
    this.#waiting = undefined;
  }

  /** Nothing is waited for any more. */
  stop(): void {
    this.#waiting = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  readonly #look = (): void => {
    const timer = this.#timer;
    this.#timer = undefined;
    if (this.#waiting === undefined) return;
    if (this.#waiting === this.#seen) {
      this.#waiting = undefined;
      this.#expired();
      return;
    }
    this.#seen = this.#waiting;
    this.#timer = timer?.refresh();
  };
}
