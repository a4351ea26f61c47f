// The vendors' refusals: their statuses and error bodies, thrown by the validators and written by the provider.
import type { ProviderKind } from './answer.ts';

/** An answer that is an error, in the vendor's own shape. */
export class VendorRefusal extends Error {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) {
    super(JSON.stringify(body));
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

/** What OpenAI's error says beside its message. */
export interface OpenaiErrorDetail {
  readonly status?: number;
  readonly type?: string;
  readonly param?: string | null;
  readonly code?: string | null;
}

/** OpenAI's error: status 400 and `invalid_request_error` unless told otherwise. */
export function toOpenaiRefusal(message: string, detail: OpenaiErrorDetail = {}): VendorRefusal {
  const { status = 400, type = 'invalid_request_error', param = null, code = null } = detail;
  return new VendorRefusal(status, { error: { message, type, param, code } });
}

/** Anthropic's error types by status. */
const anthropicTypes: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  500: 'api_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

/** Anthropic's error of a status. */
export function toAnthropicRefusal(message: string, status = 400): VendorRefusal {
  return new VendorRefusal(status, {
    type: 'error',
    error: { type: anthropicTypes[status] ?? 'api_error', message },
    request_id: 'req_fake',
  });
}

/** OpenAI's error types by status, for failures on demand. */
const openaiTypes: Readonly<Record<number, string>> = {
  401: 'invalid_request_error',
  403: 'invalid_request_error',
  429: 'requests',
  500: 'server_error',
  503: 'service_unavailable_error',
};

/** The body a vendor sends with a status of its own accord: rate limits, overload, failures. */
export function toStatusRefusal(kind: ProviderKind, status: number): VendorRefusal {
  const message =
    status === 429 ? 'Rate limit reached; please slow down.' : `The server had an error (${String(status)}).`;
  if (kind === 'anthropic') return toAnthropicRefusal(message, status);
  return toOpenaiRefusal(message, {
    status,
    type: openaiTypes[status] ?? (status < 500 ? 'invalid_request_error' : 'server_error'),
    code: status === 429 ? 'rate_limit_exceeded' : null,
  });
}
