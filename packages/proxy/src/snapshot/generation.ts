// Who still uses a snapshot: what a swap has replaced is let go when no request of it or of an older one is left.
import type { Scope } from './lifetimes.ts';

/** The use of one snapshot. They form a chain, oldest first. */
export class Generation {
  /** Position in the sequence of swaps, from 0. */
  readonly number: number;
  #users = 0;
  /** Parts that the next swap replaced. */
  #replaced: readonly Scope[] = [];
  #next: Generation | undefined;
  #isOldest: boolean;

  constructor(number: number, isOldest: boolean) {
    this.number = number;
    this.#isOldest = isOldest;
  }

  /** A request begins with this snapshot. */
  enter(): void {
    this.#users++;
  }

  /** A request has ended. */
  leave(): void {
    this.#users--;
    this.#advance();
  }

  /** The next snapshot takes over; `replaced` is what only this one and older ones still use. */
  supersede(next: Generation, replaced: readonly Scope[]): void {
    this.#next = next;
    this.#replaced = replaced;
    this.#advance();
  }

  #advance(): void {
    if (!this.#isOldest || !this.#next || this.#users > 0) return;
    const next = this.#next;
    for (const scope of this.#replaced) scope.release();
    this.#replaced = [];
    this.#isOldest = false;
    next.#isOldest = true;
    next.#advance();
  }
}
