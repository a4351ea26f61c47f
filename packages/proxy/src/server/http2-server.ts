// node:http2 as a server with prior knowledge on sockets it is handed: limits, and sessions that end when nobody uses them.
import {
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  createServer,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { Log } from '@agentgateway/core/environment.ts';
import type { ConnectionFacts } from './head.ts';
import type { ServerLimits } from './limits.ts';

/** What the server hands on; `expects` is set where the client waits for a 100 before it sends the body. */
export type Http2Handler = (request: Http2ServerRequest, response: Http2ServerResponse, expects?: () => void) => void;

/** The sessions of one listener. */
export class Http2Sessions {
  readonly #server: Http2Server;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #limits: ServerLimits;
  readonly #log: Log;
  readonly #facts = new WeakMap<ServerHttp2Session, ConnectionFacts>();
  /** Of the connection that is being accepted. */
  #accepting: ConnectionFacts | undefined;
  #isClosing = false;

  constructor(limits: ServerLimits, log: Log, handler: Http2Handler) {
    this.#limits = limits;
    this.#log = log;
    const { concurrentStreamsMax, headerBytesMax, sessionMemoryMb, headersMax } = limits;
    this.#server = createServer(
      {
        maxSessionMemory: sessionMemoryMb,
        maxHeaderListPairs: headersMax + 8,
        settings: {
          maxConcurrentStreams: concurrentStreamsMax,
          maxHeaderListSize: headerBytesMax,
          enableConnectProtocol: true,
        },
      },
      (request, response) => handler(request, response),
    );
    this.#server.on('checkContinue', (request: Http2ServerRequest, response: Http2ServerResponse) =>
      handler(request, response, () => response.writeContinue()),
    );
    // Without a protocol it asks for a tunnel to a host (RFC 9113 §8.5), which is refused like any other that is not served.
    this.#server.on('connect', (request: Http2ServerRequest, response: Http2ServerResponse) =>
      handler(request, response),
    );
    this.#server.on('session', (session) => this.#opened(session));
    this.#server.on('sessionError', (error) => this.#log.debug({ err: error }, 'an HTTP/2 session failed'));
  }

  /** Takes a connection over. */
  accept(socket: Socket, facts: ConnectionFacts): void {
    this.#accepting = facts;
    this.#server.emit('connection', socket);
    this.#accepting = undefined;
  }

  /** What is known of a session's connection. */
  factsOf(session: ServerHttp2Session): ConnectionFacts {
    return this.#facts.get(session)!;
  }

  /** Tells every client to open no more streams; sessions end with their last one. */
  close(): void {
    this.#isClosing = true;
    for (const session of this.#sessions) session.close();
  }

  #opened(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    // The server announces a session within the very call that hands it its socket.
    this.#facts.set(session, this.#accepting!);
    const streams = new Set<ServerHttp2Stream>();
    session.on('stream', (stream) => {
      streams.add(stream);
      stream.on('close', () => streams.delete(stream));
    });
    // Not setTimeout's own callback, which would be called once: a session may be quiet while its streams wait.
    session.setTimeout(this.#limits.keepAliveTimeoutMs);
    session.on('timeout', () => {
      if (streams.size === 0) session.close();
      // Answers that are all written and that nobody takes would be kept for as long as the client likes.
      else if (streams.values().every((stream) => stream.writableEnded)) session.destroy();
    });
    session.on('close', () => this.#sessions.delete(session));
    // A connection that was accepted before still gets its first request served.
    if (this.#isClosing) session.once('stream', () => session.close());
  }
}
