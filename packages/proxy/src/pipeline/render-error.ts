// The one renderer of failures: a GatewayError as a reply in the caller's dialect (contract 16).
import { Body } from '@agentgateway/core/body.ts';
import { GatewayError, reasons } from '@agentgateway/core/errors.ts';
import type { Dialect, Exchange, Reply } from '@agentgateway/core/exchange.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import { toFailureBody } from '../server/failure.ts';

/** Renders any thrown value. Causes stay in `reply.error`, for the log alone. */
export function renderError(exchange: Exchange, cause: unknown): Reply {
  const error = GatewayError.from(cause);
  const headers = HeaderList.from(error.headers);
  const origin = error.origin === 'policy' ? 'policy' : 'gateway';
  if (exchange.dialect === 'grpc') return { ...renderGrpc(error, headers), origin, reason: error.reason, error: cause };
  headers.set('content-type', 'application/json');
  const body = Body.of(JSON.stringify(toErrorBody(exchange.dialect, error, exchange.id)));
  return { status: error.status, headers, body, origin, reason: error.reason, error: cause };
}

/** The JSON body of an error, in the words of the dialect. */
export function toErrorBody(dialect: Dialect, error: GatewayError, requestId: string): object {
  const facts = reasons[error.reason];
  const message = error.hint === '' ? error.message : `${error.message}. ${error.hint}`;
  if (dialect === 'messages') {
    return { type: 'error', error: { type: facts.anthropicType, message }, request_id: requestId };
  }
  if (dialect === 'chat' || dialect === 'responses') {
    return { error: { message, type: facts.openaiType, param: null, code: facts.openaiCode } };
  }
  return toFailureBody(error, requestId);
}

/** A trailers-only answer (gRPC over HTTP/2, "Responses"): HTTP 200 and the status in the head. */
function renderGrpc(error: GatewayError, headers: HeaderList): Pick<Reply, 'status' | 'headers' | 'body'> {
  headers.set('content-type', 'application/grpc');
  addGrpcStatus(headers, error);
  return { status: 200, headers, body: Body.none() };
}

/** The trailers that end a gRPC answer that cannot be completed. */
export function renderGrpcFailure(cause: unknown): HeaderList {
  const trailers = new HeaderList();
  addGrpcStatus(trailers, GatewayError.from(cause));
  return trailers;
}

function addGrpcStatus(headers: HeaderList, { grpcCode, message }: GatewayError): void {
  headers.set('grpc-status', String(grpcCode));
  headers.set('grpc-message', toGrpcMessage(message));
}

/** Percent-encoded UTF-8; only printable ASCII but `%` stays (gRPC over HTTP/2, "Responses"). */
function toGrpcMessage(message: string): string {
  let text = '';
  for (const byte of Buffer.from(message)) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== percent;
    text += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return text;
}

const percent = 0x25;
