// Where the body of an HTTP/1.x message ends: after its length, its last chunk, or its connection (RFC 9112 §6.3, §7).
import { FramingError } from './framing-error.ts';
import { type HeadLimits, findHeadEnd, parseTrailers } from './head.ts';

/** How a body is delimited: by a length in bytes, by chunks, or by the end of the connection. */
export type BodyFraming = number | 'chunked' | 'close';

/** Longest line of a chunk's size with its extensions, in bytes. */
const sizeLineBytesMax = 4 * 1024;
/** Extensions of all chunks of a message together, in bytes: they carry nothing, and cost their reader (RFC 9112 §7.1.1). */
const extensionBytesMax = 64 * 1024;
/** Longest trailer section, in bytes. */
const trailerBytesMax = 8 * 1024;
/** Hexadecimal digits of a size that no double rounds. */
const sizeDigitsMax = 12;

const cr = 0x0d;
const lf = 0x0a;
const semicolon = 0x3b;

/** The value of a hexadecimal digit; 255 for other bytes. */
const digits = new Uint8Array(256).fill(255);
for (let value = 0; value < 16; value++) {
  digits[value.toString(16).charCodeAt(0)] = value;
  digits[value.toString(16).toUpperCase().charCodeAt(0)] = value;
}

type State = 'size' | 'data' | 'data-end' | 'trailers';

/** Takes a body's bytes apart as they arrive. */
export class BodyDecoder {
  /** Whether the last byte has been seen; never by itself where the connection's end is the body's. */
  isDone: boolean;
  /** `[name, value, …]` of the trailer section; undefined where there is none. */
  trailers: string[] | undefined;
  readonly #trailerLimits: HeadLimits;
  readonly #isChunked: boolean;
  #state: State = 'size';
  /** Bytes left of the body or of the chunk. */
  #left: number;
  #extensionBytes = 0;
  /** The beginning of a line whose end has not arrived. */
  #held: Buffer | undefined;

  constructor(framing: BodyFraming, limits: HeadLimits) {
    this.#trailerLimits = { headersMax: limits.headersMax, headerBytesMax: trailerBytesMax };
    this.#isChunked = framing === 'chunked';
    this.#left = typeof framing === 'number' ? framing : framing === 'close' ? Infinity : 0;
    this.isDone = framing === 0;
  }

  /** Whether the end of the connection is the end of the body. */
  get isEndedByClose(): boolean {
    return this.#left === Infinity;
  }

  /**
   * Hands on the body's bytes among those from `from` on; gives the offset after the last byte that belonged to the
   * message. Throws FramingError for chunks that are none.
   */
  decode(bytes: Buffer, from: number, take: (chunk: Buffer) => void): number {
    if (!this.#isChunked) return this.#plain(bytes, from, take);
    if (!this.#held) return this.#chunked(bytes, from, take);
    // The held bytes are a line's beginning that was looked at already; together with the new ones it is looked at once more.
    const joined = Buffer.concat([this.#held, from === 0 ? bytes : bytes.subarray(from)]);
    const before = this.#held.byteLength;
    this.#held = undefined;
    return from + this.#chunked(joined, 0, take) - before;
  }

  #plain(bytes: Buffer, from: number, take: (chunk: Buffer) => void): number {
    const size = Math.min(this.#left, bytes.byteLength - from);
    this.#left -= size;
    this.isDone = this.#left === 0;
    if (size > 0) take(size === bytes.byteLength ? bytes : bytes.subarray(from, from + size));
    return from + size;
  }

  #chunked(bytes: Buffer, from: number, take: (chunk: Buffer) => void): number {
    let at = from;
    while (!this.isDone) {
      const before = at;
      const state = this.#state;
      at = this.#step(bytes, at, take);
      // No progress means that the rest is an incomplete line.
      if (at === before && state === this.#state) {
        if (at < bytes.byteLength) this.#held = Buffer.from(bytes.subarray(at));
        return bytes.byteLength;
      }
    }
    return at;
  }

  #step(bytes: Buffer, at: number, take: (chunk: Buffer) => void): number {
    switch (this.#state) {
      case 'size':
        return this.#size(bytes, at);
      case 'data': {
        const size = Math.min(this.#left, bytes.byteLength - at);
        if (size === 0) return at;
        take(bytes.subarray(at, at + size));
        this.#left -= size;
        if (this.#left === 0) this.#state = 'data-end';
        return at + size;
      }
      case 'data-end':
        if (bytes.byteLength > at && bytes[at] !== cr) throw new FramingError('a chunk is longer than its size');
        if (bytes.byteLength < at + 2) return at;
        if (bytes[at + 1] !== lf) throw new FramingError('a chunk does not end in a line ending');
        this.#state = 'size';
        return at + 2;
      case 'trailers':
        return this.#trailers(bytes, at);
    }
  }

  /** A line of the size, and what it announces. */
  #size(bytes: Buffer, at: number): number {
    const end = bytes.indexOf(lf, at);
    if (end < 0) {
      if (bytes.byteLength - at > sizeLineBytesMax) throw new FramingError('the line of a chunk is too long', true);
      return at;
    }
    let size = 0;
    let read = at;
    for (let digit = digits[bytes[read]!]!; digit < 16; digit = digits[bytes[read]!]!) {
      size = size * 16 + digit;
      read++;
    }
    const count = read - at;
    if (count === 0 || count > sizeDigitsMax) throw new FramingError('the size of a chunk is not a number');
    if (bytes[read] === semicolon) this.#extension(bytes, read, end);
    else if (read !== end - 1) throw new FramingError('the size of a chunk is not a number');
    if (bytes[end - 1] !== cr) throw new FramingError('the size of a chunk ends in a bare line feed');
    this.#left = size;
    this.#state = size === 0 ? 'trailers' : 'data';
    return end + 1;
  }

  /** Extensions are dropped, and no control character hides in them. */
  #extension(bytes: Buffer, from: number, lineEnd: number): void {
    this.#extensionBytes += lineEnd - from;
    if (lineEnd - from > sizeLineBytesMax || this.#extensionBytes > extensionBytesMax)
      throw new FramingError('the extensions of the chunks are too long', true);
    for (let i = from; i < lineEnd - 1; i++) {
      const byte = bytes[i]!;
      if ((byte < 0x20 && byte !== 0x09) || byte === 0x7f)
        throw new FramingError('the extension of a chunk holds a control character');
    }
  }

  #trailers(bytes: Buffer, at: number): number {
    if (bytes[at] === cr && bytes[at + 1] === lf) {
      this.isDone = true;
      return at + 2;
    }
    // An empty section is the usual one, and is two bytes; anything else ends like a head.
    if (bytes.byteLength - at < 2) return at;
    const end = findHeadEnd(bytes, at, this.#trailerLimits);
    if (end < 0) return at;
    this.trailers = parseTrailers(bytes, at, end, this.#trailerLimits);
    this.isDone = true;
    return end;
  }
}
