// Connections to HTTP/1.1 upstreams: one pool per endpoint and TLS identity, gone when its last connection is.
import { toHostPort } from '@agentgateway/core/authority.ts';
import type { EndpointAddress } from '@agentgateway/core/exchange.ts';
import { Http1Link, type LinkOwner, type LinkUser } from './http1-link.ts';
import { type UpstreamEndpoint, checkOrigin, toOrigin, transportLimits } from './request.ts';
import type { TimerWheel } from './timer-wheel.ts';
import { toTlsIdentity } from './tls-options.ts';

/** The connections of one endpoint. The one that was used last is used next, so that the others may end. */
class Pool implements LinkOwner {
  readonly timers: TimerWheel;
  tlsSession: Buffer | undefined;
  readonly #endpoint: UpstreamEndpoint;
  readonly #empty: () => void;
  readonly #links = new Set<Http1Link>();
  readonly #idle: Http1Link[] = [];
  #isRetired = false;
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
    else if (this.#isRetired) link.socket.destroy();
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

  /** Whether its connections lead there. */
  leadsTo({ address, port }: EndpointAddress): boolean {
    return this.#endpoint.address === address && this.#endpoint.port === port;
  }

  /** Nobody is to be sent there any more: what is idle ends now, what is in use after its answer. */
  retire(): void {
    this.#isRetired = true;
    for (const link of this.#idle) link.socket.destroy();
  }

  close(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const user of waiting) user.failed(new Error('the pool was closed'));
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
    const id = toPoolId(endpoint, origin);
    let pool = this.#pools.get(id);
    if (!pool) {
      checkOrigin(origin);
      const opened: Pool = new Pool(endpoint, this.#timers, () => {
        if (this.#pools.get(id) === opened) this.#pools.delete(id);
      });
      pool = opened;
      this.#pools.set(id, pool);
    }
    pool.take(user, isFresh);
    return () => pool.leave(user);
  }

  /** Lets the connections to an endpoint that is gone end when nobody uses them. */
  retire(endpoint: EndpointAddress): void {
    for (const [id, pool] of this.#pools) {
      if (!pool.leadsTo(endpoint)) continue;
      // Should it come back, it begins with connections of its own.
      this.#pools.delete(id);
      pool.retire();
    }
  }

  /** Breaks every connection. */
  close(): void {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    for (const pool of pools) pool.close();
  }
}

/** What connections of one pool have in common. */
function toPoolId({ tls, proxyHeader }: UpstreamEndpoint, origin: string): string {
  if (!tls && !proxyHeader) return origin;
  const secured = tls ? `${origin} ${toTlsIdentity(tls)}` : origin;
  if (!proxyHeader) return secured;
  const { version, ends } = proxyHeader;
  return `${secured} PROXY${version} ${toHostPort(ends.source)} ${toHostPort(ends.destination)}`;
}
