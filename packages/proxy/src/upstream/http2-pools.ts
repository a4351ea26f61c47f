// Connections to HTTP/2 upstreams: as few sessions per endpoint and TLS identity as its limit of streams allows.
import { type ClientHttp2Session, connect } from 'node:http2';
import type { EndpointAddress } from '@agentgateway/core/exchange.ts';
import type { Log } from '@agentgateway/core/environment.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import { type UpstreamEndpoint, checkOrigin, toOrigin, transportLimits } from './request.ts';
import type { Timer, TimerWheel } from './timer-wheel.ts';
import { toTlsIdentity, toTlsOptions } from './tls-options.ts';

/** One connection to an upstream, and how many streams of ours are open on it. */
export class Session {
  readonly http2: ClientHttp2Session;
  readonly idle: Timer;
  readonly endpoint: EndpointAddress;
  streams = 0;
  /** Whether the upstream takes the CONNECT of other protocols (RFC 8441 §3); undefined until it has said. */
  takesConnect: boolean | undefined;

  constructor(
    http2: ClientHttp2Session,
    { timers, endpoint }: { readonly timers: TimerWheel; readonly endpoint: EndpointAddress },
    close: () => void,
  ) {
    this.http2 = http2;
    this.endpoint = endpoint;
    // Whoever takes the session while this is due counts as a stream at once, so it is never closed under a request.
    this.idle = timers.start(transportLimits.idleConnectionMs, () => {
      if (this.streams === 0) close();
    });
  }

  /** A stream of it is over. */
  release(): void {
    this.streams--;
    if (this.streams === 0 && !this.http2.closed && !this.http2.destroyed)
      this.idle.restart(transportLimits.idleConnectionMs);
  }
}

/** Sessions by endpoint and TLS identity. */
export class Http2Pools {
  readonly #sessions = new Map<string, Session[]>();
  readonly #timers: TimerWheel;
  readonly #log: Log;

  constructor(timers: TimerWheel, log: Log) {
    this.#timers = timers;
    this.#log = log;
  }

  /** Endpoints that sessions are kept to. */
  get size(): number {
    return this.#sessions.size;
  }

  /** A session with room, a new one where there is none, or the least busy; it stays open at least until it is released. */
  acquire(endpoint: UpstreamEndpoint, connectMs: number): Session {
    const session = this.#find(endpoint, connectMs);
    session.streams++;
    return session;
  }

  /** Lets the sessions of an endpoint that is gone end with their last stream. */
  retire({ address, port }: EndpointAddress): void {
    for (const session of [...this.#sessions.values()].flat())
      if (session.endpoint.address === address && session.endpoint.port === port) session.http2.close();
  }

  /** Breaks every connection. */
  close(): void {
    const sessions = [...this.#sessions.values()].flat();
    this.#sessions.clear();
    for (const { http2, idle } of sessions) {
      idle.stop();
      http2.destroy();
    }
  }

  #find(endpoint: UpstreamEndpoint, connectMs: number): Session {
    const origin = toOrigin(endpoint);
    const id = endpoint.tls ? `${origin} ${toTlsIdentity(endpoint.tls)}` : origin;
    const sessions = this.#sessions.get(id) ?? [];
    let idlest: Session | undefined;
    for (const session of sessions) {
      // It is taken out once its end has been told, which is a little later.
      if (session.http2.closed || session.http2.destroyed) continue;
      const { maxConcurrentStreams = transportLimits.streamsAssumed } = session.http2.remoteSettings;
      if (session.streams < maxConcurrentStreams) return session;
      if (!idlest || session.streams < idlest.streams) idlest = session;
    }
    if (idlest && sessions.length >= transportLimits.sessionsMax) return idlest;
    return this.#open(id, origin, endpoint, connectMs);
  }

  #open(id: string, origin: string, { address, port, tls }: UpstreamEndpoint, connectMs: number): Session {
    checkOrigin(origin);
    const http2 = connect(origin, {
      maxHeaderListPairs: 2 * 1024,
      settings: { enablePush: false, maxHeaderListSize: transportLimits.headerBytesMax },
      ...(tls && { ...toTlsOptions(tls), ALPNProtocols: ['h2'] }),
    });
    http2.unref();
    const timer =
      connectMs > 0
        ? this.#timers.start(connectMs, () =>
            http2.destroy(new GatewayError('connect-timeout', `no connection to ${address}:${port} in time`)),
          )
        : undefined;
    const forget = (): void => {
      timer?.stop();
      session.idle.stop();
      this.#forget(id, session);
    };
    const session = new Session(http2, { timers: this.#timers, endpoint: { address, port } }, () => {
      forget();
      http2.close();
    });
    this.#sessions.set(id, [...(this.#sessions.get(id) ?? []), session]);
    http2.on('connect', () => timer?.stop());
    http2.on('remoteSettings', ({ enableConnectProtocol }) => {
      session.takesConnect = enableConnectProtocol === true;
    });
    http2.on('error', (error) => this.#log.debug({ err: error, endpoint: origin }, 'an upstream session failed'));
    http2.on('close', forget).on('goaway', forget);
    return session;
  }

  #forget(id: string, session: Session): void {
    const left = (this.#sessions.get(id) ?? []).filter((other) => other !== session);
    if (left.length > 0) this.#sessions.set(id, left);
    else this.#sessions.delete(id);
  }
}
