// HTTP/2 to upstreams: one stream per request, prior knowledge without TLS, trailers both ways (RFC 9113).
import { type ClientHttp2Stream, constants } from 'node:http2';
import { Body } from '@agentgateway/core/body.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import { toCancelError } from '@agentgateway/core/exchange.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import { isHopByHop, removeHopByHop } from '../wire/hop-by-hop.ts';
import { FedSource, type Flow } from '../wire/fed-source.ts';
import { toAccept } from '../wire/websocket.ts';
import { addField, toOutgoing } from '../wire/http2-fields.ts';
import { toUpstreamError } from './errors.ts';
import type { Http2Pools, Session } from './http2-pools.ts';
import { type UpstreamReply, type UpstreamRequest, isOwnField } from './request.ts';
import type { TimerWheel } from './timer-wheel.ts';
import { toUnsendable } from './unsendable.ts';
import { Watch } from './watch.ts';
import { toTrailers } from '../wire/trailers.ts';

/** Sends a request as a stream of one of its endpoint's sessions. */
export function callHttp2(request: UpstreamRequest, pools: Http2Pools, timers: TimerWheel): Promise<UpstreamReply> {
  return new Promise((resolve, reject) => {
    new Http2Call(request, pools, { timers, resolve, reject }).start();
  });
}

/** Whoever asked for the attempt. */
interface Caller {
  readonly timers: TimerWheel;
  readonly resolve: (reply: UpstreamReply) => void;
  readonly reject: (error: GatewayError) => void;
}

/** One stream, from the request's start to the response's end. */
class Http2Call implements Flow {
  readonly #request: UpstreamRequest;
  readonly #pools: Http2Pools;
  readonly #caller: Caller;
  readonly #watch: Watch;
  #stopCancel: (() => void) | undefined;
  #stream: ClientHttp2Stream | undefined;
  #source: FedSource | undefined;
  #trailers: HeaderList | undefined;
  #failure: Error | undefined;
  #receivedBytes = 0;
  #isRepeated = false;
  #isOver = false;

  constructor(request: UpstreamRequest, pools: Http2Pools, caller: Caller) {
    this.#request = request;
    this.#pools = pools;
    this.#caller = caller;
    this.#watch = new Watch(caller.timers, request.timeouts, this);
    this.#stopCancel = request.onCancel((reason) => this.abort(toCancelError(reason)));
  }

