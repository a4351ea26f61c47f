// State that outlives a snapshot: one object per identity, disposed with the last part that holds it (contract 3).

/** What a scope opened. */
interface Held {
  readonly value: Disposable;
  holders: number;
}

/** Everything that is open. */
export class Lifetimes {
  readonly #held = new Map<string, Held>();

  /** Identities that are open, for dumps and tests. */
  get size(): number {
    return this.#held.size;
  }

  /** A new holder. */
  scope(): Scope {
    return new Scope(this.#held);
  }
}

/** What one compiled part holds. */
export class Scope {
  readonly #held: Map<string, Held>;
  readonly #identities = new Set<string>();
  #isReleased = false;

  constructor(held: Map<string, Held>) {
    this.#held = held;
  }

  /** The object of an identity, opened by whoever asks first. */
  open<T extends Disposable>(identity: string, open: () => T): T {
    const known = this.#held.get(identity);
    if (known) {
      this.#hold(identity, known);
      return known.value as T;
    }
    const value = open();
    // A part that is on its way out may still ask; nobody is left to dispose what it would open.
    if (!this.#isReleased) {
      const held: Held = { value, holders: 0 };
      this.#held.set(identity, held);
      this.#hold(identity, held);
    }
    return value;
  }

  /** Lets go; what nobody else holds is disposed. */
  release(): void {
    this.#isReleased = true;
    for (const identity of this.#identities) {
      const held = this.#held.get(identity);
      if (!held || --held.holders > 0) continue;
      this.#held.delete(identity);
      held.value[Symbol.dispose]();
    }
    this.#identities.clear();
  }

  #hold(identity: string, held: Held): void {
    if (this.#isReleased || this.#identities.has(identity)) return;
    this.#identities.add(identity);
    held.holders++;
  }
}
