// What of HTTP/1.x is served, and how its refusals are told.
import { METHODS } from 'node:http';
import { GatewayError } from '@agentgateway/core/errors.ts';
import { FramingError } from '../wire/http1/framing-error.ts';
import type { RequestHead } from '../wire/http1/head.ts';
import { type RequestTarget, readTarget, refuseConnect } from './framing.ts';

/** Methods that are served: those that node knows, which are the registered ones (RFC 9110 §16.1.2) and some that are common. */
const methods = new Set(METHODS);

/** What the request names. Throws for what is not served. */
export function judgeRequest(request: RequestHead): RequestTarget {
  const { method, expectation } = request;
  if (method === 'CONNECT') throw refuseConnect();
  if (!methods.has(method)) throw new GatewayError('bad-framing', 'the method is not one that is known');
  if (expectation !== undefined && expectation !== '100-continue')
    throw new GatewayError('bad-request', 'the only expectation served is 100-continue', { status: 417 });
  return readTarget(request);
}

/** A failure to read a request as what the client is told. */
export function toGatewayError(error: unknown): GatewayError {
  if (error instanceof FramingError)
    return new GatewayError(error.isTooLarge ? 'headers-too-large' : 'bad-framing', error.message);
  return GatewayError.from(error);
}

/**
 * The protocol that is passed on where an upstream agrees. HTTP/2 without TLS is offered by clients that take HTTP/1.1 as
 * well, and would not be understood by the policies behind; a server may ignore the offer (RFC 9110 §7.8).
 */
export function toServedUpgrade(offered: string | undefined): string | undefined {
  return offered === undefined ||
    !/^[a-z0-9!#$%&'*+.^_`|~-]+(?:\/[a-z0-9.]+)?$/.test(offered) ||
    /^(?:h2c|http|tls)/.test(offered)
    ? undefined
    : offered;
}
