// The standard OTEL_* variables for traces; off unless they name an endpoint or exporter.

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
