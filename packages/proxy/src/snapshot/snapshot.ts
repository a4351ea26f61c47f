// The immutable world that requests read: binds, listeners, rules and backends, swapped as one reference.
import type { SecretValue } from '@agentgateway/core/environment.ts';
import type { EndpointAddress, Exchange, SnapshotView } from '@agentgateway/core/exchange.ts';
import type { Phase, Step } from '@agentgateway/core/phases.ts';
import type { Router } from '@agentgateway/core/route/router.ts';
import type { ProxyProtocolSettings, RuleSettings } from '@agentgateway/core/settings.ts';
import type { Target } from '@agentgateway/core/target.ts';
import type { TunnelBindPlan } from '../tunnel/plan.ts';
import { Generation } from './generation.ts';
import type { TlsPlan } from './tls-plan.ts';

/** A step of a plan, with the policy it came from. */
export interface PlannedStep {
  /** Key of the policy, or of the route whose filter it is. */
  readonly policy: string;
  readonly kind: string;
  readonly phase: Phase;
  readonly step: Step;
}

/** A flat list of steps in phase order. */
export interface StepPlan {
  readonly steps: readonly PlannedStep[];
}

/** Who gets copies of requests. */
export interface MirrorPlan {
  /** Key of the backend. */
  readonly key: string;
  readonly port: number;
  /** So many of so many requests. */
  readonly numerator: number;
  readonly denominator: number;
  /** Whether the next request is among them. */
  take(): boolean;
  /** Sends a copy of the request as it is now; returns at once, and never throws. */
  start(exchange: Exchange): void;
}

/** One weighted reference of a rule. */
export interface BackendChoice {
  readonly key: string;
  readonly port: number;
  readonly weight: number;
  /** Why it cannot be served; its share is answered with 500. */
  readonly invalid: string | undefined;
  /** Steps of this backend alone. */
  readonly plan: StepPlan;
  /** The rule's settings, with what is said for this backend. */
  readonly settings: RuleSettings;
  /** Which policy decided what for this backend alone. */
  readonly decisions: readonly PolicyDecision[];
  /** Spoken where the backend does not say what it speaks. */
  readonly protocol: 'http1' | 'http2';
  readonly mirrors: readonly MirrorPlan[];
}

/** Which policy decided what for a rule, for `explain`. */
export interface PolicyDecision {
  readonly kind: string;
  readonly phase: Phase;
  /** Policies and routes whose filters apply, those that win over others last. */
  readonly policies: readonly string[];
  /** Field → the policy that won it, for kinds merged by field. */
  readonly winners: Readonly<Record<string, string>>;
  /** Policies that have no part in it, because an older one sits at the same place. */
  readonly conflicted: readonly string[];
  readonly invalid: string | undefined;
}

/** What is known of a rule before any request arrives. */
export interface RulePlan {
  readonly route: string;
  /** Its name; empty where it has none. */
  readonly rule: string;
  /** Its place in the route. */
  readonly index: number;
  readonly plan: StepPlan;
  readonly settings: RuleSettings;
  readonly backends: readonly BackendChoice[];
  /** Picks by smooth weighted round robin: exact over time. Undefined when nothing has weight. */
  choose(): BackendChoice | undefined;
  /** Who gets copies of every request of the rule; one of its steps sends them. */
  readonly mirrors: readonly MirrorPlan[];
  /** Key of the backend that is asked whether requests may pass; one of the steps asks it. */
  readonly externalAuth?: string | undefined;
  readonly decisions: readonly PolicyDecision[];
}

/** A certificate and its key, as they are when they are asked for. */
export interface BackendCertificate {
  /** Names the secrets they come from. */
  readonly id: string;
  readonly certificate: SecretValue;
  readonly key: SecretValue;
}

/** A listener with its routes. */
export interface ListenerPlan {
  readonly key: string;
  readonly gateway: string;
  /** Key of the ListenerSet it stands in; undefined where it is the Gateway's own. */
  readonly listenerSet: string | undefined;
  /** Its name in the Gateway or ListenerSet. */
  readonly name: string;
  readonly protocol: 'HTTP' | 'HTTPS' | 'TLS' | 'TCP' | 'UDP';
  /** Lower-case, exact or `*.suffix`; empty for every host. */
  readonly hostname: string;
  /** Set for HTTPS and TLS. */
  readonly tls: TlsPlan | undefined;
  /** What its Gateway shows to backends that are spoken to in TLS. */
  readonly backendCertificate: BackendCertificate | undefined;
  readonly router: Router<RulePlan>;
  /** How its connections may begin, as policies say; undefined where none does. */
  readonly proxyProtocol: ProxyProtocolSettings | undefined;
  /** Steps for requests that no rule matches: the gateway's and the listener's own policies. */
  readonly unmatched: StepPlan;
  readonly decisions: readonly PolicyDecision[];
}

/** What a socket speaks first: HTTP without TLS, TLS (of HTTPS and TLS listeners beside each other), bytes, or datagrams. */
export type BindLane = 'http' | 'tls' | 'tcp' | 'udp';

/** A socket's listeners. */
export interface BindPlan {
  /**
   * `address:port`, followed by `/tls`, `/tcp` or `/udp` where it is not HTTP; the address is empty for the default. With
   * port 0, any free one, the listener's key follows: it has a socket of its own.
   */
  readonly key: string;
  readonly address: string;
  readonly port: number;
  readonly lane: BindLane;
  readonly listeners: readonly ListenerPlan[];
  /** The most specific HTTP or HTTPS listener for an authority; Gateway API listener isolation. */
  select(authority: string): ListenerPlan | undefined;
  /** The most specific listener for a TLS server name; without one, that for every host. Undefined: the connection is closed. */
  selectBySni(name: string | undefined): ListenerPlan | undefined;
  /**
   * Whether a request must be answered 421: its authority belongs to another listener than the one whose TLS the connection
   * has (RFC 9110 §15.5.20). False also where it belongs to none, which is 404.
   */
  isMisdirected(connection: ListenerPlan, authority: string): boolean;
}

/** Everything a request needs, unchanged for its whole life. */
export interface Snapshot extends SnapshotView {
  readonly binds: ReadonlyMap<string, BindPlan>;
  /** Those of the binds that tunnels open, because there is something on them that is not read; by the same keys. */
  readonly tunnels: ReadonlyMap<string, TunnelBindPlan>;
  readonly backends: ReadonlyMap<string, Target>;
  readonly endpointSets: ReadonlyMap<string, readonly EndpointAddress[]>;
  /** Counts the requests that use this snapshot. */
  readonly use: Generation;
}

/** A world without anything in it. */
export function emptySnapshot(): Snapshot {
  return {
    binds: new Map(),
    tunnels: new Map(),
    backends: new Map(),
    endpointSets: new Map(),
    generation: 0,
    use: new Generation(0),
    backend: () => undefined,
    endpoints: () => undefined,
  };
}
