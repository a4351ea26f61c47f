// Values that `setting` policies compile to, read by name at call time.
import type { SecretValue } from './environment.ts';
import type { Exchange } from './exchange.ts';

/** Time-outs in milliseconds; 0 switches one off. */
export interface TimeoutSettings {
  /** The whole exchange. */
  readonly requestMs: number;
  /** One attempt, to the end of its response. */
  readonly backendRequestMs: number;
  readonly connectMs: number;
  /** From the end of the request to the response's head. */
  readonly firstByteMs: number;
  /** Between two chunks. */
  readonly idleMs: number;
}

/** When and how often an attempt is repeated. */
export interface RetrySettings {
  /** Further tries after the first. */
  readonly attempts: number;
  readonly codes: readonly number[];
  readonly backoffMs: number;
  /** Undefined where any number of retries may pass. */
  readonly budget?: RetryBudgetSettings | undefined;
}

/** How TLS is spoken to a backend. */
export interface BackendTlsSettings {
  /** A function of all that is said, apart from the content of secrets: what has the same one may share connections. */
  readonly id: string;
  /** Whether TLS is spoken to backends that do not ask for it themselves. */
  readonly isSpoken: boolean;
  /** Sent as SNI, and verified where no alternative names are given; undefined means the name the backend is known by. */
  readonly serverName: string | undefined;
  /** Bundles in PEM, trusted in place of the system's; empty trusts what the system trusts. */
  readonly caCertificates: readonly string[];
  /** One of these must be in the certificate, in place of the server name; empty asks for none. */
  readonly subjectAltNames: readonly { readonly kind: 'hostname' | 'uri'; readonly value: string }[];
  /** False takes any certificate. */
  readonly isVerified: boolean;
  /** Certificate and key in PEM, shown where the backend asks; without a value nothing may be sent. */
  readonly clientCertificate: { readonly certificate: SecretValue; readonly key: SecretValue } | undefined;
  /** Why it cannot be applied: nothing may be sent. */
  readonly invalid: string | undefined;
}

/** How the PROXY protocol is spoken. */
export interface ProxyProtocolSettings {
  /** How connections of clients begin; undefined where it is not spoken. */
  readonly client: 'optional' | 'required' | undefined;
  /** Whether a proxy at that address is believed. */
  trusts(address: string): boolean;
  /** Version spoken to backends. */
  readonly backendVersion: 1 | 2 | undefined;
}

/** What share of a backend's requests may be retries. */
export interface RetryBudgetSettings {
  /** Of the requests of the interval. */
  readonly percent: number;
  readonly intervalMs: number;
  /** Retries that pass in any case. */
  readonly minCount: number;
  readonly minIntervalMs: number;
}

/** When something that fails is left alone, and for how long. Times in milliseconds. */
export interface EjectionLimits {
  /** Failures in a row until it is left alone. */
  readonly failures: number;
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
}

/** What an endpoint is asked. */
export type HealthCheck =
  | {
      readonly kind: 'http';
      readonly path: string;
      readonly method: string;
      readonly host: string | undefined;
      /** First and last status of each range that is good; none means 200. */
      readonly expected: readonly (readonly [number, number])[];
    }
  | { readonly kind: 'tcp' }
  | { readonly kind: 'grpc'; readonly service: string };

/** How endpoints are asked how they are. */
export interface ActiveHealthSettings {
  readonly check: HealthCheck;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
}

/** Which endpoints of a backend are asked. */
export interface HealthSettings {
  readonly passive: (EjectionLimits & { readonly ejectionPercentMax: number }) | undefined;
  readonly active: ActiveHealthSettings | undefined;
  /** While fewer than this share of the endpoints is well, all are asked. */
  readonly panicPercent: number;
}

/** Which host the backend is told. */
export type HostRewriteSettings =
  | { readonly kind: 'auto' }
  | { readonly kind: 'hostname'; readonly hostname: string }
  | { readonly kind: 'header'; readonly header: string };

/** A session that the gateway marks (Gateway API SessionPersistence, GEP-1619). Times in milliseconds, 0 for never. */
export interface PersistenceSettings {
  readonly type: 'cookie' | 'header';
  /** Empty for one made of the names of route and rule. */
  readonly sessionName: string;
  readonly absoluteMs: number;
  readonly idleMs: number;
  readonly isPermanent: boolean;
  /** Seals the mark; undefined for the gateway's own key. */
  readonly key: SecretValue | undefined;
}

/** Which endpoint keeps being asked for the same caller. */
export type SessionAffinitySettings =
  | ({ readonly kind: 'persistence' } & PersistenceSettings)
  | {
      readonly kind: 'hash';
      /** The header or expression, for people. */
      readonly by: string;
      /** What requests of one session have in common; undefined where a request belongs to none. */
      keyOf(exchange: Exchange): string | undefined;
    };

/** The settings of a rule, after merging; defaults filled in. */
export interface RuleSettings {
  readonly timeouts: TimeoutSettings;
  readonly retry: RetrySettings | undefined;
  /** TLS beyond what the backend itself says; undefined leaves it to the backend. */
  readonly backendTLS?: BackendTlsSettings | undefined;
  readonly proxyProtocol?: ProxyProtocolSettings | undefined;
  readonly hostRewrite: HostRewriteSettings | undefined;
  readonly health: HealthSettings | undefined;
  readonly sessionAffinity: SessionAffinitySettings | undefined;
}

/** What holds where no policy says otherwise: a model may think for long, but a dead peer is noticed. */
export const defaultTimeouts: TimeoutSettings = {
  requestMs: 0,
  backendRequestMs: 0,
  connectMs: 10_000,
  firstByteMs: 600_000,
  idleMs: 300_000,
};

/** Settings of a rule that no policy touches. */
export const defaultSettings: RuleSettings = {
  timeouts: defaultTimeouts,
  retry: undefined,
  hostRewrite: undefined,
  health: undefined,
  sessionAffinity: undefined,
  backendTLS: undefined,
  proxyProtocol: undefined,
};
