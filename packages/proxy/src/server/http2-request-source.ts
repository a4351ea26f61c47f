// A request's body from a stream of HTTP/2: back-pressure both ways, nothing buffered besides, 100-continue on first read.
import { type Http2ServerRequest, constants } from 'node:http2';
import type { BodySource, Sink } from '@agentgateway/core/body.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { HeaderList } from '@agentgateway/core/header-list.ts';
import { toTrailers } from '../wire/trailers.ts';

/** What a request body is read with. */
export interface Http2RequestSourceOptions {
  readonly lengthBytes: number | undefined;
  /** How long the client may send nothing, in milliseconds. */
  readonly idleTimeoutMs: number;
  /** Called when the body is first read: the client may be waiting for a word. */
  readonly onFirstRead?: (() => void) | undefined;
}

/** Reads a request's body once. */
export class Http2RequestSource implements BodySource {
  readonly lengthBytes: number | undefined;
  readonly #message: Http2ServerRequest;
  readonly #options: Http2RequestSourceOptions;
  readonly #done = Promise.withResolvers<HeaderList | undefined>();
  #sink: Sink | undefined;
  #idle: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(message: Http2ServerRequest, options: Http2RequestSourceOptions) {
    this.#message = message;
    this.#options = options;
    this.lengthBytes = options.lengthBytes;
  }

  pipe(sink: Sink): Promise<HeaderList | undefined> {
    this.#sink = sink;
    const message = this.#message;
    if (this.#isOver) return this.#done.promise;
    if (message.destroyed && !message.readableEnded) {
      this.#fail(gone());
      return this.#done.promise;
    }
    this.#options.onFirstRead?.();
    this.#arm();
    message.on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onGone).on('error', this.#onGone);
    return this.#done.promise;
  }

  cancel(cause: unknown): void {
    // Nobody may be piping yet; whoever tries later gets the cause.
    this.#done.promise.catch(() => undefined);
    this.#fail(cause);
  }

  readonly #onData = (chunk: Buffer): void => {
    let result: true | Promise<void>;
    try {
      result = this.#sink!.write(chunk);
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (result === true) {
      this.#arm();
      return;
    }
    // Whoever makes the client wait may not blame it for the silence.
    this.#disarm();
    this.#message.pause();
    result.then(
      () => {
        if (this.#isOver) return;
        this.#arm();
        this.#message.resume();
      },
      (error: unknown) => this.#fail(error),
    );
  };

  readonly #onEnd = (): void => {
    const message = this.#message;
    if (!isWhole(message)) {
      this.#fail(gone());
      return;
    }
    this.#over();
    this.#done.resolve(toTrailers(message.rawTrailers));
  };

  readonly #onGone = (): void => this.#fail(gone());

  /** The client's turn begins, or begins anew. */
  #arm(): void {
    if (this.#idle) {
      this.#idle.refresh();
      return;
    }
    const { idleTimeoutMs } = this.#options;
    this.#idle = setTimeout(
      () => this.#fail(new GatewayError('request-timeout', `no byte of the request body for ${idleTimeoutMs} ms`)),
      idleTimeoutMs,
    );
  }

  #disarm(): void {
    clearTimeout(this.#idle);
    // A timer that was stopped does not start again by being refreshed.
    this.#idle = undefined;
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#over();
    this.#done.reject(error);
  }

  /** What is left is read and thrown away by the server, within its limits, when the answer is given. */
  #over(): void {
    this.#isOver = true;
    this.#disarm();
    const message = this.#message;
    message.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onGone).off('error', this.#onGone);
    if (!message.readableEnded) message.pause();
  }
}

/** Node ends an HTTP/2 request's reading side after a reset, too. */
function isWhole(message: Http2ServerRequest): boolean {
  const { stream } = message;
  return !message.aborted && !stream.aborted && (stream.rstCode ?? 0) === constants.NGHTTP2_NO_ERROR;
}

function gone(): GatewayError {
  return new GatewayError('client-gone', 'the client left before its request was whole');
}
