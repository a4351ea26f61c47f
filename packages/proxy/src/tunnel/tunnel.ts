// The life of one proxied connection: route, backend, endpoint, connect, copy, record.
import { type Socket, isIP } from 'node:net';
import { toHostPort } from '@agentgateway/core/authority.ts';
import type { Reason } from '@agentgateway/core/errors.ts';
import type { EndpointAddress } from '@agentgateway/core/exchange.ts';
import type { Clock } from '../environment.ts';
import type { Timer, TimerWheel } from '../upstream/timer-wheel.ts';
import type { EndpointLoad } from './endpoint-load.ts';
import type { TunnelLimits } from './limits.ts';
import type { FindEndpoints, TunnelChoice, TunnelListener, TunnelRoute } from './plan.ts';
import { type ConnectionEnds, writeProxyProtocol } from './proxy-protocol.ts';
import type { ReadBuffers } from './read-buffers.ts';
import type { Refused } from './read-header.ts';
import type { TunnelRecorder } from './record.ts';
import { Splice, breakOff } from './splice.ts';

/** What tunnels share. */
export interface TunnelParts {
  readonly clock: Clock;
  readonly timers: TimerWheel;
  readonly limits: TunnelLimits;
  readonly buffers: ReadBuffers;
  readonly load: EndpointLoad;
  readonly recorder: TunnelRecorder;
  readonly findEndpoints: FindEndpoints;
}

/** A connection whose listener is known. */
export interface TunnelConnection {
  readonly id: string;
  /** Not read yet but for what was put back. TLS that is terminated here is the decrypted socket. */
  readonly client: Socket;
  readonly bind: string;
  readonly listener: TunnelListener;
  readonly protocol: 'tcp' | 'tls';
  /** The client's and the gateway's, as the PROXY protocol has them where it is spoken. */
  readonly ends: ConnectionEnds;
  readonly serverName: string | undefined;
  /** Monotonic milliseconds of the accept. */
  readonly startMs: number;
}

/** One connection from its route to its record. */
export class Tunnel {
  /** Resolves when both sides are closed and it is recorded. */
  readonly ended: Promise<void>;
  readonly #parts: TunnelParts;
  readonly #connection: TunnelConnection;
  readonly #resolve: () => void;
  #route: TunnelRoute | undefined;
  #choice: TunnelChoice | undefined;
  #endpoint: EndpointAddress | undefined;
  readonly #tried: EndpointAddress[] = [];
  #splice: Splice | undefined;
  #isCopying = false;
  #timer: Timer | undefined;
  #bytesSeen = 0;
  #message: string | undefined;
  #isOver = false;
  readonly #onClientClosed = (): void => this.#end('client-gone', 'the client left before its backend was reached');

  constructor(connection: TunnelConnection, parts: TunnelParts) {
    this.#connection = connection;
    this.#parts = parts;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#resolve = resolve;
  }

  /** Bytes that wait for either side. */
  get buffered(): number {
    return this.#splice?.buffered ?? 0;
  }

