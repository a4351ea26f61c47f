// HTTP/1.1 to upstreams over undici's dispatch: raw headers in and out, own time-outs, no WHATWG objects.
import { Body } from '@agentgateway/core/body.ts';
import type { Log } from '@agentgateway/core/environment.ts';
import type { GatewayError } from '@agentgateway/core/errors.ts';
import { toCancelError } from '@agentgateway/core/exchange.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import { Client, type Dispatcher, Pool } from 'undici';
import { isHopByHop, removeHopByHop } from '../wire/hop-by-hop.ts';
import { toUpstreamError } from './errors.ts';
import { type UpstreamReply, type UpstreamRequest, isIdempotent, isOwnField, transportLimits } from './request.ts';
import { type Flow, ResponseSource } from './response-source.ts';
import type { TimerWheel } from './timer-wheel.ts';
import { Upload } from './upload.ts';
import { Watch } from './watch.ts';

/** One connection of a pool, which knows whether it was used before. */
class Connection extends Client {
  /** Answers received since it was opened. */
  answers = 0;

  constructor(origin: string | URL, options: Client.Options) {
    super(origin, options);
    this.on('disconnect', () => {
      this.answers = 0;
    });
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    (handler as Http1Call).connection = this;
    return super.dispatch(options, handler);
  }
}

/** One pool per endpoint, TLS identity and connect time-out. */
export class Http1Pools {
  readonly #pools = new Map<string, Pool>();
  readonly #timers: TimerWheel;
  readonly #log: Log;

  constructor(timers: TimerWheel, log: Log) {
    this.#timers = timers;
    this.#log = log;
  }

  dispatch(request: UpstreamRequest): Promise<UpstreamReply> {
    const pool = this.#pool(request);
    return new Promise((resolve, reject) => {
      new Http1Call(request, pool, { timers: this.#timers, resolve, reject }).start();
    });
  }

  close(): void {
    for (const pool of this.#pools.values())
      pool.destroy().catch((error: unknown) => this.#log.debug({ err: error }, 'closing a pool failed'));
    this.#pools.clear();
  }

  #pool({ endpoint, timeouts }: UpstreamRequest): Pool {
    const host = endpoint.address.includes(':') ? `[${endpoint.address}]` : endpoint.address;
    const id = `${host}:${endpoint.port} ${endpoint.tls?.serverName ?? ''} ${timeouts.connectMs}`;
    const known = this.#pools.get(id);
    if (known) return known;
    const pool = new Pool(`${endpoint.tls ? 'https' : 'http'}://${host}:${endpoint.port}`, {
      allowH2: false,
      connections: transportLimits.connectionsMax,
      pipelining: 1,
      keepAliveTimeout: transportLimits.idleConnectionMs,
      maxHeaderSize: transportLimits.headerBytesMax,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { timeout: timeouts.connectMs, ...(endpoint.tls && { servername: endpoint.tls.serverName }) },
      factory: (origin, options) => new Connection(origin, options),
    });
    this.#pools.set(id, pool);
    return pool;
  }
}

/** Whoever asked for the attempt. */
interface Caller {
  readonly timers: TimerWheel;
  readonly resolve: (reply: UpstreamReply) => void;
  readonly reject: (error: GatewayError) => void;
}

/** One dispatched request: undici's handler, from the request's start to the response's end. */
class Http1Call implements Dispatcher.DispatchHandler, Flow {
  connection: Connection | undefined;
  readonly #request: UpstreamRequest;
  readonly #pool: Pool;
  readonly #caller: Caller;
  readonly #watch: Watch;
  readonly #stopCancel: () => void;
  #upload: Upload | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #source: ResponseSource | undefined;
  #failure: Error | undefined;
  #isRepeated = false;
  #isOver = false;

  constructor(request: UpstreamRequest, pool: Pool, caller: Caller) {
    this.#request = request;
    this.#pool = pool;
    this.#caller = caller;
    this.#watch = new Watch(caller.timers, request.timeouts, this);
    this.#stopCancel = request.onCancel((reason) => this.abort(toCancelError(reason)));
  }

  start(): void {
    const { method, path, body } = this.#request;
    if (this.#isOver) return;
    let sent: Uint8Array | Upload | null = null;
    if (body.buffered) sent = body.buffered;
    else if (body.kind === 'source') sent = this.#upload = new Upload(body, this.#watch);
    try {
      this.#pool.dispatch(
        {
          method,
          path,
          headers: toFields(this.#request),
          // undici takes any async iterable; its types know only some.
          body: sent as Uint8Array | null,
          headersTimeout: 0,
          bodyTimeout: 0,
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
    const headers = new HeaderList(toText(controller.rawHeaders));
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
    const failure = this.#failure ?? toUpstreamError(error, this.#source !== undefined, this.#request.endpoint);
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
    const { method, body, endpoint } = this.#request;
    return (
      !this.#source &&
      !this.#failure &&
      !this.#isRepeated &&
      (this.connection?.answers ?? 0) > 0 &&
      body.isReplayable &&
      isIdempotent(method) &&
      toUpstreamError(error, false, endpoint).reason === 'upstream-reset'
    );
  }

  #over(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#watch.stop();
    this.#stopCancel();
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

function toText(raw: Dispatcher.DispatchController['rawHeaders']): string[] {
  if (!Array.isArray(raw)) return [];
  const text: string[] = [];
  for (const part of raw) text.push(typeof part === 'string' ? part : part.toString('latin1'));
  return text;
}
