// One HTTP/1.1 connection to an upstream: a request at a time, its answer read strictly from the socket (RFC 9112).
import { type OnReadOpts, type Socket, connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { GatewayError } from '@agentgateway/core/errors.ts';
import { BodyDecoder, type BodyFraming } from '../wire/http1/body-decoder.ts';
import { FramingError } from '../wire/http1/framing-error.ts';
import { type ResponseHead, findHeadEnd, parseResponseHead } from '../wire/http1/head.ts';
import { TurnWriter } from '../wire/http1/turn-writer.ts';
import { writeProxyProtocol } from '../tunnel/proxy-protocol.ts';
import { type UpstreamEndpoint, transportLimits } from './request.ts';
import type { Timer, TimerWheel } from './timer-wheel.ts';
import { toTlsOptions } from './tls-options.ts';

/** Whose request is on a connection, and who learns of its answer. */
export interface LinkUser {
  readonly method: string;
  /** How long it lets a connection be made, in milliseconds; 0 for ever. */
  readonly connectMs: number;
  /** Whether it asks for another protocol, and takes the socket if the upstream agrees. */
  readonly isUpgrade: boolean;
  /** The connection is made, and the user's. */
  connected(link: Http1Link): void;
  /** The socket takes more. */
  drained(): void;
  /** An interim answer. */
  informed(head: ResponseHead): void;
  answered(head: ResponseHead): void;
  /** The upstream speaks the other protocol from now on; the socket is the user's, paused. */
  switched(head: ResponseHead, socket: Socket): void;
  received(chunk: Buffer): void;
  /** The answer is whole. The result says whether the request is, too. */
  ended(trailers: string[] | undefined): boolean;
  /** The connection ended before the answer did. */
  failed(error: unknown): void;
}

/** What a connection tells its pool. */
export interface LinkOwner {
  readonly timers: TimerWheel;
  /** A TLS session to resume (RFC 8446 §2.2). */
  tlsSession: Buffer | undefined;
  /** It can take another request. */
  freed(link: Http1Link): void;
  /** It is gone. */
  lost(link: Http1Link): void;
}

/** Limits of an answer's head. */
const limits = { headerBytesMax: transportLimits.headerBytesMax, headersMax: transportLimits.headersMax };

/** All connections read into the same memory: what is kept of it is copied, which costs less than new memory per read. */
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024);

/** What a server says it keeps an idle connection for, in seconds. */
const keepAliveHint = /(?:^|[\s,;])timeout=([0-9]{1,9})/i;
/** A connection is let go that long before its server does, in milliseconds. */
const keepAliveMarginMs = 1000;

/** A connection of a pool. */
export class Http1Link {
  /** Answers received. */
  answers = 0;
  readonly socket: Socket;
  readonly writer: TurnWriter;
  readonly #owner: LinkOwner;
  readonly #isShared: boolean;
  readonly #timer: Timer;
  #user: LinkUser | undefined;
  #isConnected = false;
  #isIdle = false;
  #idleMs: number = transportLimits.idleConnectionMs;
  /** The beginning of a head that has not arrived whole. */
  #held: Buffer | undefined;
  #decoder: BodyDecoder | undefined;
  #isKeptAlive = true;
  /** Sent before the first request. */
  #preamble: Buffer | undefined;
  #isLost = false;

  constructor(endpoint: UpstreamEndpoint, owner: LinkOwner, user: LinkUser) {
    this.#owner = owner;
    this.#user = user;
    // A socket that reads into memory of ours cannot be read by others.
    this.#isShared = endpoint.tls === undefined && !user.isUpgrade;
    this.socket = this.#open(endpoint);
    this.writer = new TurnWriter(this.socket);
    const { connectMs } = user;
    // One timer: first for the connection to be made, then for nobody using it.
    this.#timer = owner.timers.start(connectMs > 0 ? connectMs : transportLimits.idleConnectionMs, () => {
      if (this.#isIdle) this.socket.destroy();
      else if (!this.#isConnected && connectMs > 0)
        this.socket.destroy(
          new GatewayError('connect-timeout', `no connection to ${endpoint.address}:${endpoint.port} in time`),
        );
    });
  }

  /** Whether a request can be written at once. */
  get isUsable(): boolean {
    return this.#isIdle && !this.socket.destroyed && this.socket.writable;
  }

  /** Takes an idle connection. */
  use(user: LinkUser): void {
    this.#isIdle = false;
    this.#user = user;
    user.connected(this);
  }

  /** The user has sent nothing, and will not: others may. */
  release(): void {
    this.#user = undefined;
    this.#free();
  }

