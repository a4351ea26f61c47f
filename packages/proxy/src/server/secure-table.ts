// Connections whose TLS ends here: handed over by the sockets that accepted them, secured, and given to whoever serves what is inside.
import type { TLSSocket } from 'node:tls';
import type { ExchangeHead, TlsFacts } from '@agentgateway/core/exchange.ts';
import type { BindPlan, ListenerPlan } from '../snapshot/snapshot.ts';
import type { HandedOver } from '../tunnel/tcp-bind.ts';
import { HttpService, type HttpServiceOptions, type Refusal } from './http-service.ts';
import type { Responder } from './responder.ts';
import { TlsTerminator, type TlsTerminatorParts } from './tls-terminator.ts';

/** What secured connections are served with. */
export interface SecureTableParts
  extends Pick<HttpServiceOptions, 'log' | 'clock' | 'trustedHops'>, TlsTerminatorParts {
  /** A bind as it is in the current snapshot. */
  readonly plan: (key: string) => BindPlan | undefined;
  readonly handle: (bind: string, head: ExchangeHead, responder: Responder) => Promise<void>;
  readonly refused: (bind: string, refusal: Refusal) => void;
  /** Takes what a TLS listener decrypts and TLSRoutes send on. */
  readonly proxy: (connection: HandedOver, client: TLSSocket) => void;
  /** A handshake failed; the message says why. */
  readonly failed: (connection: HandedOver, message: string) => void;
}

/** How long connections of a removed bind may take to finish. */
const removedDrainMs = 30_000;

/** Serves secured connections, bind by bind. */
export class SecureTable {
  readonly #parts: SecureTableParts;
  readonly #terminator: TlsTerminator;
  readonly #services = new Map<string, HttpService>();
  readonly #draining = new Set<HttpService>();
  #isClosed = false;

  constructor(parts: SecureTableParts) {
    this.#parts = parts;
    this.#terminator = new TlsTerminator(parts);
  }

  /** Takes a connection with all its bytes. */
  accept(connection: HandedOver): void {
    const { socket, bind } = connection;
    const listener = this.#parts.plan(bind)?.listeners.find(({ key }) => key === connection.listener.key);
    const tls = listener?.tls;
    if (!listener || tls?.mode !== 'terminate' || this.#isClosed) {
      this.#parts.failed(connection, 'the listener is gone, or the gateway is shutting down');
      socket.destroy();
      return;
    }
    this.#terminator.secure({
      socket,
      plan: tls,
      serverName: connection.hello.serverName,
      secured: (client, facts) => this.#serve(connection, listener, client, { ...facts, listener: listener.key }),
      failed: (message) => this.#parts.failed(connection, message),
    });
  }

  /** Lets the connections of binds that are gone finish. */
  closeAbsent(binds: ReadonlyMap<string, BindPlan>): void {
    for (const [key, service] of this.#services) {
      if (binds.has(key)) continue;
      this.#services.delete(key);
      this.#draining.add(service);
      void service.drain(removedDrainMs).finally(() => this.#draining.delete(service));
    }
  }

  /** Lets every connection finish, now and for good. */
  async drain(deadlineMs: number): Promise<void> {
    this.#isClosed = true;
    this.#terminator.breakOff();
    await Promise.all([...this.#services.values(), ...this.#draining].map((service) => service.drain(deadlineMs)));
  }

  #serve(connection: HandedOver, { protocol }: ListenerPlan, client: TLSSocket, tls: TlsFacts): void {
    // Its bind may have gone during the handshake.
    if (this.#isClosed || !this.#parts.plan(connection.bind)) {
      client.on('error', () => {}).destroy();
      this.#parts.failed(connection, 'the listener went during the handshake');
    } else if (protocol === 'HTTPS')
      this.#service(connection.bind).accept(client, {
        peer: connection.ends.source,
        local: connection.ends.destination,
        scheme: 'https',
        tls,
      });
    else this.#parts.proxy(connection, client);
  }

  #service(bind: string): HttpService {
    let service = this.#services.get(bind);
    if (!service) {
      const { log, clock, trustedHops, limits, handle, refused } = this.#parts;
      service = new HttpService({
        log,
        clock,
        limits,
        ...(trustedHops !== undefined && { trustedHops }),
        handle: (head, responder) => handle(bind, head, responder),
        refused: (refusal) => refused(bind, refusal),
      });
      this.#services.set(bind, service);
    }
    return service;
  }
}
