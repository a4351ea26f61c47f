// Prometheus metrics: what the recorder counts, with bounded label values.
import type { Exchange } from '@agentgateway/core/exchange.ts';
import type { LlmFacts } from '@agentgateway/core/llm-facts.ts';
import type { Usage } from '@agentgateway/llm/usage.ts';
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import { toProtocol } from './access-line.ts';
import { cut, nameMax } from './bounded-text.ts';
import { type LabelsOf, type MetricName, metricTable } from './metric-table.ts';
import { Buckets, type Exposed, type Labels, Sum, expose } from './series.ts';
import { TunnelMetrics } from './tunnel-metrics.ts';

/** Distinct response models that get a label of their own; the rest is `other`. */
const responseModelsMax = 200;

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']);

/** Operations that get a label of their own: paths that pass to a provider are the client's to choose. */
const operations = new Set([
  ...['chat', 'count_tokens', 'embeddings', 'completions', 'images', 'audio', 'moderations', 'files', 'uploads'],
  ...['batches', 'fine_tuning', 'models', 'responses', 'messages', 'conversations', 'vector_stores', 'containers'],
  ...['assistants', 'threads', 'realtime', 'evals', 'videos', 'rerank'],
]);

/** How a request ended, as it is counted. */
export interface Outcome {
  readonly status: number;
  /** Empty where nothing went wrong. */
  readonly reason: string;
  readonly durationMs: number;
  readonly bodyBytes: number;
}

type HttpLabels = LabelsOf<'agentgateway_requests_total'>;
type LlmLabels = LabelsOf<'gen_ai_server_request_duration'>;

/** What is counted of requests that share every label. */
class HttpSeries {
  readonly labels: HttpLabels;
  readonly requests = new Sum();
  readonly bytes = new Sum();
  readonly retries = new Sum();
  readonly duration = new Buckets(metricTable.agentgateway_request_duration_seconds.buckets);

  constructor(labels: HttpLabels) {
    this.labels = labels;
  }
}

/** What is counted of LLM calls that share every label. */
class LlmSeries {
  readonly labels: LlmLabels;
  readonly duration = new Buckets(metricTable.gen_ai_server_request_duration.buckets);
  readonly firstToken = new Buckets(metricTable.gen_ai_server_time_to_first_token.buckets);
  readonly perToken = new Buckets(metricTable.gen_ai_server_time_per_output_token.buckets);
  readonly cost = new Sum();
  readonly priced = new Sum();
  readonly unpriced = new Sum();
  readonly tokens = new Map<string, Buckets>();

  constructor(labels: LlmLabels) {
    this.labels = labels;
  }

  countTokens(type: string, tokens: number): void {
    let buckets = this.tokens.get(type);
    if (!buckets) this.tokens.set(type, (buckets = new Buckets(metricTable.gen_ai_client_token_usage.buckets)));
    buckets.observe(tokens);
  }
}

/** The process's metrics. */
export class Metrics {
  readonly registry = new Registry();
  /** What is counted of traffic that is not read. */
  readonly tunnels = new TunnelMetrics(this.registry);
  readonly #own: ReadonlyMap<string, Counter | Gauge>;
  readonly #http = new Map<string, HttpSeries>();
  readonly #llm = new Map<string, LlmSeries>();
  readonly #calls = new Map<string, { readonly labels: Labels; readonly duration: Buckets }>();
  readonly #responseModels = new Set<string>();

  constructor(version: string) {
    this.#exposeHttp();
    this.#exposeLlm();
    this.#own = new Map(ownMetrics.map((name) => [name, this.#open(name)]));
    this.set('agentgateway_build_info', { version, node: process.versions.node }, 1);
    collectDefaultMetrics({ register: this.registry });
  }

