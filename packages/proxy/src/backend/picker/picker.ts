// What chooses among a backend's endpoints, between the backend that speaks and the transport that carries (contract 7).
import type { EndpointAddress, Exchange } from '@agentgateway/core/exchange.ts';

/**
 * Chooses the endpoint of one try; undefined where there is none. Asked anew for every try, with the endpoints as they are
 * in the exchange's own snapshot. What a picker remembers it opens by `environment.state`, so that it outlives an edit of
 * its backend.
 */
export type Picker = (endpoints: readonly EndpointAddress[], exchange: Exchange) => EndpointAddress | undefined;
