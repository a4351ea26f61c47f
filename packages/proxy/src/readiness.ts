// Readiness as a set of named tasks: ready once every one of them is done, and not any more while draining.

/** What must be done before traffic may come. */
export class Readiness {
  readonly #pending = new Set<string>();
  #isDraining = false;

  /** Registers a task; the result marks it done. */
  task(name: string): () => void {
    this.#pending.add(name);
    return () => this.#pending.delete(name);
  }

  /** From now on nothing makes it ready again. */
  drain(): void {
    this.#isDraining = true;
  }

  /** What is still waited for; empty when ready. */
  get waitingFor(): readonly string[] {
    return this.#isDraining ? ['draining'] : [...this.#pending].sort();
  }
}
