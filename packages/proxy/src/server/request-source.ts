// A request's body from node's readable: back-pressure both ways, nothing buffered besides, 100-continue on first read.
import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import type { BodySource, Sink } from '@agentgateway/core/body.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';

/** Either server's request. */
export type NodeRequest = IncomingMessage | Http2ServerRequest;

/** Reads a node request's body once. */
export class RequestSource implements BodySource {
  readonly lengthBytes: number | undefined;
  readonly #message: NodeRequest;
  readonly #onFirstRead: (() => void) | undefined;
  readonly #idleTimeoutMs: number;

  constructor(
    message: NodeRequest,
    options: {
      readonly lengthBytes: number | undefined;
      readonly idleTimeoutMs: number;
      readonly onFirstRead?: (() => void) | undefined;
    },
  ) {
    this.#message = message;
    this.lengthBytes = options.lengthBytes;
    this.#onFirstRead = options.onFirstRead;
    this.#idleTimeoutMs = options.idleTimeoutMs;
  }

  pipe(sink: Sink): Promise<HeaderList | undefined> {
    this.#onFirstRead?.();
    const message = this.#message;
    const { promise, resolve, reject } = Promise.withResolvers<HeaderList | undefined>();
    const gone = (): GatewayError => new GatewayError('client-gone', 'the client left before its request was whole');
    if (message.destroyed && !message.readableEnded) {
      reject(gone());
      return promise;
    }
    const idle = setTimeout(
      () => fail(new GatewayError('request-timeout', `no byte of the request body for ${this.#idleTimeoutMs} ms`)),
      this.#idleTimeoutMs,
    );
    let isOver = false;
    const over = (): void => {
      isOver = true;
      clearTimeout(idle);
      message.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
    };
    const fail = (error: unknown): void => {
      if (isOver) return;
      over();
      message.resume();
      reject(error);
    };
    const onData = (chunk: Buffer): void => {
      idle.refresh();
      let result: true | Promise<void>;
      try {
        result = sink.write(chunk);
      } catch (error) {
        fail(error);
        return;
      }
      if (result === true) return;
      message.pause();
      result.then(() => message.resume(), fail);
    };
    const onEnd = (): void => {
      if (!message.complete) {
        fail(gone());
        return;
      }
      over();
      const trailers = message.rawTrailers;
      resolve(trailers.length > 0 ? new HeaderList(trailers.slice()) : undefined);
    };
    const onClose = (): void => fail(gone());
    message.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
    return promise;
  }

  cancel(): void {
    // What is left is read and thrown away by the server when the response ends.
    this.#message.resume();
  }
}
