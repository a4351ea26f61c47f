// Writes an answer to the wire event by event, with the failure and the gate that a test asked for.
import type { ServerResponse } from 'node:http';
import { constants, type Http2ServerResponse } from 'node:http2';
import { setImmediate } from 'node:timers/promises';
import { constants as zlibConstants, createGzip } from 'node:zlib';
import type { Failure, Gate } from './failure.ts';

/** What goes out: a head, and the body in the pieces that are written one by one (a stream's events; else one). */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly frames: readonly Uint8Array[];
  readonly isStream: boolean;
  /** The format's own events for a failure after these were sent. */
  readonly toErrorFrames: (message: string, sent: readonly Uint8Array[]) => Uint8Array[];
}

/** How it goes out. */
export interface Sending {
  readonly failure: Failure | undefined;
  readonly gate: Gate | undefined;
  /** Whether the client's `accept-encoding` names gzip. */
  readonly isGzipAsked: boolean;
  /** Aborted when the client is gone or the provider closes. */
  readonly signal: AbortSignal;
}

/** Sends an answer over HTTP/1.1, or over HTTP/2 through its compatible response; returns when all of it was handed to the socket or the client is gone. */
export async function send(response: ServerResponse, answer: Answer, sending: Sending): Promise<void> {
  const { failure, signal } = sending;
  try {
    if (failure?.kind === 'reset-before-head') return reset(response);
    if (failure?.kind === 'stall' && failure.afterEvents === undefined) return await untilGone(signal);
    const isGzipped = failure?.kind === 'gzip' && (failure.when === 'always' || sending.isGzipAsked);
    const headers: Record<string, string> = { ...answer.headers };
    if (isGzipped) headers['content-encoding'] = 'gzip';
    const frames = bend(answer, failure);
    const isWhole = !answer.isStream && frames.length === 1 && !isGzipped && failure === undefined;
    if (isWhole) headers['content-length'] = String(frames[0]?.byteLength ?? 0);
    response.writeHead(answer.status, headers);
    if (answer.isStream || failure !== undefined) response.flushHeaders();
    await (isGzipped ? writeGzipped(response, frames, sending) : writeFrames(response, frames, sending));
    response.end();
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** The frames as the failure changes them. */
function bend(answer: Answer, failure: Failure | undefined): readonly Uint8Array[] {
  const { frames, isStream } = answer;
  switch (failure?.kind) {
    case 'garbage': {
      const text = failure.text ?? '<html>502 Bad Gateway</html>';
      if (!isStream) return [Buffer.from(text)];
      return [...frames.slice(0, 1), Buffer.from(`data: ${text}\n\n`), ...frames.slice(1)];
    }
    case 'truncate': {
      if (isStream) return frames.slice(0, failure.afterEvents ?? frames.length - 1);
      const whole = Buffer.concat(frames);
      return [whole.subarray(0, Math.floor(whole.length / 2))];
    }
    case 'error-event': {
      const sent = frames.slice(0, failure.afterEvents);
      return [...sent, ...answer.toErrorFrames(failure.message ?? 'The server had an error.', sent)];
    }
    default:
      return frames;
  }
}

async function writeFrames(response: ServerResponse, frames: readonly Uint8Array[], sending: Sending): Promise<void> {
  const { failure, gate, signal } = sending;
  let bytesLeft = failure?.kind === 'reset-mid-stream' ? failure.afterBytes : Number.POSITIVE_INFINITY;
  let eventsLeft = failure?.kind === 'stall' ? (failure.afterEvents ?? 0) : Number.POSITIVE_INFINITY;
  const pieces = failure?.kind === 'split' ? split(frames, failure.sizes) : frames;
  for (const piece of pieces) {
    if (eventsLeft <= 0) return untilGone(signal);
    await gate?.pass(signal);
    await write(response, piece.subarray(0, bytesLeft), signal);
    eventsLeft -= 1;
    bytesLeft -= piece.byteLength;
    if (bytesLeft <= 0) break;
    // One turn of the event loop apart, so that pieces travel as writes of their own.
    if (failure?.kind === 'split') await setImmediate();
  }
  if (eventsLeft <= 0) return untilGone(signal);
  if (failure?.kind === 'reset-mid-stream') {
    reset(response);
    await untilGone(signal);
  }
}

async function writeGzipped(response: ServerResponse, frames: readonly Uint8Array[], sending: Sending): Promise<void> {
  const gzip = createGzip({ flush: zlibConstants.Z_SYNC_FLUSH });
  for (const frame of frames) {
    await sending.gate?.pass(sending.signal);
    await new Promise<void>((resolve) => {
      gzip.write(frame, () => resolve());
    });
    await drain(gzip, response, sending.signal);
  }
  gzip.end();
  for await (const chunk of gzip) await write(response, chunk as Uint8Array, sending.signal);
}

async function drain(
  gzip: ReturnType<typeof createGzip>,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  for (let chunk = gzip.read() as Buffer | null; chunk !== null; chunk = gzip.read() as Buffer | null) {
    await write(response, chunk, signal);
  }
}

/** Resolves when the piece was handed to the operating system, so that what a test releases next comes after it. */
function write(response: ServerResponse, piece: Uint8Array, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const gone = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', gone, { once: true });
    const done = (): void => {
      signal.removeEventListener('abort', gone);
      resolve();
    };
    response.write(piece, done);
  });
}

function split(frames: readonly Uint8Array[], sizes: readonly number[]): Uint8Array[] {
  const whole = Buffer.concat(frames);
  const pieces: Uint8Array[] = [];
  for (let at = 0, turn = 0; at < whole.length; turn += 1) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? 1);
    pieces.push(whole.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

/** Breaks the connection so that the client sees an error: a TCP reset, or an HTTP/2 stream reset. */
function reset(response: ServerResponse): void {
  if (response.req.httpVersionMajor === 2) {
    (response as unknown as Http2ServerResponse).stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  } else response.socket?.resetAndDestroy();
}

function untilGone(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
