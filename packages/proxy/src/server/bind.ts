// One listening socket whose connections carry requests from their first byte.
import { type Server, type Socket, createServer } from 'node:net';
import type { ConnectionEnds } from '../tunnel/proxy-protocol.ts';
import { endsOf } from '../tunnel/reception.ts';
import type { ConnectionFacts } from './head.ts';
import { HttpService, type HttpServiceOptions } from './http-service.ts';
import { serverLimits } from './limits.ts';

/** What a bind is opened with. */
export interface BindOptions extends HttpServiceOptions {
  readonly address: string;
  /** 0 picks a free one. */
  readonly port: number;
  /**
   * Finds out who is at the other end, before a byte of HTTP is read; undefined has seen to the end of the connection. Left
   * out where it is always the peer.
   */
  readonly identify?: (socket: Socket) => ConnectionEnds | Promise<ConnectionEnds | undefined>;
}

/** An open socket. */
export interface Bind extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  /** Open connections. */
  readonly connections: number;
  /** Stops accepting and drains; see {@link HttpService.drain}. */
  drain(deadlineMs: number): Promise<void>;
}

/** Opens a socket. Rejects when the address cannot be bound. */
export async function openBind(options: BindOptions): Promise<Bind> {
  const bind = new OpenBind(options);
  await bind.listen();
  return bind;
}

class OpenBind implements Bind {
  readonly #options: BindOptions;
  readonly #service: HttpService;
  readonly #net: Server;
  /** Connections of which it is not known yet whose they are. */
  readonly #unidentified = new Set<Socket>();

  constructor(options: BindOptions) {
    this.#options = options;
    this.#service = new HttpService(options);
    const { writeBufferBytesMax, connectionsMax } = options.limits ?? serverLimits;
    // Half-closed connections are ended by whoever serves them, once it has said what there is to say.
    this.#net = createServer({ noDelay: true, allowHalfOpen: true, highWaterMark: writeBufferBytesMax }, (socket) =>
      this.#accept(socket),
    );
    this.#net.maxConnections = connectionsMax;
    this.#net.on('drop', () => options.log.warn({ connectionsMax }, 'a connection was refused: connectionsMax'));
  }

  get address(): string {
    const bound = this.#net.address();
    return bound !== null && typeof bound === 'object' ? bound.address : this.#options.address;
  }

  get port(): number {
    const bound = this.#net.address();
    return bound !== null && typeof bound === 'object' ? bound.port : this.#options.port;
  }

  get connections(): number {
    return this.#service.connections;
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      const failed = (error: unknown): void => reject(error instanceof Error ? error : new Error('listening failed'));
      this.#net.once('error', failed);
      this.#net.listen({ host: this.#options.address, port: this.#options.port, backlog: 1024 }, () => {
        this.#net.off('error', failed);
        this.#net.on('error', (error) => this.#options.log.error({ err: error }, 'a listening socket failed'));
        resolve();
      });
    });
  }

  #accept(socket: Socket): void {
    const ends = this.#options.identify?.(socket) ?? endsOf(socket);
    if (!(ends instanceof Promise)) {
      this.#service.accept(socket, toFacts(ends));
      return;
    }
    // A socket's failure is told by its end.
    socket.on('error', () => {});
    this.#unidentified.add(socket);
    void ends.then((known) => {
      this.#unidentified.delete(socket);
      if (known) this.#service.accept(socket, toFacts(known));
    });
  }

  async drain(deadlineMs: number): Promise<void> {
    this.#net.close();
    for (const socket of this.#unidentified) socket.destroy();
    await this.#service.drain(deadlineMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain(0);
  }
}

function toFacts({ source, destination }: ConnectionEnds): ConnectionFacts {
  return { peer: source, local: destination, scheme: 'http', tls: undefined };
}
