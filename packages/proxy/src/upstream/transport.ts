// Pools of upstream connections by endpoint and TLS identity, and the dispatch of one attempt over them.
import type { Body } from '@agentgateway/core/body.ts';
import type { Log } from '@agentgateway/core/environment.ts';
import type { EndpointAddress } from '@agentgateway/core/exchange.ts';
import type { HeaderList } from '@agentgateway/core/header-list.ts';
import type { Clock } from '../environment.ts';
import { Http1Pools } from './http1.ts';
import { Http2Pools } from './http2.ts';
import { TimerWheel } from './timer-wheel.ts';

/** One request to one endpoint. */
export interface UpstreamRequest {
  readonly endpoint: EndpointAddress & { readonly tls?: { readonly serverName: string } };
  readonly protocol: 'http1' | 'http2';
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly authority: string;
  readonly headers: HeaderList;
  readonly body: Body;
  /** In milliseconds; 0 switches one off. */
  readonly timeouts: {
    readonly connectMs: number;
    readonly firstByteMs: number;
    readonly idleMs: number;
    readonly totalMs: number;
  };
  /** Registers what is called when the exchange is given up; the result takes it back. */
  readonly onCancel: (fn: () => void) => () => void;
}

/** The answer's head, and its body to come. */
export interface UpstreamReply {
  readonly status: number;
  /** End-to-end fields only. */
  readonly headers: HeaderList;
  readonly body: Body;
}

/** Reaches upstreams. Rejections are GatewayErrors; a body that breaks rejects its pipe with one. */
export interface Transport {
  readonly timers: TimerWheel;
  dispatch(request: UpstreamRequest): Promise<UpstreamReply>;
  /** Breaks every connection. */
  close(): void;
}

/** Limits of the pools. */
export const transportLimits = {
  /** HTTP/1.1 connections per endpoint. */
  connectionsMax: 1024,
  /** How long an idle connection is kept. */
  idleConnectionMs: 90_000,
  /** Longest response head, in bytes. */
  headerBytesMax: 64 * 1024,
} as const;

/** Opens a transport. */
export function createTransport({ log, clock }: { readonly log: Log; readonly clock: Clock }): Transport {
  const timers = new TimerWheel(clock.monotonicMs);
  const http1 = new Http1Pools(timers, log);
  const http2 = new Http2Pools(timers, log);
  return {
    timers,
    dispatch: (request) => (request.protocol === 'http2' ? http2 : http1).dispatch(request),
    close() {
      timers.close();
      http1.close();
      http2.close();
    },
  };
}
