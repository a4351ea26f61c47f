// One HTTP/1.x connection of a client: requests in order, one at a time, straight from the socket and back (RFC 9112).
import type { Socket } from 'node:net';
import { Body } from '@agentgateway/core/body.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { ExchangeHead } from '@agentgateway/core/exchange.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import type { Timer, TimerWheel } from '../upstream/timer-wheel.ts';
import { FedSource, type Flow } from '../wire/fed-source.ts';
import { BodyDecoder } from '../wire/http1/body-decoder.ts';
import { type RequestHead, checkBeginning, findHeadEnd, parseRequestHead, skipEmptyLines } from '../wire/http1/head.ts';
import { HeldBytes } from './held-bytes.ts';
import { toFailureBody } from './failure.ts';
import { type ConnectionFacts, type HeadParts, requestId, toHead } from './head.ts';
import { judgeRequest, toGatewayError, toServedUpgrade } from './http1-request.ts';
import { Http1Wire } from './http1-wire.ts';
import type { ServerLimits } from './limits.ts';
import { NodeResponder, type Responder } from './responder.ts';
import { toTrailers } from '../wire/trailers.ts';

/** What a connection needs of the bind that accepted it. */
export interface Http1Owner {
  readonly parts: HeadParts;
  readonly timers: TimerWheel;
  /** No further request is wanted on any connection. */
  readonly isDraining: boolean;
  handle(head: ExchangeHead, responder: Responder): Promise<void>;
  /** A request was answered without an exchange. */
  refused(error: GatewayError, id: string, told: RefusedRequest): void;
}

/** What is known of a request that was refused. */
export interface RefusedRequest {
  /** Empty where it is not known. */
  readonly method: string;
  readonly httpVersion: ExchangeHead['httpVersion'];
  readonly connection: ConnectionFacts;
}

/** Bytes of further requests that are held while one is answered; more are left with the kernel. */
const heldBytesMax = 64 * 1024;

/** Whom the connection waits for, and so which time-out runs. */
type Wait = 'nobody' | 'request' | 'head' | 'body' | 'rest';

/** Serves one connection. */
export class Http1Connection implements Flow {
  readonly #socket: Socket;
  readonly #owner: Http1Owner;
  readonly #facts: ConnectionFacts;
  readonly #limits: ServerLimits;
  readonly #wire: Http1Wire;
  readonly #timer: Timer;
  #wait: Wait = 'nobody';
  readonly #held = new HeldBytes();
  #responder: NodeResponder | undefined;
  #source: FedSource | undefined;
  /** Set while the body of the current request has not arrived whole. */
  #decoder: BodyDecoder | undefined;
  /** The client waits to be told to send its body. */
  #isExpecting = false;
  /** Nothing after the current request can be understood, or is wanted. */
  #isLast = false;
  /** Upgraded: the socket is somebody else's. */
  #isReleased = false;
  #discardedBytes = 0;

  constructor(socket: Socket, owner: Http1Owner, facts: ConnectionFacts) {
    this.#socket = socket;
    this.#owner = owner;
    this.#facts = facts;
    this.#limits = owner.parts.limits;
    this.#wire = new Http1Wire(
      socket,
      () => owner.parts.clock.now(),
      () => this.#release(),
    );
    this.#timer = owner.timers.start(this.#limits.keepAliveTimeoutMs, () => this.#expired());
    this.#wait = 'request';
    socket.on('data', this.#onData).on('end', this.#onEnd).on('drain', this.#onDrain).on('close', this.#onClose);
  }

  readonly #onData = (chunk: Buffer): void => this.#received(chunk);
  readonly #onEnd = (): void => this.#left();
  readonly #onDrain = (): void => this.#wire.drained();
  readonly #onClose = (): void => this.#closed();

