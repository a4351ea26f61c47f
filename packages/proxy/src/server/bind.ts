// One listening socket: HTTP/1.1 and HTTP/2 with prior knowledge told apart by their first bytes, both behind one Hono app.
import { type IncomingMessage, type Server, type ServerResponse, createServer as createHttp1Server } from 'node:http';
import {
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
  createServer as createHttp2Server,
} from 'node:http2';
import { type Server as NetServer, type Socket, createServer as createNetServer } from 'node:net';
import { type HttpBindings, getRequestListener } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Log } from '@agentgateway/core/environment.ts';
import { GatewayError, reasons, type Reason } from '@agentgateway/core/errors.ts';
import type { ExchangeHead } from '@agentgateway/core/exchange.ts';
import { Hono } from 'hono';
import type { Clock } from '../environment.ts';
import { toHead } from './head.ts';
import { type ServerLimits, serverLimits } from './limits.ts';
import { type NodeResponse, NodeResponder, type Responder } from './responder.ts';
import type { NodeRequest } from './request-source.ts';

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
}

/** An open socket. */
export interface Bind extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  /** Open connections. */
  readonly connections: number;
  /** Stops accepting; resolves when every connection has ended, those still busy at the deadline broken. */
  drain(deadlineMs: number): Promise<void>;
}

/** First bytes of HTTP/2 with prior knowledge (RFC 9113 §3.4). */
const preface = Buffer.from('PRI * HTTP/2.0');

/** Opens a socket. Rejects when the address cannot be bound. */
export async function openBind(options: BindOptions): Promise<Bind> {
  const bind = new OpenBind(options);
  await bind.listen();
  return bind;
}

class OpenBind implements Bind {
  readonly #options: BindOptions;
  readonly #limits: ServerLimits;
  readonly #net: NetServer;
  readonly #http1: Server;
  readonly #http2: Http2Server;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  #isDraining = false;
  #whenEmpty: (() => void) | undefined;

