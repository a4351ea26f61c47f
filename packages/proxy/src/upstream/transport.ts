// Reaches upstreams: one attempt over pools of connections by endpoint and TLS identity.
import type { Log } from '@agentgateway/core/environment.ts';
import type { EndpointAddress } from '@agentgateway/core/exchange.ts';
import type { Clock } from '../environment.ts';
import { callHttp1 } from './http1.ts';
import { Http1Pools } from './http1-pools.ts';
import { callHttp2 } from './http2.ts';
import { Http2Pools } from './http2-pools.ts';
import type { UpstreamReply, UpstreamRequest } from './request.ts';
import { TimerWheel } from './timer-wheel.ts';

export type { UpstreamReply, UpstreamRequest } from './request.ts';

/** Reaches upstreams. Rejections are GatewayErrors; a body that breaks rejects its pipe with one. */
export interface Transport {
  readonly timers: TimerWheel;
  dispatch(request: UpstreamRequest): Promise<UpstreamReply>;
  /** Endpoints that connections are kept to, one for each TLS identity and protocol. */
  pools(): number;
  /** An endpoint is gone: connections to it end when what is under way on them has. */
  retire(endpoint: EndpointAddress): void;
  /** Breaks every connection. */
  close(): void;
}

/** Opens a transport. */
export function createTransport({ log, clock }: { readonly log: Log; readonly clock: Clock }): Transport {
  const timers = new TimerWheel(() => clock.monotonicMs());
  const http1 = new Http1Pools(timers);
  const http2 = new Http2Pools(timers, log);
  return {
    timers,
    dispatch: (request) =>
      request.protocol === 'http2' ? callHttp2(request, http2, timers) : callHttp1(request, http1, timers),
    pools: () => http1.size + http2.size,
    retire(endpoint) {
      http1.retire(endpoint);
      http2.retire(endpoint);
    },
    close() {
      timers.close();
      http1.close();
      http2.close();
    },
  };
}