  /** Adds to a counter of the process. */
  add<N extends OwnMetric>(name: N, labels: LabelsOf<NoInfer<N>>, amount = 1): void {
    (this.#own.get(name) as Counter).inc(labels, amount);
  }

  /** Sets a gauge of the process. */
  set<N extends OwnMetric>(name: N, labels: LabelsOf<NoInfer<N>>, value: number): void {
    (this.#own.get(name) as Gauge).set(labels, value);
  }

  /** Sets a gauge of the process anew: what is not among the values is gone. */
  replace<N extends OwnMetric>(name: N, values: readonly { labels: LabelsOf<NoInfer<N>>; value: number }[]): void {
    const gauge = this.#own.get(name) as Gauge;
    gauge.reset();
    for (const { labels, value } of values) gauge.set(labels, value);
  }

  /** Counts a finished exchange, its attempts and its tokens. */
  record(exchange: Exchange, outcome: Outcome): void {
    const { attempts, llm } = exchange;
    const http = this.#httpSeries(exchange, outcome);
    http.requests.add(1);
    http.duration.observe(outcome.durationMs / 1000);
    if (outcome.bodyBytes > 0) http.bytes.add(outcome.bodyBytes);
    if (attempts.length > 1) http.retries.add(attempts.length - 1);
    for (const { backend, startMs, endMs } of attempts) {
      if (endMs !== undefined) this.#callSeries(llm ? 'Llm' : 'Http', backend).observe((endMs - startMs) / 1000);
    }
    if (llm) recordLlm(this.#llmSeries(exchange, llm), llm, outcome);
  }

  #httpSeries(exchange: Exchange, outcome: Outcome): HttpSeries {
    const { placement, head, attempts } = exchange;
    const { bind, gateway, listener, route, rule } = placement;
    const method = methods.has(head.method) ? head.method : 'other';
    const status = outcome.status >= 100 && outcome.status <= 599 ? String(outcome.status) : 'other';
    const protocol = toProtocol(exchange);
    const backend = attempts.at(-1)?.backend ?? '';
    // The listener's key holds the gateway's name.
    const key = `${bind}\n${listener}\n${route}\n${rule}\n${backend}\n${protocol}\n${method}\n${status}\n${outcome.reason}`;
    let series = this.#http.get(key);
    if (!series) {
      const place = { gateway, listener, route, route_rule: rule, backend };
      series = new HttpSeries({ bind, ...place, protocol, method, status, reason: outcome.reason });
      this.#http.set(key, series);
    }
    return series;
  }

  #llmSeries({ placement, attempts }: Exchange, llm: LlmFacts): LlmSeries {
    const { gateway, listener, route, rule } = placement;
    const operation = operations.has(llm.operation) ? llm.operation : 'other';
    const system = llm.vendor ?? '';
    const responseModel = this.#boundModel(llm.responseModel);
    const backend = attempts.at(-1)?.backend ?? '';
    const key = `${operation}\n${system}\n${llm.modelLabel}\n${responseModel}\n${listener}\n${route}\n${rule}\n${backend}`;
    let series = this.#llm.get(key);
    if (!series) {
      series = new LlmSeries({
        gen_ai_operation_name: operation,
        gen_ai_system: system,
        gen_ai_request_model: llm.modelLabel,
        gen_ai_response_model: responseModel,
        gateway,
        listener,
        route,
        route_rule: rule,
        backend,
      });
      this.#llm.set(key, series);
    }
    return series;
  }

  #callSeries(subtype: string, backend: string): Buckets {
    const key = `${subtype}\n${backend}`;
    let series = this.#calls.get(key);
    if (!series) {
      const { buckets } = metricTable.agentgateway_upstream_call_duration_seconds;
      series = { labels: { kind: 'Primary', subtype, backend }, duration: new Buckets(buckets) };
      this.#calls.set(key, series);
    }
    return series.duration;
  }

