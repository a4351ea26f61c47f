// A message body, both ways: the only buffer of the gateway, with back-pressure and one consumer.
import type { Duplex } from 'node:stream';
import type { HeaderList } from './header-list.ts';
import { GatewayError, type Reason } from './errors.ts';

/** Takes chunks: `true` means go on, a promise means wait until it resolves before the next write. */
export interface Sink {
  write(chunk: Uint8Array): true | Promise<void>;
}

/** Where a streamed body comes from: a socket, an upstream response, a codec. */
export interface BodySource {
  /** Length in bytes where it is known beforehand. */
  readonly lengthBytes?: number | undefined;
  /** What collecting fails with when there is more than may be held; `request-too-large` unless said. */
  readonly tooLargeReason?: Reason;
  /** The whole body, if it has arrived already in one piece and without trailers; it is then consumed. */
  takeWhole?(): Uint8Array | undefined;
  /**
   * Delivers every chunk to the sink, reading no further while the sink asks to wait. Resolves with the trailers at the
   * complete end and rejects when the body did not arrive whole: an incomplete body never looks complete.
   */
  pipe(sink: Sink): Promise<HeaderList | undefined>;
  /** Ends the body before its time; a pipe in progress rejects. */
  cancel(cause: unknown): void;
}

/** What all collected bodies of the process hold together, and may hold (contract 8). */
export const bodyBuffers = { bytesMax: 512 * 1024 * 1024, heldBytes: 0 };

/** A share of what the process may hold of bodies. Whoever takes some owns it and gives it back; nothing else does. */
export class BodyLease {
  #bytes = 0;

  /** Takes more. Throws `overloaded` where the process holds too much already. */
  take(bytes: number): void {
    if (bodyBuffers.heldBytes + bytes > bodyBuffers.bytesMax)
      throw new GatewayError('overloaded', `the gateway holds ${bodyBuffers.bytesMax} bytes of bodies already`);
    this.#bytes += bytes;
    bodyBuffers.heldBytes += bytes;
  }

  /** Gives all of it back. */
  release(): void {
    bodyBuffers.heldBytes -= this.#bytes;
    this.#bytes = 0;
  }
}

/** An upgraded connection, which both sides may write to and end by themselves. */
export interface Tunnel {
  readonly stream: Duplex;
  /** What is spoken on it, as `upgrade` names it (RFC 9110 §7.8). */
  readonly protocol: string;
  /** How long it may stay without a byte in either direction, in milliseconds; 0 for ever. */
  readonly idleMs: number;
}

/** What a body is made of. */
export type BodyKind = 'none' | 'bytes' | 'source' | 'tunnel';

/** A body that is consumed once, unless its bytes were collected, which makes it replayable. */
export class Body {
  #bytes: Uint8Array | undefined;
  #source: BodySource | undefined;
  #collecting: Promise<Uint8Array> | undefined;
  #isConsumed = false;
  #lease: BodyLease | undefined;
  #isReleased = false;
  /** Trailer fields, known once a source has ended or set by whoever made the body. */
  trailers: HeaderList | undefined;
  /** The connection after an upgrade. */
  readonly tunnel: Tunnel | undefined;

  private constructor(bytes: Uint8Array | undefined, source: BodySource | undefined, tunnel: Tunnel | undefined) {
    this.#bytes = bytes;
    this.#source = source;
    this.tunnel = tunnel;
  }

  /** No body at all. */
  static none(): Body {
    return new Body(undefined, undefined, undefined);
  }

  /** A body whose bytes are here. */
  static of(bytes: Uint8Array | string): Body {
    return new Body(typeof bytes === 'string' ? Buffer.from(bytes) : bytes, undefined, undefined);
  }

  /** A body that arrives over time. */
  static from(source: BodySource): Body {
    return new Body(undefined, source, undefined);
  }

  /** The two directions of an upgraded connection. */
  static upgraded(tunnel: Tunnel): Body {
    return new Body(undefined, undefined, tunnel);
  }

