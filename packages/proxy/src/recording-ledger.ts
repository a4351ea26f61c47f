// A ledger without limits that remembers its last settlements: what counts until budgets are kept (contract 11).
import type { Bound, Lease, Ledger, Settlement } from '@agentgateway/quota';

/** How many settlements are remembered. */
const settledMax = 1000;

/** Admits everything; settles each attempt once. */
export class RecordingLedger implements Ledger {
  readonly #open = new Map<string, Bound>();
  readonly #settled = new Map<string, Settlement>();

  /** Attempts reserved and neither settled nor released. */
  get openCount(): number {
    return this.#open.size;
  }

  /** The last settlements by attempt id, oldest first. */
  get settled(): ReadonlyMap<string, Settlement> {
    return this.#settled;
  }

  async reserve(attemptId: string, bound: Bound): Promise<Lease> {
    this.#open.set(attemptId, bound);
    return { attemptId, bound };
  }

  async settle(attemptId: string, settlement: Settlement): Promise<void> {
    this.#open.delete(attemptId);
    if (this.#settled.has(attemptId)) return;
    this.#settled.set(attemptId, settlement);
    if (this.#settled.size > settledMax) this.#settled.delete(this.#settled.keys().next().value!);
  }

  async release(attemptId: string): Promise<void> {
    this.#open.delete(attemptId);
  }
}
