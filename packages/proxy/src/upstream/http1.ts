// HTTP/1.1 to upstreams over undici's dispatch: raw headers in and out, own time-outs, no WHATWG objects.
import { Body } from '@agentgateway/core/body.ts';
import type { GatewayError } from '@agentgateway/core/errors.ts';
import { toCancelError } from '@agentgateway/core/exchange.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import type { Dispatcher } from 'undici';
import { isHopByHop, removeHopByHop } from '../wire/hop-by-hop.ts';
import { toUpstreamError } from './errors.ts';
import { toText } from './header-text.ts';
import type { Connection, ConnectionUser, Http1Pools, PoolLease } from './http1-pools.ts';
import { type UpstreamReply, type UpstreamRequest, isIdempotent, isOwnField } from './request.ts';
import { type Flow, ResponseSource } from './response-source.ts';
import type { TimerWheel } from './timer-wheel.ts';
import { toUnsendable } from './unsendable.ts';
import { Upload } from './upload.ts';
import { Watch } from './watch.ts';

/** Sends a request over a connection of its endpoint's pool. */
export function callHttp1(request: UpstreamRequest, pools: Http1Pools, timers: TimerWheel): Promise<UpstreamReply> {
  return new Promise((resolve, reject) => {
    new Http1Call(request, pools.acquire(request.endpoint), { timers, resolve, reject }).start();
  });
}

/** Whoever asked for the attempt. */
interface Caller {
  readonly timers: TimerWheel;
  readonly resolve: (reply: UpstreamReply) => void;
  readonly reject: (error: GatewayError) => void;
}

/** One dispatched request: undici's handler, from the request's start to the response's end. */
class Http1Call implements ConnectionUser, Flow {
  connection: Connection | undefined;
  readonly connectMs: number;
  readonly #request: UpstreamRequest;
  readonly #lease: PoolLease;
  readonly #caller: Caller;
  readonly #watch: Watch;
  #stopCancel: (() => void) | undefined;
  #upload: Upload | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #source: ResponseSource | undefined;
  #failure: Error | undefined;
  #isRepeated = false;
  #isOver = false;

  constructor(request: UpstreamRequest, lease: PoolLease, caller: Caller) {
    this.#request = request;
    this.connectMs = request.timeouts.connectMs;
    this.#lease = lease;
    this.#caller = caller;
    this.#watch = new Watch(caller.timers, request.timeouts, this);
    this.#stopCancel = request.onCancel((reason) => this.abort(toCancelError(reason)));
  }

  start(): void {
    const { method, path, body, endpoint } = this.#request;
    if (this.#isOver) return;
    let sent: Uint8Array | Upload | null = null;
    if (body.buffered) sent = body.buffered;
    else if (body.kind === 'source') sent = this.#upload = new Upload(body, this.#watch);
    try {
      this.#lease.pool.dispatch(
        {
          method,
          path,
          headers: toFields(this.#request),
          // undici takes any async iterable; its types know only some.
          body: sent as Uint8Array | null,
          headersTimeout: 0,
          bodyTimeout: 0,
          // Else undici takes it from the host field and reconnects whenever that changes; its types do not know it.
          ...(endpoint.tls && { servername: endpoint.tls.serverName }),
        },
        this,
      );
    } catch (error) {
      this.onResponseError(undefined, error as Error);
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#failure) controller.abort(this.#failure);
  }

  /** Called by undici when the last byte of the request was written. */
  onRequestSent(): void {
    if (!this.#source && !this.#isOver) this.#watch.forHead();
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    const headers = new HeaderList(Array.isArray(controller.rawHeaders) ? toText(controller.rawHeaders) : []);
    removeHopByHop(headers);
    if (status < 200) {
      this.#request.onInformation?.(status, headers);
      return;
    }
    const length = headers.get('content-length');
    const hasNone = this.#request.method === 'HEAD' || status === 204 || status === 304 || length === '0';
    this.#source = new ResponseSource(this, length === undefined ? undefined : Number(length));
    if (!hasNone) this.#watch.forBody();
    this.#caller.resolve({ status, headers, body: hasNone ? Body.none() : Body.from(this.#source) });
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#watch.forBody();
    this.#source!.write(chunk);
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (this.connection) this.connection.answers++;
    const trailers = controller.rawTrailers;
    this.#over(undefined);
    this.#source!.end(Array.isArray(trailers) && trailers.length > 0 ? new HeaderList(toText(trailers)) : undefined);
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    if (this.#mayRepeat(error)) {
      this.#isRepeated = true;
      this.start();
      return;
    }
    const failure = this.#failure ?? this.#toFailure(error);
    this.#over(failure);
    if (this.#source) this.#source.fail(failure);
    else this.#caller.reject(failure as GatewayError);
  }

  pause(): void {
    this.#watch.pause();
    this.#controller?.pause();
  }

  resume(): void {
    this.#watch.forBody();
    this.#controller?.resume();
  }

  abort(error: Error): void {
    if (this.#failure || this.#isOver) return;
    this.#failure = error;
    if (this.#controller && !this.#controller.aborted) {
      this.#controller.abort(error);
      return;
    }
    this.#over(error);
    this.#caller.reject(error as GatewayError);
  }

  /**
   * An idle connection may be closed by the upstream in the moment it is used again (RFC 9112 §9.3.1); a request that
   * may be sent twice is then sent once more.
   */
  #mayRepeat(error: Error): boolean {
    const { method, body } = this.#request;
    return (
      !this.#source &&
      !this.#failure &&
      !this.#isRepeated &&
      (this.connection?.answers ?? 0) > 0 &&
      body.isReplayable &&
      isIdempotent(method) &&
      this.#toFailure(error).reason === 'upstream-reset'
    );
  }

  /** undici hands a request that it refuses to send back in the same way as one that failed. */
  #toFailure(error: Error): GatewayError {
    if ((error as { code?: unknown }).code === 'UND_ERR_INVALID_ARG') return toUnsendable(this.#request, error);
    return toUpstreamError(error, this.#source !== undefined, this.#request.endpoint);
  }

  #over(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#watch.stop();
    this.#stopCancel?.();
    this.#lease.release();
    this.#upload?.cancel(error ?? new Error('the upstream answered before it had the whole request'));
    this.#request.onOver?.(error);
  }
}

/** The fields of the request line's host and of the message, without those that undici writes itself. */
function toFields({ headers, authority, body }: UpstreamRequest): string[] {
  const fields = ['host', authority];
  const { raw } = headers;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!;
    if (!isHopByHop(name) && !isOwnField(name)) fields.push(name, raw[i + 1]!);
  }
  if (body.kind === 'source' && body.lengthBytes !== undefined) fields.push('content-length', String(body.lengthBytes));
  return fields;
}
