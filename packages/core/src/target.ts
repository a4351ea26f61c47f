// What a backend is to the pipeline: something that answers an exchange.
import type { EndpointAddress, Exchange, Reply, SnapshotView } from './exchange.ts';
import type { BackendTlsSettings, RuleSettings } from './settings.ts';

/** How a rule wants its backend called. */
export interface CallPlan {
  readonly settings: RuleSettings;
  /** Port of a Service backend; 0 where the backend has none. */
  readonly port: number;
  /** Spoken where the backend does not say what it speaks; HTTP/1.1 when left out. */
  readonly protocol?: 'http1' | 'http2';
  /** The session the request belongs to, where the rule marks sessions. */
  readonly session?: Session | undefined;
}

/** A session that the gateway marks: which endpoint it is bound to, and where it is bound anew. */
export interface Session {
  /** The mark of the endpoint of this backend's port that the session is bound to; undefined where it is bound to none of its. */
  endpointOf(backend: string, port: number): string | undefined;
  /** Binds it to the endpoint that has answered. */
  bind(backend: string, port: number, endpoint: string): void;
}

/** Where and how the endpoints of a backend are reached, for those who ask them how they are. */
export interface Reach {
  readonly endpoints: readonly EndpointAddress[];
  readonly protocol: 'http1' | 'http2';
  readonly tls: { readonly serverName: string } | undefined;
  readonly authority: string;
}

/** How the endpoints of one port are. */
export interface PortFacts {
  /** 0 where the backend has no ports. */
  readonly port: number;
  readonly endpoints: readonly {
    readonly address: string;
    readonly state: 'healthy' | 'ejected' | 'unhealthy';
    readonly inFlight: number;
    readonly restingMs?: number;
  }[];
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
  /**
   * How its endpoints are reached with what policies say of TLS; undefined where there is no such port. `unsaid` is spoken
   * where the backend does not say what it speaks: HTTP/1.1 when left out. Throws where TLS cannot be had as it is asked for.
   */
  reach?(
    snapshot: SnapshotView,
    port: number,
    tls: BackendTlsSettings | undefined,
    unsaid?: CallPlan['protocol'],
  ): Reach | undefined;
  /** How its endpoints are, port by port. */
  ports?(snapshot: SnapshotView): readonly PortFacts[];
}
