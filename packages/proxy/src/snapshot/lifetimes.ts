// State that outlives a snapshot: one object per identity, disposed with the last part that holds it (contract 3).

/** What a scope opened. */
interface Held {
  readonly value: Disposable;
  holders: number;
}

/** Hears of state that could not be disposed. */
export type OnDisposeError = (identity: string, error: unknown) => void;

/** Everything that is open. */
export class Lifetimes {
  readonly #held = new Map<string, Held>();
  readonly #onError: OnDisposeError;

  constructor(onError: OnDisposeError = () => {}) {
    this.#onError = onError;
  }

  /** Identities that are open, for dumps and tests. */
  get size(): number {
    return this.#held.size;
  }

  /** A new holder, for a part that snapshots hold from this number on. */
  scope(since: number): Scope {
    return new Scope(this.#held, since, this.#onError);
  }
}

/** What one compiled part holds. */
export class Scope {
  /** Number of the first snapshot that holds the part. */
  readonly since: number;
  readonly #held: Map<string, Held>;
  readonly #onError: OnDisposeError;
  readonly #identities = new Set<string>();
  #isReleased = false;

  constructor(held: Map<string, Held>, since: number, onError: OnDisposeError) {
    this.#held = held;
    this.since = since;
    this.#onError = onError;
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

  /** Lets go; what nobody else holds is disposed. Never throws, because it runs at the end of a request that is not to blame. */
  release(): void {
    this.#isReleased = true;
    const identities = [...this.#identities];
    this.#identities.clear();
    for (const identity of identities) {
      const held = this.#held.get(identity);
      if (!held || --held.holders > 0) continue;
      this.#held.delete(identity);
      try {
        held.value[Symbol.dispose]();
      } catch (error) {
        this.#onError(identity, error);
      }
    }
  }

  #hold(identity: string, held: Held): void {
    if (this.#isReleased || this.#identities.has(identity)) return;
    this.#identities.add(identity);
    held.holders++;
  }
}
