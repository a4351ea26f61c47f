// From node's request to an ExchangeHead: target, end-to-end headers, forwarding facts, request id.
import type { IncomingMessage } from 'node:http';
import { Http2ServerRequest } from 'node:http2';
import { Body } from '@agentgateway/core/body.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { ExchangeHead } from '@agentgateway/core/exchange.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import type { Clock } from '../environment.ts';
import { readTarget, splitTarget } from './framing.ts';
import { removeHopByHop } from './hop-by-hop.ts';
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
  const isH2 = message instanceof Http2ServerRequest;
  if (message.rawHeaders.length / 2 > parts.limits.headersMax)
    throw new GatewayError('headers-too-large', `the request has more than ${parts.limits.headersMax} header fields`);
  const target = isH2 ? splitTarget(message.url, message.authority || message.headers.host) : readTarget(message);
  const headers = new HeaderList(isH2 ? withoutPseudo(message.rawHeaders) : message.rawHeaders.slice());
  const hasBody = isH2 ? !message.stream.endAfterHeaders : hasH1Body(message);
  const length = headers.get('content-length');
  removeHopByHop(headers);
  headers.removeWhere((name) => isUnwanted(name));
  const { socket } = message;
  const address = plainAddress(socket.remoteAddress ?? '');
  forward(headers, { address, authority: target.authority, hops: parts.trustedHops });
  const id = (parts.trustedHops > 0 ? headers.get('x-request-id') : undefined) ?? parts.clock.id();
  headers.set('x-request-id', id);
  return {
    id,
    method: message.method ?? 'GET',
    scheme: 'http',
    ...target,
    httpVersion: isH2 ? '2' : message.httpVersion === '1.0' ? '1.0' : '1.1',
    headers,
    body: hasBody
      ? Body.from(
          new RequestSource(message, {
            lengthBytes: length === undefined ? undefined : Number(length),
            idleTimeoutMs: parts.limits.requestIdleTimeoutMs,
            onFirstRead,
          }),
        )
      : Body.none(),
    client: { address, port: socket.remotePort ?? 0 },
    tls: undefined,
    startMs: parts.clock.monotonicMs(),
    startEpochMs: parts.clock.now(),
  };
}

/** Fields whose meaning lives on the exchange. */
function isUnwanted(name: string): boolean {
  const lower = name.toLowerCase();
  return lower === 'host' || lower === 'expect' || lower === 'content-length';
}

function hasH1Body(message: IncomingMessage): boolean {
  const length = message.headers['content-length'];
  return message.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

function withoutPseudo(raw: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < raw.length; i += 2) if (!raw[i]!.startsWith(':')) kept.push(raw[i]!, raw[i + 1]!);
  return kept;
}

/** Appends to what trusted proxies said of the client, and drops what others claim. */
function forward(
  headers: HeaderList,
  { address, authority, hops }: { readonly address: string; readonly authority: string; readonly hops: number },
): void {
  const before = hops > 0 ? headers.combined('x-forwarded-for') : undefined;
  headers.set('x-forwarded-for', before === undefined ? address : `${before}, ${address}`);
  if (hops === 0 || !headers.has('x-forwarded-proto')) headers.set('x-forwarded-proto', 'http');
  if (hops === 0 || !headers.has('x-forwarded-host')) headers.set('x-forwarded-host', authority);
}

function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
}
