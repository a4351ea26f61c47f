// Large read buffers, lent to connections while they have much to read, so that many idle ones cost little.

/** A bounded store of buffers of one size; their memory is kept for the next who asks. */
export class ReadBuffers {
  readonly bytes: number;
  readonly #max: number;
  readonly #free: Buffer[] = [];
  #lent = 0;

  constructor(bytes: number, max: number) {
    this.bytes = bytes;
    this.#max = max;
  }

  /** How many are in use. */
  get lent(): number {
    return this.#lent;
  }

  /** A buffer with anything in it; undefined while all are in use. */
  lend(): Buffer | undefined {
    if (this.#lent >= this.#max) return undefined;
    this.#lent++;
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.bytes);
  }

  /** Takes a buffer back that nobody reads or writes any more. */
  giveBack(buffer: Buffer): void {
    this.#lent--;
    this.#free.push(buffer);
  }
}
