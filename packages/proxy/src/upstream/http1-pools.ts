// Connections to HTTP/1.1 upstreams: one pool per endpoint and TLS identity, closed when nobody has used it for a while.
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Log } from '@agentgateway/core/environment.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import { Client, type Dispatcher, Pool, buildConnector } from 'undici';
import { type UpstreamEndpoint, checkOrigin, toOrigin, transportLimits } from './request.ts';
import type { Timer, TimerWheel } from './timer-wheel.ts';

/** A dispatched call, as its connection sees it. */
export interface ConnectionUser extends Dispatcher.DispatchHandler {
  /** Set when a connection takes the call. */
  connection: Connection | undefined;
  /** How long it lets a connection be made, in milliseconds; 0 for ever. */
  readonly connectMs: number;
}

/** How long the connection that is made next may take, in milliseconds: the call that waits for it says so. */
interface ConnectWait {
  connectMs: number;
}

/** One connection of a pool, which knows whether it was used before. */
export class Connection extends Client {
  /** Answers received since it was opened. */
  answers = 0;
  readonly #wait: ConnectWait;

  constructor(origin: string | URL, options: Client.Options, wait: ConnectWait) {
    super(origin, options);
    this.#wait = wait;
    this.on('disconnect', () => {
      this.answers = 0;
    });
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const user = handler as ConnectionUser;
    user.connection = this;
    this.#wait.connectMs = user.connectMs;
    return super.dispatch(options, handler);
  }
}

/** A pool in use by one call. */
export interface PoolLease {
  readonly pool: Pool;
  /** The call is over; called once. */
  release(): void;
}

/** A pool, and the calls that use it. */
class SharedPool implements PoolLease {
  readonly pool: Pool;
  readonly idle: Timer;
  calls = 0;
  isClosed = false;

  constructor(pool: Pool, timers: TimerWheel, close: () => void) {
    this.pool = pool;
    // Whoever takes the pool while this is due counts as a call at once, so it is never closed under a request.
    this.idle = timers.start(transportLimits.idleConnectionMs, () => {
      if (this.calls === 0) close();
    });
  }

  release(): void {
    this.calls--;
    if (this.calls === 0 && !this.isClosed) this.idle.restart(transportLimits.idleConnectionMs);
  }
}

/** The pools by endpoint and TLS identity. */
export class Http1Pools {
  readonly #pools = new Map<string, SharedPool>();
  readonly #timers: TimerWheel;
  readonly #log: Log;

  constructor(timers: TimerWheel, log: Log) {
    this.#timers = timers;
    this.#log = log;
  }

  /** Pools that are kept. */
  get size(): number {
    return this.#pools.size;
  }

  /** The pool of an endpoint, which stays open at least until it is released. */
  acquire(endpoint: UpstreamEndpoint): PoolLease {
    const origin = toOrigin(endpoint);
    const id = `${origin} ${endpoint.tls?.serverName ?? ''}`;
    let shared = this.#pools.get(id);
    if (!shared) {
      shared = new SharedPool(this.#open(origin, endpoint), this.#timers, () => this.#close(id));
      this.#pools.set(id, shared);
    }
    shared.calls++;
    return shared;
  }

  /** Breaks every connection. */
  close(): void {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    for (const shared of pools) {
      shared.isClosed = true;
      shared.idle.stop();
      shared.pool.destroy().catch((error: unknown) => this.#log.debug({ err: error }, 'closing a pool failed'));
    }
  }

  #close(id: string): void {
    const shared = this.#pools.get(id)!;
    this.#pools.delete(id);
    shared.isClosed = true;
    shared.pool.close().catch((error: unknown) => this.#log.debug({ err: error }, 'closing an idle pool failed'));
  }

  #open(origin: string, endpoint: UpstreamEndpoint): Pool {
    checkOrigin(origin);
    const serverName = endpoint.tls?.serverName;
    // undici's own time-out is fixed per pool; here each connection has that of the call which waits for it.
    const connector = buildConnector({
      allowH2: false,
      timeout: 0,
      // An address is no server name (RFC 6066 §3); it is verified against the certificate all the same.
      ...(serverName !== undefined && isIP(serverName) === 0 && { servername: serverName }),
    });
    return new Pool(origin, {
      allowH2: false,
      connections: transportLimits.connectionsMax,
      pipelining: 1,
      keepAliveTimeout: transportLimits.idleConnectionMs,
      maxHeaderSize: transportLimits.headerBytesMax,
      headersTimeout: 0,
      bodyTimeout: 0,
      factory: (url, options) => {
        const wait: ConnectWait = { connectMs: 0 };
        return new Connection(url, { ...options, connect: this.#limited(connector, endpoint, wait) }, wait);
      },
    });
  }

  /** Makes connections that are given up when they are not made in time. */
  #limited(
    connector: buildConnector.connector,
    { address, port }: UpstreamEndpoint,
    wait: ConnectWait,
  ): buildConnector.connector {
    return (target, callback) => {
      let timer: Timer | undefined;
      const done = ((...result: Parameters<buildConnector.Callback>) => {
        timer?.stop();
        callback(...result);
      }) as buildConnector.Callback;
      // The server name is the endpoint's alone, not that of whichever authority a request names. The connector gives
      // its socket back, which its types leave out.
      const socket = connector({ ...target, servername: '' }, done) as unknown as Duplex;
      const { connectMs } = wait;
      if (connectMs === 0) return;
      timer = this.#timers.start(connectMs, () =>
        socket.destroy(new GatewayError('connect-timeout', `no connection to ${address}:${port} in time`)),
      );
    };
  }
}
