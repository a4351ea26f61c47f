// What is known of TCP, TLS and UDP traffic before any of it arrives: sockets, their listeners, and where each leads.
import type { EndpointAddress } from '@agentgateway/core/exchange.ts';
import type { ProxyHeaderMode } from './read-header.ts';
import type { SocketEnd } from './proxy-protocol.ts';

/** One weighted reference of a route. */
export interface TunnelChoice {
  /** Key of the backend. */
  readonly key: string;
  readonly port: number;
  readonly weight: number;
  /** Why it cannot be served; its share of connections is refused, of datagrams dropped. */
  readonly invalid: string | undefined;
  /** Version of the PROXY protocol it is spoken to with. */
  readonly proxyVersion: 1 | 2 | undefined;
}

/** How long things may take on a route, in milliseconds. */
export interface TunnelTimeouts {
  readonly connectMs: number;
  readonly idleMs: number;
}

/** A route as attached to a listener. */
export interface TunnelRoute {
  readonly key: string;
  /** The name of its rule; empty where it has none. */
  readonly rule: string;
  readonly backends: readonly TunnelChoice[];
  readonly timeouts: TunnelTimeouts;
  /** Policies that apply, as `kind (key)`. */
  readonly policies: readonly string[];
  /** Why policies refuse a client; undefined admits it. */
  refusal(client: SocketEnd): string | undefined;
  /** By weight, once per connection or flow; undefined when nothing has weight. */
  choose(): TunnelChoice | undefined;
}

/** What a listener does with what it receives. `terminate` and `http` are served by others, once it is known whose they are. */
export type ListenerMode = 'tcp' | 'udp' | 'passthrough' | 'terminate' | 'http';

/** A listener. */
export interface TunnelListener {
  readonly key: string;
  readonly gateway: string;
  readonly mode: ListenerMode;
  /** Exact, `*.suffix`, or empty for all. */
  readonly hostname: string;
  /** The oldest first. */
  readonly routes: readonly TunnelRoute[];
  /** How its connections may begin, and whose word is taken; undefined where the PROXY protocol is not spoken. */
  readonly proxyHeader: { readonly mode: ProxyHeaderMode; trusts(address: string): boolean } | undefined;
  /** Why policies refuse a client; undefined admits it. */
  refusal(client: SocketEnd): string | undefined;
  /** The route for a name; the oldest of those that want the same. */
  route(serverName: string | undefined): TunnelRoute | undefined;
}

/** A socket and the listeners behind it. */
export interface TunnelBindPlan {
  /** `udp ` before it where it is for datagrams; otherwise as the keys of binds for HTTP. */
  readonly key: string;
  readonly transport: 'tcp' | 'udp';
  /** Whether the listener is found by the ClientHello. */
  readonly isTls: boolean;
  readonly address: string;
  readonly port: number;
  readonly listeners: readonly TunnelListener[];
  /** The most specific listener for a name; Gateway API listener isolation. */
  select(serverName: string | undefined): TunnelListener | undefined;
}

/** The endpoints of a backend as they are now; none where it does not exist, or does not take this kind of traffic. */
export type FindEndpoints = (choice: TunnelChoice, transport: 'tcp' | 'udp') => readonly EndpointAddress[];
