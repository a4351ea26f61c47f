// Answers on an HTTP/1.x connection: a head and a short body are one write, long ones are chunks (RFC 9112 §4, §6, §7).
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { HeaderList } from '@agentgateway/core/header-list.ts';
import { toChunkLine, toLastChunk, toLine, toLines } from '../wire/http1/encode.ts';
import { TurnWriter } from '../wire/http1/turn-writer.ts';
import { type HeadFacts, type Wire, type WireListener, lastWords } from './wire.ts';

/** Who asks. */
export interface Http1Asker {
  readonly isHttp10: boolean;
  /** A HEAD request: answers have no bodies. */
  readonly isHead: boolean;
}

/** Writes one answer after the other. */
export class Http1Wire implements Wire {
  isHeadSent = false;
  /** Whether the whole answer is handed over. */
  isEnded = false;
  /** Whether the client was told that the connection ends. */
  isLast = false;
  readonly #socket: Socket;
  readonly #writer: TurnWriter;
  readonly #now: () => number;
  /** Gives the socket away, with all that was read ahead. */
  readonly #release: () => Duplex;
  #asker: Http1Asker = { isHttp10: false, isHead: false };
  #listener: WireListener | undefined;
  /** A head that waits for its body. */
  #head = '';
  #isChunked = false;
  #trailers: HeaderList | undefined;

  constructor(socket: Socket, now: () => number, release: () => Duplex) {
    this.#release = release;
    this.#socket = socket;
    this.#writer = new TurnWriter(socket, () => {
      if (!this.isEnded) return;
      this.#listener?.behind();
      this.#tellWhenTaken();
    });
    this.#now = now;
  }

  /** A new answer begins. */
  begin(asker: Http1Asker): void {
    this.#asker = asker;
    this.#listener = undefined;
    this.#head = '';
    this.#isChunked = false;
    this.#trailers = undefined;
    this.isHeadSent = false;
    this.isEnded = false;
  }

  get isBehind(): boolean {
    return this.#socket.writableLength > 0;
  }

  /** The socket takes more. */
  drained(): void {
    this.#listener?.drained();
  }

  /** The socket is closed. */
  closed(): void {
    this.#listener?.closed();
  }

  listen(listener: WireListener): void {
    this.#listener = listener;
  }

  /** The client may send its body (RFC 9110 §10.1.1). */
  sayContinue(): void {
    if (!this.isHeadSent) this.#writer.write('HTTP/1.1 100 Continue\r\n\r\n');
  }

  inform(status: number, headers: HeaderList): void {
    // HTTP/1.0 knows no interim answers (RFC 9110 §15.2).
    if (this.#asker.isHttp10) return;
    this.#writer.write(`${statusLine(status)}${toLines(headers)}\r\n`);
  }

  head(status: number, headers: HeaderList, { isLast, isWhole }: HeadFacts): void {
    const { isHttp10, isHead } = this.#asker;
    let text = statusLine(status) + toLines(headers);
    if (!headers.has('date')) text += dateLine(this.#now());
    const hasBody = !isWhole && !isHead;
    const isDelimited = !hasBody || headers.has('content-length');
    this.#isChunked = !isDelimited && !isHttp10;
    if (this.#isChunked) text += 'transfer-encoding: chunked\r\n';
    this.isLast = isLast || (!isDelimited && isHttp10);
    if (this.isLast) text += 'connection: close\r\n';
    else if (isHttp10) text += 'connection: keep-alive\r\n';
    this.#head = `${text}\r\n`;
    this.isHeadSent = true;
  }

  flush(): void {
    this.#writer.write(this.#takeHead());
  }

  /** Hands everything to the socket, which is about to be ended. */
  flushNow(): void {
    this.#writer.flush();
  }

  write(chunk: Uint8Array): boolean {
    const head = this.#takeHead();
    if (this.#isChunked) return this.#writer.writeBytes(head + toChunkLine(chunk.byteLength), chunk, '\r\n');
    return this.#writer.writeBytes(head, chunk, '');
  }

  trailers(trailers: HeaderList): void {
    this.#trailers = trailers;
  }

  end(chunk: Uint8Array | undefined): void {
    const head = this.#takeHead();
    const last = this.#isChunked ? toLastChunk(this.#trailers) : '';
    this.isEnded = true;
    if (!chunk) this.#writer.write(head + last);
    else if (this.#isChunked) this.#writer.writeBytes(head + toChunkLine(chunk.byteLength), chunk, `\r\n${last}`);
    else this.#writer.writeBytes(head, chunk, '');
    if (this.isBehind) this.#tellWhenTaken();
  }

  /** Tells whose answer it is when the socket has taken it: `drain` is only for sockets that had too much. */
  #tellWhenTaken(): void {
    const socket = this.#socket;
    const listener = this.#listener;
    const taken = (): void => listener?.drained();
    if (socket.writableEnded) socket.once('finish', taken);
    else socket.write('', taken);
  }

  switchTo(protocol: string, headers: HeaderList): Duplex {
    const date = headers.has('date') ? '' : dateLine(this.#now());
    this.#writer.write(
      `${statusLine(101)}${toLines(headers)}${date}connection: upgrade\r\n${toLine('upgrade', protocol)}\r\n`,
    );
    this.#writer.flush();
    this.isHeadSent = true;
    this.isEnded = true;
    return this.#release();
  }

  break(bytes: Uint8Array | undefined): Promise<void> {
    const socket = this.#socket;
    return lastWords(
      (done) => {
        if (socket.destroyed) {
          done();
          return;
        }
        socket.once('close', done);
        if (bytes?.byteLength) this.write(bytes);
        else this.flush();
        this.#writer.flush();
        // Even without last words, what was written before must be delivered first.
        socket.write('', done);
      },
      () => this.abort(),
    );
  }

  abort(): void {
    this.#socket.destroy();
  }

  #takeHead(): string {
    const head = this.#head;
    this.#head = '';
    return head;
  }
}

const statusLines: string[] = [];

function statusLine(status: number): string {
  return (statusLines[status] ??= `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`);
}

let dateSecond = -1;
let dateText = '';

/** Made once a second (RFC 9110 §6.6.1). */
function dateLine(nowMs: number): string {
  const second = Math.floor(nowMs / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    // oxlint-disable-next-line no-restricted-globals -- writes a time that was taken before
    dateText = `date: ${new Date(nowMs).toUTCString()}\r\n`;
  }
  return dateText;
}
