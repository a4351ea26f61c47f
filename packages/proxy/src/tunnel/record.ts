// What is told of a connection or a flow of datagrams when it is over.
import type { Reason } from '@agentgateway/core/errors.ts';
import type { SocketEnd } from './proxy-protocol.ts';

/** The end of a connection, or of a flow. */
export interface TunnelRecord {
  readonly id: string;
  readonly bind: string;
  readonly gateway: string;
  readonly listener: string;
  /** Empty while none was chosen, as are the next three. */
  readonly route: string;
  readonly rule: string;
  readonly backend: string;
  readonly endpoint: string;
  readonly protocol: 'tcp' | 'tls' | 'udp';
  /** As the PROXY protocol has it, where it is spoken. */
  readonly client: SocketEnd;
  readonly serverName: string | undefined;
  readonly durationMs: number;
  /** Bytes from the client that were passed on. */
  readonly receivedBytes: number;
  /** Bytes for the client. */
  readonly sentBytes: number;
  /** Undefined where both sides ended of their own accord; of a flow, where it fell silent. */
  readonly reason: Reason | undefined;
  /** What went wrong, for the log. */
  readonly message: string | undefined;
}

/** Where something arrives. */
export type TunnelPlace = Pick<TunnelRecord, 'bind' | 'gateway' | 'listener' | 'protocol'>;

/** Takes records; implemented by telemetry. */
export interface TunnelRecorder {
  /** A connection was accepted, or a flow began. */
  opened(place: TunnelPlace): void;
  /** It is over. */
  closed(record: TunnelRecord): void;
  /** A connection was refused, or a datagram dropped, of which nothing more is told. */
  dropped(what: TunnelPlace & { readonly reason: Reason }): void;
  /** An upstream was connected. */
  connected(transport: 'tcp', durationMs: number): void;
}