  constructor(options: BindOptions) {
    this.#options = options;
    this.#limits = options.limits ?? serverLimits;
    const app = new Hono<{ Bindings: HttpBindings }>();
    app.all('*', async ({ env }) => {
      await this.#serve(env.incoming, env.outgoing);
      return RESPONSE_ALREADY_SENT;
    });
    // Without autoCleanupIncoming: false, HTTP/2 request bodies still arriving would be cut.
    const serve = getRequestListener(app.fetch, { overrideGlobalObjects: false, autoCleanupIncoming: false });
    const listener = (request: NodeRequest, response: NodeResponse): void => {
      serve(request as IncomingMessage, response as ServerResponse).catch((error: unknown) =>
        this.#options.log.error({ err: error }, 'a request listener failed'),
      );
    };
    this.#http1 = this.#openHttp1(listener);
    this.#http2 = this.#openHttp2(listener);
    this.#net = createNetServer({ noDelay: true }, (socket) => this.#accept(socket));
    this.#net.maxConnections = this.#limits.connectionsMax;
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
      this.#net.once('error', reject);
      this.#net.listen({ host: this.#options.address, port: this.#options.port, backlog: 1024 }, () => {
        this.#net.off('error', reject);
        this.#net.on('error', (error) => this.#options.log.error({ err: error }, 'a listening socket failed'));
        resolve();
      });
    });
  }

  async drain(deadlineMs: number): Promise<void> {
    this.#isDraining = true;
    this.#net.close();
    this.#http1.closeIdleConnections();
    for (const session of this.#sessions) session.close();
    if (this.#sockets.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#whenEmpty = resolve;
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, deadlineMs);
    await promise;
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain(0);
  }

  #openHttp1(listener: (request: NodeRequest, response: NodeResponse) => void): Server {
    const { headerBytesMax, headersTimeoutMs, keepAliveTimeoutMs } = this.#limits;
    const server = createHttp1Server(
      {
        maxHeaderSize: headerBytesMax,
        requestTimeout: 0,
        headersTimeout: headersTimeoutMs,
        keepAliveTimeout: keepAliveTimeoutMs,
        connectionsCheckingInterval: 1000,
        requireHostHeader: false,
      },
      listener,
    );
    server.maxHeadersCount = this.#limits.headersMax + 1;
    server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      continueLater.set(request, () => response.writeContinue());
      listener(request, response);
    });
    server.on('upgrade', (_request, socket: Socket) =>
      refuse(socket, 'bad-request', 'upgrades are not served on this listener'),
    );
    server.on('connect', (_request, socket: Socket) =>
      refuse(socket, 'method-not-allowed', 'CONNECT is not served on this listener'),
    );
    server.on('clientError', (error: Error & { code?: string }, socket: Socket) => {
      const reason: Reason =
        error.code === 'HPE_HEADER_OVERFLOW'
          ? 'headers-too-large'
          : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
            ? 'request-timeout'
            : 'bad-framing';
      refuse(socket, reason, reasons[reason].hint);
    });
    return server;
  }

  #openHttp2(listener: (request: NodeRequest, response: NodeResponse) => void): Http2Server {
    const { concurrentStreamsMax, headerBytesMax, sessionMemoryMb, headersMax } = this.#limits;
    const server = createHttp2Server(
      {
        maxSessionMemory: sessionMemoryMb,
        maxHeaderListPairs: headersMax + 8,
        settings: { maxConcurrentStreams: concurrentStreamsMax, maxHeaderListSize: headerBytesMax },
      },
      listener as (request: Http2ServerRequest, response: Http2ServerResponse) => void,
    );
    server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('close', () => this.#sessions.delete(session));
      session.on('error', (error) => this.#options.log.debug({ err: error }, 'an HTTP/2 session failed'));
      if (this.#isDraining) session.close();
    });
    return server;
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => {
      this.#sockets.delete(socket);
      if (this.#sockets.size === 0) this.#whenEmpty?.();
    });
    socket.on('error', () => socket.destroy());
    const timer = setTimeout(() => socket.destroy(), this.#limits.headersTimeoutMs);
    const peek = (): void => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      if (chunk.length < preface.length && preface.subarray(0, chunk.length).equals(chunk)) {
        socket.unshift(chunk);
        socket.once('readable', peek);
        return;
      }
      clearTimeout(timer);
      socket.unshift(chunk);
      const isH2 = chunk.length >= preface.length && chunk.subarray(0, preface.length).equals(preface);
      if (isH2) this.#http2.emit('connection', socket);
      else this.#http1.emit('connection', socket);
    };
    socket.once('readable', peek);
    socket.on('close', () => clearTimeout(timer));
  }

  async #serve(request: NodeRequest, response: NodeResponse): Promise<void> {
    const { clock, trustedHops = 0, handle } = this.#options;
    let head: ExchangeHead;
    try {
      head = toHead(request, { clock, limits: this.#limits, trustedHops }, continueLater.get(request));
    } catch (error) {
      const failure = GatewayError.from(error);
      response.statusCode = failure.status;
      response.setHeader('content-type', 'application/json');
      if (request.httpVersionMajor === 1) response.setHeader('connection', 'close');
      (response as ServerResponse).end(toBody(failure.reason, failure.message));
      return;
    }
    const responder = new NodeResponder(response, {
      method: head.method,
      requestId: head.id,
      isLast: () => this.#isDraining,
    });
    await handle(head, responder);
    // A body that nobody read must not hold up the next request of the connection.
    if (!request.readableEnded) request.resume();
  }
}

/** What to do when the body of a request with `expect: 100-continue` is first read. */
const continueLater = new WeakMap<object, () => void>();

function refuse(socket: Socket, reason: Reason, message: string): void {
  if (socket.destroyed || !socket.writable) return;
  const body = toBody(reason, message);
  socket.end(
    `HTTP/1.1 ${reasons[reason].status} ${reason}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}

function toBody(reason: Reason, message: string): string {
  return JSON.stringify({ error: { reason, message, hint: reasons[reason].hint } });
}
