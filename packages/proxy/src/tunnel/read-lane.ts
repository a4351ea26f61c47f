// One direction of a connection: reads into a buffer that is filled again as soon as the kernel of the other side has its bytes.
import { Socket, type SocketConstructorOpts } from 'node:net';
import type { ReadBuffers } from './read-buffers.ts';

/** What a lane is opened with. */
export interface LaneOptions {
  readonly buffers: ReadBuffers;
  /** Buffer of its own, in bytes. */
  readonly ownBytes: number;
  readonly source: () => Socket;
  readonly target: () => Socket;
}

/** A buffer for each read would cost more than the reading: most of it would go to the garbage collector and to fresh pages. */
export class ReadLane {
  /** Bytes that were given to the target. */
  moved = 0;
  readonly #options: LaneOptions;
  readonly #own: Buffer;
  /** Lent while there is much to read. */
  #bulk: Buffer | undefined;
  #isReadingBulk = false;
  /** Whether what was read last waits for the target. */
  #isHeld = false;
  #isLastReadFull = false;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#own = Buffer.allocUnsafeSlow(options.ownBytes);
  }

  /** For the socket that is the source (`onread` of node:net). */
  readonly onread = {
    buffer: (): Buffer => this.#nextBuffer(),
    callback: (size: number, buffer: Uint8Array): boolean => this.#onBytes(size, buffer),
  };

  /** Gives back what is lent, once neither side is open. */
  close(): void {
    if (!this.#bulk) return;
    this.#options.buffers.giveBack(this.#bulk);
    this.#bulk = undefined;
  }

  /** Where the next bytes go; asked for at the beginning and after each read. */
  #nextBuffer(): Buffer {
    if (this.#isLastReadFull) this.#bulk ??= this.#options.buffers.lend();
    else if (!this.#isHeld) this.close();
    this.#isReadingBulk = this.#bulk !== undefined;
    return this.#bulk ?? this.#own;
  }

  /** Whether to read on at once. */
  #onBytes(size: number, buffer: Uint8Array): boolean {
    this.moved += size;
    // Few bytes in a lent buffer: others may have more use for it.
    this.#isLastReadFull = this.#isReadingBulk ? size >= this.#own.length : size === buffer.length;
    const target = this.#options.target();
    target.write(buffer.subarray(0, size), this.#onTaken);
    // The buffer may be filled again when nothing of it waits.
    this.#isHeld = target.writableLength > 0;
    return !this.#isHeld;
  }

  readonly #onTaken = (): void => {
    const { source, target } = this.#options;
    if (!this.#isHeld || target().writableLength > 0) return;
    this.#isHeld = false;
    source().resume();
  };
}

/** What node keeps of a socket below its stream. */
interface HandleOwner {
  _handle?: object | null;
}

/**
 * The connection of an accepted socket as one that reads into a lane: node has no option for it where a server makes the
 * socket, only where one is made from a handle. The accepted one is left without a connection, and is to be destroyed with
 * the other, so that its server counts right. Undefined where it has to be read as a stream: layers above TCP, and sockets
 * without a handle to take over.
 */
export function adopt(accepted: Socket, onread: ReadLane['onread']): Socket | undefined {
  const owner = accepted as unknown as HandleOwner;
  const handle = owner._handle;
  if (!handle || accepted.constructor !== Socket || accepted.destroyed) return undefined;
  owner._handle = null;
  const options = { handle, onread, allowHalfOpen: true, highWaterMark: accepted.writableHighWaterMark };
  // The types know bound handles alone.
  return new Socket(options as unknown as SocketConstructorOpts);
}
