// Errors of providers that speak Responses: bodies, `error` events and responses that failed.
import type { ProviderFailure } from '../../hub/response.ts';
import { asObject } from '../../usage.ts';
import { chatFailure } from '../chat/failure.ts';

/** Reads an error body, an `error` event, or a response object with an error in it. Undefined for anything else. */
export function responsesFailure(body: unknown, status: number): ProviderFailure | undefined {
  const holder = asObject(body);
  const response = asObject(holder?.['response']) ?? holder;
  if (asObject(response?.['error'])) return chatFailure({ error: response?.['error'] }, status);
  if (holder?.['type'] !== 'error') return chatFailure(body, status);
  // Of an `error` event the type is the event's own.
  const { type: _type, ...rest } = holder;
  return chatFailure(rest, status);
}
