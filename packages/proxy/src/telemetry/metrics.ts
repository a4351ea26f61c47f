// Prometheus metrics: what the recorder counts, with bounded label values.
import type { Exchange } from '@agentgateway/core/exchange.ts';
import type { Usage } from '@agentgateway/llm/usage.ts';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { type LabelsOf, type MetricName, metricTable } from './metric-table.ts';

/** Distinct response models that get a label of their own; the rest is `other`. */
const responseModelsMax = 200;

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']);

/** How a request ended, as it is counted. */
export interface Outcome {
  readonly status: number;
  /** Empty where nothing went wrong. */
  readonly reason: string;
  readonly durationMs: number;
  readonly bodyBytes: number;
}

/** The process's metrics. */
export class Metrics {
  readonly registry = new Registry();
  readonly #metrics: ReadonlyMap<string, Counter | Histogram | Gauge>;
  readonly #responseModels = new Set<string>();

  constructor(version: string) {
    this.#metrics = new Map(Object.entries(metricTable).map(([name, row]) => [name, this.#open(name, row)]));
    this.set('agentgateway_build_info', { version, node: process.versions.node }, 1);
    collectDefaultMetrics({ register: this.registry });
  }

  /** Adds to a counter. */
  add<N extends MetricName>(name: N, labels: LabelsOf<NoInfer<N>>, amount = 1): void {
    (this.#metrics.get(name) as Counter).inc(labels, amount);
  }

  /** Observes a value of a histogram. */
  observe<N extends MetricName>(name: N, labels: LabelsOf<NoInfer<N>>, value: number): void {
    (this.#metrics.get(name) as Histogram).observe(labels, value);
  }

  /** Sets a gauge. */
  set<N extends MetricName>(name: N, labels: LabelsOf<NoInfer<N>>, value: number): void {
    (this.#metrics.get(name) as Gauge).set(labels, value);
  }

  /** Counts a finished exchange, its attempts and its tokens. */
  record(exchange: Exchange, outcome: Outcome): void {
    const place = placeOf(exchange);
    const http: LabelsOf<'agentgateway_requests_total'> = {
      bind: exchange.placement.bind,
      ...place,
      protocol: exchange.llm ? 'llm' : exchange.dialect === 'grpc' ? 'grpc' : 'http',
      method: methods.has(exchange.head.method) ? exchange.head.method : 'other',
      status: String(outcome.status),
      reason: outcome.reason,
    };
    this.add('agentgateway_requests_total', http);
    this.observe('agentgateway_request_duration_seconds', http, outcome.durationMs / 1000);
    if (outcome.bodyBytes > 0) this.add('agentgateway_response_bytes_total', http, outcome.bodyBytes);
    if (exchange.attempts.length > 1) this.add('agentgateway_retries_total', http, exchange.attempts.length - 1);
    for (const { backend, startMs, endMs } of exchange.attempts) {
      if (endMs === undefined) continue;
      const labels = { kind: 'Primary', subtype: exchange.llm ? 'Llm' : 'Http', backend };
      this.observe('agentgateway_upstream_call_duration_seconds', labels, (endMs - startMs) / 1000);
    }
    if (exchange.llm) this.#recordLlm(exchange, place, outcome);
  }

  #recordLlm(exchange: Exchange, place: Place, { durationMs }: Outcome): void {
    const llm = exchange.llm!;
    const labels = {
      gen_ai_operation_name: llm.operation,
      gen_ai_system: llm.provider ?? '',
      gen_ai_request_model: llm.modelLabel,
      gen_ai_response_model: this.#boundModel(llm.responseModel),
      ...place,
    };
    this.observe('gen_ai_server_request_duration', labels, durationMs / 1000);
    if (llm.firstTokenMs !== undefined) {
      this.observe('gen_ai_server_time_to_first_token', labels, llm.firstTokenMs / 1000);
      const rest = (llm.usage?.outputTotal ?? 0) - 1;
      if (rest > 0) {
        const perToken = (durationMs - llm.firstTokenMs) / 1000 / rest;
        this.observe('gen_ai_server_time_per_output_token', labels, perToken);
      }
    }
    if (!llm.usage) return;
    for (const [type, tokens] of tokenTypes(llm.usage)) {
      this.observe('gen_ai_client_token_usage', { ...labels, gen_ai_token_type: type }, tokens);
    }
    this.add('agentgateway_cost_catalog_lookups_total', { ...labels, status: llm.costUnknown ?? 'exact' });
    if (llm.costNano !== undefined) this.add('gen_ai_client_cost_usd_total', labels, Number(llm.costNano) / 1e9);
  }

  #boundModel(model: string | undefined): string {
    if (model === undefined || this.#responseModels.has(model)) return model ?? '';
    if (this.#responseModels.size >= responseModelsMax) return 'other';
    this.#responseModels.add(model);
    return model;
  }

  #open(name: string, row: (typeof metricTable)[MetricName]): Counter | Histogram | Gauge {
    const shared = { name, help: row.help, labelNames: [...row.labels], registers: [this.registry] };
    if (row.type === 'counter') return new Counter(shared);
    if (row.type === 'gauge') return new Gauge(shared);
    return new Histogram({ ...shared, buckets: [...row.buckets] });
  }
}

interface Place {
  readonly gateway: string;
  readonly listener: string;
  readonly route: string;
  readonly route_rule: string;
  readonly backend: string;
}

function placeOf({ placement, attempts }: Exchange): Place {
  const { gateway, listener, route, rule } = placement;
  return { gateway, listener, route, route_rule: rule, backend: attempts.at(-1)?.backend ?? '' };
}

/** Types of gen_ai.token.type and the count of each; absent stays absent. */
function* tokenTypes(usage: Usage): Generator<[string, number]> {
  if (usage.inputTotal !== undefined) yield ['input', usage.inputTotal];
  if (usage.outputTotal !== undefined) yield ['output', usage.outputTotal];
  if (usage.inputCacheRead !== undefined) yield ['input_cache_read', usage.inputCacheRead];
  const written = [usage.inputCacheWrite5m, usage.inputCacheWrite1h].filter((count) => count !== undefined);
  if (written.length > 0) yield ['input_cache_write', written.reduce((sum, count) => sum + count, 0)];
}
