// The only place that writes to a client: one write for small replies, back-pressure for streams, and honest ends (contract 10).
import type { ServerResponse } from 'node:http';
import { Http2ServerResponse } from 'node:http2';
import type { Reply } from '@agentgateway/core/exchange.ts';
import type { HeaderList } from '@agentgateway/core/header-list.ts';
import { removeHopByHop } from './hop-by-hop.ts';

/** Either server's response. */
export type NodeResponse = ServerResponse | Http2ServerResponse;

/** How a response ended. */
export interface ResponseEnd {
  readonly isHeadSent: boolean;
  readonly isClientGone: boolean;
  /** Why the body did not arrive whole. */
  readonly error?: unknown;
  readonly bodyBytes: number;
}

/** Answers one exchange. */
export interface Responder {
  /** Writes the reply; resolves, never rejects, when the last byte is handed over or the client is gone. */
  respond(reply: Reply): Promise<ResponseEnd>;
  /** Calls back once if the client leaves before the answer is whole. */
  onClose(fn: () => void): void;
}

/** What a responder needs to know beside node's response. */
export interface ResponderParts {
  readonly method: string;
  readonly requestId: string;
  /** Whether the connection must end with this answer. */
  readonly isLast: () => boolean;
}

/** Writes to a node:http or node:http2 response. */
export class NodeResponder implements Responder {
  readonly #response: NodeResponse;
  readonly #parts: ResponderParts;
  #onClose: (() => void) | undefined;
  #isOver = false;
  #isGone = false;
  #wake: (() => void) | undefined;
  #bodyBytes = 0;

  constructor(response: NodeResponse, parts: ResponderParts) {
    this.#response = response;
    this.#parts = parts;
    response.on('close', () => this.#closed());
    response.on('error', () => this.#closed());
    response.on('drain', () => this.#wake?.());
  }

  onClose(fn: () => void): void {
    this.#onClose = fn;
    if (this.#isGone) fn();
  }

  async respond(reply: Reply): Promise<ResponseEnd> {
    const { headers, status, body } = reply;
    if (this.#isGone) {
      body.cancel(new Error('the client is gone'));
      return this.#end(undefined);
    }
    removeHopByHop(headers);
    headers.set('x-request-id', this.#parts.requestId);
    const isBodiless = this.#parts.method === 'HEAD' || status === 204 || status === 304;
    const { buffered, lengthBytes } = body;
    if (isBodiless || body.kind === 'none' || buffered) {
      if (isBodiless) body.cancel(new Error('this answer has no body'));
      this.#writeWhole(reply, isBodiless ? undefined : (buffered ?? new Uint8Array(0)));
      return this.#end(undefined);
    }
    if (lengthBytes === undefined) headers.remove('content-length');
    this.#writeHead(status, headers);
    try {
      const trailers = await body.pipe({ write: (chunk) => this.#write(chunk) });
      this.#finish(trailers);
      return this.#end(undefined);
    } catch (error) {
      if (this.#isGone) body.cancel(error);
      else await this.#break(reply, error);
      return this.#end(error);
    }
  }

  #writeWhole({ status, headers }: Reply, bytes: Uint8Array | undefined): void {
    if (bytes && status !== 204 && status !== 304) headers.set('content-length', String(bytes.byteLength));
    this.#writeHead(status, headers);
    this.#isOver = true;
    this.#bodyBytes = bytes?.byteLength ?? 0;
    const response = this.#response as ServerResponse;
    if (bytes && bytes.byteLength > 0) response.end(bytes);
    else response.end();
  }

  #writeHead(status: number, headers: HeaderList): void {
    const response = this.#response;
    if (response instanceof Http2ServerResponse) {
      for (const [name, value] of headers.entries()) response.appendHeader(name.toLowerCase(), value);
      response.writeHead(status);
      return;
    }
    if (this.#parts.isLast()) response.shouldKeepAlive = false;
    response.writeHead(status, headers.raw);
  }

  #write(chunk: Uint8Array): true | Promise<void> {
    if (this.#isGone) throw new Error('the client is gone');
    this.#bodyBytes += chunk.byteLength;
    const response = this.#response as ServerResponse;
    if (response.write(chunk)) return true;
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }

  #finish(trailers: HeaderList | undefined): void {
    const response = this.#response as ServerResponse;
    if (trailers && trailers.size > 0) response.addTrailers(trailers.entries().toArray());
    this.#isOver = true;
    response.end();
  }

  /** A failure after the head: the format's error event, delivered, and then the connection is broken; never a normal end. */
  #break(reply: Reply, error: unknown): Promise<void> {
    this.#isOver = true;
    const response = this.#response;
    const bytes = reply.renderFailure?.(error);
    return new Promise((resolve) => {
      const destroy = (): void => {
        if (response instanceof Http2ServerResponse) response.stream.destroy(new Error('the answer is incomplete'));
        else response.socket?.destroy();
        resolve();
      };
      response.once('close', () => resolve());
      if (bytes && bytes.byteLength > 0) (response as ServerResponse).write(bytes, destroy);
      else (response as ServerResponse).write('', destroy);
    });
  }

  #closed(): void {
    if (this.#isGone) return;
    if (this.#isOver) return;
    this.#isGone = true;
    this.#wake?.();
    this.#onClose?.();
  }

  #end(error: unknown): ResponseEnd {
    return {
      isHeadSent: this.#response.headersSent,
      isClientGone: this.#isGone,
      bodyBytes: this.#bodyBytes,
      ...(error !== undefined && { error }),
    };
  }
}
