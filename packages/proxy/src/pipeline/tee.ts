// A copy of a body that is read at its own pace, beside a reader who is not held up by it.
import { Body, type BodySource, type Sink } from '@agentgateway/core/body.ts';
import type { HeaderList } from '@agentgateway/core/header-list.ts';

/** Bytes of a body that wait for whoever reads the copy; a copy that falls further behind is given up. */
export const teeBytesMax = 1024 * 1024;

/** A copy of a body that nobody has read yet; the body itself is read as before, and drives both. */
export function teeBody(body: Body): Body {
  const bytes = body.takeWhole();
  if (bytes) return withTrailers(Body.of(bytes), body.trailers);
  if (body.kind !== 'source') return Body.none();
  const copy = new CopySource(body.lengthBytes);
  body.through((source) => teeSource(source, copy));
  return Body.from(copy);
}

function withTrailers(body: Body, trailers: HeaderList | undefined): Body {
  body.trailers = trailers;
  return body;
}

function teeSource(source: BodySource, copy: CopySource): BodySource {
  return {
    lengthBytes: source.lengthBytes,
    ...(source.tooLargeReason && { tooLargeReason: source.tooLargeReason }),
    takeWhole() {
      const bytes = source.takeWhole?.();
      if (bytes) {
        copy.push(bytes);
        copy.end(undefined);
      }
      return bytes;
    },
    async pipe(sink) {
      try {
        const trailers = await source.pipe({
          write(chunk) {
            copy.push(chunk);
            return sink.write(chunk);
          },
        });
        copy.end(trailers);
        return trailers;
      } catch (error) {
        copy.fail(error);
        throw error;
      }
    },
    cancel(cause) {
      copy.fail(cause);
      source.cancel(cause);
    },
  };
}

/** What has been read of the original and not yet of the copy. */
class CopySource implements BodySource {
  readonly lengthBytes: number | undefined;
  readonly #done = Promise.withResolvers<HeaderList | undefined>();
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #sink: Sink | undefined;
  #isWaiting = false;
  #isOver = false;
  #end: { readonly trailers: HeaderList | undefined } | undefined;

  constructor(lengthBytes: number | undefined) {
    this.lengthBytes = lengthBytes;
    // Whether anybody pipes the copy is not the original's business.
    this.#done.promise.catch(() => undefined);
  }

  pipe(sink: Sink): Promise<HeaderList | undefined> {
    this.#sink = sink;
    this.#pump();
    return this.#done.promise;
  }

  cancel(cause: unknown): void {
    this.fail(cause);
  }

  push(chunk: Uint8Array): void {
    if (this.#isOver) return;
    this.#queue.push(chunk);
    this.#queuedBytes += chunk.byteLength;
    this.#pump();
    // A chunk that waits alone is held by the original's reader anyway.
    if (this.#queuedBytes > teeBytesMax && this.#queue.length > 1)
      this.fail(new Error(`the copy fell more than ${teeBytesMax} bytes behind`));
  }

  end(trailers: HeaderList | undefined): void {
    this.#end = { trailers };
    this.#pump();
  }

  fail(cause: unknown): void {
    if (this.#isOver || this.#end) return;
    this.#isOver = true;
    this.#queue = [];
    this.#done.reject(cause);
  }

  #pump(): void {
    const sink = this.#sink;
    if (!sink || this.#isWaiting || this.#isOver) return;
    for (let chunk = this.#queue.shift(); chunk; chunk = this.#queue.shift()) {
      this.#queuedBytes -= chunk.byteLength;
      const result = this.#write(sink, chunk);
      if (result === true) continue;
      this.#isWaiting = true;
      result.then(
        () => {
          this.#isWaiting = false;
          this.#pump();
        },
        (error: unknown) => this.#break(error),
      );
      return;
    }
    if (!this.#end || this.#isOver) return;
    this.#isOver = true;
    this.#done.resolve(this.#end.trailers);
  }

  #write(sink: Sink, chunk: Uint8Array): true | Promise<void> {
    try {
      return sink.write(chunk);
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Whoever reads the copy has failed. */
  #break(error: unknown): void {
    this.#isOver = true;
    this.#queue = [];
    this.#done.reject(error);
  }
}
