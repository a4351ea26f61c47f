// One listening socket: HTTP/1.1 and HTTP/2 with prior knowledge told apart by their first bytes, both behind one Hono app.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Http2ServerResponse } from 'node:http2';
import { type Server as NetServer, type Socket, createServer as createNetServer } from 'node:net';
import { type HttpBindings, getRequestListener } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Log } from '@agentgateway/core/environment.ts';
import { GatewayError, type Reason } from '@agentgateway/core/errors.ts';
import type { ClientAddress, ExchangeHead } from '@agentgateway/core/exchange.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import { Hono } from 'hono';
import type { Clock } from '../environment.ts';
import { discardRest } from './discard.ts';
import { toFailureBody, toRawAnswer } from './failure.ts';
import { type HeadParts, plainAddress, requestId, toHead } from './head.ts';
import { openHttp1Server } from './http1-server.ts';
import { Http2Sessions } from './http2-server.ts';
import { type ServerLimits, serverLimits } from './limits.ts';
import type { NodeRequest } from './request-source.ts';
import { NodeResponder, type Responder } from './responder.ts';
import { Http1Wire, Http2Wire, type NodeResponse } from './response-wire.ts';
import { sniff } from './sniff.ts';

/** What a bind is opened with. */
export interface BindOptions {
  readonly address: string;
  /** 0 picks a free one. */
  readonly port: number;
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

/** An open socket. */
export interface Bind extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  /** Open connections. */
  readonly connections: number;
  /**
   * Stops accepting and lets requests under way finish. At the deadline the rest is given up, told so in its own format,
   * and broken. Resolves when every connection has ended.
   */
  drain(deadlineMs: number): Promise<void>;
}

/** Opens a socket. Rejects when the address cannot be bound. */
export async function openBind(options: BindOptions): Promise<Bind> {
  const bind = new OpenBind(options);
  await bind.listen();
  return bind;
}

/** A request that was accepted, on its way through Hono. */
interface Call {
  readonly head: ExchangeHead;
  readonly responder: NodeResponder;
  readonly hasBody: boolean;
}

class OpenBind implements Bind {
  readonly #options: BindOptions;
  readonly #limits: ServerLimits;
  readonly #parts: HeadParts;
  readonly #net: NetServer;
  readonly #http1: Server;
  readonly #http2: Http2Sessions;
  readonly #hono: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  readonly #sockets = new Set<Socket>();
  /** Connections whose protocol is not known yet. */
  readonly #fresh = new Set<Socket>();
  readonly #calls = new WeakMap<object, Call>();
  readonly #active = new Map<NodeResponder, NodeRequest>();
  /** HTTP/1.1 connections on which nothing after the current answer can be understood. */
  readonly #broken = new WeakSet<Socket>();
  #isDraining = false;
  #isRefusedByHono = false;
  /** Settled when the last connection has ended after a drain began. */
  readonly #empty = Promise.withResolvers<void>();

