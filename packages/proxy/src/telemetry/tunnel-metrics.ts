// Counts what is proxied without being read: connections, flows, bytes and failures by place, and how long upstreams took.
import type { Registry } from 'prom-client';
import type { TunnelPlace, TunnelRecord, TunnelRecorder } from '../tunnel/record.ts';
import { type LabelsOf, type MetricName, metricTable } from './metric-table.ts';
import { Buckets, type Labels, Sum, expose } from './series.ts';

/** What is counted of traffic that shares every label. */
interface PlaceSeries {
  readonly labels: LabelsOf<'agentgateway_downstream_connections_total'>;
  readonly connections: Sum;
  readonly received: Sum;
  readonly sent: Sum;
  readonly failures: Map<string, Sum>;
}

/** Counts connections, flows and their bytes, by their place. */
export class TunnelMetrics implements TunnelRecorder {
  readonly #places = new Map<string, PlaceSeries>();
  readonly #connects = new Buckets(metricTable.agentgateway_upstream_connect_duration_seconds.buckets);

  constructor(registry: Registry) {
    this.#expose(registry);
  }

  opened(place: TunnelPlace): void {
    this.#series(place).connections.add(1);
  }

  closed(record: TunnelRecord): void {
    const series = this.#series(record);
    if (record.receivedBytes > 0) series.received.add(record.receivedBytes);
    if (record.sentBytes > 0) series.sent.add(record.sentBytes);
    if (record.reason !== undefined) count(series, record.reason);
  }

  dropped(what: Parameters<TunnelRecorder['dropped']>[0]): void {
    count(this.#series(what), what.reason);
  }

  connected(_transport: 'tcp', durationMs: number): void {
    this.#connects.observe(durationMs / 1000);
  }

  #series({ bind, gateway, listener, protocol }: TunnelPlace): PlaceSeries {
    const key = `${bind}\n${listener}\n${protocol}`;
    let series = this.#places.get(key);
    if (!series) {
      const labels = { bind, gateway, listener, protocol };
      series = { labels, connections: new Sum(), received: new Sum(), sent: new Sum(), failures: new Map() };
      this.#places.set(key, series);
    }
    return series;
  }

  #expose(registry: Registry): void {
    const all = (): PlaceSeries[] => [...this.#places.values()];
    const sums = {
      agentgateway_downstream_connections_total: 'connections',
      agentgateway_downstream_received_bytes_total: 'received',
      agentgateway_downstream_sent_bytes_total: 'sent',
    } as const;
    const add = (name: MetricName, samples: Parameters<typeof expose>[1]['samples']): void => {
      const { help, type } = metricTable[name];
      expose(registry, { name, help, type: type === 'counter' ? 'counter' : 'histogram', samples });
    };
    for (const [name, field] of Object.entries(sums))
      add(name as MetricName, () => all().flatMap((series) => [...series[field].samples(series.labels)]));
    add('agentgateway_downstream_failures_total', () =>
      all().flatMap(({ failures, labels }) =>
        [...failures].flatMap(([reason, sum]) => [...sum.samples({ ...labels, reason })]),
      ),
    );
    const connects = 'agentgateway_upstream_connect_duration_seconds';
    const labels: Labels = { transport: 'tcp' };
    add(connects, () => this.#connects.samples(connects, labels));
  }
}

function count({ failures }: PlaceSeries, reason: string): void {
  let sum = failures.get(reason);
  if (!sum) failures.set(reason, (sum = new Sum()));
  sum.add(1);
}