  #boundModel(told: string | undefined): string {
    const model = told === undefined ? undefined : cut(told, nameMax);
    if (model === undefined || this.#responseModels.has(model)) return model ?? '';
    if (this.#responseModels.size >= responseModelsMax) return 'other';
    this.#responseModels.add(model);
    return model;
  }

  #exposeHttp(): void {
    const all = (): HttpSeries[] => [...this.#http.values()];
    const sums = {
      agentgateway_requests_total: 'requests',
      agentgateway_response_bytes_total: 'bytes',
      agentgateway_retries_total: 'retries',
    } as const;
    for (const [name, field] of Object.entries(sums)) {
      this.#expose(name as MetricName, () => all().flatMap((series) => [...series[field].samples(series.labels)]));
    }
    const duration = 'agentgateway_request_duration_seconds';
    this.#expose(duration, () => all().flatMap((series) => [...series.duration.samples(duration, series.labels)]));
    const calls = 'agentgateway_upstream_call_duration_seconds';
    this.#expose(calls, () =>
      [...this.#calls.values()].flatMap((series) => [...series.duration.samples(calls, series.labels)]),
    );
  }

  #exposeLlm(): void {
    const all = (): LlmSeries[] => [...this.#llm.values()];
    const durations = {
      gen_ai_server_request_duration: 'duration',
      gen_ai_server_time_to_first_token: 'firstToken',
      gen_ai_server_time_per_output_token: 'perToken',
    } as const;
    for (const [name, field] of Object.entries(durations)) {
      this.#expose(name as MetricName, () =>
        all().flatMap((series) => [...series[field].samples(name, series.labels)]),
      );
    }
    const usage = 'gen_ai_client_token_usage';
    this.#expose(usage, () =>
      all().flatMap(({ tokens, labels }) =>
        [...tokens].flatMap(([type, buckets]) => [...buckets.samples(usage, { ...labels, gen_ai_token_type: type })]),
      ),
    );
    this.#expose('gen_ai_client_cost_usd_total', () => all().flatMap(({ cost, labels }) => [...cost.samples(labels)]));
    this.#expose('agentgateway_cost_catalog_lookups_total', () =>
      all().flatMap(({ priced, unpriced, labels }) => [
        ...priced.samples({ ...labels, status: 'exact' }),
        ...unpriced.samples({ ...labels, status: 'unknown' }),
      ]),
    );
  }

  #expose(name: MetricName, samples: Exposed['samples']): void {
    const { help, type } = metricTable[name];
    expose(this.registry, { name, help, type: type === 'counter' ? 'counter' : 'histogram', samples });
  }

  #open(name: OwnMetric): Counter | Gauge {
    const row = metricTable[name];
    const shared = { name, help: row.help, labelNames: [...row.labels], registers: [this.registry] };
    return row.type === 'counter' ? new Counter(shared) : new Gauge(shared);
  }
}

/** Metrics of the process rather than of its requests. */
const ownMetrics = [
  'agentgateway_endpoints',
  'agentgateway_config_updates_total',
  'agentgateway_config_refusals_total',
  'agentgateway_config_generation',
  'agentgateway_build_info',
] as const;
type OwnMetric = (typeof ownMetrics)[number];

function recordLlm(series: LlmSeries, llm: LlmFacts, { durationMs }: Outcome): void {
  series.duration.observe(durationMs / 1000);
  const { usage, firstTokenMs } = llm;
  if (firstTokenMs !== undefined) {
    series.firstToken.observe(firstTokenMs / 1000);
    const rest = (usage?.outputTotal ?? 0) - 1;
    if (rest > 0) series.perToken.observe((durationMs - firstTokenMs) / 1000 / rest);
  }
  if (!usage) return;
  for (const [type, tokens] of tokenTypes(usage)) series.countTokens(type, tokens);
  if (llm.costNano === undefined) series.unpriced.add(1);
  else {
    series.priced.add(1);
    series.cost.add(Number(llm.costNano) / 1e9);
  }
}

/** Types of gen_ai.token.type and the count of each; absent stays absent. */
function* tokenTypes(usage: Usage): Generator<[string, number]> {
  if (usage.inputTotal !== undefined) yield ['input', usage.inputTotal];
  if (usage.outputTotal !== undefined) yield ['output', usage.outputTotal];
  if (usage.inputCacheRead !== undefined) yield ['input_cache_read', usage.inputCacheRead];
  const written = [usage.inputCacheWrite5m, usage.inputCacheWrite1h].filter((count) => count !== undefined);
  if (written.length > 0) yield ['input_cache_write', written.reduce((sum, count) => sum + count, 0)];
}
