// One coarse timer for all time-outs: a request starts and moves several, so each must cost next to nothing.

/** How exact a time-out is, in milliseconds; it never fires early. */
const tickMs = 10;
/** Slots of the wheel; longer times go round more than once. */
const slotsCount = 512;

/** A time-out under way. */
export interface Timer {
  stop(): void;
  /** Counts anew from now; also after it fired or was stopped. Moving it later costs a comparison. */
  restart(delayMs: number): void;
}

/** A hashed timing wheel. It runs only while a timer is pending, and never keeps the process alive. */
export class TimerWheel {
  readonly #slots: Set<Entry>[] = Array.from({ length: slotsCount }, () => new Set());
  readonly #monotonicMs: () => number;
  #interval: NodeJS.Timeout | undefined;
  /** The last tick whose slot was looked at. */
  #tick = 0;
  #pending = 0;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** Calls `fire` once after `delayMs`, unless stopped. */
  start(delayMs: number, fire: () => void): Timer {
    const entry = new Entry(this, fire);
    entry.restart(delayMs);
    return entry;
  }

  /** Forgets every timer. */
  close(): void {
    clearInterval(this.#interval);
    this.#interval = undefined;
    for (const slot of this.#slots) slot.clear();
    this.#pending = 0;
  }

  /** The tick at which `delayMs` from now has surely passed. */
  dueTick(delayMs: number): number {
    return Math.ceil((this.#monotonicMs() + delayMs) / tickMs) + 1;
  }

  /** Takes an entry up; its slot is looked at when it is due, or before that if it is due in more than one round. */
  insert(entry: Entry): void {
    if (!this.#interval) {
      this.#tick = this.#nowTick();
      this.#interval = setInterval(() => this.#turn(), tickMs);
      this.#interval.unref();
    }
    entry.visitTick = Math.max(this.#tick + 1, Math.min(entry.dueTick, this.#tick + slotsCount));
    this.#slots[entry.visitTick % slotsCount]!.add(entry);
    this.#pending++;
  }

  /** Lets an entry go. */
  remove(entry: Entry): void {
    if (this.#slots[entry.visitTick % slotsCount]!.delete(entry)) this.#pending--;
  }

  #nowTick(): number {
    return Math.floor(this.#monotonicMs() / tickMs);
  }

  #turn(): void {
    const now = this.#nowTick();
    // After a long stop of the event loop one round sees every slot.
    for (let tick = Math.max(this.#tick + 1, now - slotsCount + 1); tick <= now; tick++) this.#look(tick, now);
    if (this.#pending > 0) return;
    clearInterval(this.#interval);
    this.#interval = undefined;
  }

  #look(tick: number, now: number): void {
    this.#tick = tick;
    const slot = this.#slots[tick % slotsCount]!;
    if (slot.size === 0) return;
    for (const entry of [...slot]) {
      if (!slot.delete(entry)) continue;
      this.#pending--;
      if (entry.dueTick > now) this.insert(entry);
      else entry.expire();
    }
  }
}

/** One timer of a wheel. */
class Entry implements Timer {
  dueTick = 0;
  visitTick = 0;
  readonly #wheel: TimerWheel;
  readonly #fire: () => void;
  #isRunning = false;

  constructor(wheel: TimerWheel, fire: () => void) {
    this.#wheel = wheel;
    this.#fire = fire;
  }

  stop(): void {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    this.#wheel.remove(this);
  }

  restart(delayMs: number): void {
    this.dueTick = this.#wheel.dueTick(delayMs);
    if (this.#isRunning) {
      // A later end is found out when the slot is looked at.
      if (this.dueTick >= this.visitTick) return;
      this.#wheel.remove(this);
    }
    this.#isRunning = true;
    this.#wheel.insert(this);
  }

  expire(): void {
    this.#isRunning = false;
    this.#fire();
  }
}
