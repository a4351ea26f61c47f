// Reservations and settlements: what an attempt may cost before it runs, and what it did cost (contract 11).

/** The most an attempt may cost. */
export interface Bound {
  /** Nano-dollars; undefined where the price is unknown. */
  readonly costNano: bigint | undefined;
  readonly tokens: number;
}

/** How a dispatched attempt ended. */
export type AttemptEnd = 'completed' | 'failed' | 'aborted';

/** The truth about an attempt. */
export interface Settlement {
  readonly end: AttemptEnd;
  /** Nano-dollars; undefined where the price is unknown. */
  readonly costNano: bigint | undefined;
  readonly tokens: number;
  /** Whether the provider reported the numbers or the gateway estimated them. */
  readonly source: 'reported' | 'estimated' | 'unknown';
}

/** A hold on what the attempt may cost. */
export interface Lease {
  readonly attemptId: string;
  readonly bound: Bound;
}

/** Where attempts are reserved and settled. Settling is idempotent: the first settlement of an attempt stays. */
export interface Ledger {
  reserve(attemptId: string, bound: Bound): Promise<Lease>;
  settle(attemptId: string, settlement: Settlement): Promise<void>;
  /** Takes a reservation back; legal only before dispatch. */
  release(attemptId: string): Promise<void>;
}
