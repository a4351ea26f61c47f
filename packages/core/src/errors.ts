// The one error type of the gateway and the one table of reasons; a reason is never renamed (contract 16).

/** Who caused the failure. */
export type Origin = 'client' | 'policy' | 'upstream' | 'gateway';

/** What a reason means to a caller, in every dialect. */
export interface ReasonRow {
  /** HTTP status. */
  readonly status: number;
  readonly origin: Origin;
  /** Whether another attempt, at the same or another target, may succeed. */
  readonly retriable: boolean;
  /** What the reader can do about it. */
  readonly hint: string;
  /** OpenAI `error.type`. */
  readonly openaiType: string;
  /** OpenAI `error.code`. */
  readonly openaiCode: string;
  /** Anthropic `error.type`. */
  readonly anthropicType: string;
  /** gRPC status code (grpc/doc/statuscodes.md). */
  readonly grpcCode: number;
  /** JSON-RPC error code. */
  readonly jsonRpcCode: number;
}

type Dialects = Pick<ReasonRow, 'openaiType' | 'anthropicType' | 'grpcCode' | 'jsonRpcCode'>;

const invalid: Dialects = {
  openaiType: 'invalid_request_error',
  anthropicType: 'invalid_request_error',
  grpcCode: 3,
  jsonRpcCode: -32600,
};
const notFound: Dialects = {
  openaiType: 'invalid_request_error',
  anthropicType: 'not_found_error',
  grpcCode: 5,
  jsonRpcCode: -32601,
};
const unauthenticated: Dialects = {
  openaiType: 'authentication_error',
  anthropicType: 'authentication_error',
  grpcCode: 16,
  jsonRpcCode: -32001,
};
const forbidden: Dialects = {
  openaiType: 'permission_error',
  anthropicType: 'permission_error',
  grpcCode: 7,
  jsonRpcCode: -32003,
};
const limited: Dialects = {
  openaiType: 'rate_limit_error',
  anthropicType: 'rate_limit_error',
  grpcCode: 8,
  jsonRpcCode: -32029,
};
const unavailable: Dialects = {
  openaiType: 'server_error',
  anthropicType: 'api_error',
  grpcCode: 14,
  jsonRpcCode: -32603,
};
const overloaded: Dialects = {
  openaiType: 'server_error',
  anthropicType: 'overloaded_error',
  grpcCode: 14,
  jsonRpcCode: -32603,
};
const late: Dialects = { openaiType: 'server_error', anthropicType: 'timeout_error', grpcCode: 4, jsonRpcCode: -32603 };
const broken: Dialects = { openaiType: 'server_error', anthropicType: 'api_error', grpcCode: 13, jsonRpcCode: -32603 };

function row(...parts: [number, Origin, string, Dialects, string, boolean?]): ReasonRow {
  const [status, origin, openaiCode, dialects, hint, retriable = false] = parts;
  return { status, origin, retriable, hint, openaiCode, ...dialects };
}