  constructor(options: BindOptions) {
    this.#options = options;
    this.#limits = options.limits ?? serverLimits;
    this.#parts = { clock: options.clock, limits: this.#limits, trustedHops: options.trustedHops ?? 0 };
    this.#hono = this.#openHono();
    this.#http1 = openHttp1Server(this.#limits, {
      request: (request, response, expects) => this.#take(request, response, expects),
      refuse: (request, response, error) => this.#refuse(request, response, error),
      invalid: (socket, error) => this.#invalid(socket, error),
    });
    this.#http2 = new Http2Sessions(this.#limits, options.log, (request, response, expects) =>
      this.#take(request, response, expects),
    );
    this.#net = createNetServer({ noDelay: true, highWaterMark: this.#limits.writeBufferBytesMax }, (socket) =>
      this.#accept(socket),
    );
    this.#net.maxConnections = this.#limits.connectionsMax;
    this.#net.on('drop', () =>
      options.log.warn({ connectionsMax: this.#limits.connectionsMax }, 'a connection was refused: connectionsMax'),
    );
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
    return this.#sockets.size;
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      const failed = (error: unknown): void => {
        this.#http1.close();
        reject(error instanceof Error ? error : new Error('listening failed'));
      };
      this.#net.once('error', failed);
      this.#net.listen({ host: this.#options.address, port: this.#options.port, backlog: 1024 }, () => {
        this.#net.off('error', failed);
        this.#net.on('error', (error) => this.#options.log.error({ err: error }, 'a listening socket failed'));
        resolve();
      });
    });
  }

  async drain(deadlineMs: number): Promise<void> {
    this.#isDraining = true;
    this.#net.close();
    // Ends idle connections, and the watch over late ones.
    this.#http1.close();
    this.#http2.close();
    if (this.#sockets.size === 0) return;
    // Their first request may be under way.
    const lateFresh = setTimeout(() => {
      for (const socket of this.#fresh) socket.destroy();
    }, this.#limits.drainFreshMs);
    const breakAll = (): void => {
      for (const socket of this.#sockets) socket.destroy();
    };
    let timer = setTimeout(() => {
      for (const responder of this.#active.keys()) responder.giveUp('drain');
      if (this.#active.size > 0) timer = setTimeout(breakAll, this.#limits.drainGraceMs);
      else breakAll();
    }, deadlineMs);
    await this.#empty.promise;
    clearTimeout(timer);
    clearTimeout(lateFresh);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain(0);
  }

  #openHono(): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
    const app = new Hono<{ Bindings: HttpBindings }>();
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

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    this.#fresh.add(socket);
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#fresh.delete(socket);
      if (this.#isDraining && this.#sockets.size === 0) this.#empty.resolve();
    });
    socket.on('error', () => socket.destroy());
    sniff(socket, this.#limits.headersTimeoutMs, (isHttp2) => {
      this.#fresh.delete(socket);
      if (isHttp2) this.#http2.server.emit('connection', socket);
      else this.#http1.emit('connection', socket);
    });
  }

  #take(request: NodeRequest, response: NodeResponse, expects: (() => void) | undefined): void {
    let head: ExchangeHead;
    try {
      head = toHead(request, this.#parts, expects);
    } catch (error) {
      this.#refuse(request, response, GatewayError.from(error));
      return;
    }
    const wire = response instanceof Http2ServerResponse ? new Http2Wire(response) : new Http1Wire(response);
    const responder = new NodeResponder(wire, {
      method: head.method,
      requestId: head.id,
      writeIdleTimeoutMs: this.#limits.writeIdleTimeoutMs,
      isLast: () => this.#isDraining || this.#broken.has(request.socket),
    });
    this.#calls.set(request, { head, responder, hasBody: head.body.kind !== 'none' });
    const served = this.#hono(request as IncomingMessage, response as ServerResponse);
    if (this.#isRefusedByHono) {
      this.#isRefusedByHono = false;
      this.#watch(this.#serve(request));
    } else this.#watch(served);
  }

  #watch(served: Promise<void>): void {
    served.catch((error: unknown) => this.#options.log.error({ err: error }, 'a request listener failed'));
  }

  async #serve(request: NodeRequest): Promise<void> {
    const { head, responder, hasBody } = this.#calls.get(request)!;
    this.#active.set(responder, request);
    try {
      await this.#options.handle(head, responder);
    } finally {
      this.#active.delete(responder);
      // An entry whose value leads back to its key would keep both through every minor collection.
      this.#calls.delete(request);
      if (hasBody) discardRest(request, this.#limits);
      // A connection that became idle while draining is not waited for.
      if (this.#isDraining) setImmediate(() => this.#http1.closeIdleConnections());
      if (this.#broken.has(request.socket)) request.socket.destroySoon();
    }
  }

  /** Answers a request that cannot be served, before there is an exchange. */
  #refuse(request: NodeRequest, response: NodeResponse, error: GatewayError): void {
    const id = requestId(new HeaderList(request.rawHeaders), this.#parts);
    response.statusCode = error.status;
    response.setHeader('content-type', 'application/json');
    response.setHeader('x-request-id', id);
    if (!(response instanceof Http2ServerResponse)) {
      response.setHeader('connection', 'close');
      this.#broken.add(request.socket);
    }
    (response as ServerResponse).end(JSON.stringify(toFailureBody(error, id)));
    discardRest(request, this.#limits);
    const httpVersion = response instanceof Http2ServerResponse ? '2' : request.httpVersion === '1.0' ? '1.0' : '1.1';
    this.#refused(error, id, request.socket, { method: request.method ?? '', httpVersion });
  }

  /** Answers bytes that are no request. Where they are part of a body, its request is answered; others finish first. */
  #invalid(socket: Socket, error: GatewayError): void {
    if (socket.destroyed || !socket.writable || this.#broken.has(socket)) return;
    this.#broken.add(socket);
    let isBusy = false;
    for (const request of this.#active.values()) {
      if (request.socket !== socket) continue;
      isBusy = true;
      if (!request.complete) this.#calls.get(request)?.head.body.cancel(error);
    }
    if (isBusy) return;
    const id = this.#options.clock.id();
    // The address is gone with the connection.
    this.#refused(error, id, socket, { method: '', httpVersion: '1.1' });
    socket.end(toRawAnswer(error, id), () => socket.destroy());
  }

  #refused(
    { reason, status, message }: GatewayError,
    id: string,
    socket: Socket,
    told: Pick<Refusal, 'method' | 'httpVersion'>,
  ): void {
    const peer = { address: plainAddress(socket.remoteAddress ?? ''), port: socket.remotePort ?? 0 };
    this.#options.refused?.({ id, reason, status, message, peer, ...told });
  }
}
