// The only place that writes to a client: one write for small replies, back-pressure for streams, and honest ends (contract 10).
import type { Tunnel } from '@agentgateway/core/body.ts';
import type { CancelReason, Reply } from '@agentgateway/core/exchange.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import { type RelayEnd, relay } from '../wire/relay.ts';
import { removeHopByHop } from '../wire/hop-by-hop.ts';
import type { TimerWheel } from '../upstream/timer-wheel.ts';
import { toFailureBody } from './failure.ts';
import type { Wire } from './wire.ts';
import { WriteWatch } from './write-watch.ts';

/** How a response ended. */
export interface ResponseEnd {
  readonly isHeadSent: boolean;
  readonly isClientGone: boolean;
  /** Why the body did not arrive whole. */
  readonly error?: unknown;
  readonly bodyBytes: number;
}

/** Answers one exchange. */
export interface Responder {
  /** Writes the reply; resolves, never rejects, when the last byte is handed over or the client is gone. */
  respond(reply: Reply): Promise<ResponseEnd>;
  /** Calls back once if the answer is not wanted any more before it is whole: the client left, or the server must end. */
  onClose(fn: (reason: CancelReason) => void): void;
  /** Passes an interim answer (1xx but 101), where the client can take one. */
  inform(status: number, headers: HeaderList): void;
}

/** What a responder needs to know beside node's response. */
export interface ResponderParts {
  readonly method: string;
  readonly requestId: string;
  /** How long the client may take nothing of what waits for it, in milliseconds. */
  readonly writeIdleTimeoutMs: number;
  /** Whether the connection must end with this answer. */
  readonly isLast: () => boolean;
  readonly timers: TimerWheel;
}

/** Writes to either server's response. */
export class NodeResponder implements Responder {
  readonly #wire: Wire;
  readonly #parts: ResponderParts;
  #onClose: ((reason: CancelReason) => void) | undefined;
  #closeReason: CancelReason | undefined;
  #isOver = false;
  #isGone = false;
  #whyGone = 'the client closed the connection';
  #wake: (() => void) | undefined;
  #watch: WriteWatch | undefined;
  #bodyBytes = 0;

  constructor(wire: Wire, parts: ResponderParts) {
    this.#wire = wire;
    this.#parts = parts;
    wire.listen(this);
  }

