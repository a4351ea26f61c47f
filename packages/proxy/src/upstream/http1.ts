// HTTP/1.1 to upstreams over undici's dispatch: raw headers in and out, own time-outs, no WHATWG objects.
import type { Readable } from 'node:stream';
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { Log } from '@agentgateway/core/environment.ts';
import { Body } from '@agentgateway/core/body.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import { type Dispatcher, Pool } from 'undici';
import { removeHopByHop } from '../server/hop-by-hop.ts';
import { bodyStream } from './body-stream.ts';
import { toUpstreamError } from './errors.ts';
import { ResponseSource } from './response-source.ts';
import type { Timer, TimerWheel } from './timer-wheel.ts';
import { type UpstreamReply, type UpstreamRequest, transportLimits } from './transport.ts';

/** Fields that undici writes itself or refuses. */
const ownFields = new Set([
  'host',
  'connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'expect',
  'content-length',
  'te',
]);

/** One pool per endpoint and TLS identity. */
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
      const call = new Http1Call(request, this.#timers, { resolve, reject });
      const headers = request.headers.raw.slice();
      const list = new HeaderList(headers);
      list.removeWhere((name) => ownFields.has(name.toLowerCase()));
      list.append('host', request.authority);
      const { body } = request;
      const hasBody = body.kind !== 'none';
      if (hasBody && body.lengthBytes !== undefined) list.append('content-length', String(body.lengthBytes));
      try {
        pool.dispatch(
          {
            method: request.method as Dispatcher.HttpMethod,
            path: request.path,
            headers,
            body: hasBody ? (body.buffered ?? (bodyStream(body) as AsyncIterable<Uint8Array> as Readable)) : null,
            headersTimeout: 0,
            bodyTimeout: 0,
          },
          call,
        );
      } catch (error) {
        call.onResponseError(undefined, error as Error);
      }
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
    });
    this.#pools.set(id, pool);
    return pool;
  }
}

interface Settle {
  readonly resolve: (reply: UpstreamReply) => void;
  readonly reject: (error: unknown) => void;
}

/** One dispatched request: undici's handler, from the request's start to the response's end. */
class Http1Call implements Dispatcher.DispatchHandler {
  readonly #request: UpstreamRequest;
  readonly #timers: TimerWheel;
  readonly #settle: Settle;
  #controller: Dispatcher.DispatchController | undefined;
  #source: ResponseSource | undefined;
  #firstByte: Timer | undefined;
  #total: Timer | undefined;
  #stopCancel: (() => void) | undefined;
  #failure: Error | undefined;

  constructor(request: UpstreamRequest, timers: TimerWheel, settle: Settle) {
    this.#request = request;
    this.#timers = timers;
    this.#settle = settle;
    const { totalMs, connectMs, firstByteMs } = request.timeouts;
    if (totalMs > 0)
      this.#total = timers.start(totalMs, () =>
        this.#abort(new GatewayError('attempt-timeout', `the attempt took longer than ${totalMs} ms`)),
      );
    // Until the request is on a connection, waiting for one counts too.
    if (firstByteMs > 0) this.#firstByte = timers.start(firstByteMs + connectMs, () => this.#late());
    this.#stopCancel = request.onCancel(() =>
      this.#abort(new GatewayError('client-gone', 'the exchange was given up')),
    );
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#failure) controller.abort(this.#failure);
    const { firstByteMs } = this.#request.timeouts;
    this.#firstByte?.stop();
    if (firstByteMs > 0) this.#firstByte = this.#timers.start(firstByteMs, () => this.#late());
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (status < 200) return;
    this.#firstByte?.stop();
    const headers = new HeaderList(toText(controller.rawHeaders));
    removeHopByHop(headers);
    const hasNone = this.#request.method === 'HEAD' || status === 204 || status === 304;
    const length = headers.get('content-length');
    const source = new ResponseSource(
      {
        pause: () => controller.pause(),
        resume: () => controller.resume(),
        destroy: (error) => this.#abort(error),
      },
      {
        timers: this.#timers,
        idleMs: this.#request.timeouts.idleMs,
        lengthBytes: hasNone || length === undefined ? undefined : Number(length),
      },
    );
    this.#source = source;
    this.#settle.resolve({ status, headers, body: hasNone ? Body.none() : Body.from(source) });
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#source?.write(chunk);
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    this.#over();
    const raw = toText((controller as { rawTrailers?: Dispatcher.DispatchController['rawHeaders'] }).rawTrailers);
    this.#source?.end(raw.length > 0 ? new HeaderList(raw) : undefined);
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#over();
    const failure = this.#failure ?? toUpstreamError(error, this.#source !== undefined, this.#request.endpoint);
    if (this.#source) this.#source.fail(failure);
    else this.#settle.reject(failure);
  }

  #late(): void {
    this.#abort(
      new GatewayError(
        'first-byte-timeout',
        `the upstream sent no answer within ${this.#request.timeouts.firstByteMs} ms`,
      ),
    );
  }

  #abort(error: Error): void {
    if (this.#failure) return;
    this.#failure = error;
    if (this.#controller) this.#controller.abort(error);
    else {
      this.#over();
      this.#settle.reject(error);
    }
  }

  #over(): void {
    this.#firstByte?.stop();
    this.#total?.stop();
    this.#stopCancel?.();
    this.#stopCancel = undefined;
  }
}

function toText(raw: Dispatcher.DispatchController['rawHeaders']): string[] {
  if (!Array.isArray(raw)) return [];
  return raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1')));
}
