// A request body that can be sent again: what was sent is kept up to a limit while it streams, and nothing waits for it.
import { Body, BodyLease, type BodySource, type Sink } from '@agentgateway/core/body.ts';
import type { HeaderList } from '@agentgateway/core/header-list.ts';

type End = { readonly trailers: HeaderList | undefined } | { readonly error: unknown };

/**
 * Hands one body to attempt after attempt. Each gets what earlier ones were sent and then what the client goes on sending;
 * an attempt that is given up does not give the body up. Beyond the limit, and once an answer has been accepted, nothing is
 * kept any more and the body belongs to the attempt under way.
 */
export class Replay {
  readonly #body: Body;
  readonly #bytesMax: number;
  readonly #lease = new BodyLease();
  #chunks: Uint8Array[] = [];
  #keptBytes = 0;
  #isKeeping = true;
  #isStarted = false;
  #end: End | undefined;
  #current: Reader | undefined;
  /** Lets the client go on once the attempt has taken what there is. */
  #resume: (() => void) | undefined;

  constructor(body: Body, bytesMax: number) {
    this.#body = body;
    this.#bytesMax = bytesMax;
    if ((body.lengthBytes ?? 0) > bytesMax) this.#isKeeping = false;
  }

  /** Whether another attempt can be sent the whole body. */
  get isWhole(): boolean {
    return this.#isKeeping || !this.#isStarted;
  }

  /** The body for the next attempt. */
  next(): Body {
    return Body.from(new Reader(this, this.#body.lengthBytes));
  }

  /** No further attempt will be made. */
  commit(): void {
    this.#stopKeeping();
  }

  /** The exchange is over. */
  release(): void {
    this.#isKeeping = false;
    this.#chunks = [];
    this.#lease.release();
    if (this.#isStarted && !this.#end) this.#body.cancel(new Error('the exchange is over'));
    this.#letGo();
  }

  /** An attempt reads. */
  attach(reader: Reader): void {
    this.#current = reader;
    if (!this.#isStarted) this.#start();
    void this.#pump(reader);
  }

  /** An attempt reads no more. */
  detach(reader: Reader, cause: unknown): void {
    if (this.#current && this.#current !== reader) return;
    this.#current = undefined;
    if (this.isWhole) return;
    // Nobody can be sent it any more.
    this.#body.cancel(cause);
    this.#letGo();
  }

  #start(): void {
    this.#isStarted = true;
    this.#body.pipe({ write: (chunk) => this.#take(chunk) }).then(
      (trailers) => this.#over({ trailers }),
      (error: unknown) => this.#over({ error }),
    );
  }

  #take(chunk: Uint8Array): true | Promise<void> {
    if (this.#isKeeping) this.#keep(chunk);
    this.#chunks.push(chunk);
    const reader = this.#current;
    if (!reader && !this.isWhole) return true;
    const waiting = new Promise<void>((resolve) => {
      this.#resume = resolve;
    });
    if (reader) void this.#pump(reader);
    return waiting;
  }

  #keep(chunk: Uint8Array): void {
    this.#keptBytes += chunk.byteLength;
    if (this.#keptBytes > this.#bytesMax) {
      this.#stopKeeping();
      return;
    }
    try {
      this.#lease.take(chunk.byteLength);
    } catch {
      // The process holds too much already: this body is sent once.
      this.#stopKeeping();
    }
  }

  #stopKeeping(): void {
    if (!this.#isKeeping) return;
    this.#isKeeping = false;
    this.#current?.dropSent(this.#chunks);
    this.#lease.release();
  }

  #over(end: End): void {
    this.#end = end;
    if (this.#current) void this.#pump(this.#current);
  }

  #letGo(): void {
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }

  /** Sends an attempt what it has not been sent. */
  async #pump(reader: Reader): Promise<void> {
    if (reader.isBusy) return;
    reader.isBusy = true;
    while (this.#current === reader) {
      const chunk = this.#chunks[reader.sent];
      if (chunk === undefined) break;
      reader.sent++;
      if (!this.#isKeeping) reader.dropSent(this.#chunks);
      if (!(await reader.write(chunk))) break;
    }
    reader.isBusy = false;
    if (this.#current !== reader || reader.sent < this.#chunks.length) return;
    if (this.#end) reader.finish(this.#end);
    else this.#letGo();
  }
}

/** The body as one attempt reads it. */
class Reader implements BodySource {
  readonly lengthBytes: number | undefined;
  /** Chunks of the replay that it was sent. */
  sent = 0;
  isBusy = false;
  readonly #replay: Replay;
  #sink: Sink | undefined;
  #isOver = false;
  readonly #done = Promise.withResolvers<HeaderList | undefined>();

  constructor(replay: Replay, lengthBytes: number | undefined) {
    this.#replay = replay;
    this.lengthBytes = lengthBytes;
    // Whoever cancels before the pipe hears of nothing else.
    this.#done.promise.catch(() => {});
  }

  pipe(sink: Sink): Promise<HeaderList | undefined> {
    this.#sink = sink;
    if (!this.#isOver) this.#replay.attach(this);
    return this.#done.promise;
  }

  cancel(cause: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#done.reject(cause instanceof Error ? cause : new Error('the attempt was given up'));
    this.#replay.detach(this, cause);
  }

  /** False where the attempt wants no more. */
  async write(chunk: Uint8Array): Promise<boolean> {
    if (this.#isOver) return false;
    try {
      const result = this.#sink!.write(chunk);
      if (result !== true) await result;
    } catch (error) {
      this.cancel(error);
    }
    return !this.#isOver;
  }

  /** Takes out of the chunks what this attempt, the last one, was sent. */
  dropSent(chunks: Uint8Array[]): void {
    chunks.splice(0, this.sent);
    this.sent = 0;
  }

  finish(end: End): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if ('error' in end) this.#done.reject(end.error);
    else this.#done.resolve(end.trailers);
  }
}
