// Failures as Anthropic tells them, in bodies and in streams, and any provider's failure in Anthropic's words.
import type { JsonObject } from '../../hub/extra.ts';
import { ownFields, restOf } from '../../hub/notes.ts';
import type { ProviderFailure } from '../../hub/response.ts';
import { asObject } from '../../usage.ts';
import { own } from './own.ts';

/** A provider's error body; undefined where it is not `{type: "error", error: {type, message}}`. */
export function decodeMessagesFailure(body: unknown, status?: number): ProviderFailure | undefined {
  const holder = asObject(body);
  const error = asObject(holder?.['error']);
  if (holder?.['type'] !== 'error' || !error || typeof error['message'] !== 'string') return undefined;
  const { message, type } = error;
  const code = asObject(error['details'])?.['error_code'];
  const rest = restOf(error, ['message', 'type']);
  const fields = { ...restOf(holder, ['type', 'error']), ...(Object.keys(rest).length > 0 && { error: rest }) };
  return {
    message,
    ...(typeof type === 'string' && { type }),
    ...(typeof code === 'string' && { code }),
    ...(status !== undefined && { status }),
    extra: own(fields),
  };
}

/** Anthropic's types by status (reference of its API: errors). */
const typesByStatus: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  408: 'timeout_error',
  413: 'request_too_large',
  422: 'invalid_request_error',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

/** Words that other formats have in a failure's code or type, for streams: there is no status in them. */
const typesByWord: readonly (readonly [RegExp, string])[] = [
  [/rate_limit|too_many|throttl/i, 'rate_limit_error'],
  [/quota|billing|credit/i, 'billing_error'],
  [/overload|capacity|unavailable/i, 'overloaded_error'],
  [/timeout/i, 'timeout_error'],
  [/auth/i, 'authentication_error'],
  [/permission/i, 'permission_error'],
  [/not_found/i, 'not_found_error'],
  [/invalid|context_length|unsupported/i, 'invalid_request_error'],
];

/** Anthropic's type for a failure of any provider. */
export function toMessagesErrorType({ type = '', code = '', status }: ProviderFailure): string {
  const byStatus = status === undefined ? undefined : typesByStatus[status];
  return byStatus ?? typesByWord.find(([word]) => word.test(code) || word.test(type))?.[1] ?? 'api_error';
}

/** The error object of a failure: as it was where this format told it. */
export function encodeMessagesFailure(failure: ProviderFailure): JsonObject {
  const isOwn = failure.extra?.format === 'messages';
  const fields = ownFields(failure, 'messages');
  return {
    type: 'error',
    ...fields,
    error: {
      type: isOwn ? failure.type : toMessagesErrorType(failure),
      message: failure.message,
      ...asObject(fields['error']),
    },
  };
}
