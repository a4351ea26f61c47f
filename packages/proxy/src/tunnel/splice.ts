// Copies bytes between a client and an upstream: half-closes pass, a slow reader stops its peer, a failure of one ends the other.
import { Socket, type TcpSocketConnectOpts, connect } from 'node:net';
import type { Reason } from '@agentgateway/core/errors.ts';
import type { ReadBuffers } from './read-buffers.ts';
import { ReadLane, adopt } from './read-lane.ts';

/** What a splice works with. */
export interface SpliceOptions {
  readonly buffers: ReadBuffers;
  /** Read buffer of its own, in bytes, each way. */
  readonly readBufferBytes: number;
  readonly writeBufferBytesMax: number;
  /** Called once when both sockets are closed; without a reason when both sides had said all they had to say. */
  readonly ended: (reason: Reason | undefined) => void;
}

/** One proxied connection. */
export class Splice {
  readonly upstream: Socket;
  readonly #accepted: Socket;
  /** The accepted socket, or what took its connection over. */
  #client: Socket;
  readonly #options: SpliceOptions;
  readonly #up: ReadLane;
  readonly #down: ReadLane;
  /** Bytes of the client that were not read by a lane. */
  #streamed = 0;
  #isClientPaused = false;
  #failure: Reason | undefined;
  #open = 2;

  /** Begins to connect. The client is not read before `start`. */
  constructor(client: Socket, to: TcpSocketConnectOpts, options: SpliceOptions) {
    this.#accepted = client;
    this.#client = client;
    this.#options = options;
    const { buffers, readBufferBytes: ownBytes } = options;
    const ends = [() => this.#client, () => this.upstream] as const;
    this.#up = new ReadLane({ buffers, ownBytes, source: ends[0], target: ends[1] });
    this.#down = new ReadLane({ buffers, ownBytes, source: ends[1], target: ends[0] });
    const connectOptions = {
      ...to,
      noDelay: true,
      allowHalfOpen: true,
      highWaterMark: options.writeBufferBytesMax,
      onread: this.#down.onread,
    };
    this.upstream = connect(connectOptions);
  }

  /** Bytes of the client that were given to the upstream's socket. */
  get received(): number {
    return this.#up.moved + this.#streamed;
  }

  /** Bytes of the upstream that were given to the client's socket. */
  get sent(): number {
    return this.#down.moved;
  }

  /** Bytes that wait for either side to read on. */
  get buffered(): number {
    return this.#client.writableLength + this.upstream.writableLength + this.#client.readableLength;
  }

  /** Copies, once the upstream is connected, and calls `ended` when both are closed. */
  start(): void {
    const { upstream } = this;
    upstream.on('error', () => this.fail('upstream-reset'));
    upstream.on('close', () => this.#onClosed('upstream-reset'));
    const early = this.#accepted.read() as Buffer | null;
    if (early) this.#onClientBytes(early);
    // If that was the last of it, it says so by then.
    process.nextTick(() => this.#takeOver());
  }

  /** Breaks both off: what was cut must not look complete. The first reason stays. */
  fail(failure: Reason): void {
    this.#failure ??= failure;
    breakOff(this.#client);
    breakOff(this.upstream);
  }

  /** Reads the client in the cheapest way there is. */
  #takeOver(): void {
    const { upstream } = this;
    const accepted = this.#accepted;
    const adopted = accepted.readableEnded ? undefined : adopt(accepted, this.#up.onread);
    const client = adopted ?? accepted;
    this.#client = client;
    client.on('end', () => upstream.end());
    upstream.on('end', () => client.end());
    client.on('error', () => this.fail('client-gone'));
    client.on('close', () => this.#onClosed('client-gone'));
    if (adopted) {
      adopted.on('close', () => accepted.destroy());
      return;
    }
    accepted.on('data', (chunk: Buffer) => this.#onClientBytes(chunk));
    upstream.on('drain', () => this.#onUpstreamDrained());
    // It may have ended while there was nobody to notice.
    if (accepted.closed) this.#onClosed('client-gone');
    else if (accepted.readableEnded) upstream.end();
    else if (!this.#isClientPaused) accepted.resume();
  }

  #onClientBytes(chunk: Buffer): void {
    this.#streamed += chunk.length;
    const { upstream } = this;
    // False is also the answer where the kernel took all of a large chunk at once.
    if (upstream.write(chunk) || upstream.writableLength === 0) return;
    this.#isClientPaused = true;
    this.#accepted.pause();
  }

  #onUpstreamDrained(): void {
    if (!this.#isClientPaused) return;
    this.#isClientPaused = false;
    this.#accepted.resume();
  }

  #onClosed(side: 'client-gone' | 'upstream-reset'): void {
    this.#open--;
    if (this.#open > 0) {
      const other = side === 'client-gone' ? this.upstream : this.#client;
      // A side that is closed takes nothing any more: unless all of the other's is said and taken, that is cut off.
      const isDone = other.readableEnded && other.writableEnded;
      if (!isDone && !other.destroyed) this.fail(side);
      return;
    }
    this.#up.close();
    this.#down.close();
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
