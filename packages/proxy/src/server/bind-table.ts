// The sockets that are open, kept in step with the snapshot: new ones before the swap, old ones after it.
import type { ExchangeHead } from '@agentgateway/core/exchange.ts';
import type { Log } from '@agentgateway/core/environment.ts';
import type { Clock } from '../environment.ts';
import type { BindPlan } from '../snapshot/snapshot.ts';
import { type Bind, openBind } from './bind.ts';
import type { Responder } from './responder.ts';

/** What every bind is opened with. */
export interface BindTableParts {
  /** Address of listeners that name none. */
  readonly defaultAddress: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly trustedHops: number;
  readonly handle: (bind: string, head: ExchangeHead, responder: Responder) => Promise<void>;
}

/** How long requests on a removed bind may take to finish. */
const removedDrainMs = 30_000;

/** Opens and closes binds. A bind that cannot be opened fails its listeners only. */
export class BindTable {
  /** Listener key → why it is not served. */
  errors: ReadonlyMap<string, string> = new Map();
  readonly #parts: BindTableParts;
  readonly #open = new Map<string, Bind>();

  constructor(parts: BindTableParts) {
    this.#parts = parts;
  }

  /** Opens what the next snapshot needs and is not open; never rejects. */
  async open(binds: ReadonlyMap<string, BindPlan>): Promise<void> {
    const errors = new Map<string, string>();
    for (const [key, plan] of binds) {
      if (this.#open.has(key)) continue;
      const address = plan.address || this.#parts.defaultAddress;
      try {
        const { handle, log, clock, trustedHops } = this.#parts;
        this.#open.set(
          key,
          await openBind({
            address,
            port: plan.port,
            log,
            clock,
            trustedHops,
            handle: (head, responder) => handle(key, head, responder),
          }),
        );
      } catch (error) {
        const reason = `cannot listen on ${address}:${plan.port}: ${error instanceof Error ? error.message : String(error)}`;
        for (const listener of plan.listeners) errors.set(listener.key, reason);
      }
    }
    this.errors = errors;
  }

  /** Closes what the current snapshot no longer has, letting its requests finish. */
  closeAbsent(binds: ReadonlyMap<string, BindPlan>): void {
    for (const [key, bind] of this.#open) {
      if (binds.has(key)) continue;
      this.#open.delete(key);
      bind
        .drain(removedDrainMs)
        .catch((error: unknown) => this.#parts.log.error({ err: error }, 'closing a listener failed'));
    }
  }

  /** Open sockets as `address:port`, sorted. */
  addresses(): string[] {
    return [...this.#open.values()]
      .map(({ address, port }) => `${address.includes(':') ? `[${address}]` : address}:${port}`)
      .sort();
  }

  /** Closes everything. */
  async drain(deadlineMs: number): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(open.map((bind) => bind.drain(deadlineMs)));
  }
}
