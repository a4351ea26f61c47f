// What chooses among a backend's endpoints, between the backend that speaks and the transport that carries (contract 7).
import type { HealthSettings } from '@agentgateway/core/settings.ts';
import type { Candidates, EndpointState } from './endpoint-table.ts';

/** What a choice depends on beside the endpoints. */
export interface PickQuestion {
  readonly health?: HealthSettings | undefined;
  /** Endpoints that were tried already; they come last. */
  readonly tried?: readonly EndpointState[];
  /** The endpoint of the request's session, as {@link EndpointState.mark} writes it. */
  readonly marked?: string | undefined;
  /** What the requests of one session have in common. */
  readonly sessionKey?: string | undefined;
}

/** Chooses one of the candidates; undefined where there is none. */
export type Choose = (candidates: Candidates, question: PickQuestion) => EndpointState | undefined;
