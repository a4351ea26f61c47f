// What a request names: one host and one path, read the same by everybody (RFC 9112 §3.2, RFC 9113 §8.3.1).
import type { Http2ServerRequest } from 'node:http2';
import { GatewayError } from '@agentgateway/core/errors.ts';
import { isNamed } from '@agentgateway/core/header-list.ts';
import type { RequestHead } from '../wire/http1/head.ts';

/** A request target in its parts. */
export interface RequestTarget {
  /** Lower-case. */
  readonly authority: string;
  /** The authority as it was sent. */
  readonly host: string;
  readonly path: string;
  readonly query: string | undefined;
}

const authorityPattern = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(?::[0-9]{1,5})?$/;

const portMax = 65_535;

/** Judges what an HTTP/1.x head names, and splits its target. Throws `bad-framing` saying what is ambiguous. */
export function readTarget({ host, isHttp10, target }: RequestHead): RequestTarget {
  // An http URL without a host names nothing (RFC 9110 §4.2.1).
  if (!host && !isHttp10) throw new GatewayError('bad-framing', 'the request has no host field, or an empty one');
  return splitTarget(target, host);
}

/** Judges an HTTP/2 head (RFC 9113 §8.3.1): the authority is named once, and the path is a path. */
export function readHttp2Target(message: Http2ServerRequest): RequestTarget {
  const host = onlyHost(message.rawHeaders);
  const authority = message.headers[':authority'];
  if (host !== undefined && authority !== undefined && host.toLowerCase() !== authority.toLowerCase())
    throw new GatewayError('bad-framing', 'the request has a host field unlike its :authority');
  const named = authority ?? host;
  if (!named) throw new GatewayError('bad-framing', 'the request has neither :authority nor host');
  const { url } = message;
  if (!url.startsWith('/') && url !== '*') throw new GatewayError('bad-framing', 'the :path is not a path');
  return splitTarget(url, named);
}

/**
 * The protocol of an extended CONNECT (RFC 8441 §4); undefined for requests that are none. Throws for a CONNECT that asks
 * for a tunnel to a host.
 */
export function readConnectProtocol({ method, headers }: Http2ServerRequest): string | undefined {
  const protocol = headers[':protocol'];
  if (method !== 'CONNECT') return undefined;
  if (!protocol) throw refuseConnect();
  return protocol.toLowerCase();
}

/** What is said of a CONNECT to a host. */
export function refuseConnect(): GatewayError {
  return new GatewayError('method-not-allowed', 'CONNECT is not served on this listener', {
    headers: [['allow', allowed]],
  });
}

/** What a listener serves in place of a method that it does not. */
const allowed = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

function onlyHost(raw: readonly string[]): string | undefined {
  let host: string | undefined;
  for (let i = 0; i < raw.length; i += 2) {
    if (!isNamed(raw[i]!, 'host')) continue;
    if (host !== undefined) throw new GatewayError('bad-framing', 'the request has more than one host field');
    host = raw[i + 1]!;
  }
  return host;
}

/**
 * A segment `.` or `..`, which a client resolves before it sends (RFC 3986 §5.2.4) and an upstream may resolve: the path
 * that policies judge would not be the one that is served. Also with its dots encoded, which means the same (§6.2.2.2);
 * also between separators that only some readers take for one (`%2f`, `\`, `%5c`); and before `;`, where some end a
 * segment. Empty segments (`//`) stay and are matched as they are.
 */
const dotSegment = /(?:[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?:[/\\;]|%2f|%5c|%3b|$)/i;

/** Splits a target; an absolute form must agree with the host field. */
export function splitTarget(url: string, host: string | undefined): RequestTarget {
  let authority = host ?? '';
  let rest = url;
  if (!url.startsWith('/') && url !== '*') {
    const match = /^https?:\/\/([^/?#]*)([^#]*)$/i.exec(url);
    if (!match) throw new GatewayError('bad-framing', 'the request target is neither a path nor an http URL');
    const named = match[1]!;
    if (host !== undefined && named.toLowerCase() !== host.toLowerCase())
      throw new GatewayError('bad-framing', 'the request target names another host than the host field');
    authority = named;
    rest = match[2]!.startsWith('/') ? match[2]! : `/${match[2]!}`;
  }
  if (authority !== '' && !authorityPattern.test(authority))
    throw new GatewayError('bad-framing', 'the host is not a valid authority');
  if (Number(/:([0-9]+)$/.exec(authority)?.[1] ?? 0) > portMax)
    throw new GatewayError('bad-framing', `the port of the host is greater than ${portMax}`);
  if (rest.includes('#')) throw new GatewayError('bad-framing', 'the request target has a fragment');
  const mark = rest.indexOf('?');
  const path = mark < 0 ? rest : rest.slice(0, mark);
  if (dotSegment.test(path))
    throw new GatewayError(
      'bad-framing',
      'the path has a segment . or .., also as %2e or beside %2f: send the path that it stands for',
    );
  return {
    authority: authority.toLowerCase(),
    host: authority,
    path,
    query: mark < 0 ? undefined : rest.slice(mark + 1),
  };
}
