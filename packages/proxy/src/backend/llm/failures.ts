// A failure in the words of the format the client speaks, in a body or inside a stream.
import { GatewayError, reasons } from '@agentgateway/core/errors.ts';
import type { FormatError, FormatName } from '@agentgateway/llm/format.ts';

/** The gateway's own failure in a format's words. */
export function toFormatError(format: FormatName, cause: unknown, requestId: string): FormatError {
  const error = GatewayError.from(cause);
  const facts = reasons[error.reason];
  const message = error.hint === '' ? error.message : `${error.message}. ${error.hint}`;
  return {
    message,
    type: format === 'messages' ? facts.anthropicType : facts.openaiType,
    code: facts.openaiCode,
    requestId,
  };
}

const anthropicTypes: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  500: 'api_error',
  503: 'overloaded_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

const openaiTypes: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  402: 'insufficient_quota',
  403: 'permission_error',
  429: 'rate_limit_error',
};

/** The error type of a format for a status, by the formats' tables of errors. */
export function toTypeOf(format: FormatName, status: number): string {
  if (format === 'messages') return anthropicTypes[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error');
  return openaiTypes[status] ?? (status < 500 ? 'invalid_request_error' : 'server_error');
}

/** The status a client of a format expects: 529 is Anthropic's own word for overload. */
export function toStatusOf(format: FormatName, status: number): number {
  if (format === 'messages') return status === 503 ? 529 : status;
  return status === 529 ? 503 : status;
}

/** Statuses with which a provider refuses the gateway's own key or account: another provider may answer, the same one will not. */
export function isOurRefusal(status: number): boolean {
  return status === 401 || status === 402 || status === 403;
}

/** Statuses with which a provider says "not now": another target may answer. */
export function isTransient(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}
