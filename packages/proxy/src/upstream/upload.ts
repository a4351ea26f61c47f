// A request body as undici pulls it: a few chunks at most are held, so back-pressure reaches the client.
import type { Body } from '@agentgateway/core/body.ts';
import { transportLimits } from './request.ts';

/** Whom an upload waits for. */
export interface UploadWatch {
  /** The upstream must take what it was given. */
  forUpload(): void;
  /** The client must send more. */
  pause(): void;
}

/** Iterates a body's chunks once. An incomplete body throws; stopping early gives the body up. */
export class Upload implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array> {
  readonly #body: Body;
  readonly #watch: UploadWatch;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #release: (() => void) | undefined;
  #reader: PromiseWithResolvers<IteratorResult<Uint8Array>> | undefined;
  #end: { readonly error?: unknown } | undefined;
  #isStarted = false;

  constructor(body: Body, watch: UploadWatch) {
    this.#body = body;
    this.#watch = watch;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    if (!this.#isStarted) this.#start();
    const chunk = this.#queue.shift();
    if (chunk) {
      this.#queuedBytes -= chunk.byteLength;
      this.#freed();
      this.#watch.forUpload();
      return Promise.resolve({ done: false, value: chunk });
    }
    if (this.#end) return this.#ended(this.#end);
    this.#watch.pause();
    this.#reader = Promise.withResolvers();
    return this.#reader.promise;
  }

  return(): Promise<IteratorResult<Uint8Array>> {
    this.cancel(new Error('the upstream stopped reading the request'));
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Gives the body up; whoever reads sees its end. */
  cancel(cause: unknown): void {
    if (this.#end) return;
    this.#end = {};
    this.#queue = [];
    this.#body.cancel(cause);
    this.#freed();
    this.#reader?.resolve({ done: true, value: undefined });
  }

  #start(): void {
    this.#isStarted = true;
    this.#body.pipe({ write: (chunk) => this.#write(chunk) }).then(
      () => this.#over({}),
      (error: unknown) => this.#over({ error }),
    );
  }

  #write(chunk: Uint8Array): true | Promise<void> {
    if (this.#end) return true;
    const reader = this.#reader;
    if (reader) {
      this.#reader = undefined;
      this.#watch.forUpload();
      reader.resolve({ done: false, value: chunk });
      return true;
    }
    this.#queue.push(chunk);
    this.#queuedBytes += chunk.byteLength;
    if (this.#queuedBytes < transportLimits.uploadBytesMax) return true;
    return new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  #freed(): void {
    if (!this.#release || (this.#queuedBytes >= transportLimits.uploadBytesMax && !this.#end)) return;
    this.#release();
    this.#release = undefined;
  }

  #over(end: { readonly error?: unknown }): void {
    if (this.#end) return;
    this.#end = end;
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader) this.#ended(end).then(reader.resolve, reader.reject);
  }

  #ended(end: { readonly error?: unknown }): Promise<IteratorResult<Uint8Array>> {
    if (!('error' in end)) return Promise.resolve({ done: true, value: undefined });
    // Whatever was thrown at the source is what the attempt fails with.
    return Promise.reject(end.error instanceof Error ? end.error : new Error('the request body failed'));
  }
}
