// Requests over connections of HTTP/1.1 and of HTTP/2 with prior knowledge or ALPN, told apart by their first bytes.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse, ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { type Http2Bindings, getRequestListener } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Body } from '@agentgateway/core/body.ts';
import type { Log } from '@agentgateway/core/environment.ts';
import { GatewayError, type Reason } from '@agentgateway/core/errors.ts';
import type { ClientAddress, ExchangeHead } from '@agentgateway/core/exchange.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import { Hono } from 'hono';
import type { Clock } from '../environment.ts';
import { TimerWheel } from '../upstream/timer-wheel.ts';
import { discardRest } from './discard.ts';
import { toFailureBody } from './failure.ts';
import { readConnectProtocol, readHttp2Target } from './framing.ts';
import { type ConnectionFacts, type HeadParts, checkHttp2Fields, requestId, toHead } from './head.ts';
import { Http1Connection, type Http1Owner, type RefusedRequest } from './http1-connection.ts';
import { Http2RequestSource } from './http2-request-source.ts';
import { Http2Sessions } from './http2-server.ts';
import { Http2Wire } from './http2-wire.ts';
import { type ServerLimits, serverLimits } from './limits.ts';
import { NodeResponder, type Responder } from './responder.ts';
import { sniff } from './sniff.ts';

/** What requests are served with. */
export interface HttpServiceOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly trustedHops?: number;
  readonly limits?: ServerLimits;
  readonly handle: (head: ExchangeHead, responder: Responder) => Promise<void>;
  /** Called once for each request that was answered without an exchange; left out where nobody keeps account. */
  readonly refused?: ((refusal: Refusal) => void) | undefined;
}

/** A request that was refused before it was one, or because it was none. */
export interface Refusal {
  /** The id that the answer names. */
  readonly id: string;
  readonly reason: Reason;
  readonly status: number;
  readonly message: string;
  readonly peer: ClientAddress;
  /** Empty where it is not known. */
  readonly method: string;
  readonly httpVersion: ExchangeHead['httpVersion'];
}

/** A request of HTTP/2 that was accepted, on its way through Hono. */
interface Call {
  readonly head: ExchangeHead;
  readonly responder: NodeResponder;
}

/** The connections that requests arrive on, whoever accepted them. */
export class HttpService implements Http1Owner, AsyncDisposable {
  readonly parts: HeadParts;
  readonly timers: TimerWheel;
  isDraining = false;
  readonly #options: HttpServiceOptions;
  readonly #limits: ServerLimits;
  readonly #http1 = new Set<Http1Connection>();
  readonly #http2: Http2Sessions;
  readonly #hono: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  readonly #sockets = new Set<Socket>();
  /** Connections whose protocol is not known yet. */
  readonly #fresh = new Set<Socket>();
  readonly #calls = new WeakMap<object, Call>();
  /** Exchanges of HTTP/2 that are under way. */
  readonly #active = new Set<NodeResponder>();
  #isRefusedByHono = false;
  /** Settled when the last connection has ended after a drain began. */
  readonly #empty = Promise.withResolvers<void>();

  constructor(options: HttpServiceOptions) {
    this.#options = options;
    this.#limits = options.limits ?? serverLimits;
    this.parts = { clock: options.clock, limits: this.#limits, trustedHops: options.trustedHops ?? 0 };
    this.timers = new TimerWheel(() => options.clock.monotonicMs());
    this.#hono = this.#openHono();
    this.#http2 = new Http2Sessions(this.#limits, options.log, (request, response, expects) =>
      this.#take(request, response, expects),
    );
  }

