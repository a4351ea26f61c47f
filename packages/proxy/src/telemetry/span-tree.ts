// The spans of one exchange: its own, and one beneath it for each attempt, ended together when all is known.
import {
  type Attributes,
  type Context,
  type HrTime,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
} from '@opentelemetry/api';
import type { AttemptRecord, Exchange, ExchangeTrace } from '@agentgateway/core/exchange.ts';
import type { HeaderList } from '@agentgateway/core/header-list.ts';
import { cut, cutIfAny, nameMax, placeMax } from './bounded-text.ts';

/** How a request ended, for its span. */
export interface SpanEnd {
  readonly status: number;
  readonly reason: string | undefined;
  readonly message: string | undefined;
  readonly durationMs: number;
}

/** What a tree grows from. */
export interface SpanParts {
  readonly root: Span;
  /** The context of what is beneath the root. */
  readonly context: Context;
  readonly exchange: Exchange;
  readonly tracer: Tracer;
  /** Whether the caller named a span of its own. */
  readonly hasParent: boolean;
}

/** The spans of one exchange. */
export class SpanTree implements ExchangeTrace {
  readonly #parts: SpanParts;
  readonly #attempts = new Map<AttemptRecord, Span>();

  constructor(parts: SpanParts) {
    this.#parts = parts;
  }

  get traceId(): string {
    return this.#parts.root.spanContext().traceId;
  }

  get spanId(): string {
    return this.#parts.root.spanContext().spanId;
  }

  attempt(record: AttemptRecord, headers: HeaderList): void {
    const { exchange, tracer, context, hasParent } = this.#parts;
    const startTime = toHrTime(exchange.head.startEpochMs + record.startMs);
    const span = tracer.startSpan(cut(record.target, nameMax), { kind: SpanKind.CLIENT, startTime }, context);
    this.#attempts.set(record, span);
    const { traceId, spanId, traceFlags } = span.spanContext();
    headers.set('traceparent', `00-${traceId}-${spanId}-${traceFlags & TraceFlags.SAMPLED ? '01' : '00'}`);
    // What belonged to a parent that was none must not be passed on (W3C Trace Context §4.3).
    if (!hasParent) headers.remove('tracestate');
  }

  end(end: SpanEnd): void {
    const { exchange, root } = this.#parts;
    const { head } = exchange;
    for (const [record, span] of this.#attempts) endAttempt(record, span, head.startEpochMs, end.durationMs);
    const { placement, llm } = exchange;
    const { status, reason, message } = end;
    root.updateName(
      llm
        ? `${cut(llm.operation, nameMax)} ${cut(llm.requestModel, nameMax)}`
        : `${head.method} ${placement.route || 'unmatched'}`,
    );
    root.setAttributes({
      'http.response.status_code': status,
      'http.route': placement.route,
      'agentgateway.gateway': placement.gateway,
      'agentgateway.listener': placement.listener,
      ...llmAttributes(exchange),
    });
    if (reason !== undefined) root.setAttribute('error.type', reason);
    // A refused client is no failure of the server (OTel HTTP semantic conventions, "Status"), a cut answer is.
    if (status >= 500 || (reason !== undefined && status < 400)) {
      root.setStatus({ code: SpanStatusCode.ERROR, ...(message !== undefined && { message }) });
    }
    root.end(toHrTime(head.startEpochMs + end.durationMs));
  }
}

function endAttempt(record: AttemptRecord, span: Span, startEpochMs: number, durationMs: number): void {
  const { backend, endpoint, status, reason } = record;
  span.setAttribute('agentgateway.backend', backend);
  if (endpoint !== undefined) span.setAttributes(toServer(endpoint));
  if (status !== undefined) span.setAttribute('http.response.status_code', status);
  if (reason !== undefined) {
    span.setAttribute('error.type', reason);
    span.setStatus({ code: SpanStatusCode.ERROR, message: reason });
  } else if (status !== undefined && status >= 400) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end(toHrTime(startEpochMs + (record.endMs ?? durationMs)));
}

/** `host` or `host:port` as attributes, an IPv6 address without its brackets. */
export function toServer(authority: string): Attributes {
  const [, host = authority, port] = /^(.+?)(?::([0-9]{1,5}))?$/.exec(authority) ?? [];
  const address = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  return { 'server.address': cut(address, placeMax), ...(port !== undefined && { 'server.port': Number(port) }) };
}

/** OTel GenAI semantic conventions. */
function llmAttributes({ llm }: Exchange): Attributes {
  if (!llm) return {};
  const { usage } = llm;
  const entries: Record<string, string | number | string[] | undefined> = {
    'gen_ai.operation.name': cut(llm.operation, nameMax),
    'gen_ai.provider.name': llm.vendor,
    'agw.ai.provider': llm.provider,
    'gen_ai.request.model': cut(llm.requestModel, nameMax),
    'gen_ai.response.model': cutIfAny(llm.responseModel, nameMax),
    'gen_ai.response.finish_reasons': llm.finishReason === undefined ? undefined : [cut(llm.finishReason, nameMax)],
    'gen_ai.usage.input_tokens': usage?.inputTotal,
    'gen_ai.usage.output_tokens': usage?.outputTotal,
    'gen_ai.usage.cache_read.input_tokens': usage?.inputCacheRead,
    'agw.ai.time_to_first_token': llm.firstTokenMs,
    'agw.ai.usage.cost.total': llm.costNano === undefined ? undefined : Number(llm.costNano) / 1e9,
  };
  for (const [name, value] of Object.entries(llm.params))
    entries[`gen_ai.request.${name}`] = typeof value === 'boolean' ? String(value) : value;
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined)) as Attributes;
}

/** Milliseconds since the epoch as OpenTelemetry writes time; a bare number it may take for one since the process began. */
export function toHrTime(epochMs: number): HrTime {
  const seconds = Math.floor(epochMs / 1000);
  return [seconds, Math.round((epochMs - seconds * 1000) * 1e6)];
}
