// OpenTelemetry traces over OTLP gRPC, set by the standard OTEL_* variables; off unless they name an endpoint or exporter.
import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { AttemptRecord, Exchange, ExchangeTrace } from '@agentgateway/core/exchange.ts';
import type { HeaderList } from '@agentgateway/core/header-list.ts';

/** What the OTEL_* variables ask for; undefined where traces are off. */
export interface TraceSettings {
  readonly serviceName: string;
  readonly resource: Readonly<Record<string, string>>;
  readonly sampler: string;
  readonly samplerArg: number;
}

/** Reads the standard variables (OpenTelemetry specification, environment variables). The exporter reads its own OTEL_EXPORTER_OTLP_* itself. */
export function readTraceSettings(env: Readonly<Record<string, string | undefined>>): TraceSettings | undefined {
  const exporter = env['OTEL_TRACES_EXPORTER'];
  const hasEndpoint = Boolean(env['OTEL_EXPORTER_OTLP_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']);
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true' || exporter === 'none') return undefined;
  if (exporter !== 'otlp' && !hasEndpoint) return undefined;
  const resource: Record<string, string> = {};
  for (const pair of (env['OTEL_RESOURCE_ATTRIBUTES'] ?? '').split(',')) {
    const equals = pair.indexOf('=');
    if (equals > 0) resource[pair.slice(0, equals).trim()] = decodeURIComponent(pair.slice(equals + 1).trim());
  }
  const ratio = Number(env['OTEL_TRACES_SAMPLER_ARG'] ?? '1');
  return {
    serviceName: env['OTEL_SERVICE_NAME'] ?? resource['service.name'] ?? 'agentgateway',
    resource,
    sampler: env['OTEL_TRACES_SAMPLER'] ?? 'parentbased_always_on',
    samplerArg: Number.isFinite(ratio) && ratio >= 0 && ratio <= 1 ? ratio : 1,
  };
}

/** How a request ended, for its span. */
export interface SpanEnd {
  readonly status: number;
  readonly reason: string | undefined;
  readonly message: string | undefined;
  readonly durationMs: number;
}

/** Opens and ends spans. */
export class Tracing implements AsyncDisposable {
  readonly #provider: TracerProvider;
  readonly #tracer;

  constructor(settings: TraceSettings, version: string, processor?: SpanProcessor) {
    this.#provider = new TracerProvider({
      resource: resourceFromAttributes({
        ...settings.resource,
        'service.name': settings.serviceName,
        'service.version': version,
      }),
      sampler: toSampler(settings),
      spanProcessors: [processor ?? new BatchSpanProcessor({ exporter: new OTLPTraceExporter() })],
    });
    this.#tracer = this.#provider.getTracer('agentgateway', version);
  }

  /** Begins the exchange's span, as a child of what `traceparent` names (W3C Trace Context). */
  begin(exchange: Exchange): void {
    const parent = readParent(exchange.headers);
    const options = {
      kind: SpanKind.SERVER,
      startTime: exchange.head.startEpochMs,
      attributes: {
        'http.request.method': exchange.head.method,
        'url.scheme': exchange.head.scheme,
        'url.path': exchange.head.path,
        'server.address': exchange.head.authority,
        'client.address': exchange.head.client.address,
        'network.protocol.version': exchange.head.httpVersion,
        'agentgateway.request.id': exchange.id,
      },
    };
    const span = this.#tracer.startSpan(exchange.head.method, options, parent);
    exchange.trace = new SpanTree(span, trace.setSpan(parent, span), exchange, this.#tracer);
  }

  /** Ends the exchange's span and those of its attempts. */
  end(exchange: Exchange, end: SpanEnd): void {
    if (exchange.trace instanceof SpanTree) exchange.trace.end(end);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#provider.shutdown();
  }
}

/** The spans of one exchange. */
class SpanTree implements ExchangeTrace {
  readonly #root: Span;
  readonly #context: Context;
  readonly #exchange: Exchange;
  readonly #tracer: { startSpan: ReturnType<typeof trace.getTracer>['startSpan'] };
  readonly #attempts = new Map<AttemptRecord, Span>();

  constructor(root: Span, context: Context, exchange: Exchange, tracer: ReturnType<typeof trace.getTracer>) {
    this.#root = root;
    this.#context = context;
    this.#exchange = exchange;
    this.#tracer = tracer;
  }

  get traceId(): string {
    return this.#root.spanContext().traceId;
  }

  get spanId(): string {
    return this.#root.spanContext().spanId;
  }

  attempt(record: AttemptRecord, headers: HeaderList): void {
    const { startEpochMs } = this.#exchange.head;
    const span = this.#tracer.startSpan(
      record.target,
      { kind: SpanKind.CLIENT, startTime: startEpochMs + record.startMs },
      this.#context,
    );
    this.#attempts.set(record, span);
    const { traceId, spanId, traceFlags } = span.spanContext();
    headers.set('traceparent', `00-${traceId}-${spanId}-${traceFlags & TraceFlags.SAMPLED ? '01' : '00'}`);
  }

  end({ status, reason, message, durationMs }: SpanEnd): void {
    const { placement, llm, head } = this.#exchange;
    for (const [record, span] of this.#attempts) {
      span.setAttributes({
        'agentgateway.backend': record.backend,
        ...(record.endpoint !== undefined && { 'server.address': record.endpoint }),
      });
      if (record.status !== undefined) span.setAttribute('http.response.status_code', record.status);
      if (record.reason !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: record.reason });
      span.end(head.startEpochMs + (record.endMs ?? durationMs));
    }
    const root = this.#root;
    root.updateName(llm ? `${llm.operation} ${llm.requestModel}` : `${head.method} ${placement.route || 'unmatched'}`);
    root.setAttributes({
      'http.response.status_code': status,
      'http.route': placement.route,
      'agentgateway.gateway': placement.gateway,
      'agentgateway.listener': placement.listener,
      ...llmAttributes(this.#exchange),
    });
    if (reason !== undefined) {
      root.setAttribute('error.type', reason);
      root.setStatus({
        code: status >= 500 ? SpanStatusCode.ERROR : SpanStatusCode.UNSET,
        ...(status >= 500 && message !== undefined && { message }),
      });
    }
    root.end(head.startEpochMs + durationMs);
  }
}

/** OTel GenAI semantic conventions. */
function llmAttributes({ llm }: Exchange): Attributes {
  if (!llm) return {};
  const { usage } = llm;
  const entries: Record<string, string | number | undefined> = {
    'gen_ai.operation.name': llm.operation,
    'gen_ai.provider.name': llm.provider,
    'gen_ai.request.model': llm.requestModel,
    'gen_ai.response.model': llm.responseModel,
    'gen_ai.response.finish_reasons': llm.finishReason,
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

function toSampler({ sampler, samplerArg }: TraceSettings): Sampler {
  const isParentBased = sampler.startsWith('parentbased_');
  const name = isParentBased ? sampler.slice('parentbased_'.length) : sampler;
  const root =
    name === 'always_off'
      ? new AlwaysOffSampler()
      : name === 'traceidratio'
        ? new TraceIdRatioBasedSampler(samplerArg)
        : new AlwaysOnSampler();
  return isParentBased ? new ParentBasedSampler({ root }) : root;
}

const traceparent = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;

function readParent(headers: HeaderList): Context {
  const match = traceparent.exec(headers.get('traceparent') ?? '');
  const [, traceId, spanId, flags] = match ?? [];
  if (traceId === undefined || spanId === undefined || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags!, 16) & 1,
    isRemote: true,
  });
}
