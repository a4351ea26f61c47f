// Short writes that leave together at the end of the event loop's turn: whoever reads them is woken once for many.
import type { Socket } from 'node:net';

/** Up to this length copying bytes costs less than a second piece of a write, in bytes. */
const joinedBytesMax = 16 * 1024;

/** Writers with something to say at the end of the turn. */
let posted: TurnWriter[] = [];

function flushPosted(): void {
  const writers = posted;
  posted = [];
  for (const writer of writers) writer.flush();
}

/**
 * Writes to one socket. What is short waits for the turn's end, when all sockets are written to in a row: a peer that has
 * to be woken for each message costs more than the message (measured: a fifth to a third of a request's CPU).
 */
export class TurnWriter {
  readonly #socket: Socket;
  /** Called when the socket has not taken all of what waited for the turn's end, nor in the turn after. */
  readonly #behind: (() => void) | undefined;
  #text = '';
  #isPosted = false;
  #isLooking = false;

  constructor(socket: Socket, behind?: () => void) {
    this.#socket = socket;
    this.#behind = behind;
  }

  /** Writes latin1 text. False when the socket has enough; its `drain` follows. */
  write(text: string): boolean {
    if (text === '') return true;
    this.#text += text;
    if (this.#text.length > joinedBytesMax) this.flush();
    else if (!this.#isPosted) {
      this.#isPosted = true;
      if (posted.push(this) === 1) setImmediate(flushPosted);
    }
    return !this.#socket.writableNeedDrain;
  }

  /** Writes bytes between two texts. As text short bytes are joined to what surrounds them: one write of one piece. */
  writeBytes(before: string, bytes: Uint8Array, after: string): boolean {
    const buffer = toBuffer(bytes);
    if (buffer.byteLength <= joinedBytesMax) return this.write(before + buffer.toString('latin1') + after);
    const socket = this.#socket;
    const text = this.#text + before;
    this.#text = '';
    socket.cork();
    if (text !== '') socket.write(text, 'latin1');
    socket.write(buffer);
    if (after !== '') socket.write(after, 'latin1');
    socket.uncork();
    return !socket.writableNeedDrain;
  }

  /** Writes what waits, now: before the socket is ended, or something else writes to it. */
  flush(): void {
    this.#isPosted = false;
    const text = this.#text;
    if (text === '') return;
    this.#text = '';
    const socket = this.#socket;
    if (socket.destroyed) return;
    socket.write(text, 'latin1');
    if (socket.writableLength === 0 || !this.#behind || this.#isLooking) return;
    // A socket with TLS hands over at once and tells it a turn later.
    this.#isLooking = true;
    setImmediate(this.#look);
  }

  readonly #look = (): void => {
    this.#isLooking = false;
    if (!this.#socket.destroyed && this.#socket.writableLength > 0) this.#behind?.();
  };
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