/** Every reason the gateway answers with on its own. Used in answers, access logs and the metric label `reason`. */
export const reasons = {
  'bad-request': row(400, 'client', 'bad_request', invalid, 'Correct the request as the message says.'),
  'bad-framing': row(
    400,
    'client',
    'bad_request',
    invalid,
    'Such a message could be read in two ways; the connection is closed.',
  ),
  'request-timeout': row(
    408,
    'client',
    'request_timeout',
    invalid,
    'The request did not arrive whole in time; send it again.',
  ),
  'request-too-large': row(
    413,
    'client',
    'request_too_large',
    { ...invalid, anthropicType: 'request_too_large', grpcCode: 8 },
    'Send a smaller body, or raise the limit that the message names.',
  ),
  'headers-too-large': row(431, 'client', 'headers_too_large', invalid, 'Send fewer or shorter headers.'),
  'unsupported-media-type': row(
    415,
    'client',
    'unsupported_media_type',
    invalid,
    'Send application/json, or the content type that the path expects.',
  ),
  'unsupported-encoding': row(
    415,
    'client',
    'unsupported_encoding',
    invalid,
    'Send the body without content-encoding, or with gzip, br, deflate or zstd.',
  ),
  'method-not-allowed': row(
    405,
    'client',
    'method_not_allowed',
    { ...invalid, grpcCode: 12 },
    'Use the method that the allow header names.',
  ),
  'unsupported-conversion': row(
    400,
    'client',
    'unsupported_conversion',
    invalid,
    'The chosen provider cannot express what the message names; leave it out or choose another model.',
  ),
  'listener-not-found': row(
    404,
    'client',
    'not_found',
    { ...notFound, grpcCode: 12 },
    'No listener serves this host; see /status on the admin port.',
  ),
  'route-not-found': row(
    404,
    'client',
    'not_found',
    { ...notFound, grpcCode: 12 },
    'No route matches; try `agentgateway explain METHOD URL`.',
  ),
  'misdirected-request': row(421, 'client', 'misdirected_request', invalid, 'Open a new connection for this host.'),
  'tls-handshake-failed': row(
    400,
    'client',
    'tls_handshake_failed',
    invalid,
    'The client and the listener could not agree on TLS; the message says why: a certificate, a version or a cipher.',
  ),
  'model-not-found': row(404, 'client', 'model_not_found', notFound, 'Ask for a name that GET /v1/models lists.'),
  'provider-not-found': row(404, 'client', 'not_found', notFound, 'Use the name of a configured provider.'),
  unauthenticated: row(
    401,
    'policy',
    'invalid_api_key',
    unauthenticated,
    'Send a valid key in authorization, x-api-key or x-goog-api-key.',
  ),
  'credential-expired': row(401, 'policy', 'expired_api_key', unauthenticated, 'Ask for a new one.'),
  forbidden: row(403, 'policy', 'forbidden', forbidden, 'An authorization rule refuses this request.'),
  'address-forbidden': row(403, 'policy', 'address_forbidden', forbidden, 'ipAccess does not admit this address.'),
  'origin-forbidden': row(
    403,
    'policy',
    'origin_forbidden',
    forbidden,
    'Only pages of the host itself and of csrf.additionalOrigins may send this.',
  ),
  'fault-injected': row(503, 'policy', 'fault_injected', unavailable, 'A policy asks for this failure: fault.'),
  'model-forbidden': row(
    403,
    'policy',
    'model_forbidden',
    forbidden,
    'GET /v1/models lists the models that it may use.',
  ),
  'budget-subject-missing': row(
    403,
    'policy',
    'budget_subject_missing',
    forbidden,
    'The request lacks what its budget is kept by.',
  ),
  'rate-limited': row(429, 'policy', 'rate_limit_exceeded', limited, 'Wait as long as retry-after says.'),
  'budget-exceeded': row(429, 'policy', 'budget_exceeded', limited, 'The budget is spent until its window ends.'),
  'policy-invalid': row(
    500,
    'gateway',
    'policy_invalid',
    broken,
    'A restricting policy cannot be applied, so nothing passes; see its condition in /status.',
  ),
  'backend-invalid': row(
    500,
    'gateway',
    'backend_invalid',
    { ...broken, grpcCode: 14 },
    'The route names a backend that does not exist or may not be used; see /status.',
  ),
  'transformation-failed': row(
    500,
    'policy',
    'transformation_failed',
    broken,
    'An expression of a transformation failed for this request; guard what may be absent with has().',
  ),
  'provider-misconfigured': row(
    500,
    'gateway',
    'provider_misconfigured',
    broken,
    'The provider has no usable address or key; see /status.',
  ),
  'no-healthy-endpoint': row(
    503,
    'upstream',
    'no_healthy_endpoint',
    unavailable,
    'The backend has no ready endpoint.',
    true,
  ),
  'upstream-connect-failed': row(
    503,
    'upstream',
    'upstream_connect_failed',
    unavailable,
    'The upstream refuses connections or its name does not resolve.',
    true,
  ),
  'upstream-reset': row(
    502,
    'upstream',
    'upstream_reset',
    unavailable,
    'The upstream broke the connection before its answer was whole.',
    true,
  ),
  'upstream-protocol-error': row(
    502,
    'upstream',
    'upstream_protocol_error',
    broken,
    'The upstream answered something that is not valid HTTP or not its API.',
    true,
  ),
  'response-too-large': row(
    502,
    'upstream',
    'response_too_large',
    broken,
    'The upstream answered more than the gateway may hold at once; the message names the limit.',
  ),
  'upstream-rejected': row(
    502,
    'upstream',
    'upstream_error',
    unavailable,
    'The provider refused the request; its own message is given.',
  ),
  'connect-timeout': row(504, 'upstream', 'connect_timeout', late, 'No connection within timeouts.connect.', true),
  'first-byte-timeout': row(504, 'upstream', 'first_byte_timeout', late, 'No answer within timeouts.firstByte.', true),
  'idle-timeout': row(504, 'upstream', 'idle_timeout', late, 'The answer stalled for longer than timeouts.idle.', true),
  'attempt-timeout': row(
    504,
    'upstream',
    'upstream_timeout',
    late,
    'The attempt took longer than timeouts.backendRequest.',
    true,
  ),
  'exchange-timeout': row(
    504,
    'upstream',
    'request_deadline_exceeded',
    late,
    'The exchange took longer than timeouts.request.',
  ),
  overloaded: row(503, 'gateway', 'overloaded', overloaded, 'The gateway is at a limit; try again shortly.', true),
  draining: row(503, 'gateway', 'draining', overloaded, 'The gateway is shutting down; try again.', true),
  'client-gone': row(499, 'client', 'client_gone', { ...invalid, grpcCode: 1 }, 'The client closed the connection.'),
  internal: row(
    500,
    'gateway',
    'internal_error',
    broken,
    'A fault of the gateway; its log has the cause under the request id.',
  ),
} as const satisfies Record<string, ReasonRow>;

