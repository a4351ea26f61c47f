// OpenTelemetry traces over OTLP gRPC, set by the standard OTEL_* variables; off unless they name an endpoint or exporter.
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
import { type SpanEnd, SpanTree, toHrTime } from './span-tree.ts';
import { WatchedExporter } from './watched-exporter.ts';

/** What the OTEL_* variables ask for (OpenTelemetry specification, "Environment Variables"). */
export interface TraceSettings {
  readonly serviceName: string;
  readonly resource: Readonly<Record<string, string>>;
  readonly sampler: SamplerName;
  /** Share of traces, 0 to 1, for the samplers that take one. */
  readonly samplerArg: number;
  /** How spans are gathered before they are sent. */
  readonly batch: BatchSettings;
  /** What was asked for and cannot be done, for the log. */
  readonly warnings: readonly string[];
}

/** OTEL_BSP_*, in the words of the SDK. */
export interface BatchSettings {
  readonly scheduledDelayMillis: number;
  readonly exportTimeoutMillis: number;
  readonly maxQueueSize: number;
  readonly maxExportBatchSize: number;
}

const samplers = ['always_on', 'always_off', 'traceidratio'] as const;

/** Samplers of OTEL_TRACES_SAMPLER that are served. */
export type SamplerName = (typeof samplers)[number] | `parentbased_${(typeof samplers)[number]}`;

type Variables = Readonly<Record<string, string | undefined>>;

/** Reads the variables; undefined where traces are off. The exporter reads its own OTEL_EXPORTER_OTLP_* itself. An empty variable is an unset one. */
export function readTraceSettings(env: Variables): TraceSettings | undefined {
  const exporter = env['OTEL_TRACES_EXPORTER'];
  const hasEndpoint = Boolean(env['OTEL_EXPORTER_OTLP_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']);
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true' || exporter === 'none') return undefined;
  if (exporter !== 'otlp' && !hasEndpoint) return undefined;
  const warnings: string[] = [];
  if (exporter && exporter !== 'otlp') warnings.push(`OTEL_TRACES_EXPORTER is '${exporter}'; spans go out by otlp`);
  const protocol = env['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'] || env['OTEL_EXPORTER_OTLP_PROTOCOL'];
  if (protocol && protocol !== 'grpc')
    warnings.push(`OTEL_EXPORTER_OTLP_PROTOCOL is '${protocol}'; spans go out by grpc`);
  const resource = readResource(env['OTEL_RESOURCE_ATTRIBUTES'] ?? '', warnings);
  return {
    serviceName: env['OTEL_SERVICE_NAME'] || resource['service.name'] || 'agentgateway',
    resource,
    sampler: readSampler(env['OTEL_TRACES_SAMPLER'] || 'parentbased_always_on', warnings),
    samplerArg: readRatio(env['OTEL_TRACES_SAMPLER_ARG'] || '1', warnings),
    batch: readBatch(env, warnings),
    warnings,
  };
}

/** Defaults are the specification's ("Batch Span Processor"). */
function readBatch(env: Variables, warnings: string[]): BatchSettings {
  const read = (name: string, fallback: number): number => {
    const text = env[name];
    if (!text) return fallback;
    if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text);
    warnings.push(`${name} is '${text}'; it must be a positive integer, and ${fallback} is used`);
    return fallback;
  };
  const maxQueueSize = read('OTEL_BSP_MAX_QUEUE_SIZE', 2048);
  return {
    scheduledDelayMillis: read('OTEL_BSP_SCHEDULE_DELAY', 5000),
    exportTimeoutMillis: read('OTEL_BSP_EXPORT_TIMEOUT', 30_000),
    maxQueueSize,
    maxExportBatchSize: Math.min(maxQueueSize, read('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 512)),
  };
}

/** `key=value,key=value`, percent-encoded; one mistake discards it all, as the specification has it. */
function readResource(text: string, warnings: string[]): Record<string, string> {
  const resource: Record<string, string> = {};
  try {
    for (const pair of text.split(',').filter((part) => part.trim() !== '')) {
      const equals = pair.indexOf('=');
      if (equals <= 0) throw new Error(`'${pair.trim()}' is not KEY=VALUE`);
      resource[decodeURIComponent(pair.slice(0, equals).trim())] = decodeURIComponent(pair.slice(equals + 1).trim());
    }
    return resource;
  } catch (error) {
    warnings.push(`OTEL_RESOURCE_ATTRIBUTES is left out: ${error instanceof Error ? error.message : String(error)}`);
    return {};
  }
}

function readSampler(text: string, warnings: string[]): SamplerName {
  const name = text.trim();
  const known = samplers.flatMap((sampler): SamplerName[] => [sampler, `parentbased_${sampler}`]);
  const found = known.find((sampler) => sampler === name);
  if (found) return found;
  warnings.push(`OTEL_TRACES_SAMPLER is '${name}'; parentbased_always_on is used, known are ${known.join(', ')}`);
  return 'parentbased_always_on';
}

function readRatio(text: string, warnings: string[]): number {
  const ratio = Number(text);
  if (Number.isFinite(ratio) && ratio >= 0 && ratio <= 1) return ratio;
  warnings.push(`OTEL_TRACES_SAMPLER_ARG is '${text}'; it must be from 0 to 1, and 1 is used`);
  return 1;
}

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
        'server.address': cut(head.authority, placeMax),
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
