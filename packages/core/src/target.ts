// What a backend is to the pipeline: something that answers an exchange.
import type { EndpointAddress, Exchange, Reply, SnapshotView } from './exchange.ts';
import type { RuleSettings } from './settings.ts';

/** How a rule wants its backend called. */
export interface CallPlan {
  readonly settings: RuleSettings;
  /** Port of a Service backend; 0 where the backend has none. */
  readonly port: number;
  /** Spoken where the backend does not say what it speaks; HTTP/1.1 when left out. */
  readonly protocol?: 'http1' | 'http2';
}

/** A compiled backend. Attempts, retries and failover live behind `call`; it throws GatewayError. */
export interface Target {
  readonly key: string;
  call(exchange: Exchange, plan: CallPlan): Promise<Reply>;
  /** Where bytes that are no requests can be sent; left out where there is no such place. */
  endpoints?(question: {
    readonly snapshot: SnapshotView;
    readonly port: number;
    readonly transport: 'tcp' | 'udp';
  }): readonly EndpointAddress[];
  /**
   * Whether calls carry credentials of the gateway's owner, so that whoever reaches it spends their money; asked of a
   * snapshot, because a backend may send to others.
   */
  holdsCredentials?(snapshot: SnapshotView): boolean;
  /** What the backend would do, for `explain`: how a model's name resolves, which endpoints there are. */
  explain?(question: { readonly snapshot: SnapshotView; readonly model: string | undefined }): object;
}
