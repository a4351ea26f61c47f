// A listening socket for TCP and TLS: a tunnel for each connection that is passed through; what is terminated is handed over.
import { type Server, type Socket, createServer } from 'node:net';
import type { Log } from '@agentgateway/core/environment.ts';
import type { ClientHello } from './client-hello.ts';
import type { TunnelBindPlan, TunnelListener } from './plan.ts';
import type { ConnectionEnds } from './proxy-protocol.ts';
import type { TunnelPlace } from './record.ts';
import { type Received, receive } from './reception.ts';
import type { Refused } from './read-header.ts';
import { breakOff } from './splice.ts';
import { Tunnel, type TunnelConnection, type TunnelParts } from './tunnel.ts';

/** A connection that somebody else serves, from its handshake on. */
export interface HandedOver {
  /** With all its bytes but a PROXY protocol header. */
  readonly socket: Socket;
  readonly id: string;
  readonly bind: string;
  readonly listener: TunnelListener;
  readonly ends: ConnectionEnds;
  readonly hello: ClientHello;
  /** Monotonic milliseconds of the accept. */
  readonly startMs: number;
}

/** What a bind is opened with. */
export interface TcpBindOptions {
  readonly key: string;
  readonly address: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly log: Log;
  readonly parts: TunnelParts;
  /** As it is now; undefined once it is gone. */
  readonly plan: () => TunnelBindPlan | undefined;
  /** Takes connections that are not passed through; undefined where nobody terminates TLS, so that they are refused. */
  readonly handOver: ((connection: HandedOver) => void) | undefined;
}

/** An open socket for TCP or TLS. */
export class TcpBind {
  readonly #options: TcpBindOptions;
  readonly #server: Server;
  /** Accepted, and not yet known what for. */
  readonly #fresh = new Set<Socket>();
  readonly #tunnels = new Set<Tunnel>();
  #isBreaking = false;

  constructor(options: TcpBindOptions) {
    this.#options = options;
    const { limits, recorder } = options.parts;
    this.#server = createServer(
      { allowHalfOpen: true, noDelay: true, keepAlive: true, highWaterMark: limits.writeBufferBytesMax },
      (socket) => void this.#accept(socket),
    );
    this.#server.maxConnections = limits.connectionsMax;
    this.#server.on('drop', () => recorder.dropped({ ...this.#place(undefined), reason: 'overloaded' }));
  }

  get address(): string {
    const bound = this.#server.address();
    return bound !== null && typeof bound === 'object' ? bound.address : this.#options.address;
  }

  get port(): number {
    const bound = this.#server.address();
    return bound !== null && typeof bound === 'object' ? bound.port : this.#options.port;
  }

  /** Connections that are passed through. */
  get tunnels(): ReadonlySet<Tunnel> {
    return this.#tunnels;
  }

  /** Rejects when the address cannot be bound. */
  listen(): Promise<void> {
    const { address, port, log } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host: address, port, backlog: 1024 }, () => {
        this.#server.off('error', reject);
        this.#server.on('error', (error) => log.error({ err: error }, 'a listening socket failed'));
        resolve();
      });
    });
  }

  /** Proxies a connection that was handed over and is decrypted now. */
  proxy(connection: TunnelConnection): void {
    const tunnel = new Tunnel(connection, this.#options.parts);
    this.#tunnels.add(tunnel);
    void tunnel.ended.then(() => this.#tunnels.delete(tunnel));
    tunnel.open();
    if (this.#isBreaking) tunnel.break('draining', drained);
  }

  /** Stops accepting; connections may go on until the deadline, and are broken then. Resolves when the last one is over. */
  async drain(deadlineMs: number): Promise<void> {
    this.#server.close();
    for (const socket of this.#fresh) breakOff(socket);
    const late = setTimeout(() => {
      this.#isBreaking = true;
      for (const tunnel of this.#tunnels) tunnel.break('draining', drained);
    }, deadlineMs);
    while (this.#tunnels.size > 0) await Promise.all([...this.#tunnels].map(({ ended }) => ended));
    clearTimeout(late);
  }

  async #accept(socket: Socket): Promise<void> {
    const { parts, plan, key, handOver } = this.#options;
    // A socket's failure is told by its end.
    socket.on('error', () => {});
    const startMs = parts.clock.monotonicMs();
    this.#fresh.add(socket);
    const received = await receive(socket, plan, parts.limits);
    this.#fresh.delete(socket);
    const { listener, ends, hello, refused } = received;
    const id = parts.clock.id();
    const protocol = hello || plan()?.isTls === true ? 'tls' : 'tcp';
    parts.recorder.opened({ ...this.#place(listener), protocol });
    const isPassed = listener?.mode === 'passthrough' || listener?.mode === 'tcp';
    const unserved = isPassed || handOver ? undefined : unterminated;
    if (refused ?? unserved) {
      breakOff(socket);
      this.#recordRefused({ ...received, refused: refused ?? unserved }, { id, startMs, protocol });
      return;
    }
    const connection = { id, bind: key, listener: listener!, ends, startMs };
    if (hello && !isPassed) handOver!({ socket, hello, ...connection });
    else this.proxy({ client: socket, protocol, serverName: hello?.serverName, ...connection });
  }

  #recordRefused(
    { listener, ends, hello, refused }: Received,
    { id, startMs, protocol }: Pick<TunnelConnection, 'id' | 'startMs' | 'protocol'>,
  ): void {
    const { clock, recorder } = this.#options.parts;
    recorder.closed({
      ...this.#place(listener),
      id,
      protocol,
      client: ends.source,
      serverName: hello?.serverName,
      route: '',
      rule: '',
      backend: '',
      endpoint: '',
      durationMs: clock.monotonicMs() - startMs,
      receivedBytes: 0,
      sentBytes: 0,
      reason: refused!.reason,
      message: refused!.message,
    });
  }

  /** What is known of a connection's place; where there is only one listener, it is that one's. */
  #place(listener: TunnelListener | undefined): TunnelPlace {
    const { key, plan } = this.#options;
    const current = plan();
    const known = listener ?? (current?.listeners.length === 1 ? current.listeners[0] : undefined);
    return {
      bind: key,
      gateway: known?.gateway ?? '',
      listener: known?.key ?? '',
      protocol: current?.isTls === true ? 'tls' : 'tcp',
    };
  }
}

const unterminated: Refused = { reason: 'listener-not-found', message: 'TLS is not terminated on this port' };
const drained = 'the listener is gone, or the gateway is shutting down';
