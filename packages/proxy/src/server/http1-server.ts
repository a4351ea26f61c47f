// node:http as a strict HTTP/1.1 server on sockets it is handed: limits, time-outs, and answers to what is not HTTP.
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { Socket } from 'node:net';
import { GatewayError, type Reason, reasons } from '@agentgateway/core/errors.ts';
import type { ServerLimits } from './limits.ts';

/** What the server hands on. */
export interface Http1Handlers {
  /** `expects` is set where the client waits for a 100 before it sends the body. */
  readonly request: (request: IncomingMessage, response: ServerResponse, expects?: () => void) => void;
  /** A request that is refused before anything is known of it. */
  readonly refuse: (request: IncomingMessage, response: ServerResponse, error: GatewayError) => void;
  /** Bytes that are not a request. */
  readonly invalid: (socket: Socket, error: GatewayError) => void;
}

/** Opens a server; give it connections with `emit('connection', socket)`. */
export function openHttp1Server(limits: ServerLimits, handlers: Http1Handlers): Server {
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytesMax,
      highWaterMark: limits.writeBufferBytesMax,
      requestTimeout: 0,
      headersTimeout: limits.headersTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: Math.min(1000, limits.headersTimeoutMs),
      requireHostHeader: false,
    },
    (request, response) => handlers.request(request, response),
  );
  // One more than allowed, for node drops what is over its own limit without a word.
  server.maxHeadersCount = limits.headersMax + 1;
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) =>
    handlers.request(request, response, () => response.writeContinue()),
  );
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) =>
    handlers.refuse(
      request,
      response,
      new GatewayError('bad-request', 'the only expectation served is 100-continue', { status: 417 }),
    ),
  );
  // Without a listener for upgrades node ignores the field, as a server may (RFC 9110 §7.8): curl offers h2c like that.
  server.on('connect', (_request, socket: Socket) =>
    handlers.invalid(
      socket,
      new GatewayError('method-not-allowed', 'CONNECT is not served on this listener', {
        headers: [['allow', allowed]],
      }),
    ),
  );
  server.on('clientError', (error: Error & { code?: string }, socket: Socket) => {
    const reason = toReason(error.code);
    if (reason) handlers.invalid(socket, new GatewayError(reason, messages[reason] ?? reasons[reason].hint));
    else socket.destroy();
  });
  // Connections are handed over, so node never listens and would never begin to look for late ones.
  server.emit('listening');
  return server;
}

/** What a listener serves in place of a method that it does not. */
const allowed = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

/** What is said of bytes that are no request; hints say what to do about it. */
const messages: Partial<Record<Reason, string>> = {
  'bad-framing': 'the bytes are not an HTTP request, or not a well-formed one',
  'headers-too-large': 'the head of the request is too large',
  'request-timeout': 'the request did not arrive whole in time',
};

/** Why bytes are no request; undefined where the connection itself has failed or was left in the middle of one. */
function toReason(code = ''): Reason | undefined {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return 'headers-too-large';
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 'request-timeout';
    case 'HPE_INVALID_EOF_STATE':
      return undefined;
    default:
      return code.startsWith('HPE_') ? 'bad-framing' : undefined;
  }
}
