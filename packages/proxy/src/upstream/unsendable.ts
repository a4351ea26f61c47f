// Why a request cannot be put on the wire at all. Looked for only once a library has refused it.
import { validateHeaderName, validateHeaderValue } from 'node:http';
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { UpstreamRequest } from './request.ts';

/** Longest part of a header's name that a message repeats, in characters. */
const nameCharactersMax = 64;

const versions = { http1: 'HTTP/1.1', http2: 'HTTP/2' } as const;

/**
 * The failure of a request that was refused before anything was sent. What the client itself sent has passed the server's
 * parser, so a field that no message may hold (RFC 9110 §5.5) was put there by the configuration: a policy's value or a
 * provider's key. The message names the field, never its value.
 */
export function toUnsendable({ headers, authority, protocol }: UpstreamRequest, cause: unknown): GatewayError {
  if (cause instanceof GatewayError) return cause;
  const name = findUnsendable(headers.raw) ?? findUnsendable(['host', authority]);
  if (name === undefined)
    return new GatewayError('bad-request', `the request cannot be sent over ${versions[protocol]}`, { cause });
  const shown = JSON.stringify(name.slice(0, nameCharactersMax));
  return new GatewayError('provider-misconfigured', `header ${shown} holds a character that HTTP does not allow`, {
    cause,
    hint: 'Correct what sets this header: a policy, or the key of the provider; a line break at the end of a key is common.',
  });
}

function findUnsendable(raw: readonly string[]): string | undefined {
  for (let i = 0; i < raw.length; i += 2) if (!isSendable(raw[i]!, raw[i + 1]!)) return raw[i];
  return undefined;
}

function isSendable(name: string, value: string): boolean {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}