  /** The user leaves a request unfinished: nobody can use the connection any more. */
  abandon(): void {
    this.#user = undefined;
    this.socket.destroy();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  #open({ address, port, tls, proxyHeader }: UpstreamEndpoint): Socket {
    if (proxyHeader) this.#preamble = writeProxyProtocol(proxyHeader.version, proxyHeader.ends);
    const socket = tls
      ? connectTls({
          ...(this.#preamble ? { socket: this.#openRaw(address, port, this.#preamble) } : { host: address, port }),
          ...toTlsOptions(tls),
          ALPNProtocols: ['http/1.1'],
          ...(this.#owner.tlsSession && { session: this.#owner.tlsSession }),
        })
      : connect({ host: address, port, noDelay: true, ...(this.#isShared && { onread: this.#reading() }) });
    if (tls) {
      socket.setNoDelay(true);
      socket.on('session', (session: Buffer) => {
        this.#owner.tlsSession = session;
      });
    }
    if (!this.#isShared) socket.on('data', this.#onData);
    socket.on(tls ? 'secureConnect' : 'connect', () => this.#connected());
    socket.on('drain', this.#onDrain).on('end', this.#onEnd).on('error', this.#lost).on('close', this.#onClose);
    return socket;
  }

  /** The connection beneath TLS, where something has to be said before its handshake. */
  #openRaw(host: string, port: number, preamble: Buffer): Socket {
    this.#preamble = undefined;
    const raw = connect({ host, port, noDelay: true });
    raw.write(preamble);
    return raw;
  }

  #reading(): OnReadOpts {
    return {
      buffer: readBuffer,
      callback: (size) => {
        this.#received(readBuffer.subarray(0, size));
        return true;
      },
    };
  }

  readonly #onData = (chunk: Buffer): void => this.#received(chunk);
  readonly #onDrain = (): void => this.#user?.drained();
  readonly #onEnd = (): void => this.#ended();
  readonly #onClose = (): void => this.#lost(undefined);

  /** Gives the socket away, with what was read behind the head. */
  #switch(head: ResponseHead, rest: Buffer): void {
    const { socket } = this;
    const user = this.#user!;
    this.#user = undefined;
    socket.off('data', this.#onData).off('drain', this.#onDrain).off('end', this.#onEnd).off('close', this.#onClose);
    socket.off('error', this.#lost);
    socket.pause();
    if (rest.byteLength > 0) socket.unshift(rest);
    this.#lost(undefined);
    user.switched(head, socket);
  }

  #connected(): void {
    this.#isConnected = true;
    if (this.#preamble) this.socket.write(this.#preamble);
    const user = this.#user;
    if (user) user.connected(this);
    else this.#free();
  }

  #received(bytes: Buffer): void {
    try {
      let at = 0;
      while (at < bytes.byteLength) {
        // Nobody asked, or the answer was whole already.
        if (!this.#user) throw new FramingError('bytes that belong to no answer');
        at = this.#decoder ? this.#receivedBody(this.#decoder, bytes, at) : this.#receivedHead(bytes, at);
        // What follows an answer would be taken for the beginning of the next one.
        if (this.#decoder?.isDone) this.#whole(this.#decoder, at === bytes.byteLength);
      }
    } catch (error) {
      this.#lost(error);
      this.socket.destroy();
    }
  }

  #receivedHead(bytes: Buffer, at: number): number {
    let all = bytes;
    let from = at;
    let seen = at;
    if (this.#held) {
      seen = this.#held.byteLength;
      all = Buffer.concat([this.#held, bytes.subarray(at)]);
      from = 0;
      this.#held = undefined;
    }
    const end = findHeadEnd(all, from, limits, seen);
    if (end < 0) {
      this.#held = Buffer.from(all.subarray(from));
      return bytes.byteLength;
    }
    const head = parseResponseHead(all, from, end, limits);
    if (head.status === 101 && this.#user!.isUpgrade) {
      this.#switch(head, all.subarray(end));
      return bytes.byteLength;
    }
    this.#head(head);
    // What follows the head is at the end of either buffer.
    return bytes.byteLength - (all.byteLength - end);
  }

  #head(head: ResponseHead): void {
    const user = this.#user!;
    const { status } = head;
    if (status < 200) {
      if (status === 101) throw new FramingError('the upstream switches to a protocol that nobody asked for');
      user.informed(head);
      return;
    }
    this.#isKeptAlive = head.isKeptAlive;
    const framing = toFraming(user.method, head);
    if (framing === 'close') this.#isKeptAlive = false;
    this.#noteKeepAlive(head);
    this.#decoder = new BodyDecoder(framing, limits);
    user.answered(head);
  }

  #receivedBody(decoder: BodyDecoder, bytes: Buffer, at: number): number {
    const user = this.#user!;
    const end = decoder.decode(bytes, at, (chunk) => user.received(this.#isShared ? Buffer.from(chunk) : chunk));
    // Whoever read the chunk may have left.
    return this.#user === user ? end : bytes.byteLength;
  }

  #whole({ trailers }: BodyDecoder, isAll: boolean): void {
    const user = this.#user;
    this.#user = undefined;
    this.#decoder = undefined;
    this.answers++;
    const isFree = user !== undefined && user.ended(trailers) && this.#isKeptAlive && isAll;
    if (isFree) this.#free();
    else this.socket.destroy();
  }

  #free(): void {
    this.#isIdle = true;
    // A reader that was slow may have left it paused.
    this.socket.resume();
    this.#timer.restart(this.#idleMs);
    this.#owner.freed(this);
  }

  #noteKeepAlive({ fields }: ResponseHead): void {
    for (let i = 0; i < fields.length; i += 2) {
      if (fields[i]!.length !== 'keep-alive'.length || fields[i]!.toLowerCase() !== 'keep-alive') continue;
      const seconds = keepAliveHint.exec(fields[i + 1]!)?.[1];
      if (seconds !== undefined)
        this.#idleMs = Math.min(
          transportLimits.idleConnectionMs,
          Math.max(0, Number(seconds) * 1000 - keepAliveMarginMs),
        );
    }
  }

  /** The upstream sends no more. */
  #ended(): void {
    if (this.#decoder?.isEndedByClose) this.#whole(this.#decoder, false);
    else this.#lost(undefined);
    this.socket.destroy();
  }

  readonly #lost = (error: unknown): void => {
    const user = this.#user;
    this.#user = undefined;
    if (!this.#isLost) {
      this.#isLost = true;
      this.#isIdle = false;
      this.#timer.stop();
      this.#owner.lost(this);
    }
    user?.failed(error ?? new Error('the connection was closed'));
  };
}

/** How the body of an answer ends (RFC 9112 §6.3). */
function toFraming(method: string, { status, isChunked, lengthBytes }: ResponseHead): BodyFraming {
  if (method === 'HEAD' || status === 204 || status === 304) return 0;
  if (isChunked) return 'chunked';
  return lengthBytes ?? 'close';
}
