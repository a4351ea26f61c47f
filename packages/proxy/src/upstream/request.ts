// What a transport is asked and what it answers: one request to one endpoint, and the limits of doing so.
import { toHostPort } from '@agentgateway/core/authority.ts';
import type { Body } from '@agentgateway/core/body.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { CancelReason, EndpointAddress } from '@agentgateway/core/exchange.ts';
import type { ConnectionEnds } from '../tunnel/proxy-protocol.ts';
import type { BackendTlsSettings } from '@agentgateway/core/settings.ts';
import type { HeaderList } from '@agentgateway/core/header-list.ts';

/** Time-outs of one attempt in milliseconds; 0 switches one off. */
export interface UpstreamTimeouts {
  readonly connectMs: number;
  /** From the request's last byte to the answer's head. */
  readonly firstByteMs: number;
  /** Between two chunks, while the upstream is waited for. */
  readonly idleMs: number;
  /** The whole attempt. */
  readonly totalMs: number;
}

/** Where an upstream listens, and whom its certificate must name. */
export type UpstreamEndpoint = EndpointAddress & {
  readonly tls?: {
    /** Sent as SNI, and verified where no alternative names are asked for. */
    readonly serverName: string;
    /** What policies say; undefined verifies the name by what the system trusts. */
    readonly settings?: BackendTlsSettings | undefined;
  };
  /** Sent before anything else; connections that begin with one are shared by requests of that client's connection alone. */
  readonly proxyHeader?: { readonly version: 1 | 2; readonly ends: ConnectionEnds } | undefined;
};

/** One request to one endpoint. */
export interface UpstreamRequest {
  readonly endpoint: UpstreamEndpoint;
  readonly protocol: 'http1' | 'http2';
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly authority: string;
  /** Read, never edited: it may be the exchange's own list. */
  readonly headers: HeaderList;
  readonly body: Body;
  readonly timeouts: UpstreamTimeouts;
  /** The protocol to go on with, if the upstream agrees: the reply's body is then a tunnel. The request has no body. */
  readonly upgrade?: string | undefined;
  /** Registers what is called when the exchange is given up; the result takes it back. */
  readonly onCancel: (fn: (reason: CancelReason) => void) => () => void;
  /** Takes interim answers (1xx but 101). */
  readonly onInformation?: ((status: number, headers: HeaderList) => void) | undefined;
  /** Called once when the attempt is over, repeats by the transport included: without an error when the answer arrived whole. */
  readonly onOver?: (error: unknown) => void;
}

/** The answer's head, and its body to come. */
export interface UpstreamReply {
  readonly status: number;
  /** End-to-end fields only. */
  readonly headers: HeaderList;
  readonly body: Body;
}

/** Limits of the pools. */
export const transportLimits = {
  /** HTTP/1.1 connections per endpoint. */
  connectionsMax: 1024,
  /** HTTP/2 sessions per endpoint; another is opened when all have as many streams as the upstream allows. */
  sessionsMax: 64,
  /** Streams of a session whose upstream has not yet said how many it allows (RFC 9113 §6.5.2 recommends no fewer). */
  streamsAssumed: 100,
  /** How long an idle connection is kept, and a pool of them that nobody uses, in milliseconds. */
  idleConnectionMs: 90_000,
  /** Longest response head, in bytes. */
  headerBytesMax: 64 * 1024,
  /** Certificates to trust and to show that are kept ready, of all upstreams together. */
  tlsContextsMax: 1000,
  /** Fields of a response's head, and of its trailers. */
  headersMax: 1000,
} as const;

/** `http://10.0.0.1:80` or `https://[::1]:443`. */
export function toOrigin(endpoint: UpstreamEndpoint): string {
  return `${endpoint.tls ? 'https' : 'http'}://${toHostPort(endpoint)}`;
}

/** Throws for what no connection can be opened to, such as a host with a space. */
export function checkOrigin(origin: string): void {
  if (!URL.canParse(origin)) throw new GatewayError('backend-invalid', `${origin} is no address that can be called`);
}

/** Methods that may be sent twice without being meant twice (RFC 9110 §9.2.2). */
export function isIdempotent(method: string): boolean {
  switch (method) {
    case 'GET':
    case 'HEAD':
    case 'OPTIONS':
    case 'PUT':
    case 'DELETE':
    case 'TRACE':
      return true;
    default:
      return false;
  }
}

/** Fields that a transport writes itself, from what the request says apart from them. */
export function isOwnField(name: string): boolean {
  switch (name.length) {
    case 4:
      return name.toLowerCase() === 'host';
    case 6:
      return name.toLowerCase() === 'expect';
    case 14:
      return name.toLowerCase() === 'content-length';
    default:
      return false;
  }
}
