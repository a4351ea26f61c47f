// HTTP/1.1 to upstreams: one request over one connection of its endpoint's pool, raw headers in and out, own time-outs.
import type { Socket } from 'node:net';
import { Body } from '@agentgateway/core/body.ts';
import type { GatewayError } from '@agentgateway/core/errors.ts';
import { toCancelError } from '@agentgateway/core/exchange.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import { FedSource, type Flow } from '../wire/fed-source.ts';
import { isHopByHop, removeHopByHop } from '../wire/hop-by-hop.ts';
import { completeHandshake } from '../wire/websocket.ts';
import { UnsendableField, toChunkLine, toLastChunk, toLine } from '../wire/http1/encode.ts';
import type { ResponseHead } from '../wire/http1/head.ts';
import { toUpstreamError } from './errors.ts';
import type { Http1Link, LinkUser } from './http1-link.ts';
import type { Http1Pools } from './http1-pools.ts';
import { type UpstreamReply, type UpstreamRequest, isIdempotent, isOwnField } from './request.ts';
import type { TimerWheel } from './timer-wheel.ts';
import { toUnsendable } from './unsendable.ts';
import { Watch } from './watch.ts';
import { toTrailers } from '../wire/trailers.ts';

/** Sends a request over a connection of its endpoint's pool. */
export function callHttp1(request: UpstreamRequest, pools: Http1Pools, timers: TimerWheel): Promise<UpstreamReply> {
  return new Promise((resolve, reject) => {
    new Http1Call(request, { pools, timers, resolve, reject }).start();
  });
}

/** Whoever asked for the attempt. */
interface Caller {
  readonly pools: Http1Pools;
  readonly timers: TimerWheel;
  readonly resolve: (reply: UpstreamReply) => void;
  readonly reject: (error: GatewayError) => void;
}

/** One request, from its start to the answer's end. */
class Http1Call implements LinkUser, Flow {
  readonly method: string;
  readonly connectMs: number;
  readonly isUpgrade: boolean;
  readonly #request: UpstreamRequest;
  readonly #caller: Caller;
  readonly #watch: Watch;
  #stopCancel: (() => void) | undefined;
  #stopWaiting: (() => void) | undefined;
  #link: Http1Link | undefined;
  #head = '';
  #source: FedSource | undefined;
  #failure: Error | undefined;
  #isSent = false;
  #wake: (() => void) | undefined;
  #isRepeated = false;
  #isOver = false;

  constructor(request: UpstreamRequest, caller: Caller) {
    this.#request = request;
    this.method = request.method;
    this.connectMs = request.timeouts.connectMs;
    this.isUpgrade = request.upgrade !== undefined;
    this.#caller = caller;
    this.#watch = new Watch(caller.timers, request.timeouts, this);
    this.#stopCancel = request.onCancel((reason) => this.abort(toCancelError(reason)));
  }

