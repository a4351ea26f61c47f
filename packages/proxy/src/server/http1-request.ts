// What of HTTP/1.x is served, and how its refusals are told.
import { GatewayError } from '@agentgateway/core/errors.ts';
import { FramingError } from '../wire/http1/framing-error.ts';
import type { RequestHead } from '../wire/http1/head.ts';
import { type RequestTarget, readTarget } from './framing.ts';

/** Methods that are served: those that are registered and mean something to a gateway (RFC 9110 §9.1, §16.1.2). */
const methods = new Set(
  (
    'GET HEAD POST PUT DELETE OPTIONS TRACE PATCH ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT COPY LABEL LINK LOCK MERGE ' +
    'MKACTIVITY MKCALENDAR MKCOL MKREDIRECTREF MKWORKSPACE MOVE ORDERPATCH PROPFIND PROPPATCH QUERY REBIND REPORT SEARCH ' +
    'UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL PURGE SOURCE SUBSCRIBE UNSUBSCRIBE NOTIFY M-SEARCH'
  ).split(' '),
);

/** What a listener serves in place of a method that it does not. */
const allowed = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

/** What the request names. Throws for what is not served. */
export function judgeRequest(request: RequestHead): RequestTarget {
  const { method, expectation } = request;
  if (method === 'CONNECT')
    throw new GatewayError('method-not-allowed', 'CONNECT is not served on this listener', {
      headers: [['allow', allowed]],
    });
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
