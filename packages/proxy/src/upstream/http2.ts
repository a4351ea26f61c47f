// HTTP/2 to upstreams: one session per endpoint, prior knowledge without TLS, trailers both ways.
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type OutgoingHttpHeaders,
  connect,
  constants,
} from 'node:http2';
import { Body } from '@agentgateway/core/body.ts';
import type { Log } from '@agentgateway/core/environment.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import { removeHopByHop } from '../server/hop-by-hop.ts';
import { toUpstreamError } from './errors.ts';
import { ResponseSource } from './response-source.ts';
import type { Timer, TimerWheel } from './timer-wheel.ts';
import type { UpstreamReply, UpstreamRequest } from './transport.ts';

/** Sessions by endpoint and TLS identity. */
export class Http2Pools {
  readonly #sessions = new Map<string, ClientHttp2Session>();
  readonly #timers: TimerWheel;
  readonly #log: Log;

  constructor(timers: TimerWheel, log: Log) {
    this.#timers = timers;
    this.#log = log;
  }

  dispatch(request: UpstreamRequest): Promise<UpstreamReply> {
    const { promise, resolve, reject } = Promise.withResolvers<UpstreamReply>();
    const session = this.#session(request);
    const { body, timeouts } = request;
    const hasBody = body.kind !== 'none';
    const stream = session.request(toFields(request), { endStream: !hasBody, waitForTrailers: hasBody });
    let source: ResponseSource | undefined;
    let failure: Error | undefined;
    const running: (Timer | undefined)[] = [];
    const abort = (error: Error): void => {
      failure ??= error;
      stream.destroy(error);
    };
    const over = (): void => {
      stopCancel();
      for (const timer of running) timer?.stop();
    };
    const late = (reason: 'first-byte-timeout' | 'attempt-timeout', limitMs: number): Timer | undefined =>
      limitMs > 0
        ? this.#timers.start(limitMs, () => abort(new GatewayError(reason, `no whole answer within ${limitMs} ms`)))
        : undefined;
    const firstByte = late('first-byte-timeout', timeouts.firstByteMs);
    running.push(firstByte, late('attempt-timeout', timeouts.totalMs));
    const stopCancel = request.onCancel(() => abort(new GatewayError('client-gone', 'the exchange was given up')));
    stream.on('response', (fields, _flags, raw?: string[]) => {
      firstByte?.stop();
      source = openSource(stream, abort, { timers: this.#timers, idleMs: timeouts.idleMs });
      const headers = new HeaderList(rawOf(fields, raw));
      removeHopByHop(headers);
      const status = Number(fields[':status']);
      resolve({ status, headers, body: stream.readableEnded ? Body.none() : Body.from(source) });
    });
    let trailers: HeaderList | undefined;
    stream.on('trailers', (fields) => {
      trailers = new HeaderList(rawOf(fields, undefined));
    });
    stream.on('end', () => {
      over();
      source?.end(trailers);
    });
    stream.on('error', (error) => {
      over();
      const known = failure ?? toUpstreamError(error, source !== undefined, request.endpoint);
      if (source) source.fail(known);
      else reject(known);
    });
    stream.on('close', () => {
      over();
      const known =
        failure ?? toUpstreamError(new Error('the stream was closed'), source !== undefined, request.endpoint);
      source?.fail(known);
      reject(known);
    });
    if (hasBody) send(stream, body, abort);
    return promise;
  }

  close(): void {
    for (const session of this.#sessions.values()) session.destroy();
    this.#sessions.clear();
  }

  #session({ endpoint, timeouts }: UpstreamRequest): ClientHttp2Session {
    const host = endpoint.address.includes(':') ? `[${endpoint.address}]` : endpoint.address;
    const id = `${host}:${endpoint.port} ${endpoint.tls?.serverName ?? ''}`;
    const known = this.#sessions.get(id);
    if (known && !known.closed && !known.destroyed) return known;
    const session = connect(
      `${endpoint.tls ? 'https' : 'http'}://${host}:${endpoint.port}`,
      endpoint.tls ? { servername: endpoint.tls.serverName, ALPNProtocols: ['h2'] } : {},
    );
    session.unref();
    const timer =
      timeouts.connectMs > 0
        ? this.#timers.start(timeouts.connectMs, () =>
            session.destroy(new GatewayError('connect-timeout', `no connection to ${host}:${endpoint.port} in time`)),
          )
        : undefined;
    session.on('connect', () => timer?.stop());
    session.on('error', (error) => this.#log.debug({ err: error, endpoint: id }, 'an upstream session failed'));
    session.on('close', () => {
      timer?.stop();
      if (this.#sessions.get(id) === session) this.#sessions.delete(id);
    });
    session.on('goaway', () => {
      if (this.#sessions.get(id) === session) this.#sessions.delete(id);
    });
    this.#sessions.set(id, session);
    return session;
  }
}

function openSource(
  stream: ClientHttp2Stream,
  abort: (error: Error) => void,
  options: { readonly timers: TimerWheel; readonly idleMs: number },
): ResponseSource {
  const source = new ResponseSource(
    { pause: () => stream.pause(), resume: () => stream.resume(), destroy: abort },
    { ...options, lengthBytes: undefined },
  );
  stream.on('data', (chunk: Buffer) => source.write(chunk));
  return source;
}

/** Writes the request body with back-pressure; its trailers follow as HTTP/2 trailers. */
function send(stream: ClientHttp2Stream, body: Body, abort: (error: Error) => void): void {
  let trailers: HeaderList | undefined;
  stream.on('wantTrailers', () => {
    if (stream.destroyed) return;
    if (trailers) stream.sendTrailers(toOutgoing(trailers));
    else stream.close(constants.NGHTTP2_NO_ERROR);
  });
  body
    .pipe({ write: (chunk) => (stream.write(chunk) ? true : new Promise((resolve) => stream.once('drain', resolve))) })
    .then(
      (ended) => {
        trailers = ended;
        stream.end();
      },
      (error: unknown) => abort(error instanceof Error ? error : new Error(String(error))),
    );
}

function toFields({ method, path, authority, headers, endpoint }: UpstreamRequest): OutgoingHttpHeaders {
  return {
    ':method': method,
    ':path': path,
    ':authority': authority,
    ':scheme': endpoint.tls ? 'https' : 'http',
    ...toOutgoing(headers, new Set(['host', 'connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'expect'])),
  };
}

/** Fields as node:http2 takes them: lower-case names, repeated ones as arrays. */
export function toOutgoing(headers: HeaderList, without: ReadonlySet<string> = new Set()): OutgoingHttpHeaders {
  const fields: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>;
  for (const [name, value] of headers.entries()) {
    const lower = name.toLowerCase();
    if (without.has(lower)) continue;
    const before = fields[lower];
    if (before === undefined) fields[lower] = value;
    else if (Array.isArray(before)) before.push(value);
    else fields[lower] = [before, value];
  }
  return fields;
}

function rawOf(fields: object, raw: string[] | undefined): string[] {
  const flat: string[] = [];
  if (raw) {
    for (let i = 0; i < raw.length; i += 2) if (!raw[i]!.startsWith(':')) flat.push(raw[i]!, raw[i + 1]!);
    return flat;
  }
  for (const [name, value] of Object.entries(fields)) {
    if (name.startsWith(':')) continue;
    if (Array.isArray(value)) for (const one of value) flat.push(name, String(one));
    else flat.push(name, String(value));
  }
  return flat;
}
