// What a request to an LLM backend asks for, told by method and path.
import type { FormatName } from '@agentgateway/llm/format.ts';

/** What is asked for. */
export type Operation =
  /** An answer of a model in a known format. */
  | { readonly kind: 'generate'; readonly format: FormatName }
  /** Tokens of a Messages request. */
  | { readonly kind: 'countTokens' }
  /** Names of models; `model` for one of them. */
  | { readonly kind: 'models'; readonly model: string | undefined }
  /** A path that takes POST alone, asked for otherwise. */
  | { readonly kind: 'wrongMethod' }
  /** Anything else of a provider's API: sent on as it is. */
  | { readonly kind: 'pass' };

/** An operation, and whom the path itself names. */
export interface LlmRequest {
  readonly operation: Operation;
  /** Provider named by `/PROVIDER/v1/…`. */
  readonly provider: string | undefined;
  /** Path below the provider's base URL, such as `/embeddings`. */
  readonly rest: string;
}

const generatePaths: Readonly<Record<string, FormatName>> = {
  '/chat/completions': 'chat',
  '/responses': 'responses',
  '/messages': 'messages',
};
const countPath = '/messages/count_tokens';

/**
 * Reads a request's path: `[/PROVIDER]/v1/REST`, where `/v1` may be left out. `isProvider` tells configured names.
 * Below a provider's name every method but POST is the provider's own business (such as listing what it has stored).
 */
export function toRequest(method: string, path: string, isProvider: (name: string) => boolean): LlmRequest {
  const [, first = ''] = path.split('/', 2);
  const provider = first !== '' && isProvider(first) ? first : undefined;
  const below = provider === undefined ? path : path.slice(first.length + 1) || '/';
  const versioned = /^\/v1(?=\/|$)/.test(below) ? below.slice('/v1'.length) : below;
  const rest = versioned.length > 1 && versioned.endsWith('/') ? versioned.slice(0, -1) : versioned || '/';
  return { operation: toOperation(method, rest, provider !== undefined), provider, rest };
}

function toOperation(method: string, rest: string, isNamed: boolean): Operation {
  const format = Object.hasOwn(generatePaths, rest) ? generatePaths[rest] : undefined;
  if (format || rest === countPath) {
    if (method === 'POST') return format ? { kind: 'generate', format } : { kind: 'countTokens' };
    return { kind: isNamed ? 'pass' : 'wrongMethod' };
  }
  if (method === 'GET' || method === 'HEAD') {
    if (rest === '/models') return { kind: 'models', model: undefined };
    if (rest.startsWith('/models/')) return { kind: 'models', model: decode(rest.slice('/models/'.length)) };
  }
  return { kind: 'pass' };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
