// Bytes of a connection that came before they could be read: of a head that is incomplete, or of requests to come.

/** Holds bytes in one buffer that grows by doubling: what comes byte by byte costs no more than what comes at once. */
export class HeldBytes {
  /** How far they have been searched for the end of a head. */
  seen = 0;
  #buffer: Buffer | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Holds a copy of what comes behind the others. */
  add(chunk: Buffer): void {
    const needed = this.#size + chunk.byteLength;
    if (!this.#buffer || needed > this.#buffer.byteLength) {
      const grown = Buffer.allocUnsafe(2 * needed);
      this.#buffer?.copy(grown, 0, 0, this.#size);
      this.#buffer = grown;
    }
    chunk.copy(this.#buffer, this.#size);
    this.#size = needed;
  }

  /** Holds these bytes alone, as they are. */
  set(bytes: Buffer): void {
    this.#buffer = bytes;
    this.#size = bytes.byteLength;
  }

  /** All of them, which are not held any more. */
  take(): Buffer {
    const bytes = this.#buffer!.subarray(0, this.#size);
    this.clear();
    return bytes;
  }

  clear(): void {
    this.#buffer = undefined;
    this.#size = 0;
    this.seen = 0;
  }
}