  /** Chooses and begins to connect, so that a server that speaks first is heard. */
  open(): void {
    const { client, listener, serverName, ends } = this.#connection;
    this.#route = listener.route(serverName);
    if (!this.#route) {
      const asked = serverName === undefined ? 'this connection' : `'${serverName}'`;
      this.#end('route-not-found', `no route of ${listener.key} wants ${asked}`);
      return;
    }
    const refusal = this.#route.refusal(ends.source);
    if (refusal !== undefined) {
      this.#end('forbidden', refusal);
      return;
    }
    this.#choice = this.#route.choose();
    const invalid = this.#choice ? this.#choice.invalid : 'no backend of the route has weight';
    if (invalid !== undefined) {
      this.#end('backend-invalid', invalid);
      return;
    }
    client.on('close', this.#onClientClosed);
    if (client.destroyed) this.#onClientClosed();
    else this.#connect();
  }

  /** Ends it, whatever it is at: what was not passed on is lost, and neither side takes what it has for the whole. */
  break(reason: Reason, message: string): void {
    if (this.#isOver) return;
    if (!this.#isCopying) {
      this.#end(reason, message);
      return;
    }
    this.#message ??= message;
    this.#splice!.fail(reason);
  }

  #connect(): void {
    const { load, limits, findEndpoints, timers } = this.#parts;
    const choice = this.#choice!;
    const endpoint = load.pick(findEndpoints(choice, 'tcp'), this.#tried);
    if (!endpoint) {
      this.#end('no-healthy-endpoint', `${choice.key} has no ready endpoint on port ${choice.port}`);
      return;
    }
    this.#endpoint = endpoint;
    this.#tried.push(endpoint);
    load.add(endpoint);
    const { readBufferBytes, writeBufferBytesMax } = limits;
    const startMs = this.#parts.clock.monotonicMs();
    const splice = new Splice(
      this.#connection.client,
      { host: endpoint.address, port: endpoint.port, autoSelectFamily: isIP(endpoint.address) === 0 },
      { buffers: this.#parts.buffers, readBufferBytes, writeBufferBytesMax, ended: (reason) => this.#finish(reason) },
    );
    this.#splice = splice;
    const { upstream } = splice;
    const { connectMs } = this.#route!.timeouts;
    if (connectMs > 0)
      this.#timer = timers.start(connectMs, () => {
        upstream.destroy();
        this.#onConnectFailed({
          reason: 'connect-timeout',
          message: `no connection to ${toHostPort(endpoint)} in time`,
        });
      });
    const onError = (error: Error): void => {
      // The address of a host name is part of what the system says.
      this.#onConnectFailed({
        reason: 'upstream-connect-failed',
        message: `cannot connect to ${toHostPort(endpoint)}: ${error.message}`,
      });
    };
    upstream.once('error', onError).once('connect', () => {
      upstream.off('error', onError);
      this.#parts.recorder.connected('tcp', this.#parts.clock.monotonicMs() - startMs);
      this.#onConnected(splice);
    });
  }

  #onConnected(splice: Splice): void {
    const { client, ends } = this.#connection;
    this.#timer?.stop();
    client.off('close', this.#onClientClosed);
    this.#isCopying = true;
    splice.upstream.setKeepAlive(true, keepAliveMs);
    const { proxyVersion } = this.#choice!;
    if (proxyVersion !== undefined) splice.upstream.write(writeProxyProtocol(proxyVersion, ends));
    splice.start();
    const { idleMs } = this.#route!.timeouts;
    if (idleMs > 0 && !this.#isOver) this.#timer = this.#parts.timers.start(idleMs, () => this.#onIdle(idleMs));
  }

  /** Bytes are counted anyway: a timer that is moved by each of them would cost more. */
  #onIdle(idleMs: number): void {
    const bytes = this.#splice!.received + this.#splice!.sent;
    if (bytes === this.#bytesSeen) {
      this.break('idle-timeout', `not a byte in either direction for ${idleMs} ms`);
      return;
    }
    this.#bytesSeen = bytes;
    this.#timer!.restart(idleMs);
  }

  #onConnectFailed({ reason, message }: Refused): void {
    if (this.#isOver) return;
    this.#timer?.stop();
    this.#parts.load.remove(this.#endpoint!);
    const endpoints = this.#parts.findEndpoints(this.#choice!, 'tcp');
    const isMore = endpoints.some((endpoint) => !this.#tried.includes(endpoint));
    if (isMore && this.#tried.length < this.#parts.limits.connectAttemptsMax) {
      // Nothing was passed on yet: another endpoint may do.
      this.#splice!.upstream.on('error', () => {});
      this.#connect();
      return;
    }
    const endpoint = this.#endpoint;
    this.#endpoint = undefined;
    this.#end(reason, message, endpoint);
  }

  /** Ends it before anything was copied. */
  #end(reason: Reason, message: string, tried?: EndpointAddress): void {
    if (this.#isOver) return;
    const { client } = this.#connection;
    client.off('close', this.#onClientClosed);
    breakOff(client);
    const upstream = this.#splice?.upstream;
    upstream
      ?.removeAllListeners('error')
      .on('error', () => {})
      .destroy();
    this.#message = message;
    this.#finish(reason, tried);
  }

  #finish(reason: Reason | undefined, tried?: EndpointAddress): void {
    this.#isOver = true;
    this.#timer?.stop();
    const { clock, load, recorder } = this.#parts;
    const endpoint = this.#endpoint;
    if (endpoint) load.remove(endpoint);
    const { id, bind, listener, protocol, ends, serverName, startMs } = this.#connection;
    recorder.closed({
      id,
      bind,
      gateway: listener.gateway,
      listener: listener.key,
      protocol,
      client: ends.source,
      serverName,
      route: this.#route?.key ?? '',
      rule: this.#route?.rule ?? '',
      backend: this.#choice?.key ?? '',
      endpoint: endpoint ? toHostPort(endpoint) : tried ? toHostPort(tried) : '',
      durationMs: clock.monotonicMs() - startMs,
      receivedBytes: this.#splice?.received ?? 0,
      sentBytes: this.#splice?.sent ?? 0,
      reason,
      message: this.#message ?? (reason && messages[reason]),
    });
    this.#resolve();
  }
}

/** Peers that vanished without a word are noticed by the kernel, which asks after this long. */
const keepAliveMs = 60_000;

const messages: { readonly [R in Reason]?: string } = {
  'client-gone': 'the client broke the connection',
  'upstream-reset': 'the backend broke the connection',
};