  /** Open connections. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Takes a connection over. */
  accept(socket: Socket, facts: ConnectionFacts): void {
    this.#sockets.add(socket);
    this.#fresh.add(socket);
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#fresh.delete(socket);
      if (this.isDraining && this.#sockets.size === 0) this.#empty.resolve();
    });
    socket.on('error', () => socket.destroy());
    sniff(socket, this.#limits.headersTimeoutMs, (isHttp2) => {
      this.#fresh.delete(socket);
      if (isHttp2) {
        socket.allowHalfOpen = false;
        this.#http2.accept(socket, facts);
        return;
      }
      const connection = new Http1Connection(socket, this, facts);
      this.#http1.add(connection);
      socket.on('close', () => this.#http1.delete(connection));
    });
  }

  /**
   * Lets requests under way finish, and accepts no more. At the deadline the rest is given up, told so in its own format,
   * and broken. Resolves when every connection has ended.
   */
  async drain(deadlineMs: number): Promise<void> {
    this.isDraining = true;
    for (const connection of this.#http1) connection.closeIdle();
    this.#http2.close();
    if (this.#sockets.size > 0) await this.#drained(deadlineMs);
    this.timers.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain(0);
  }

  async #drained(deadlineMs: number): Promise<void> {
    // Their first request may be under way.
    const lateFresh = setTimeout(() => {
      for (const socket of this.#fresh) socket.destroy();
    }, this.#limits.drainFreshMs);
    const breakAll = (): void => {
      for (const socket of this.#sockets) socket.destroy();
    };
    let timer = setTimeout(() => {
      let isWaiting = this.#active.size > 0;
      for (const responder of this.#active) responder.giveUp('drain');
      for (const connection of this.#http1) {
        isWaiting ||= connection.isBusy;
        connection.giveUp();
      }
      if (isWaiting) timer = setTimeout(breakAll, this.#limits.drainGraceMs);
      else breakAll();
    }, deadlineMs);
    await this.#empty.promise;
    clearTimeout(timer);
    clearTimeout(lateFresh);
  }

  /** Exchanges of HTTP/1.x begin here. */
  handle(head: ExchangeHead, responder: Responder): Promise<void> {
    return this.#options.handle(head, responder);
  }

  /** A request was answered without an exchange. */
  refused({ reason, status, message }: GatewayError, id: string, told: RefusedRequest): void {
    const { method, httpVersion, connection } = told;
    this.#options.refused?.({ id, reason, status, message, peer: connection.peer, method, httpVersion });
  }

  #openHono(): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
    const app = new Hono<{ Bindings: Http2Bindings }>();
    app.all('*', async ({ env }) => {
      await this.#serve(env.incoming);
      return RESPONSE_ALREADY_SENT;
    });
    return getRequestListener(app.fetch, {
      overrideGlobalObjects: false,
      // On, it would cut HTTP/2 request bodies that are still arriving.
      autoCleanupIncoming: false,
      // Called at once for targets that are no URL to Hono, such as `*`; which are allowed, framing.ts has decided.
      errorHandler: () => {
        this.#isRefusedByHono = true;
      },
    });
  }

  #take(request: Http2ServerRequest, response: Http2ServerResponse, expects: (() => void) | undefined): void {
    const { session } = request.stream;
    // It was reset before anybody could look at it: there is nobody to answer.
    if (!session) return;
    const connection = this.#http2.factsOf(session as ServerHttp2Session);
    let head: ExchangeHead;
    try {
      checkHttp2Fields(request.rawHeaders, this.#limits);
      const upgrade = readConnectProtocol(request);
      head = toHead(
        {
          // What HTTP/1.1 asks with a GET and an upgrade, HTTP/2 asks with an extended CONNECT (RFC 8441 §5).
          method: upgrade === undefined ? request.method : 'GET',
          httpVersion: '2',
          target: readHttp2Target(request),
          fields: request.rawHeaders,
          body: upgrade === undefined ? this.#openBody(request, expects) : Body.none(),
          connection,
          upgrade,
        },
        this.parts,
      );
    } catch (error) {
      this.#refuse(request, response, GatewayError.from(error), connection);
      return;
    }
    const responder = new NodeResponder(new Http2Wire(response), {
      method: head.method,
      requestId: head.id,
      writeIdleTimeoutMs: this.#limits.writeIdleTimeoutMs,
      isLast: () => this.isDraining,
      timers: this.timers,
    });
    this.#calls.set(request, { head, responder });
    // Hono's types name those of HTTP/1.1 alone.
    const served = this.#hono(request as unknown as IncomingMessage, response as unknown as ServerResponse);
    if (this.#isRefusedByHono) {
      this.#isRefusedByHono = false;
      this.#watch(this.#serve(request));
    } else this.#watch(served);
  }

  #openBody(request: Http2ServerRequest, onFirstRead: (() => void) | undefined): Body {
    if (request.stream.endAfterHeaders) return Body.none();
    const length = request.headers['content-length'];
    const lengthBytes = length === undefined ? undefined : Number(length);
    const { requestIdleTimeoutMs: idleTimeoutMs } = this.#limits;
    return Body.from(new Http2RequestSource(request, { lengthBytes, idleTimeoutMs, onFirstRead }));
  }

  #watch(served: Promise<void>): void {
    served.catch((error: unknown) => this.#options.log.error({ err: error }, 'a request listener failed'));
  }

  async #serve(request: Http2ServerRequest): Promise<void> {
    const { head, responder } = this.#calls.get(request)!;
    this.#active.add(responder);
    try {
      await this.#options.handle(head, responder);
    } finally {
      this.#active.delete(responder);
      // An entry whose value leads back to its key would keep both through every minor collection.
      this.#calls.delete(request);
      // After an upgrade the stream was somebody else's, and is closed.
      if (!request.stream.destroyed) discardRest(request, this.#limits);
    }
  }

  /** Answers a request of HTTP/2 that cannot be served, before there is an exchange. */
  #refuse(
    request: Http2ServerRequest,
    response: Http2ServerResponse,
    error: GatewayError,
    connection: ConnectionFacts,
  ): void {
    const id = requestId(new HeaderList(request.rawHeaders), this.parts);
    response.statusCode = error.status;
    response.setHeader('content-type', 'application/json');
    response.setHeader('x-request-id', id);
    for (const [name, value] of error.headers) response.setHeader(name, value);
    response.end(JSON.stringify(toFailureBody(error, id)));
    discardRest(request, this.#limits);
    this.refused(error, id, { method: request.method, httpVersion: '2', connection });
  }
}
