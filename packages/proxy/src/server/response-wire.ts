// How an answer is put on the wire of either HTTP version; the responder decides what is put there.
import { ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import type { HeaderList } from '@agentgateway/core/header-list.ts';
import { addField, toOutgoing } from '../wire/http2-fields.ts';

/** Either server's response. */
export type NodeResponse = ServerResponse | Http2ServerResponse;

/** Who wants to know what happens on the wire. */
export interface WireListener {
  /** More may be written. */
  drained(): void;
  /** The connection or stream has ended, for whatever reason. */
  closed(): void;
}

/** What is known of an answer when its head is written. */
export interface HeadFacts {
  /** The connection must end with it. */
  readonly isLast: boolean;
  /** The body follows in one piece, without trailers. */
  readonly isWhole: boolean;
}

/** The writing side of one exchange. */
export interface Wire {
  readonly isHeadSent: boolean;
  /** Whether bytes that were written wait for the client, as far as this connection alone can tell. */
  readonly isBehind: boolean;
  listen(listener: WireListener): void;
  inform(status: number, headers: HeaderList): void;
  head(status: number, headers: HeaderList, facts: HeadFacts): void;
  /** False when the client's socket has enough; `drained` follows. */
  write(chunk: Uint8Array): boolean;
  trailers(trailers: HeaderList): void;
  end(chunk: Uint8Array | undefined): void;
  /** Delivers the last bytes and then breaks the exchange, so that it cannot be taken for complete. */
  break(bytes: Uint8Array | undefined): Promise<void>;
  /** Breaks the exchange at once. */
  abort(): void;
}

/** How long the last words to a client that does not read may wait, in milliseconds. */
const lastWordsMs = 5000;

/** Older versions of node can only say 100 and 103 with links; interim answers may be left out (RFC 9110 §15.2). */
const canInform = 'writeInformation' in ServerResponse.prototype;

/** Up to this length copying a body costs less than a second piece of a write, in bytes. */
const joinedBytesMax = 16 * 1024;

/** HTTP/1.x. */
export class Http1Wire implements Wire {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  get isHeadSent(): boolean {
    return this.#response.headersSent;
  }

  /** A response without a socket waits for those before it. */
  get isBehind(): boolean {
    return (this.#response.socket?.writableLength ?? 0) > 0;
  }

  listen(listener: WireListener): void {
    this.#response.on('close', () => listener.closed()).on('error', () => listener.closed());
    this.#response.on('drain', () => listener.drained());
  }

  inform(status: number, headers: HeaderList): void {
    // HTTP/1.0 knows no interim answers (RFC 9110 §15.2).
    if (!canInform || this.#response.req.httpVersionMinor === 0) return;
    this.#response.writeInformation(status, toOutgoing(headers));
  }

  head(status: number, headers: HeaderList, { isLast }: HeadFacts): void {
    if (isLast) this.#response.shouldKeepAlive = false;
    this.#response.writeHead(status, headers.raw);
  }

  write(chunk: Uint8Array): boolean {
    return this.#response.write(chunk);
  }

  trailers(trailers: HeaderList): void {
    this.#response.addTrailers(trailers.entries().toArray());
  }

  end(chunk: Uint8Array | undefined): void {
    if (!chunk) this.#response.end();
    else if (chunk.byteLength > joinedBytesMax) this.#response.end(chunk);
    // As text the body is joined to the head: one write of one piece, where bytes would be a vector of two.
    else this.#response.end(toBuffer(chunk).toString('latin1'), 'latin1');
  }

  break(bytes: Uint8Array | undefined): Promise<void> {
    const response = this.#response;
    return lastWords(
      (done) => {
        response.once('close', done);
        // Even without last words, what was written before must be delivered first.
        if (bytes?.byteLength) response.write(bytes, done);
        else if (response.socket) response.socket.write('', done);
        else done();
      },
      () => this.abort(),
    );
  }

  abort(): void {
    this.#response.socket?.destroy();
  }
}

/** HTTP/2. Flat header lists go to the stream itself: the compatibility layer would sort them by name. */
export class Http2Wire implements Wire {
  readonly #response: Http2ServerResponse;

  constructor(response: Http2ServerResponse) {
    this.#response = response;
  }

  get isHeadSent(): boolean {
    return this.#response.headersSent;
  }

  /** Streams share their connection, and the session ends when none of them is taken (http2-server.ts). */
  get isBehind(): boolean {
    return false;
  }

  listen(listener: WireListener): void {
    this.#response.on('close', () => listener.closed()).on('error', () => listener.closed());
    this.#response.stream.on('drain', () => listener.drained());
    // A reset by the client is an event of the stream before it is an end of the response.
    this.#response.stream.on('aborted', () => listener.closed());
  }

  inform(status: number, headers: HeaderList): void {
    const { stream } = this.#response;
    if (!stream.destroyed) stream.additionalHeaders({ ':status': status, ...toOutgoing(headers) });
  }

  head(status: number, headers: HeaderList, { isWhole }: HeadFacts): void {
    const fields = [':status', String(status)];
    const { raw } = headers;
    let hasDate = false;
    for (let i = 0; i < raw.length; i += 2) hasDate = addField(fields, raw[i]!, raw[i + 1]!) === 'date' || hasDate;
    const { stream } = this.#response;
    if (stream.destroyed) return;
    stream.respond(fields, {
      waitForTrailers: !isWhole,
      ...(hasDate && { sendDate: false }),
    });
  }

  write(chunk: Uint8Array): boolean {
    return this.#response.stream.write(chunk);
  }

  trailers(trailers: HeaderList): void {
    this.#response.addTrailers(toOutgoing(trailers));
  }

  end(chunk: Uint8Array | undefined): void {
    const { stream } = this.#response;
    if (chunk) stream.end(chunk);
    else stream.end();
  }

  break(bytes: Uint8Array | undefined): Promise<void> {
    const { stream } = this.#response;
    return lastWords(
      (done) => {
        stream.once('close', done);
        stream.write(bytes ?? '', done);
      },
      () => this.abort(),
    );
  }

  abort(): void {
    this.#response.stream.destroy(new Error('the answer is incomplete'));
  }
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Calls `abort` when `say` is done, or when nobody listens for too long. */
function lastWords(say: (done: () => void) => void, abort: () => void): Promise<void> {
  return new Promise((resolve) => {
    const late = setTimeout(() => done(), lastWordsMs);
    let isDone = false;
    const done = (): void => {
      if (isDone) return;
      isDone = true;
      clearTimeout(late);
      abort();
      resolve();
    };
    say(done);
  });
}
