// HTTP/2 to upstreams: as few sessions per endpoint as its limit of streams allows, prior knowledge without TLS, trailers both ways (RFC 9113).
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { Body } from '@agentgateway/core/body.ts';
import type { Log } from '@agentgateway/core/environment.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import { toCancelError } from '@agentgateway/core/exchange.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import { isHopByHop, removeHopByHop } from '../wire/hop-by-hop.ts';
import { addField, toOutgoing } from '../wire/http2-fields.ts';
import { toUpstreamError } from './errors.ts';
import { type UpstreamReply, type UpstreamRequest, isOwnField, transportLimits } from './request.ts';
import { type Flow, ResponseSource } from './response-source.ts';
import type { TimerWheel } from './timer-wheel.ts';
import { Watch } from './watch.ts';

/** One connection to an upstream, and how many streams of ours are open on it. */
interface Session {
  readonly http2: ClientHttp2Session;
  streams: number;
}

/** Sessions by endpoint and TLS identity. */
export class Http2Pools {
  readonly #sessions = new Map<string, Session[]>();
  readonly #timers: TimerWheel;
  readonly #log: Log;

  constructor(timers: TimerWheel, log: Log) {
    this.#timers = timers;
    this.#log = log;
  }

  async dispatch(request: UpstreamRequest): Promise<UpstreamReply> {
    try {
      return await this.#call(request);
    } catch (error) {
      // A stream that the upstream refused was not acted upon (RFC 9113 §8.7).
      if (!(error instanceof StreamRefused) || !request.body.isReplayable) throw error;
      return this.#call(request);
    }
  }

  close(): void {
    for (const sessions of this.#sessions.values()) for (const { http2 } of sessions.slice()) http2.destroy();
    this.#sessions.clear();
  }

  #call(request: UpstreamRequest): Promise<UpstreamReply> {
    const session = this.#session(request);
    return new Promise((resolve, reject) => {
      new Http2Call(request, session, { timers: this.#timers, resolve, reject }).start();
    });
  }

  /** A session with room, a new one where there is none, or the least busy. */
  #session({ endpoint, timeouts }: UpstreamRequest): Session {
    const host = endpoint.address.includes(':') ? `[${endpoint.address}]` : endpoint.address;
    const id = `${host}:${endpoint.port} ${endpoint.tls?.serverName ?? ''}`;
    const sessions = this.#sessions.get(id) ?? [];
    let idlest: Session | undefined;
    for (const session of sessions) {
      const { maxConcurrentStreams = transportLimits.streamsAssumed } = session.http2.remoteSettings;
      if (session.streams < maxConcurrentStreams) return session;
      if (!idlest || session.streams < idlest.streams) idlest = session;
    }
    if (idlest && sessions.length >= transportLimits.sessionsMax) return idlest;
    const http2 = connect(`${endpoint.tls ? 'https' : 'http'}://${host}:${endpoint.port}`, {
      maxHeaderListPairs: 2 * 1024,
      settings: { enablePush: false, maxHeaderListSize: transportLimits.headerBytesMax },
      ...(endpoint.tls && { servername: endpoint.tls.serverName, ALPNProtocols: ['h2'] }),
    });
    const session: Session = { http2, streams: 0 };
    this.#sessions.set(id, [...sessions, session]);
    this.#follow(session, id, timeouts.connectMs);
    return session;
  }

  /** Lets a session go when it cannot be used for more, or is not connected in time. */
  #follow(session: Session, id: string, connectMs: number): void {
    const { http2 } = session;
    http2.unref();
    const [address] = id.split(' ');
    const timer =
      connectMs > 0
        ? this.#timers.start(connectMs, () =>
            http2.destroy(new GatewayError('connect-timeout', `no connection to ${address} in time`)),
          )
        : undefined;
    const forget = (): void => {
      timer?.stop();
      const left = (this.#sessions.get(id) ?? []).filter((other) => other !== session);
      if (left.length > 0) this.#sessions.set(id, left);
      else this.#sessions.delete(id);
    };
    http2.on('connect', () => timer?.stop());
    http2.on('error', (error) => this.#log.debug({ err: error, endpoint: id }, 'an upstream session failed'));
    http2.on('close', forget).on('goaway', forget);
    http2.setTimeout(transportLimits.idleConnectionMs);
    http2.on('timeout', () => {
      if (session.streams === 0) http2.close();
    });
  }
}

/** The upstream did not look at the request at all. */
class StreamRefused extends GatewayError {
  constructor() {
    super('upstream-reset', 'the upstream refused the stream');
  }
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
  readonly #session: Session;
  readonly #caller: Caller;
  readonly #watch: Watch;
  readonly #stopCancel: () => void;
  #stream: ClientHttp2Stream | undefined;
  #source: ResponseSource | undefined;
  #trailers: HeaderList | undefined;
  #failure: Error | undefined;
  #receivedBytes = 0;
  #isOver = false;