  get kind(): BodyKind {
    if (this.tunnel) return 'tunnel';
    if (this.#bytes) return 'bytes';
    return this.#source ? 'source' : 'none';
  }

  /** Whether the body can be sent once more. */
  get isReplayable(): boolean {
    return this.#bytes !== undefined || this.#source === undefined;
  }

  /** The bytes if they are here already. */
  get buffered(): Uint8Array | undefined {
    return this.#bytes;
  }

  /** The bytes if the whole body is here, taken over from its source where that is possible without waiting. */
  takeWhole(): Uint8Array | undefined {
    if (this.#bytes || !this.#source || this.#isConsumed) return this.#bytes;
    const bytes = this.#source.takeWhole?.();
    if (bytes) {
      this.#bytes = bytes;
      this.#source = undefined;
    }
    return bytes;
  }

  /** Length in bytes where it is known; 0 for no body. */
  get lengthBytes(): number | undefined {
    if (this.#bytes) return this.#bytes.byteLength;
    return this.#source ? this.#source.lengthBytes : 0;
  }

  /**
   * Collects the whole body, which makes it replayable.
   * Rejects when it is longer than `bytesMax` (with the given reason, else the source's) or the process holds too much
   * already; the rest is then not read. What is collected counts until {@link release}, which is the caller's to see to:
   * `Exchange.keep` has it done when the exchange is over.
   */
  bytes(bytesMax: number, tooLargeReason?: Reason): Promise<Uint8Array> {
    if (this.#bytes) return Promise.resolve(this.#bytes);
    const source = this.#source;
    if (!source) return Promise.resolve(emptyBytes);
    if (!this.#collecting) {
      try {
        // What is here whole needs no waiting.
        if (!this.#isConsumed && this.#takeIfFits(bytesMax)) return Promise.resolve(this.#bytes!);
      } catch (error) {
        return Promise.reject(error);
      }
      this.#consume();
      this.#collecting = this.#collect(source, bytesMax, tooLargeReason);
    }
    return this.#collecting;
  }

  /** Puts other bytes in the body's place; the old ones are not read any more. */
  replace(bytes: Uint8Array): void {
    if (this.#source && !this.#isConsumed) this.#source.cancel(new Error('the body was replaced'));
    this.#source = undefined;
    this.#bytes = bytes;
  }

  /** Says that the collected bytes are not used any more, so that others may be held in their place. */
  release(): void {
    this.#isReleased = true;
    // While it is being collected the bytes are there; they are given back when that has ended.
    if (!this.#collecting || this.#bytes) this.#lease?.release();
  }

  /** Delivers the body to the sink; see {@link BodySource.pipe}. A source can be piped once. */
  async pipe(sink: Sink): Promise<HeaderList | undefined> {
    if (this.#bytes) {
      if (this.#bytes.byteLength > 0) await sink.write(this.#bytes);
      return this.trailers;
    }
    if (!this.#source) return this.trailers;
    this.#consume();
    this.trailers = (await this.#source.pipe(sink)) ?? this.trailers;
    return this.trailers;
  }

  /** Puts a stage between the source and whoever reads the body: `wrap` gets the old source and gives the new one. */
  through(wrap: (source: BodySource) => BodySource): void {
    const bytes = this.#bytes;
    if (this.#isConsumed && !bytes) throw new Error('a body that is being read cannot be changed');
    this.#source = wrap(this.#source ?? toSource(bytes ?? emptyBytes, this.trailers));
    this.#bytes = undefined;
    this.#collecting = undefined;
    this.#isConsumed = false;
  }

  /** Gives the body up, wherever it is. */
  cancel(cause: unknown): void {
    this.#source?.cancel(cause);
    this.tunnel?.stream.destroy(cause instanceof Error ? cause : undefined);
  }

  /** Takes a body over that has arrived whole, if it may be held. */
  #takeIfFits(bytesMax: number): boolean {
    const { lengthBytes } = this;
    if (lengthBytes === undefined || lengthBytes > bytesMax) return false;
    const bytes = this.takeWhole();
    if (!bytes) return false;
    (this.#lease ??= new BodyLease()).take(bytes.byteLength);
    return true;
  }

  async #collect(source: BodySource, bytesMax: number, tooLargeReason?: Reason): Promise<Uint8Array> {
    const lease = (this.#lease ??= new BodyLease());
    const chunks: Uint8Array[] = [];
    let length = 0;
    const check = (bytes: number): void => {
      if (bytes <= bytesMax) return;
      const reason = tooLargeReason ?? source.tooLargeReason ?? 'request-too-large';
      throw new GatewayError(reason, `the body is longer than the limit of ${bytesMax} bytes`);
    };
    try {
      check(source.lengthBytes ?? 0);
      const trailers = await source.pipe({
        write(chunk) {
          check((length += chunk.byteLength));
          lease.take(chunk.byteLength);
          chunks.push(chunk);
          return true;
        },
      });
      this.trailers = trailers ?? this.trailers;
    } catch (error) {
      lease.release();
      source.cancel(error);
      throw error;
    }
    const bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length);
    // Whoever put other bytes in its place meanwhile does not want these.
    if (this.#source === source) {
      this.#bytes = bytes;
      this.#source = undefined;
    }
    if (this.#isReleased) lease.release();
    return bytes;
  }

  #consume(): void {
    if (this.#isConsumed) throw new Error('a body was read twice; collect it with bytes() first');
    this.#isConsumed = true;
  }
}

/** A source that delivers bytes that are already here, in one chunk. */
export function toSource(bytes: Uint8Array, trailers?: HeaderList): BodySource {
  return {
    lengthBytes: bytes.byteLength,
    async pipe(sink) {
      if (bytes.byteLength > 0) await sink.write(bytes);
      return trailers;
    },
    cancel() {},
  };
}

const emptyBytes = new Uint8Array(0);
