// From node's request to an ExchangeHead: target, end-to-end headers, forwarding facts, request id.
import { Http2ServerRequest } from 'node:http2';
import { isIP } from 'node:net';
import { Body } from '@agentgateway/core/body.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { ExchangeHead } from '@agentgateway/core/exchange.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import type { Clock } from '../environment.ts';
import { isHopByHop, namedByConnection } from '../wire/hop-by-hop.ts';
import { readHttp2Target, readTarget } from './framing.ts';
import type { ServerLimits } from './limits.ts';
import { type NodeRequest, RequestSource } from './request-source.ts';

/** What building a head needs. */
export interface HeadParts {
  readonly clock: Clock;
  readonly limits: ServerLimits;
  /** How many proxies in front are trusted to have set X-Forwarded-* and x-request-id. */
  readonly trustedHops: number;
}

/** Builds the head. Throws GatewayError for what cannot be served. */
export function toHead(message: NodeRequest, parts: HeadParts, onFirstRead: (() => void) | undefined): ExchangeHead {
  const { clock, limits, trustedHops } = parts;
  const isH2 = message instanceof Http2ServerRequest;
  if (message.rawHeaders.length / 2 > limits.headersMax)
    throw new GatewayError('headers-too-large', `the request has more than ${limits.headersMax} header fields`);
  const target = isH2 ? readHttp2Target(message) : readTarget(message);
  const { headers, length, isChunked } = endToEnd(message.rawHeaders, trustedHops > 0);
  const hasBody = isH2 ? !message.stream.endAfterHeaders : isChunked || (length !== undefined && length !== '0');
  const { socket } = message;
  const peer = plainAddress(socket.remoteAddress ?? '');
  const address = forward(headers, { peer, authority: target.authority, trustedHops });
  const id = requestId(headers, parts);
  headers.set('x-request-id', id);
  const lengthBytes = length === undefined ? undefined : Number(length);
  return {
    id,
    method: message.method ?? 'GET',
    scheme: 'http',
    ...target,
    httpVersion: isH2 ? '2' : message.httpVersion === '1.0' ? '1.0' : '1.1',
    headers,
    body: hasBody
      ? Body.from(new RequestSource(message, { lengthBytes, idleTimeoutMs: limits.requestIdleTimeoutMs, onFirstRead }))
      : Body.none(),
    client: { address, port: socket.remotePort ?? 0 },
    tls: undefined,
    startMs: clock.monotonicMs(),
    startEpochMs: clock.now(),
  };
}

/** The id of a request: a trusted hop's, if it gave a sane one, else a new one. */
export function requestId(headers: HeaderList, { clock, trustedHops }: HeadParts): string {
  const given = trustedHops > 0 ? headers.get('x-request-id') : undefined;
  return given !== undefined && saneId.test(given) ? given : clock.id();
}

const saneId = /^[\x21-\x7e]{1,128}$/;

/**
 * The fields that pass, in order, and what the others said of the body; `host` and `expect` live on the exchange. What a
 * client claims of hops before it passes only where there are trusted ones.
 */
function endToEnd(
  raw: readonly string[],
  isTrusted: boolean,
): { headers: HeaderList; length: string | undefined; isChunked: boolean } {
  const kept: string[] = [];
  let length: string | undefined;
  let isChunked = false;
  let hasConnection = false;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!;
    if (isHopByHop(name)) {
      hasConnection ||= name.length === 'connection'.length;
      isChunked ||= name.length === 'transfer-encoding'.length;
      continue;
    }
    if (name.charCodeAt(0) === colon) continue;
    if (!isTrusted && forwardingClaim.test(name)) continue;
    const { length: size } = name;
    if (size === 4 || size === 6 || size === 14) {
      const lower = name.toLowerCase();
      if (lower === 'host' || lower === 'expect') continue;
      if (lower === 'content-length') {
        length = raw[i + 1]!;
        continue;
      }
    }
    kept.push(name, raw[i + 1]!);
  }
  const headers = new HeaderList(kept);
  const named = hasConnection ? namedByConnection(new HeaderList(raw as string[])) : undefined;
  if (named) headers.removeWhere((name) => named.has(name.toLowerCase()));
  return { headers, length, isChunked };
}

const colon = 0x3a;

/** `Forwarded` (RFC 7239), every `X-Forwarded-*`, and `X-Real-IP`. */
const forwardingClaim = /^(?:forwarded|x-forwarded(?:-.*)?|x-real-ip)$/i;

/**
 * Appends to what trusted proxies said of the client, and drops what others claim. Returns the client's address: each
 * trusted hop added the one it saw, so with n of them the client is the n-th from the end. What stands there must be an IP
 * address; else the peer is believed alone.
 */
function forward(
  headers: HeaderList,
  { peer, authority, trustedHops }: { readonly peer: string; readonly authority: string; readonly trustedHops: number },
): string {
  const before = trustedHops > 0 ? headers.combined('x-forwarded-for') : undefined;
  headers.set('x-forwarded-for', before === undefined ? peer : `${before}, ${peer}`);
  if (!headers.has('x-forwarded-proto')) headers.append('x-forwarded-proto', 'http');
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