  constructor(request: UpstreamRequest, session: Session, caller: Caller) {
    this.#request = request;
    this.#session = session;
    this.#caller = caller;
    this.#watch = new Watch(caller.timers, request.timeouts, this);
    this.#stopCancel = request.onCancel((reason) => this.abort(toCancelError(reason)));
  }

  start(): void {
    if (this.#isOver) return;
    const { body } = this.#request;
    const hasBody = body.kind !== 'none';
    let stream: ClientHttp2Stream;
    try {
      stream = this.#session.http2.request(toFields(this.#request), { endStream: !hasBody, waitForTrailers: hasBody });
    } catch (error) {
      this.#failed(error);
      return;
    }
    this.#stream = stream;
    this.#session.streams++;
    stream.on('headers', (_headers, _flags, raw: string[]) => this.#informed(raw));
    stream.on('response', (_headers, flags, raw: string[]) => this.#answered(raw, flags));
    stream.on('trailers', (_headers, _flags, raw: string[]) => {
      this.#trailers = new HeaderList(raw);
    });
    stream.on('data', (chunk: Buffer) => {
      if (this.#isOver) return;
      this.#receivedBytes += chunk.byteLength;
      this.#watch.forBody();
      this.#source?.write(chunk);
    });
    stream.on('end', () => this.#ended());
    stream.on('error', (error) => this.#failed(error));
    stream.on('close', () => {
      this.#session.streams--;
      this.#failed(undefined);
    });
    if (hasBody) this.#send(stream);
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
    this.#failed(error);
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
    const length = headers.get('content-length');
    const hasNone = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0 || this.#request.method === 'HEAD';
    this.#source = new ResponseSource(this, length === undefined ? undefined : Number(length));
    this.#watch.forBody();
    this.#caller.resolve({ status, headers, body: hasNone ? Body.none() : Body.from(this.#source) });
  }

  /** Node ends a stream's reading side after a reset too: only what is whole may end well. */
  #ended(): void {
    const source = this.#source;
    const { lengthBytes } = source ?? {};
    const isShort = lengthBytes !== undefined && this.#request.method !== 'HEAD' && this.#receivedBytes !== lengthBytes;
    if (!source || isShort || this.#stream!.rstCode !== constants.NGHTTP2_NO_ERROR) {
      this.#failed(undefined);
      return;
    }
    this.#over(undefined);
    source.end(this.#trailers);
  }

  #failed(cause: unknown): void {
    if (this.#isOver) return;
    const isRefused = this.#stream?.rstCode === constants.NGHTTP2_REFUSED_STREAM && !this.#source;
    const failure =
      this.#failure ??
      (isRefused
        ? new StreamRefused()
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
      // Without trailers this ends the request all the same.
      if (!stream.destroyed) stream.sendTrailers(trailers ? toOutgoing(trailers) : {});
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
      (error: unknown) => this.abort(error instanceof Error ? error : new Error('the request body failed')),
    );
  }

  #over(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#watch.stop();
    this.#stopCancel();
    const { body, onOver } = this.#request;
    if (body.kind === 'source')
      body.cancel(error ?? new Error('the upstream answered before it had the whole request'));
    onOver?.(error);
  }
}

function toFields({ method, path, authority, headers, endpoint, body }: UpstreamRequest): string[] {
  const scheme = endpoint.tls ? 'https' : 'http';
  const fields = [':method', method, ':path', path, ':scheme', scheme, ':authority', authority];
  const { raw } = headers;
  for (let i = 0; i < raw.length; i += 2) {
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