/** A stable identifier of why a request failed. */
export type Reason = keyof typeof reasons;

/** What may accompany an error. */
export interface GatewayErrorOptions {
  /** Logged, never sent. */
  readonly cause?: unknown;
  /** Overrides the reason's own status, as when a provider's status passes through. */
  readonly status?: number;
  /** Overrides the reason's own hint. */
  readonly hint?: string;
  /** Headers of the answer, such as retry-after or www-authenticate. */
  readonly headers?: readonly (readonly [string, string])[];
  readonly retriable?: boolean;
  /** Overrides the reason's own gRPC status code. */
  readonly grpcCode?: number;
}

/** The only error that reaches a client; its message is safe to send. */
export class GatewayError extends Error {
  readonly reason: Reason;
  readonly status: number;
  readonly origin: Origin;
  readonly hint: string;
  readonly retriable: boolean;
  readonly headers: readonly (readonly [string, string])[];
  readonly grpcCode: number;

  constructor(reason: Reason, message: string, options: GatewayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'GatewayError';
    const facts = reasons[reason];
    this.reason = reason;
    this.status = options.status ?? facts.status;
    this.origin = facts.origin;
    this.hint = options.hint ?? facts.hint;
    this.retriable = options.retriable ?? facts.retriable;
    this.headers = options.headers ?? [];
    this.grpcCode = options.grpcCode ?? facts.grpcCode;
  }

  /** Any thrown value as a GatewayError; what is not one becomes `internal`, its text kept from the client. */
  static from(cause: unknown): GatewayError {
    if (cause instanceof GatewayError) return cause;
    return new GatewayError('internal', 'the gateway failed to handle this request', { cause });
  }
}
