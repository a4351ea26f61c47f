// In which words a caller expects errors: told by content type, path and headers, and by what the route leads to (contract 16).
import type { KeyKind } from '@agentgateway/api/keys.ts';
import type { Dialect, Exchange } from '@agentgateway/core/exchange.ts';
import type { RulePlan } from '../snapshot/snapshot.ts';

/** The dialect of a request, before anything is known of its route. Paths are read by whole segments. */
export function dialectOf(exchange: Exchange): Dialect {
  if (isGrpc(exchange.headers.get('content-type'))) return 'grpc';
  const { path } = exchange;
  if (messagesPath.test(path) || exchange.headers.has('anthropic-version')) return 'messages';
  if (responsesPath.test(path)) return 'responses';
  if (chatPath.test(path)) return 'chat';
  return 'json';
}

/** `application/grpc` and its formats (`+proto`), but not gRPC-Web, whose framing is another. */
function isGrpc(type: string | undefined): boolean {
  return type !== undefined && type.startsWith('application/grpc') && /^application\/grpc(?:\+|\s*(?:;|$))/.test(type);
}

const messagesPath = /\/v1\/messages(?:\/|$)/;
const responsesPath = /\/responses$|\/v1\/responses\//;
const chatPath = /^\/v1\/|\/chat\/completions$/;

/** The dialect once the rule is known: a path that looks like a model's means nothing where no model is behind it. */
export function dialectIn({ backends }: Pick<RulePlan, 'backends'>, guessed: Dialect): Dialect {
  if (guessed === 'json' || guessed === 'grpc') return guessed;
  return backends.some(({ key }) => key.startsWith(llmKeyPrefix)) ? guessed : 'json';
}

const llmKeyPrefix = 'llmbackend/' satisfies `${KeyKind}/`;