  start(): void {
    if (this.#isOver) return;
    try {
      this.#head = toHead(this.#request);
    } catch (error) {
      this.#fail(toUnsendable(this.#request, error));
      return;
    }
    try {
      this.#stopWaiting = this.#caller.pools.take(this.#request.endpoint, this, this.#isRepeated || this.isUpgrade);
    } catch (error) {
      this.failed(error);
    }
  }

  connected(link: Http1Link): void {
    // Given up while the connection was made: nothing of it may be sent any more.
    if (this.#isOver) {
      link.release();
      return;
    }
    this.#link = link;
    const { body } = this.#request;
    const bytes = body.buffered;
    if (bytes || body.kind === 'none') {
      if (bytes) link.writer.writeBytes(this.#head, bytes, '');
      else link.writer.write(this.#head);
      this.#sent();
    } else this.#upload(link);
  }

  drained(): void {
    const wake = this.#wake;
    if (!wake) return;
    this.#wake = undefined;
    this.#watch.pause();
    wake();
  }

  informed({ status, fields }: ResponseHead): void {
    // Nobody asked for it: the gateway never sends `expect`. It may be passed over (RFC 9110 §15.2).
    if (status === 100) return;
    const headers = new HeaderList(fields);
    removeHopByHop(headers);
    this.#request.onInformation?.(status, headers);
  }

  answered({ status, fields, lengthBytes }: ResponseHead): void {
    const headers = new HeaderList(fields);
    removeHopByHop(headers);
    const hasBody = !(this.method === 'HEAD' || status === 204 || status === 304 || lengthBytes === 0);
    this.#source = new FedSource(this, lengthBytes, 'response-too-large');
    if (hasBody) this.#watch.forBody();
    this.#caller.resolve({ status, headers, body: hasBody ? Body.from(this.#source) : Body.none() });
  }

  switched({ status, fields }: ResponseHead, socket: Socket): void {
    const headers = new HeaderList(fields);
    removeHopByHop(headers);
    this.#link = undefined;
    this.#over(undefined);
    const protocol = this.#request.upgrade!;
    const { idleMs } = this.#request.timeouts;
    this.#caller.resolve({ status, headers, body: Body.upgraded({ stream: socket, protocol, idleMs }) });
  }

  received(chunk: Buffer): void {
    if (this.#isOver) return;
    this.#watch.forBody();
    this.#source!.write(chunk);
  }

  ended(trailers: string[] | undefined): boolean {
    const isSent = this.#isSent;
    this.#link = undefined;
    this.#over(undefined);
    this.#source!.end(toTrailers(trailers));
    return isSent;
  }

  failed(error: unknown): void {
    const link = this.#link;
    this.#link = undefined;
    if (this.#isOver) return;
    const failure = this.#failure ?? toUpstreamError(error, this.#source !== undefined, this.#request.endpoint);
    if (link && this.#mayRepeat(link, failure as GatewayError)) {
      this.#isRepeated = true;
      this.#isSent = false;
      this.start();
      return;
    }
    this.#fail(failure);
  }

  pause(): void {
    this.#watch.pause();
    this.#link?.pause();
  }

  resume(): void {
    if (!this.#link) return;
    this.#watch.forBody();
    this.#link.resume();
  }

  abort(error: Error): void {
    if (this.#failure || this.#isOver) return;
    this.#failure = error;
    this.#stopWaiting?.();
    const link = this.#link;
    this.#link = undefined;
    link?.abandon();
    this.#fail(error);
  }

  /**
   * An idle connection may be closed by the upstream in the moment it is used again (RFC 9112 §9.3.1); a request that
   * may be sent twice is then sent once more.
   */
  #mayRepeat(link: Http1Link, failure: GatewayError): boolean {
    return (
      !this.#source &&
      !this.#failure &&
      !this.#isRepeated &&
      link.answers > 0 &&
      this.#request.body.isReplayable &&
      isIdempotent(this.method) &&
      failure.reason === 'upstream-reset'
    );
  }

  /** Writes the request body with back-pressure; its trailers follow where it has chunks. */
  #upload(link: Http1Link): void {
    const { body } = this.#request;
    const { lengthBytes } = body;
    const { writer } = link;
    let before = this.#head;
    let sentBytes = 0;
    const write = (chunk: Uint8Array): true | Promise<void> => {
      if (this.#link !== link) return true;
      sentBytes += chunk.byteLength;
      if (lengthBytes !== undefined && sentBytes > lengthBytes) throw new Error('the body is longer than it said');
      const head = before;
      before = '';
      const isTaken =
        lengthBytes === undefined
          ? writer.writeBytes(head + toChunkLine(chunk.byteLength), chunk, '\r\n')
          : writer.writeBytes(head, chunk, '');
      if (isTaken) return true;
      this.#watch.forUpload();
      return new Promise((resolve) => {
        this.#wake = resolve;
      });
    };
    this.#watch.pause();
    const piped = body.pipe({ write });
    writer.write(before);
    before = '';
    piped.then(
      (trailers) => {
        if (this.#link !== link) return;
        if (lengthBytes !== undefined && sentBytes !== lengthBytes) {
          this.abort(new Error('the body is shorter than it said'));
          return;
        }
        try {
          if (lengthBytes === undefined) writer.write(toLastChunk(trailers));
        } catch (error) {
          this.abort(toUnsendable(this.#request, error));
          return;
        }
        this.#sent();
      },
      // Whatever was thrown at the source is what the attempt fails with.
      (error: unknown) => {
        if (this.#link === link) this.abort(error instanceof Error ? error : new Error('the request body failed'));
      },
    );
  }

  #sent(): void {
    this.#isSent = true;
    if (!this.#source && !this.#isOver) this.#watch.forHead();
  }

  #fail(failure: Error): void {
    if (this.#isOver) return;
    this.#over(failure);
    if (this.#source) this.#source.fail(failure);
    else this.#caller.reject(failure as GatewayError);
  }

  #over(error: unknown): void {
    this.#isOver = true;
    this.#watch.stop();
    this.#stopCancel?.();
    this.#wake?.();
    const { body, onOver } = this.#request;
    if (body.kind === 'source' && !this.#isSent)
      body.cancel(error ?? new Error('the upstream answered before it had the whole request'));
    onOver?.(error);
  }
}

/** Methods whose requests say that they have no body (RFC 9110 §8.6). */
function expectsBody(method: string): boolean {
  return method === 'POST' || method === 'PUT' || method === 'PATCH';
}

const targetPattern = /^[\x21-\x7e\x80-\xff]+$/;

/** The head of the request. Throws UnsendableField for what no message may hold. */
function toHead({ method, path, headers, authority, body, upgrade }: UpstreamRequest): string {
  if (!targetPattern.test(path)) throw new UnsendableField(':path');
  let text = `${method} ${path} HTTP/1.1\r\n${toLine('host', authority)}`;
  let sent = headers;
  if (upgrade === 'websocket') completeHandshake((sent = headers.clone()));
  const { raw } = sent;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!;
    if (!isHopByHop(name) && !isOwnField(name)) text += toLine(name, raw[i + 1]!);
  }
  if (upgrade !== undefined) text += `connection: upgrade\r\n${toLine('upgrade', upgrade)}`;
  const { lengthBytes } = body;
  if (lengthBytes === undefined) text += 'transfer-encoding: chunked\r\n';
  else if (lengthBytes > 0 || expectsBody(method)) text += `content-length: ${lengthBytes}\r\n`;
  return `${text}\r\n`;
}
