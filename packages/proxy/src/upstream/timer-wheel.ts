// One coarse timer for all time-outs: a request starts and stops several, so each must cost next to nothing.

/** How exact a time-out is, in milliseconds; it never fires early. */
const tickMs = 10;
/** Slots of the wheel; longer times go round more than once. */
const slotsCount = 512;

/** A time-out under way. */
export interface Timer {
  stop(): void;
}

interface Entry extends Timer {
  fire: (() => void) | undefined;
  rounds: number;
}

/** A hashed timing wheel. It runs only while a timer is pending, and never keeps the process alive. */
export class TimerWheel {
  readonly #slots: Set<Entry>[] = Array.from({ length: slotsCount }, () => new Set());
  #cursor = 0;
  #pending = 0;
  #interval: NodeJS.Timeout | undefined;
  #lastMs = 0;
  readonly #monotonicMs: () => number;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** Calls `fire` once after `delayMs`, unless stopped. */
  start(delayMs: number, fire: () => void): Timer {
    if (!this.#interval) {
      this.#lastMs = this.#monotonicMs();
      this.#interval = setInterval(() => this.#turn(), tickMs);
      this.#interval.unref();
    }
    const lag = Math.floor((this.#monotonicMs() - this.#lastMs) / tickMs);
    const ticks = Math.max(1, Math.ceil(delayMs / tickMs) + 1 + lag);
    const slot = this.#slots[(this.#cursor + ticks) % slotsCount]!;
    const entry: Entry = {
      fire,
      rounds: Math.floor((ticks - 1) / slotsCount),
      stop: () => {
        if (entry.fire === undefined) return;
        entry.fire = undefined;
        slot.delete(entry);
        this.#pending--;
      },
    };
    slot.add(entry);
    this.#pending++;
    return entry;
  }

  /** Forgets every timer. */
  close(): void {
    clearInterval(this.#interval);
    this.#interval = undefined;
    for (const slot of this.#slots) slot.clear();
    this.#pending = 0;
  }

  #turn(): void {
    const ticks = Math.floor((this.#monotonicMs() - this.#lastMs) / tickMs);
    this.#lastMs += ticks * tickMs;
    for (let i = 0; i < ticks; i++) this.#tick();
    if (this.#pending > 0) return;
    clearInterval(this.#interval);
    this.#interval = undefined;
  }

  #tick(): void {
    this.#cursor = (this.#cursor + 1) % slotsCount;
    const slot = this.#slots[this.#cursor]!;
    for (const entry of slot) {
      if (entry.rounds > 0) {
        entry.rounds--;
        continue;
      }
      slot.delete(entry);
      this.#pending--;
      const { fire } = entry;
      entry.fire = undefined;
      fire?.();
    }
  }
}
