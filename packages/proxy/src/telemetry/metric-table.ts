// Every metric the gateway exports, as one typed table: names, labels, buckets. Documentation and dashboards are made from it.

/** One metric. Histogram buckets are upper bounds in the metric's unit. */
export interface MetricRow {
  readonly type: 'counter' | 'histogram' | 'gauge';
  readonly help: string;
  readonly labels: readonly string[];
  readonly buckets?: readonly number[];
}

const place = ['gateway', 'listener', 'route', 'route_rule', 'backend'] as const;
const http = ['bind', ...place, 'protocol', 'method', 'status', 'reason'] as const;
const downstream = ['bind', 'gateway', 'listener', 'protocol'] as const;
const genAi = [
  'gen_ai_operation_name',
  'gen_ai_system',
  'gen_ai_request_model',
  'gen_ai_response_model',
  ...place,
] as const;

/** Powers of a base, as many as asked for. */
function powers(first: number, base: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first * base ** i);
}

const httpSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80];
const connectSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8];
const firstTokenSeconds = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const perTokenSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5];

/** The metrics, by exported name. Names of `gen_ai_*` follow the OTel GenAI semantic conventions. */
export const metricTable = {
  agentgateway_requests_total: { type: 'counter', help: 'Requests answered.', labels: http },
  agentgateway_request_duration_seconds: {
    type: 'histogram',
    help: 'From the end of the request head to the end of the answer.',
    labels: http,
    buckets: httpSeconds,
  },
  agentgateway_response_bytes_total: { type: 'counter', help: 'Bytes of response bodies.', labels: http },
  agentgateway_retries_total: { type: 'counter', help: 'Attempts after the first of a request.', labels: http },
  agentgateway_upstream_call_duration_seconds: {
    type: 'histogram',
    help: 'One attempt, from dispatch to the end of its answer.',
    labels: ['kind', 'subtype', 'backend'],
    buckets: httpSeconds,
  },
  agentgateway_downstream_connections_total: {
    type: 'counter',
    help: 'Connections of TCP and TLS that were accepted, and flows of UDP.',
    labels: downstream,
  },
  agentgateway_downstream_received_bytes_total: {
    type: 'counter',
    help: 'Bytes of TCP, TLS and UDP clients that were passed on, counted when a connection or flow ends.',
    labels: downstream,
  },
  agentgateway_downstream_sent_bytes_total: {
    type: 'counter',
    help: 'Bytes for TCP, TLS and UDP clients, counted when a connection or flow ends.',
    labels: downstream,
  },
  agentgateway_downstream_failures_total: {
    type: 'counter',
    help: 'Connections of TCP and TLS that were refused or broken, flows that were cut short and datagrams that were dropped.',
    labels: [...downstream, 'reason'],
  },
  agentgateway_upstream_connect_duration_seconds: {
    type: 'histogram',
    help: 'From the beginning of a connect to a connected upstream socket.',
    labels: ['transport'],
    buckets: connectSeconds,
  },
  agentgateway_cost_catalog_lookups_total: {
    type: 'counter',
    help: 'Price look-ups of settled calls: exact, or why the price is unknown.',
    labels: [...genAi, 'status'],
  },
  agentgateway_endpoints: {
    type: 'gauge',
    help: 'Endpoints of a backend by how they are: healthy, ejected (they failed) or unhealthy (they say so).',
    labels: ['backend', 'port', 'state'],
  },
  agentgateway_config_updates_total: { type: 'counter', help: 'Configurations applied.', labels: [] },
  agentgateway_config_refusals_total: {
    type: 'counter',
    help: 'Edits of the configuration that were refused; the running one stayed.',
    labels: [],
  },
  agentgateway_config_generation: { type: 'gauge', help: 'Swaps of the configuration since the start.', labels: [] },
  agentgateway_build_info: { type: 'gauge', help: 'Always 1.', labels: ['version', 'node'] },
  gen_ai_client_token_usage: {
    type: 'histogram',
    help: 'Tokens of a call by type.',
    labels: [...genAi, 'gen_ai_token_type'],
    buckets: powers(1, 4, 14),
  },
  gen_ai_client_cost_usd_total: {
    type: 'counter',
    help: 'Cost in US dollars where the price is known.',
    labels: genAi,
  },
  gen_ai_server_request_duration: {
    type: 'histogram',
    help: 'Seconds from the request to the last token.',
    labels: genAi,
    buckets: powers(0.01, 2, 14),
  },
  gen_ai_server_time_to_first_token: {
    type: 'histogram',
    help: 'Seconds from the request to the first token.',
    labels: genAi,
    buckets: firstTokenSeconds,
  },
  gen_ai_server_time_per_output_token: {
    type: 'histogram',
    help: 'Seconds per token after the first.',
    labels: genAi,
    buckets: perTokenSeconds,
  },
} as const satisfies Readonly<Record<string, MetricRow>>;

/** The name of a metric. */
export type MetricName = keyof typeof metricTable;

/** The labels of a metric. */
export type LabelsOf<N extends MetricName> = { readonly [L in (typeof metricTable)[N]['labels'][number]]: string };