  start(): void {
    if (this.#isOver) return;
    const { body, endpoint, timeouts } = this.#request;
    let session: Session;
    let fields: string[];
    try {
      fields = toFields(this.#request);
      session = this.#pools.acquire(endpoint, timeouts.connectMs);
    } catch (error) {
      this.#failed(undefined, toUnsendable(this.#request, error));
      return;
    }
    const { upgrade } = this.#request;
    if (upgrade !== undefined && session.takesConnect !== true) {
      this.#waitForConnect(session);
      return;
    }
    const hasBody = body.kind !== 'none' || upgrade !== undefined;
    let stream: ClientHttp2Stream;
    try {
      stream = session.http2.request(fields, { endStream: !hasBody, waitForTrailers: body.kind !== 'none' });
    } catch (error) {
      session.release();
      const isLost = session.http2.closed || session.http2.destroyed;
      this.#failed(undefined, isLost ? error : toUnsendable(this.#request, error));
      return;
    }
    this.#stream = stream;
    stream.on('close', () => session.release());
    this.#follow(stream);
    if (body.kind !== 'none') this.#send(stream);
  }

  /** Whether other protocols are taken is among the first things that an upstream says. */
  #waitForConnect(session: Session): void {
    const { http2 } = session;
    const refuse = (cause: unknown): void => {
      session.release();
      this.#failed(undefined, cause);
    };
    if (session.takesConnect === false) {
      const { address, port } = this.#request.endpoint;
      refuse(new GatewayError('upstream-protocol-error', `${address}:${port} takes no upgrades over HTTP/2`));
      return;
    }
    const settled = (): void => {
      http2.off('remoteSettings', settled).off('close', lost);
      session.release();
      this.start();
    };
    const lost = (): void => {
      http2.off('remoteSettings', settled);
      refuse(new Error('the connection was closed'));
    };
    http2.on('remoteSettings', settled).on('close', lost);
  }

  pause(): void {
    this.#watch.pause();
    this.#stream?.pause();
  }

  resume(): void {
    this.#watch.forBody();
    this.#stream?.resume();
  }

  abort(error: Error): void {
    if (this.#failure || this.#isOver) return;
    this.#failure = error;
    // close() would end an unfinished request body before the reset, as if it were whole.
    if (this.#stream?.writableEnded) this.#stream.close(constants.NGHTTP2_CANCEL);
    else this.#stream?.destroy(error);
    this.#failed(this.#stream, error);
  }

  #follow(stream: ClientHttp2Stream): void {
    stream.on('headers', (_headers, _flags, raw: string[]) => this.#informed(raw));
    stream.on('response', (_headers, flags, raw: string[]) => this.#answered(raw, flags));
    stream.on('trailers', (_headers, _flags, raw: string[]) => {
      this.#trailers = toTrailers(raw);
    });
    stream.on('data', (chunk: Buffer) => {
      if (this.#isOver) return;
      this.#receivedBytes += chunk.byteLength;
      this.#watch.forBody();
      this.#source?.write(chunk);
    });
    stream.on('end', () => this.#ended(stream));
    stream.on('error', (error) => this.#failed(stream, error));
    stream.on('close', () => this.#failed(stream, undefined));
  }

  #informed(raw: readonly string[]): void {
    const status = Number(raw[1]);
    const headers = withoutPseudo(raw);
    removeHopByHop(headers);
    if (status !== 101) this.#request.onInformation?.(status, headers);
  }

  #answered(raw: readonly string[], flags: number): void {
    const status = Number(raw[1]);
    const headers = withoutPseudo(raw);
    removeHopByHop(headers);
    if (this.#request.upgrade !== undefined && status === 200) {
      this.#switched(headers, this.#request.upgrade);
      return;
    }
    const length = headers.get('content-length');
    const hasNone = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0 || this.#request.method === 'HEAD';
    this.#source = new FedSource(this, length === undefined ? undefined : Number(length), 'response-too-large');
    this.#watch.forBody();
    this.#caller.resolve({ status, headers, body: hasNone ? Body.none() : Body.from(this.#source) });
  }

  /** To an HTTP/1.1 client it is a switch of protocols, which wants a proof where it is to WebSocket. */
  #switched(headers: HeaderList, protocol: string): void {
    const stream = this.#stream!;
    const key = this.#request.headers.get('sec-websocket-key');
    if (protocol === 'websocket' && key !== undefined) headers.set('sec-websocket-accept', toAccept(key));
    // What comes now is for whoever takes it over.
    stream.pause();
    const { idleMs } = this.#request.timeouts;
    this.#over(undefined);
    this.#caller.resolve({ status: 101, headers, body: Body.upgraded({ stream, protocol, idleMs }) });
  }

  /** Node ends a stream's reading side after a reset too: only what is whole may end well. */
  #ended(stream: ClientHttp2Stream): void {
    const source = this.#source;
    const { lengthBytes } = source ?? {};
    const isShort = lengthBytes !== undefined && this.#request.method !== 'HEAD' && this.#receivedBytes !== lengthBytes;
    if (!source || isShort || stream.rstCode !== constants.NGHTTP2_NO_ERROR) {
      this.#failed(stream, undefined);
      return;
    }
    this.#over(undefined);
    source.end(this.#trailers);
  }

  #failed(stream: ClientHttp2Stream | undefined, cause: unknown): void {
    // A stream whose request went out again has nothing more to say.
    if (this.#isOver || stream !== this.#stream) return;
    const isRefused = stream?.rstCode === constants.NGHTTP2_REFUSED_STREAM && !this.#source && !this.#failure;
    // What the upstream refused it did not act upon (RFC 9113 §8.7).
    if (isRefused && !this.#isRepeated && this.#request.body.isReplayable) {
      this.#isRepeated = true;
      this.#stream = undefined;
      this.start();
      return;
    }
    const failure =
      this.#failure ??
      (isRefused
        ? new GatewayError('upstream-reset', 'the upstream refused the stream')
        : toUpstreamError(
            cause ?? new Error('the stream was closed'),
            this.#source !== undefined,
            this.#request.endpoint,
          ));
    this.#over(failure);
    this.#source?.fail(failure);
    this.#caller.reject(failure as GatewayError);
  }

  /** Writes the request body with back-pressure; its trailers follow. */
  #send(stream: ClientHttp2Stream): void {
    const { body } = this.#request;
    let trailers: HeaderList | undefined;
    let wake: (() => void) | undefined;
    stream.on('drain', () => {
      this.#watch.pause();
      wake?.();
    });
    stream.on('wantTrailers', () => {
      if (stream.destroyed) return;
      try {
        // Without trailers this ends the request all the same.
        stream.sendTrailers(trailers ? toOutgoing(trailers) : {});
      } catch (cause) {
        this.abort(new GatewayError('bad-request', 'the trailers cannot be sent over HTTP/2', { cause }));
      }
    });
    this.#watch.pause();
    const write = (chunk: Uint8Array): true | Promise<void> => {
      if (stream.destroyed || stream.write(chunk)) return true;
      this.#watch.forUpload();
      return new Promise((resolve) => {
        wake = resolve;
      });
    };
    body.pipe({ write }).then(
      (ended) => {
        trailers = ended;
        stream.end();
        if (!this.#source && !this.#isOver) this.#watch.forHead();
      },
      (error: unknown) => {
        if (stream === this.#stream) this.abort(error instanceof Error ? error : new Error('the request body failed'));
      },
    );
  }

  #over(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#watch.stop();
    this.#stopCancel?.();
    const { body, onOver } = this.#request;
    if (body.kind === 'source')
      body.cancel(error ?? new Error('the upstream answered before it had the whole request'));
    onOver?.(error);
  }
}

function toFields({ method, path, authority, headers, endpoint, body, upgrade }: UpstreamRequest): string[] {
  const scheme = endpoint.tls ? 'https' : 'http';
  const asked = upgrade === undefined ? [':method', method] : [':method', 'CONNECT', ':protocol', upgrade];
  const fields = [...asked, ':path', path, ':scheme', scheme, ':authority', authority];
  const { raw } = headers;
  for (let i = 0; i < raw.length; i += 2) {
    // The key of a handshake has no place in HTTP/2 (RFC 8441 §5).
    if (upgrade !== undefined && raw[i]!.toLowerCase() === 'sec-websocket-key') continue;
    if (!isHopByHop(raw[i]!) && !isOwnField(raw[i]!)) addField(fields, raw[i]!, raw[i + 1]!);
  }
  if (body.kind !== 'none' && body.lengthBytes !== undefined) fields.push('content-length', String(body.lengthBytes));
  // gRPC demands it of every hop ("Requests" in its HTTP/2 specification).
  if (headers.get('content-type')?.startsWith('application/grpc')) fields.push('te', 'trailers');
  return fields;
}

function withoutPseudo(raw: readonly string[]): HeaderList {
  const kept: string[] = [];
  for (let i = 0; i < raw.length; i += 2) if (!raw[i]!.startsWith(':')) kept.push(raw[i]!, raw[i + 1]!);
  return new HeaderList(kept);
}
