// The open sockets of TCP, TLS and UDP, kept in step with the snapshot: new ones before the swap, old ones after it.
import { isIP } from 'node:net';
import { toHostPort } from '@agentgateway/core/authority.ts';
import type { Log } from '@agentgateway/core/environment.ts';
import type { TunnelBindPlan } from './plan.ts';
import { type HandedOver, TcpBind } from './tcp-bind.ts';
import type { TunnelConnection, TunnelParts } from './tunnel.ts';
import { UdpBind } from './udp-bind.ts';

/** What every bind is opened with. */
export interface TunnelTableParts {
  /** Address of listeners that name none. */
  readonly defaultAddress: string;
  readonly log: Log;
  readonly parts: TunnelParts;
  /** A bind as it is in the current snapshot. */
  readonly plan: (key: string) => TunnelBindPlan | undefined;
  /** Takes TLS that is to be terminated, with all its bytes, and answers for the socket from then on; undefined refuses it. */
  readonly handOver?: ((connection: HandedOver) => void) | undefined;
}

/** Opens and closes binds. A bind that cannot be opened fails its listeners only. */
export class TunnelTable {
  /** Listener key → why it is not served. */
  errors: ReadonlyMap<string, string> = new Map();
  readonly #parts: TunnelTableParts;
  readonly #open = new Map<string, TcpBind | UdpBind>();
  /** Removed binds whose connections have not all ended. */
  readonly #draining = new Set<TcpBind | UdpBind>();
  #isClosed = false;

  constructor(parts: TunnelTableParts) {
    this.#parts = parts;
  }

  /** Opens what the next snapshot needs and is not open; never rejects. */
  async open(plans: ReadonlyMap<string, TunnelBindPlan>): Promise<void> {
    const errors = new Map<string, string>();
    for (const plan of plans.values()) {
      const reason = await this.#openOne(plan);
      if (reason !== undefined) for (const listener of plan.listeners) errors.set(listener.key, reason);
    }
    this.errors = errors;
  }

  /**
   * Closes what the current snapshot no longer has, letting its connections go on for a while, and flows to endpoints that
   * are gone. What could not be opened while a socket was in its way is tried again.
   */
  async closeAbsent(plans: ReadonlyMap<string, TunnelBindPlan>): Promise<void> {
    let isFreed = false;
    for (const [key, bind] of this.#open) {
      if (plans.has(key)) {
        if (bind instanceof UdpBind) bind.closeLost();
        continue;
      }
      this.#open.delete(key);
      this.#retire(bind);
      isFreed = true;
    }
    if (isFreed && this.errors.size > 0) await this.open(plans);
  }

  /** Proxies TLS that was handed over and is decrypted now; undefined serves nobody, because the bind is gone. */
  proxy(connection: TunnelConnection): void {
    const bind = this.#open.get(connection.bind);
    if (bind instanceof TcpBind) bind.proxy(connection);
    else connection.client.destroy();
  }

  /** Open sockets as `address:port`, those for datagrams with `udp ` before it, sorted. */
  addresses(): string[] {
    return [...this.#open.values()]
      .map((bind) => (bind instanceof UdpBind ? `udp ${toHostPort(bind)}` : toHostPort(bind)))
      .sort();
  }

  /** Closes everything, now and for good. */
  async drain(deadlineMs: number): Promise<void> {
    this.#isClosed = true;
    const open = [...this.#open.values(), ...this.#draining];
    this.#open.clear();
    await Promise.all(open.map((bind) => bind.drain(deadlineMs)));
  }

  /** Undefined once it is open, else why it is not. */
  async #openOne({ key, address: asked, port, transport }: TunnelBindPlan): Promise<string | undefined> {
    if (this.#open.has(key)) return undefined;
    if (this.#isClosed) return 'the gateway is shutting down';
    const { log, parts, defaultAddress, handOver } = this.#parts;
    const address = toLiteral(asked || defaultAddress);
    const shared = { key, address, port, log, parts, plan: () => this.#parts.plan(key) };
    const bind = transport === 'udp' ? new UdpBind(shared) : new TcpBind({ ...shared, handOver: handOver });
    try {
      await bind.listen();
    } catch (error) {
      const what = transport === 'udp' ? ' for datagrams' : '';
      return `cannot listen on ${toHostPort({ address, port })}${what}: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (this.#isClosed) await bind.drain(0);
    else this.#open.set(key, bind);
    return undefined;
  }

  #retire(bind: TcpBind | UdpBind): void {
    const { log, parts } = this.#parts;
    this.#draining.add(bind);
    bind
      .drain(parts.limits.removedDrainMs)
      .catch((error: unknown) => log.error({ err: error }, 'closing a listener failed'))
      .finally(() => this.#draining.delete(bind));
  }
}

/** The one name that settings allow beside addresses. */
function toLiteral(address: string): string {
  return isIP(address) === 0 ? '127.0.0.1' : address;
}
