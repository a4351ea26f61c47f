// From a received head to an ExchangeHead: end-to-end headers, forwarding facts, request id.
import { isIP } from 'node:net';
import type { Body } from '@agentgateway/core/body.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { ClientAddress, ExchangeHead, TlsFacts } from '@agentgateway/core/exchange.ts';
import { HeaderList, isNamed } from '@agentgateway/core/header-list.ts';
import type { Clock } from '../environment.ts';
import { isHopByHop, namedByConnection } from '../wire/hop-by-hop.ts';
import type { RequestTarget } from './framing.ts';
import type { ServerLimits } from './limits.ts';

/** What building a head needs. */
export interface HeadParts {
  readonly clock: Clock;
  readonly limits: ServerLimits;
  /** How many proxies in front are trusted to have set X-Forwarded-* and x-request-id. */
  readonly trustedHops: number;
}

/** What holds for every request of a connection. */
export interface ConnectionFacts {
  /** Who is connected. */
  readonly peer: ClientAddress;
  /** What it is connected to. */
  readonly local?: ClientAddress | undefined;
  readonly scheme: 'http' | 'https';
  readonly tls: TlsFacts | undefined;
}

/** A request's head as the server of its version received it. */
export interface Received {
  readonly method: string;
  readonly httpVersion: ExchangeHead['httpVersion'];
  readonly target: RequestTarget;
  /** All fields, as received. */
  readonly fields: readonly string[];
  readonly body: Body;
  readonly connection: ConnectionFacts;
  readonly upgrade?: string | undefined;
}

/** Builds the head. */
export function toHead(received: Received, parts: HeadParts): ExchangeHead {
  const { method, httpVersion, target, fields, body, connection, upgrade } = received;
  const { clock, trustedHops } = parts;
  const { peer, local, scheme, tls } = connection;
  const headers = endToEnd(fields, trustedHops > 0);
  if (httpVersion === '2') joinCookies(headers);
  const address = forward(headers, { peer: peer.address, authority: target.host, scheme, trustedHops });
  const id = requestId(headers, parts);
  headers.set('x-request-id', id);
  return {
    id,
    method,
    scheme,
    authority: target.authority,
    host: target.host,
    path: target.path,
    query: target.query,
    httpVersion,
    headers,
    body,
    client: address === peer.address ? peer : { address, port: peer.port },
    local,
    tls,
    upgrade,
    startMs: clock.monotonicMs(),
    startEpochMs: clock.now(),
  };
}

/**
 * Throws where the fields of an HTTP/2 request are more or larger than they may be: what SETTINGS says of them is advice to
 * clients, by which sizes are counted here, too (RFC 9113 §6.5.2).
 */
export function checkHttp2Fields(fields: readonly string[], { headersMax, headerBytesMax }: ServerLimits): void {
  if (fields.length / 2 > headersMax)
    throw new GatewayError('headers-too-large', `the request has more than ${headersMax} header fields`);
  let size = 0;
  for (let i = 0; i < fields.length; i += 2) size += fields[i]!.length + fields[i + 1]!.length + fieldOverheadBytes;
  if (size > headerBytesMax)
    throw new GatewayError('headers-too-large', `the header fields are longer than ${headerBytesMax} bytes`);
}

/** What a field counts beside its name and value (RFC 7541 §4.1). */
const fieldOverheadBytes = 32;

/** HTTP/2 clients may send a cookie in pieces; others know one field (RFC 9113 §8.2.3). */
function joinCookies(headers: HeaderList): void {
  const pieces = headers.all('cookie');
  if (pieces.length > 1) headers.set('cookie', pieces.join('; '));
}

/** The id of a request: a trusted hop's, if it gave a sane one, else a new one. */
export function requestId(headers: HeaderList, { clock, trustedHops }: HeadParts): string {
  const given = trustedHops > 0 ? headers.get('x-request-id') : undefined;
  return given !== undefined && saneId.test(given) ? given : clock.id();
}

const saneId = /^[\x21-\x7e]{1,128}$/;

/**
 * The fields that pass, in order; `host`, `expect` and `content-length` live on the exchange. What a client claims of hops
 * before it passes only where there are trusted ones.
 */
function endToEnd(raw: readonly string[], isTrusted: boolean): HeaderList {
  const kept: string[] = [];
  let hasConnection = false;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!;
    if (isHopByHop(name)) {
      hasConnection ||= name.length === 'connection'.length;
      continue;
    }
    if (name.charCodeAt(0) === colon || isOfExchange(name)) continue;
    if (!isTrusted && isForwardingClaim(name)) continue;
    kept.push(name, raw[i + 1]!);
  }
  const headers = new HeaderList(kept);
  const named = hasConnection ? namedByConnection(new HeaderList(raw as string[])) : undefined;
  if (named) headers.removeWhere((name) => named.has(name.toLowerCase()));
  return headers;
}

function isOfExchange(name: string): boolean {
  switch (name.length) {
    case 4:
      return isNamed(name, 'host');
    case 6:
      return isNamed(name, 'expect');
    case 14:
      return isNamed(name, 'content-length');
    default:
      return false;
  }
}

const colon = 0x3a;

/** `Forwarded` (RFC 7239), every `X-Forwarded-*`, and `X-Real-IP`. */
const forwardingClaim = /^(?:forwarded|x-forwarded(?:-.*)?|x-real-ip)$/i;

/** The first letter is asked first, for it settles most names. */
function isForwardingClaim(name: string): boolean {
  const first = name.charCodeAt(0) | 0x20;
  return (first === 0x66 || first === 0x78) && forwardingClaim.test(name);
}

interface ForwardingFacts {
  readonly peer: string;
  readonly authority: string;
  readonly scheme: string;
  readonly trustedHops: number;
}

/**
 * Appends to what trusted proxies said of the client, and drops what others claim. Returns the client's address: each
 * trusted hop added the one it saw, so with n of them the client is the n-th from the end. What stands there must be an IP
 * address; else the peer is believed alone.
 */
function forward(headers: HeaderList, { peer, authority, scheme, trustedHops }: ForwardingFacts): string {
  if (trustedHops === 0) {
    // Whatever was claimed is gone already.
    headers.raw.push('x-forwarded-for', peer, 'x-forwarded-proto', scheme, 'x-forwarded-host', authority);
    return peer;
  }
  const before = headers.combined('x-forwarded-for');
  headers.set('x-forwarded-for', before === undefined ? peer : `${before}, ${peer}`);
  if (!headers.has('x-forwarded-proto')) headers.append('x-forwarded-proto', scheme);
  if (!headers.has('x-forwarded-host')) headers.append('x-forwarded-host', authority);
  if (before === undefined) return peer;
  const seen = before.split(',');
  const client = plainAddress(seen[Math.max(0, seen.length - trustedHops)]!.trim());
  return isIP(client) === 0 ? peer : client;
}

/** An IPv4 address that an IPv6 socket gives as a mapped one (RFC 4291 §2.5.5.2) as what it is; others as they are. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
}