  onClose(fn: (reason: CancelReason) => void): void {
    this.#onClose = fn;
    if (this.#closeReason) fn(this.#closeReason);
  }

  /** The server gives the exchange up; the client is told what can be told. */
  giveUp(reason: CancelReason): void {
    if (this.#closeReason || this.#isOver) return;
    this.#closeReason = reason;
    this.#onClose?.(reason);
  }

  inform(status: number, headers: HeaderList): void {
    if (this.#isGone || this.#wire.isHeadSent) return;
    try {
      this.#wire.inform(status, headers);
    } catch {
      // What cannot be written is left out, as any interim answer may be; the final one is not touched by it.
    }
  }

  async respond(reply: Reply): Promise<ResponseEnd> {
    try {
      return await this.#respond(reply);
    } catch (error) {
      reply.body.cancel(error);
      this.#isOver = true;
      this.#apologize();
      return this.#end(error);
    }
  }

  /** A wire refuses what no message may hold, such as a line feed in a field; mostly nothing was sent then. */
  #apologize(): void {
    const wire = this.#wire;
    try {
      if (wire.isHeadSent) throw new Error('too late');
      const error = new GatewayError('internal', 'the answer cannot be sent');
      const body = Buffer.from(JSON.stringify(toFailureBody(error, this.#parts.requestId)));
      const headers = HeaderList.from([
        ['content-type', 'application/json'],
        ['content-length', String(body.byteLength)],
        ['x-request-id', this.#parts.requestId],
      ]);
      wire.head(error.status, headers, { isLast: true, isWhole: true });
      wire.end(body);
    } catch {
      wire.abort();
    }
  }

  /** Wire events. */
  drained(): void {
    this.#watch?.end();
    this.#wake?.();
  }

  behind(): void {
    if (!this.#isGone) this.#waits();
  }

  closed(): void {
    this.#watch?.stop();
    if (this.#isGone || this.#isOver) return;
    this.#isGone = true;
    this.#wake?.();
    this.giveUp('client-gone');
  }

  #respond(reply: Reply): Promise<ResponseEnd> | ResponseEnd {
    const { headers, status, body } = reply;
    if (this.#isGone) {
      body.cancel(this.#gone());
      return this.#end(undefined);
    }
    removeHopByHop(headers);
    headers.set('x-request-id', this.#parts.requestId);
    if (body.tunnel) return this.#tunnel(reply, body.tunnel);
    if (status === 204 || status === 304 || this.#parts.method === 'HEAD') {
      // A length may say what a GET would have got, but not with 204 (RFC 9110 §8.6).
      if (status === 204) headers.remove('content-length');
      body.cancel(new Error('this answer has no body'));
      return this.#whole(reply, undefined);
    }
    const bytes = body.kind === 'none' ? noBytes : body.takeWhole();
    if (!bytes || body.trailers || bytes.byteLength > pieceBytesMax) return this.#stream(reply);
    setLength(headers, bytes.byteLength);
    return this.#whole(reply, bytes);
  }

  /** The client's connection and the upstream's are one from now on. */
  async #tunnel({ headers }: Reply, { stream, protocol, idleMs }: Tunnel): Promise<ResponseEnd> {
    const client = this.#wire.switchTo(protocol, headers);
    this.#onClose = () => {
      client.destroy();
      stream.destroy();
    };
    const end = await relay({ client, upstream: stream, timers: this.#parts.timers, idleMs });
    this.#isOver = true;
    this.#bodyBytes = end.sentBytes;
    this.#isGone = end.cut === 'client' && this.#closeReason === undefined;
    return this.#end(this.#cutError(end));
  }

  #cutError({ cut }: RelayEnd): unknown {
    if (this.#closeReason === 'drain') return new GatewayError('draining', 'the gateway is shutting down');
    if (cut === 'idle') return new GatewayError('idle-timeout', 'neither side of the upgraded connection sent a byte');
    if (cut === 'upstream') return new GatewayError('upstream-reset', 'the upstream cut the upgraded connection off');
    return cut === 'client' ? this.#gone() : undefined;
  }

  #whole({ status, headers }: Reply, bytes: Uint8Array | undefined): ResponseEnd {
    const isEmpty = !bytes || bytes.byteLength === 0;
    this.#wire.head(status, headers, { isLast: this.#parts.isLast(), isWhole: true, isEmpty });
    this.#isOver = true;
    this.#bodyBytes = bytes?.byteLength ?? 0;
    this.#finish(this.#bodyBytes > 0 ? bytes : undefined);
    return this.#end(undefined);
  }

  /** The last write. What the client has not taken by now it must take in one go of the watch. */
  #finish(bytes: Uint8Array | undefined): void {
    const wire = this.#wire;
    wire.end(bytes);
    if (wire.isBehind) this.#waits();
    else this.#watch?.stop();
  }

  #waits(): void {
    const { writeIdleTimeoutMs } = this.#parts;
    this.#watch ??= new WriteWatch(writeIdleTimeoutMs, () => {
      this.#whyGone = `the client took nothing of the answer for ${writeIdleTimeoutMs} ms`;
      // Abort first: the end of the connection is then no news.
      this.#wire.abort();
      this.closed();
    });
    this.#watch.begin();
  }

  async #stream(reply: Reply): Promise<ResponseEnd> {
    const { status, headers, body } = reply;
    const { lengthBytes } = body;
    if (lengthBytes === undefined || body.trailers) headers.remove('content-length');
    else setLength(headers, lengthBytes);
    this.#wire.head(status, headers, { isLast: this.#parts.isLast(), isWhole: false });
    try {
      const piped = body.pipe({ write: (chunk) => this.#write(chunk) });
      this.#wire.flush();
      const trailers = await piped;
      if (this.#isGone) throw this.#gone();
      if (lengthBytes !== undefined && lengthBytes !== this.#bodyBytes)
        throw new GatewayError('internal', `the answer has ${this.#bodyBytes} bytes and should have ${lengthBytes}`);
      this.#isOver = true;
      if (trailers && trailers.size > 0) this.#wire.trailers(trailers);
      this.#finish(undefined);
      return this.#end(undefined);
    } catch (error) {
      if (this.#isGone) body.cancel(error);
      else await this.#break(reply, error);
      return this.#end(error);
    }
  }

  #write(chunk: Uint8Array): true | Promise<void> {
    if (this.#isGone) throw this.#gone();
    if (chunk.byteLength > pieceBytesMax) return this.#writePieces(chunk);
    this.#bodyBytes += chunk.byteLength;
    if (this.#wire.write(chunk)) return true;
    this.#waits();
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }

  /** A long body that is here already: piece by piece, so that it is seen whether the client takes any of it. */
  async #writePieces(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength; at += pieceBytesMax)
      await this.#write(bytes.subarray(at, at + pieceBytesMax));
  }

  /** A failure after the head: the format's error event, delivered, and then the connection is broken; never a normal end. */
  #break(reply: Reply, error: unknown): Promise<void> {
    this.#isOver = true;
    const last = reply.renderFailure?.(error);
    if (last instanceof HeaderList && reply.body.lengthBytes === undefined) {
      this.#wire.trailers(last);
      this.#wire.end(undefined);
      return Promise.resolve();
    }
    return this.#wire.break(last instanceof HeaderList ? undefined : last);
  }

  #gone(): GatewayError {
    return new GatewayError('client-gone', this.#whyGone);
  }

  #end(error: unknown): ResponseEnd {
    return {
      isHeadSent: this.#wire.isHeadSent,
      isClientGone: this.#isGone,
      bodyBytes: this.#bodyBytes,
      ...(error !== undefined && { error }),
    };
  }
}

/** Says the length, touching nothing where it is said already. */
function setLength(headers: HeaderList, lengthBytes: number): void {
  const text = String(lengthBytes);
  if (headers.get('content-length') !== text) headers.set('content-length', text);
}

const noBytes = new Uint8Array(0);

/** Longest write at a time, in bytes. */
const pieceBytesMax = 256 * 1024;
