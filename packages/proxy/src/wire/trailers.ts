// Which fields may stand behind a body: whoever merges trailers into a head must not be told by them what to do (RFC 9110 §6.5.1).
import { HeaderList } from '@agentgateway/core/header-list.ts';
import { isHopByHop } from './hop-by-hop.ts';

/** Framing, routing, controls, conditions, credentials, and what the gateway says itself. */
const ofHeads = new Set([
  'age',
  'authorization',
  'cache-control',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'cookie',
  'date',
  'expect',
  'expires',
  'forwarded',
  'host',
  'location',
  'max-forwards',
  'origin',
  'pragma',
  'range',
  'referer',
  'retry-after',
  'set-cookie',
  'vary',
  'www-authenticate',
  'x-api-key',
  'x-goog-api-key',
  'x-real-ip',
  'x-request-id',
]);

const groupsOfHeads = /^(?:if-|x-forwarded(?:-|$)|access-control-)/;

/** The trailers that pass, of flat names and values; undefined where there are none. */
export function toTrailers(raw: readonly string[] | undefined): HeaderList | undefined {
  if (!raw || raw.length === 0) return undefined;
  const trailers = new HeaderList(raw.slice());
  trailers.removeWhere((name) => {
    const lower = name.toLowerCase();
    return isHopByHop(lower) || ofHeads.has(lower) || groupsOfHeads.test(lower);
  });
  return trailers.size > 0 ? trailers : undefined;
}
