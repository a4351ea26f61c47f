// Answers on a stream of an HTTP/2 connection.
import type { Http2ServerResponse } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { HeaderList } from '@agentgateway/core/header-list.ts';
import { addField, toOutgoing } from '../wire/http2-fields.ts';
import { type HeadFacts, type Wire, type WireListener, lastWords } from './wire.ts';

/** Flat header lists go to the stream itself: the compatibility layer would sort them by name. */
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

  /** Heads do not wait here. */
  flush(): void {}

  inform(status: number, headers: HeaderList): void {
    const { stream } = this.#response;
    if (!stream.destroyed) stream.additionalHeaders({ ':status': status, ...toOutgoing(headers) });
  }

  /** An answer without a body ends with its head: to gRPC a frame of no bytes behind it is another answer. */
  head(status: number, headers: HeaderList, { isWhole, isEmpty = false }: HeadFacts): void {
    const fields = [':status', String(status)];
    const { raw } = headers;
    let hasDate = false;
    for (let i = 0; i < raw.length; i += 2) hasDate = addField(fields, raw[i]!, raw[i + 1]!) === 'date' || hasDate;
    const { stream } = this.#response;
    if (stream.destroyed) return;
    stream.respond(fields, {
      waitForTrailers: !isWhole,
      endStream: isEmpty,
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

  /** The request was an extended CONNECT (RFC 8441 §4), which a 200 answers; the proof of HTTP/1.1 has no place here. */
  switchTo(_protocol: string, headers: HeaderList): Duplex {
    headers.remove('sec-websocket-accept');
    this.head(200, headers, { isLast: false, isWhole: true });
    return this.#response.stream;
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
