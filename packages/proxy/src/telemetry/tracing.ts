// OpenTelemetry traces over OTLP gRPC. Loaded only where they are on: the SDK and gRPC take memory.
import { ROOT_CONTEXT, type Context, SpanKind, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Log } from '@agentgateway/core/environment.ts';
import type { Exchange } from '@agentgateway/core/exchange.ts';
import type { HeaderList } from '@agentgateway/core/header-list.ts';
import { cut, placeMax } from './bounded-text.ts';
import { type SpanEnd, SpanTree, toHrTime, toServer } from './span-tree.ts';
import type { TraceSettings } from './trace-settings.ts';
import { WatchedExporter } from './watched-exporter.ts';

/** Longest wait for the last spans to be sent when the gateway ends. */
const shutdownMs = 5000;

/** Opens and ends spans. */
export class Tracing implements AsyncDisposable {
  readonly #provider: TracerProvider;
  readonly #tracer;
  readonly #exporter = new WatchedExporter(new OTLPTraceExporter());
  readonly #warnings: readonly string[];

  constructor(settings: TraceSettings, version: string) {
    this.#warnings = settings.warnings;
    this.#provider = new TracerProvider({
      resource: resourceFromAttributes({
        ...settings.resource,
        'service.name': settings.serviceName,
        'service.version': version,
      }),
      sampler: toSampler(settings),
      spanProcessors: [new BatchSpanProcessor({ exporter: this.#exporter, ...settings.batch })],
    });
    this.#tracer = this.#provider.getTracer('agentgateway', version);
  }

  /** Says what of the variables cannot be done, and from now on which spans could not be sent. */
  reportTo(log: Log, monotonicMs: () => number): void {
    for (const warning of this.#warnings) log.warn({}, warning);
    this.#exporter.reportTo(log, monotonicMs);
  }

  /** Begins the exchange's span, as a child of what `traceparent` names (W3C Trace Context). */
  begin(exchange: Exchange): void {
    const { head } = exchange;
    const parent = readParent(exchange.headers);
    const options = {
      kind: SpanKind.SERVER,
      startTime: toHrTime(head.startEpochMs),
      attributes: {
        'http.request.method': cut(head.method, placeMax),
        'url.scheme': head.scheme,
        'url.path': cut(head.path, placeMax),
        ...toServer(head.authority),
        'client.address': head.client.address,
        'network.protocol.version': head.httpVersion,
        'agentgateway.request.id': exchange.id,
      },
    };
    const span = this.#tracer.startSpan(head.method, options, parent ?? ROOT_CONTEXT);
    const context = trace.setSpan(parent ?? ROOT_CONTEXT, span);
    exchange.trace = new SpanTree({
      root: span,
      context,
      exchange,
      tracer: this.#tracer,
      hasParent: parent !== undefined,
    });
  }

  /** Ends the exchange's span and those of its attempts. */
  end(exchange: Exchange, end: SpanEnd): void {
    if (exchange.trace instanceof SpanTree) exchange.trace.end(end);
  }

  /** Sends what is left, for as long as that may take. */
  async [Symbol.asyncDispose](): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, shutdownMs);
    await Promise.race([this.#provider.shutdown().catch(() => undefined), late.promise]);
    clearTimeout(timer);
  }
}

function toSampler({ sampler, samplerArg }: TraceSettings): Sampler {
  switch (sampler) {
    case 'always_on':
      return new AlwaysOnSampler();
    case 'always_off':
      return new AlwaysOffSampler();
    case 'traceidratio':
      return new TraceIdRatioBasedSampler(samplerArg);
    case 'parentbased_always_on':
      return new ParentBasedSampler({ root: new AlwaysOnSampler() });
    case 'parentbased_always_off':
      return new ParentBasedSampler({ root: new AlwaysOffSampler() });
    case 'parentbased_traceidratio':
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(samplerArg) });
  }
}

/** Version 00 has four fields and no more; later ones may have more; ff is none (W3C Trace Context §3.2). */
const traceparent = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** The caller's span; undefined where there is none, or none that is valid. Two fields are none. */
function readParent(headers: HeaderList): Context | undefined {
  const [, version, traceId, spanId, flags, more] =
    traceparent.exec(headers.combined('traceparent')?.trim() ?? '') ?? [];
  if (traceId === undefined || spanId === undefined || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  if (version === '00' && more !== undefined) return undefined;
  const traceFlags = Number.parseInt(flags!, 16) & 1;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}