  /** Gives the socket away after an upgrade. */
  #release(): Socket {
    const socket = this.#socket;
    socket.off('data', this.#onData).off('end', this.#onEnd).off('drain', this.#onDrain).off('close', this.#onClose);
    this.#timer.stop();
    this.#isReleased = true;
    socket.pause();
    if (this.#held.size > 0) socket.unshift(this.#held.take());
    return socket;
  }

  /** Whether an exchange is under way. */
  get isBusy(): boolean {
    return this.#responder !== undefined;
  }

  /** Gives the current exchange up. */
  giveUp(): void {
    this.#responder?.giveUp('drain');
  }

  /** Ends the connection if nothing is under way on it. */
  closeIdle(): void {
    if (this.#wait === 'request') this.#end();
  }

  /** Flow of the request's body: whoever reads it waits for somebody else. */
  pause(): void {
    this.#stopWaiting();
    this.#socket.pause();
  }

  /** Flow of the request's body: its next chunk is waited for. */
  resume(): void {
    if (!this.#decoder) return;
    if (this.#isExpecting) {
      this.#isExpecting = false;
      this.#wire.sayContinue();
    }
    this.#waitFor('body', this.#limits.requestIdleTimeoutMs);
    this.#socket.resume();
  }

  /** Flow of the request's body: nobody reads it. What is left is thrown away when the answer is given. */
  abort(): void {
    if (this.#decoder) this.pause();
  }

  #received(chunk: Buffer): void {
    if (this.#wait === 'rest') this.#discard(chunk);
    else if (this.#decoder) this.#receivedBody(chunk, 0);
    else if (this.#responder || this.#held.size > 0) this.#hold(chunk);
    else this.#read(chunk, 0);
  }

  /** Keeps bytes for later; where a head is incomplete they complete it. */
  #hold(chunk: Buffer): void {
    this.#held.add(chunk);
    if (!this.#responder) this.#readHeld();
    else if (this.#held.size > heldBytesMax) this.#socket.pause();
  }

  #readHeld(): void {
    const { seen } = this.#held;
    this.#read(this.#held.take(), seen);
  }

  /** The beginning of a request, of which the first `seen` bytes were searched before. */
  #read(bytes: Buffer, seen: number): void {
    try {
      const from = skipEmptyLines(bytes, 0);
      const end = findHeadEnd(bytes, from, this.#limits, seen);
      if (end < 0) {
        // A lone carriage return may begin an empty line.
        if (from < bytes.byteLength - 1) checkBeginning(bytes, from);
        this.#held.set(bytes);
        this.#held.seen = bytes.byteLength;
        if (this.#wait !== 'head') this.#waitFor('head', this.#limits.headersTimeoutMs);
        return;
      }
      this.#stopWaiting();
      this.#begin(parseRequestHead(bytes, from, end, this.#limits), bytes, end);
    } catch (error) {
      this.#invalid(toGatewayError(error));
    }
  }

  /** A request, whose body begins at `at`. */
  #begin(request: RequestHead, bytes: Buffer, at: number): void {
    const { parts } = this.#owner;
    const { isHttp10, lengthBytes, isChunked } = request;
    let head: ExchangeHead;
    try {
      const target = judgeRequest(request);
      const isEmpty = !isChunked && (lengthBytes ?? 0) === 0;
      this.#source = isEmpty ? undefined : new FedSource(this, lengthBytes, 'request-too-large');
      this.#decoder = isEmpty ? undefined : new BodyDecoder(isChunked ? 'chunked' : lengthBytes!, this.#limits);
      // Whole bodies mostly come with their heads, and then nobody waits for them.
      const rest = this.#decoder ? this.#decode(bytes, at) : at;
      head = toHead(
        {
          method: request.method,
          httpVersion: isHttp10 ? '1.0' : '1.1',
          target,
          fields: request.fields,
          body: this.#source ? Body.from(this.#source) : Body.none(),
          connection: this.#facts,
          upgrade: isEmpty ? toServedUpgrade(request.upgrade) : undefined,
        },
        parts,
      );
      this.#isExpecting = request.expectation !== undefined && !isHttp10 && rest === at && this.#decoder !== undefined;
      if (rest < bytes.byteLength) this.#held.set(bytes.subarray(rest));
    } catch (error) {
      this.#refuse(request, toGatewayError(error));
      return;
    }
    this.#isLast = !request.isKeptAlive;
    this.#wire.begin({ isHttp10, isHead: request.method === 'HEAD' });
    const responder = new NodeResponder(this.#wire, {
      method: head.method,
      requestId: head.id,
      writeIdleTimeoutMs: this.#limits.writeIdleTimeoutMs,
      // A client that was never told to send its body may send it or not: what follows could be either.
      isLast: () => this.#isLast || this.#isExpecting || this.#owner.isDraining,
      timers: this.#owner.timers,
    });
    this.#responder = responder;
    void this.#owner.handle(head, responder).then(this.#answered, this.#answered);
  }

  #receivedBody(chunk: Buffer, from: number): void {
    // Bytes that come unasked are the body all the same.
    this.#isExpecting = false;
    try {
      const rest = this.#decode(chunk, from);
      if (rest < chunk.byteLength) this.#held.set(chunk.subarray(rest));
      if (!this.#decoder) this.#stopWaiting();
      else if (this.#wait === 'body') this.#waitFor('body', this.#limits.requestIdleTimeoutMs);
    } catch (error) {
      this.#isLast = true;
      this.#stopWaiting();
      this.#decoder = undefined;
      this.#source?.fail(toGatewayError(error));
    }
  }

  /** Feeds the body; gives the offset after its last byte. */
  #decode(bytes: Buffer, from: number): number {
    const decoder = this.#decoder!;
    const source = this.#source!;
    const end = decoder.decode(bytes, from, (chunk) => source.write(chunk));
    if (decoder.isDone) {
      this.#decoder = undefined;
      source.end(toTrailers(decoder.trailers));
    }
    return end;
  }

  /** The exchange is over: whatever was answered is written, or the connection is broken. */
  readonly #answered = (): void => {
    this.#responder = undefined;
    this.#source = undefined;
    if (this.#socket.destroyed || this.#isReleased) return;
    const isLast = this.#isLast || this.#wire.isLast;
    if (this.#decoder && !this.#isExpecting) {
      this.#isLast = isLast;
      this.#beginDiscard();
      return;
    }
    if (isLast) {
      if (this.#held.size > 0 || this.#decoder) this.#linger();
      else this.#end();
      return;
    }
    this.#next();
  };

  #next(): void {
    this.#waitFor('request', this.#limits.keepAliveTimeoutMs);
    if (this.#held.size > 0) this.#readHeld();
    if (this.#responder || this.#wait === 'rest') return;
    if (this.#owner.isDraining && this.#wait === 'request') this.#end();
    else this.#socket.resume();
  }

  /**
   * Reads the rest of a request, within limits, and throws it away: a client still sending would otherwise lose the answer
   * to a connection reset, and the next request of the connection would have to wait.
   */
  #beginDiscard(): void {
    this.#discardedBytes = 0;
    this.#waitFor('rest', this.#limits.discardTimeoutMs);
    this.#socket.resume();
  }

  #discard(chunk: Buffer): void {
    this.#discardedBytes += chunk.byteLength;
    if (this.#discardedBytes > this.#limits.discardBytesMax) {
      // Closed now, the connection would be reset and the answer with it: until the time is up it is only not read.
      this.#socket.pause();
      this.#wire.flushNow();
      this.#socket.end();
      return;
    }
    const decoder = this.#decoder;
    if (!decoder) return;
    try {
      const rest = decoder.decode(chunk, 0, () => {});
      if (!decoder.isDone) return;
      this.#decoder = undefined;
      if (rest < chunk.byteLength) this.#held.set(chunk.subarray(rest));
    } catch {
      this.#isLast = true;
      this.#decoder = undefined;
    }
    this.#wait = 'nobody';
    if (this.#isLast) this.#end();
    else this.#next();
  }

  /** Ends the connection once the client has, or after a while: what it still sends must not cost it the answer. */
  #linger(): void {
    this.#held.clear();
    this.#decoder = undefined;
    this.#isLast = true;
    this.#beginDiscard();
    this.#wire.flushNow();
    this.#socket.end();
  }

  /** Ends the connection once all that was answered is written. */
  #end(): void {
    this.#wire.flushNow();
    this.#socket.destroySoon();
  }

  /** Answers bytes that are no request. */
  #invalid(error: GatewayError): void {
    const { clock } = this.#owner.parts;
    this.#answerAndEnd(error, clock.id(), { method: '', httpVersion: '1.1', connection: this.#facts });
  }

  /** Answers a request that cannot be served, before there is an exchange. */
  #refuse({ fields, method, isHttp10 }: RequestHead, error: GatewayError): void {
    this.#source?.cancel(error);
    const id = requestId(new HeaderList(fields), this.#owner.parts);
    this.#answerAndEnd(error, id, { method, httpVersion: isHttp10 ? '1.0' : '1.1', connection: this.#facts });
  }

  #answerAndEnd(error: GatewayError, id: string, told: RefusedRequest): void {
    const headers = HeaderList.from(error.headers);
    headers.append('content-type', 'application/json');
    headers.append('x-request-id', id);
    const body = Buffer.from(JSON.stringify(toFailureBody(error, id)));
    headers.append('content-length', String(body.byteLength));
    this.#wire.begin({ isHttp10: false, isHead: false });
    this.#wire.head(error.status, headers, { isLast: true, isWhole: true });
    this.#wire.end(body);
    this.#owner.refused(error, id, told);
    this.#linger();
  }

  #waitFor(wait: Wait, timeoutMs: number): void {
    this.#wait = wait;
    this.#timer.restart(timeoutMs);
  }

  /** The timer is left to itself: stopping and starting it costs more than letting it look. */
  #stopWaiting(): void {
    this.#wait = 'nobody';
  }

  #expired(): void {
    switch (this.#wait) {
      case 'nobody':
        return;
      case 'request':
        this.#end();
        return;
      case 'head':
        this.#invalid(new GatewayError('request-timeout', 'the request did not arrive whole in time'));
        return;
      case 'body': {
        this.#stopWaiting();
        const { requestIdleTimeoutMs } = this.#limits;
        this.#source?.fail(
          new GatewayError('request-timeout', `no byte of the request body for ${requestIdleTimeoutMs} ms`),
        );
        return;
      }
      case 'rest':
        this.#socket.destroy();
    }
  }

  /** The client sends no more: it has left, unless all that it asked for is answered. */
  #left(): void {
    if (this.#responder && !this.#wire.isEnded) this.#socket.destroy();
    else this.#end();
  }

  #closed(): void {
    this.#timer.stop();
    this.#wait = 'nobody';
    this.#held.clear();
    this.#source?.fail(new GatewayError('client-gone', 'the client left before its request was whole'));
    this.#wire.closed();
  }
}
