// The only door from policies and backends to the world (contract 2); the proxy implements it, tests fake it.
import type { Ledger } from '@agentgateway/quota';
import type { Exchange, Reply } from './exchange.ts';
import type { HeaderList } from './header-list.ts';

/** Names one entry of a Secret. */
export interface SecretReference {
  readonly secret: string;
  readonly entry: string;
}

/** A secret's value as it is now; undefined while it does not exist. */
export interface SecretValue {
  current(): string | undefined;
}

/** A callout of a policy: a small buffered request to a backend. */
export interface CalloutRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: HeaderList;
  readonly body: Uint8Array | undefined;
  readonly timeoutMs: number;
  readonly responseBytesMax: number;
}

/** A backend as policies reach it. gRPC calls join with the first policy that needs one. */
export interface Upstream {
  call(request: CalloutRequest): Promise<Reply>;
}

/** Structured logging; an object first, then the message. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What a compiled policy may use of the world. */
export interface Environment {
  /** The backend of that key, resolved at each call. */
  upstream(backendKey: string): Upstream;
  secret(reference: SecretReference): SecretValue;
  readonly ledger: Ledger;
  /**
   * State that outlives a snapshot (buckets, health, caches): the same object for the same identity as long as some
   * snapshot holds it, disposed with the last.
   */
  state<T extends Disposable>(identity: string, open: () => T): T;
  /** Wall-clock milliseconds since the epoch. */
  now(): number;
  /** Monotonic milliseconds. */
  monotonicMs(): number;
  /** Resolves after so many milliseconds, or when the exchange is given up. */
  pause(ms: number, exchange: Exchange): Promise<void>;
  /** In [0, 1). */
  random(): number;
  /** A new UUIDv7. */
  id(): string;
  readonly log: Log;
}
