// The sockets that are open, kept in step with the snapshot: new ones before the swap, old ones after it.
import { toHostPort } from '@agentgateway/core/authority.ts';
import type { Socket } from 'node:net';
import type { ExchangeHead } from '@agentgateway/core/exchange.ts';
import type { Log } from '@agentgateway/core/environment.ts';
import type { Clock } from '../environment.ts';
import type { BindPlan } from '../snapshot/snapshot.ts';
import { tunnelLimits } from '../tunnel/limits.ts';
import type { ConnectionEnds } from '../tunnel/proxy-protocol.ts';
import { chooseProxyHeader, endsOf, receiveEnds } from '../tunnel/reception.ts';
import { type Bind, openBind } from './bind.ts';
import type { Refusal } from './http-service.ts';
import type { Responder } from './responder.ts';

/** What every bind is opened with. */
export interface BindTableParts {
  /** Address of listeners that name none. */
  readonly defaultAddress: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly trustedHops: number;
  /** A bind as it is in the current snapshot; left out where connections never begin with a PROXY protocol header. */
  readonly plan?: (key: string) => BindPlan | undefined;
  readonly handle: (bind: string, head: ExchangeHead, responder: Responder) => Promise<void>;
  readonly refused?: (bind: string, refusal: Refusal) => void;
}

/** How long requests on a removed bind may take to finish. */
const removedDrainMs = 30_000;

/** Opens and closes binds. A bind that cannot be opened fails its listeners only. */
export class BindTable {
  /** Listener key → why it is not served. */
  errors: ReadonlyMap<string, string> = new Map();
  readonly #parts: BindTableParts;
  readonly #open = new Map<string, Bind>();
  /** Removed binds whose requests have not all ended. */
  readonly #draining = new Set<Bind>();
  #isClosed = false;

  constructor(parts: BindTableParts) {
    this.#parts = parts;
  }

  /** Opens what the next snapshot needs and is not open; never rejects. */
  async open(binds: ReadonlyMap<string, BindPlan>): Promise<void> {
    const errors = new Map<string, string>();
    for (const plan of binds.values()) {
      const reason = await this.#openOne(plan);
      if (reason !== undefined) for (const listener of plan.listeners) errors.set(listener.key, reason);
    }
    this.errors = errors;
  }

  /**
   * Closes what the current snapshot no longer has, letting its requests finish. What could not be opened while that was in
   * its way, as when a listener goes from one address to all, is tried again.
   */
  async closeAbsent(binds: ReadonlyMap<string, BindPlan>): Promise<void> {
    let isFreed = false;
    for (const [key, bind] of this.#open) {
      if (binds.has(key)) continue;
      this.#open.delete(key);
      this.#retire(bind);
      isFreed = true;
    }
    if (isFreed && this.errors.size > 0) await this.open(binds);
  }

  /** Open sockets as `address:port`, sorted. */
  addresses(): string[] {
    return [...this.#open.values()].map(toHostPort).sort();
  }

  /** Closes everything, now and for good. */
  async drain(deadlineMs: number): Promise<void> {
    this.#isClosed = true;
    const open = [...this.#open.values(), ...this.#draining];
    this.#open.clear();
    await Promise.all(open.map((bind) => bind.drain(deadlineMs)));
  }

  /** Undefined once it is open, else why it is not. */
  async #openOne({ key, address: asked, port }: BindPlan): Promise<string | undefined> {
    if (this.#open.has(key)) return undefined;
    if (this.#isClosed) return 'the gateway is shutting down';
    const { handle, refused, log, clock, trustedHops, defaultAddress } = this.#parts;
    const address = asked || defaultAddress;
    try {
      const bind = await openBind({
        address,
        port,
        log,
        clock,
        trustedHops,
        handle: (head, responder) => handle(key, head, responder),
        refused: (refusal) => refused?.(key, refusal),
        identify: (socket) => this.#identify(key, socket),
      });
      if (this.#isClosed) await bind.drain(0);
      else this.#open.set(key, bind);
      return undefined;
    } catch (error) {
      return `cannot listen on ${toHostPort({ address, port })}: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  /** Whose connection it is, where a proxy in front says so. */
  #identify(key: string, socket: Socket): ConnectionEnds | Promise<ConnectionEnds | undefined> {
    const listeners = this.#parts.plan?.(key)?.listeners ?? [];
    const header = chooseProxyHeader(
      listeners.map(
        ({ proxyProtocol }) =>
          proxyProtocol?.client && {
            mode: proxyProtocol.client,
            trusts: (address: string) => proxyProtocol.trusts(address),
          },
      ),
    );
    if (!header) return endsOf(socket);
    return receiveEnds(socket, header, tunnelLimits).then((received) => {
      if (!('refused' in received)) return received.ends;
      const { reason, message } = received.refused;
      this.#parts.log.debug({ reason, bind: key }, `a connection was refused: ${message}`);
      socket.destroy();
      return undefined;
    });
  }

  #retire(bind: Bind): void {
    this.#draining.add(bind);
    bind
      .drain(removedDrainMs)
      .catch((error: unknown) => this.#parts.log.error({ err: error }, 'closing a listener failed'))
      .finally(() => this.#draining.delete(bind));
  }
}
