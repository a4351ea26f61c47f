// Who still uses a snapshot: what a swap has replaced is let go when no request of a snapshot that holds it is left.
import type { Scope } from './lifetimes.ts';

/** The use of one snapshot: how many requests began with it and have not ended. */
export class Generation {
  /** Position in the sequence of swaps, from 0. */
  readonly number: number;
  #users = 0;
  #whenIdle: (() => void) | undefined;

  constructor(number: number) {
    this.number = number;
  }

  /** Requests under way. */
  get users(): number {
    return this.#users;
  }

  /** A request begins with this snapshot. */
  enter(): void {
    this.#users++;
  }

  /** A request has ended. */
  leave(): void {
    this.#users--;
    if (this.#users === 0) this.#whenIdle?.();
  }

  /** From now on no request begins with it; `idle` is called when the last one has ended. */
  supersede(idle: () => void): void {
    this.#whenIdle = idle;
  }
}

/** A scope that no newer snapshot holds. */
interface Retired {
  readonly scope: Scope;
  /** Number of the last snapshot that holds it; the first is the scope's own `since`. */
  readonly until: number;
}

/** Scopes on their way out. */
export class Retirement {
  /** Superseded generations that still have requests. */
  readonly #busy = new Set<Generation>();
  #waiting: Retired[] = [];

  /** Another snapshot has taken over; `replaced` is what it does not hold any more. */
  supersede(previous: Generation, replaced: readonly Scope[]): void {
    for (const scope of replaced) this.#waiting.push({ scope, until: previous.number });
    previous.supersede(() => {
      this.#busy.delete(previous);
      this.#release();
    });
    if (previous.users > 0) this.#busy.add(previous);
    this.#release();
  }

  #release(): void {
    const busy = [...this.#busy];
    const isUsed = ({ scope, until }: Retired): boolean =>
      busy.some(({ number }) => number >= scope.since && number <= until);
    const [kept, free]: [Retired[], Retired[]] = [[], []];
    for (const retired of this.#waiting) (isUsed(retired) ? kept : free).push(retired);
    this.#waiting = kept;
    for (const { scope } of free) scope.release();
  }
}
