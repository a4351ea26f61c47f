// Copies bytes between a client and an upstream: half-closes pass, a slow reader stops its peer, a failure of one ends the other.
import { Socket, type TcpSocketConnectOpts, connect } from 'node:net';
import type { Reason } from '@agentgateway/core/errors.ts';
import type { ReadBuffers } from './read-buffers.ts';

/** What a splice works with. */
export interface SpliceOptions {
  readonly buffers: ReadBuffers;
  /** Read buffer of its own, in bytes. */
  readonly readBufferBytes: number;
  readonly writeBufferBytesMax: number;
  /** Called once when both sockets are closed; without a reason when both sides had said all they had to say. */
  readonly ended: (reason: Reason | undefined) => void;
}

/**
 * One proxied connection. The upstream is opened here, because only a socket that is made with a read buffer reads into it:
 * it fills one buffer again and again, as soon as what it read is with the kernel. The client's socket was made by a
 * server, and is read as a stream.
 */
export class Splice {
  readonly client: Socket;
  readonly upstream: Socket;
  /** Bytes of the client that were given to the upstream's socket. */
  received = 0;
  /** Bytes of the upstream that were given to the client's socket. */
  sent = 0;
  readonly #options: SpliceOptions;
  readonly #own: Buffer;
  /** Lent while there is much to read. */
  #bulk: Buffer | undefined;
  /** Whether the buffer that is read into is the lent one. */
  #isReadingBulk = false;
  /** Whether what was read last is not with the kernel yet. */
  #isHeld = false;
  #isLastReadFull = false;
  #isClientPaused = false;
  #failure: Reason | undefined;
  #open = 2;

  /** Begins to connect. The client is not read before `start`. */
  constructor(client: Socket, to: TcpSocketConnectOpts, options: SpliceOptions) {
    this.client = client;
    this.#options = options;
    this.#own = Buffer.allocUnsafeSlow(options.readBufferBytes);
    const connectOptions = {
      ...to,
      noDelay: true,
      allowHalfOpen: true,
      highWaterMark: options.writeBufferBytesMax,
      onread: {
        buffer: () => this.#nextBuffer(),
        callback: (size: number, buffer: Uint8Array) => this.#onUpstreamBytes(size, buffer),
      },
    };
    this.upstream = connect(connectOptions);
  }

  /** Bytes that wait for either side to read on. */
  get buffered(): number {
    const { client, upstream } = this;
    return client.writableLength + upstream.writableLength + client.readableLength;
  }

  /** Copies, once the upstream is connected, and calls `ended` when both are closed. */
  start(): void {
    const { client, upstream } = this;
    client.on('data', (chunk: Buffer) => this.#onClientBytes(chunk));
    client.on('end', () => upstream.end());
    upstream.on('end', () => client.end());
    upstream.on('drain', () => this.#onUpstreamDrained());
    client.on('error', () => this.fail('client-gone'));
    upstream.on('error', () => this.fail('upstream-reset'));
    client.on('close', () => this.#onClosed('client-gone'));
    upstream.on('close', () => this.#onClosed('upstream-reset'));
    // Either may have ended while there was nobody to notice.
    if (client.destroyed) this.#onClosed('client-gone');
    else if (client.readableEnded) upstream.end();
    else client.resume();
  }

  /** Breaks both off: what was cut must not look complete. The first reason stays. */
  fail(failure: Reason): void {
    this.#failure ??= failure;
    breakOff(this.client);
    breakOff(this.upstream);
  }

  #onClientBytes(chunk: Buffer): void {
    this.received += chunk.length;
    const { upstream } = this;
    // False is also the answer where the kernel took all of a large chunk at once.
    if (upstream.write(chunk) || upstream.writableLength === 0) return;
    this.#isClientPaused = true;
    this.client.pause();
  }

  #onUpstreamDrained(): void {
    if (!this.#isClientPaused) return;
    this.#isClientPaused = false;
    this.client.resume();
  }

  /** Where the next bytes of the upstream go; asked for when it connects and after each read. */
  #nextBuffer(): Buffer {
    if (this.#isLastReadFull) this.#bulk ??= this.#options.buffers.lend();
    else if (this.#bulk && !this.#isHeld) this.#returnBulk();
    this.#isReadingBulk = this.#bulk !== undefined;
    return this.#bulk ?? this.#own;
  }

  /** Whether to read on at once. */
  #onUpstreamBytes(size: number, buffer: Uint8Array): boolean {
    this.sent += size;
    // Few bytes in a lent buffer: others may have more use for it.
    this.#isLastReadFull = this.#isReadingBulk ? size >= this.#own.length : size === buffer.length;
    const { client } = this;
    client.write(buffer.subarray(0, size), this.#onClientTook);
    // The buffer may be filled again when nothing of it waits.
    this.#isHeld = client.writableLength > 0;
    return !this.#isHeld;
  }

  readonly #onClientTook = (): void => {
    if (!this.#isHeld || this.client.writableLength > 0) return;
    this.#isHeld = false;
    this.upstream.resume();
  };

  #returnBulk(): void {
    if (!this.#bulk) return;
    this.#options.buffers.giveBack(this.#bulk);
    this.#bulk = undefined;
  }

  #onClosed(side: 'client-gone' | 'upstream-reset'): void {
    this.#open--;
    const other = side === 'client-gone' ? this.upstream : this.client;
    if (this.#open > 0) {
      // A side that is closed takes nothing any more: unless all of the other's is said and taken, that is cut off.
      const isDone = other.readableEnded && other.writableEnded;
      if (!isDone && !other.destroyed) this.fail(side);
      return;
    }
    this.#returnBulk();
    this.#options.ended(this.#failure);
  }
}

/** Ends a connection so that its peer does not take what it has for the whole. TLS above it is cut without a farewell. */
export function breakOff(socket: Socket): void {
  if (socket.destroyed) return;
  // Layers above TCP have no reset of their own.
  if (socket.constructor === Socket && !socket.connecting) socket.resetAndDestroy();
  else socket.destroy();
}
