// A provider's event stream on its way to the client: frame by frame, committed with the first event, never falsely complete.
import type { Body, BodySource, Sink } from '@agentgateway/core/body.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { HeaderList } from '@agentgateway/core/header-list.ts';
import { EventTooLong, type Frame, SseSplitter } from '@agentgateway/llm/stream/sse.ts';

/** Turns a provider's frames into the client's bytes, and keeps the books meanwhile. */
export interface FrameReader {
  /** The bytes to write for a frame: its own, others, or undefined to drop it. Throws GatewayError. */
  read(frame: Frame): Uint8Array | undefined;
  /** Whether an event has come that commits the head; a comment does not. */
  readonly hasBegun: boolean;
  /** Whether the format's own end was read: what becomes of the connection after it changes nothing. */
  readonly isComplete: boolean;
  /** Bytes still to write once the provider has ended; throws where the stream is not complete. */
  end(): Uint8Array | undefined;
  /** The stream is over, once, in whichever way. `error` where it did not arrive whole. */
  over(error: unknown): void;
}

/** What happens when nobody listens any more. */
export type WhenGone = 'abort' | 'drain';

/** Bytes of a stream that are read on after the client has left, for its usage. */
const drainBytesMax = 16 * 1024 * 1024;

/** Bytes of comments that are held back before the first event; more of them commit the head. */
const commentBytesMax = 64 * 1024;

/** Reads frames from an upstream body and hands them on with back-pressure. */
export class LlmStream implements BodySource {
  readonly #upstream: Body;
  readonly #reader: FrameReader;
  readonly #splitter = new SseSplitter();
  readonly #begun = Promise.withResolvers<void>();
  readonly #done = Promise.withResolvers<HeaderList | undefined>();
  readonly #whenGone: WhenGone;
  #sink: Sink | undefined;
  /** Output made before anybody listens. */
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #resume: (() => void) | undefined;
  #isOver = false;
  #isSettled = false;
  #isGone = false;
  #goneBytes = 0;

  constructor(upstream: Body, reader: FrameReader, whenGone: WhenGone) {
    this.#upstream = upstream;
    this.#reader = reader;
    this.#whenGone = whenGone;
    this.#done.promise.catch(() => undefined);
    this.#begun.promise.catch(() => undefined);
  }

  /** Starts reading; resolves with the first event that is to be written, rejects when the stream fails before. */
  begin(): Promise<void> {
    this.#upstream.pipe({ write: (chunk) => this.#take(chunk) }).then(
      (trailers) => this.#ended(trailers),
      (error: unknown) => this.#failed(error),
    );
    return this.#begun.promise;
  }

  pipe(sink: Sink): Promise<HeaderList | undefined> {
    this.#sink = sink;
    const held = this.#held;
    this.#held = [];
    const waiting = held.length === 0 ? true : this.#deliver(Buffer.concat(held));
    if (waiting === true) this.#wake();
    else
      waiting.then(
        () => this.#wake(),
        (error: unknown) => this.cancel(error),
      );
    return this.#done.promise;
  }

  cancel(cause: unknown): void {
    if (this.#isOver || this.#isGone) return;
    if (this.#whenGone === 'drain') {
      this.#isGone = true;
      this.#held = [];
      this.#done.reject(cause);
      this.#wake();
      return;
    }
    this.#failed(cause);
    this.#upstream.cancel(cause);
  }

  #take(chunk: Uint8Array): true | Promise<void> {
    if (this.#isOver) return true;
    if (this.#isGone && (this.#goneBytes += chunk.byteLength) > drainBytesMax) {
      throw new GatewayError('client-gone', `the client is gone and more than ${drainBytesMax} bytes came after it`);
    }
    const output = this.#read(() => this.#splitter.push(chunk));
    if (output.length === 0 || this.#isGone) return true;
    const bytes = output.length === 1 ? output[0]! : Buffer.concat(output);
    if (this.#sink) return this.#deliver(bytes);
    this.#held.push(bytes);
    this.#heldBytes += bytes.byteLength;
    if (!this.#reader.hasBegun && this.#heldBytes <= commentBytesMax) return true;
    this.#begun.resolve();
    return new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  #read(cut: () => readonly Frame[]): Uint8Array[] {
    const output: Uint8Array[] = [];
    try {
      for (const frame of cut()) {
        const bytes = this.#reader.read(frame);
        if (bytes && bytes.byteLength > 0) output.push(bytes);
      }
    } catch (error) {
      throw error instanceof EventTooLong
        ? new GatewayError('upstream-protocol-error', error.message)
        : GatewayError.from(error);
    }
    return output;
  }

  /** A sink that fails is a client that is gone: what that means is for `cancel` to say. */
  #deliver(bytes: Uint8Array): true | Promise<void> {
    try {
      const waiting = this.#sink!.write(bytes);
      return waiting === true ? true : waiting.catch((error: unknown) => this.cancel(error));
    } catch (error) {
      this.cancel(error);
      return true;
    }
  }

  #wake(): void {
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }

  /** The provider's body has ended: the books are closed now, however slowly the client takes the rest. */
  #ended(trailers: HeaderList | undefined): void {
    if (this.#isOver) return;
    let waiting: true | Promise<void> = true;
    try {
      const output = this.#read(() => this.#splitter.end());
      const last = this.#reader.end();
      if (last && last.byteLength > 0) output.push(last);
      this.#settle(undefined);
      if (output.length > 0 && !this.#isGone) {
        const bytes = Buffer.concat(output);
        if (this.#sink) waiting = this.#deliver(bytes);
        else this.#held.push(bytes);
      }
    } catch (error) {
      this.#finish(GatewayError.from(error), undefined);
      return;
    }
    if (waiting === true) this.#finish(undefined, trailers);
    else void waiting.then(() => this.#finish(undefined, trailers));
  }

  #failed(error: unknown): void {
    this.#finish(this.#reader.isComplete ? undefined : error, undefined);
  }

  #settle(error: unknown): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#reader.over(error);
  }

  #finish(error: unknown, trailers: HeaderList | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#settle(error);
    this.#wake();
    if (error === undefined) {
      this.#begun.resolve();
      this.#done.resolve(trailers);
    } else {
      this.#begun.reject(error);
      this.#done.reject(error);
    }
  }
}
