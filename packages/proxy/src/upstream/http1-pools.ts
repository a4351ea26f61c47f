// Connections to HTTP/1.1 upstreams: one pool per endpoint and TLS identity, gone when its last connection is.
import { Http1Link, type LinkOwner, type LinkUser } from './http1-link.ts';
import { type UpstreamEndpoint, checkOrigin, toOrigin, transportLimits } from './request.ts';
import type { TimerWheel } from './timer-wheel.ts';

/** The connections of one endpoint. The one that was used last is used next, so that the others may end. */
class Pool implements LinkOwner {
  readonly timers: TimerWheel;
  tlsSession: Buffer | undefined;
  readonly #endpoint: UpstreamEndpoint;
  readonly #empty: () => void;
  readonly #links = new Set<Http1Link>();
  readonly #idle: Http1Link[] = [];
  /** Users that wait for a connection, in order. */
  readonly #waiting = new Set<LinkUser>();

  constructor(endpoint: UpstreamEndpoint, timers: TimerWheel, empty: () => void) {
    this.#endpoint = endpoint;
    this.timers = timers;
    this.#empty = empty;
  }

  /** Gives the user a connection, at once, when it is made, or when another is done with one. */
  take(user: LinkUser, isFresh: boolean): void {
    const link = isFresh ? undefined : this.#popUsable();
    if (link) link.use(user);
    else if (this.#links.size < transportLimits.connectionsMax)
      this.#links.add(new Http1Link(this.#endpoint, this, user));
    else this.#waiting.add(user);
  }

  /** The user waits no more. */
  leave(user: LinkUser): void {
    this.#waiting.delete(user);
  }

  freed(link: Http1Link): void {
    const next = this.#next();
    if (next) link.use(next);
    else this.#idle.push(link);
  }

  lost(link: Http1Link): void {
    this.#links.delete(link);
    const index = this.#idle.indexOf(link);
    if (index >= 0) this.#idle.splice(index, 1);
    const next = this.#next();
    if (next) this.take(next, true);
    else if (this.#links.size === 0) this.#empty();
  }

  close(): void {
    this.#waiting.clear();
    for (const link of this.#links) link.socket.destroy();
  }

  #popUsable(): Http1Link | undefined {
    let link = this.#idle.pop();
    // Its end may not have been told yet.
    while (link && !link.isUsable) link = this.#idle.pop();
    return link;
  }

  #next(): LinkUser | undefined {
    const [next] = this.#waiting;
    if (next) this.#waiting.delete(next);
    return next;
  }
}

/** The pools by endpoint and TLS identity. */
export class Http1Pools {
  readonly #pools = new Map<string, Pool>();
  readonly #timers: TimerWheel;

  constructor(timers: TimerWheel) {
    this.#timers = timers;
  }

  /** Pools that are kept. */
  get size(): number {
    return this.#pools.size;
  }

  /**
   * Gives the user a connection to the endpoint, a new one where it asks for that; the result takes the user back while it
   * waits. Throws for what no connection can be opened to.
   */
  take(endpoint: UpstreamEndpoint, user: LinkUser, isFresh: boolean): () => void {
    const origin = toOrigin(endpoint);
    const id = endpoint.tls ? `${origin} ${endpoint.tls.serverName}` : origin;
    let pool = this.#pools.get(id);
    if (!pool) {
      checkOrigin(origin);
      pool = new Pool(endpoint, this.#timers, () => this.#pools.delete(id));
      this.#pools.set(id, pool);
    }
    pool.take(user, isFresh);
    return () => pool.leave(user);
  }

  /** Breaks every connection. */
  close(): void {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    for (const pool of pools) pool.close();
  }
}
