// Records connections and flows that are proxied without being read: counters, and an access line each.
import { toHostPort } from '@agentgateway/core/authority.ts';
import type { TunnelRecord, TunnelRecorder } from '../tunnel/record.ts';
import { cut, messageMax } from './bounded-text.ts';
import type { Logs } from './log.ts';
import type { TunnelMetrics } from './tunnel-metrics.ts';

/** A recorder that counts, and writes a line for each connection and flow that is over. */
export function openTunnelRecorder(logs: Pick<Logs, 'access'>, metrics: TunnelMetrics): TunnelRecorder {
  return {
    opened: (place) => metrics.opened(place),
    closed(record) {
      metrics.closed(record);
      logs.access(toTunnelLine(record));
    },
    dropped: (what) => metrics.dropped(what),
    connected: (transport, durationMs) => metrics.connected(transport, durationMs),
  };
}

/** The access line of a connection or flow; durations in milliseconds. */
export function toTunnelLine(record: TunnelRecord): Record<string, unknown> {
  const line: Record<string, unknown> = {
    gateway: record.gateway,
    listener: record.listener,
    route: record.route,
  };
  if (record.rule !== '') line['route_rule'] = record.rule;
  if (record.backend !== '') line['backend'] = record.backend;
  if (record.endpoint !== '') line['endpoint'] = record.endpoint;
  line['src.addr'] = toHostPort(record.client);
  if (record.serverName !== undefined) line['tls.sni'] = record.serverName;
  line['protocol'] = record.protocol;
  line['duration'] = Math.round(record.durationMs * 1000) / 1000;
  line['bytes.received'] = record.receivedBytes;
  line['bytes.sent'] = record.sentBytes;
  line['request.id'] = record.id;
  if (record.reason !== undefined) {
    line['reason'] = record.reason;
    line['error'] = record.message === undefined ? undefined : cut(record.message, messageMax);
  }
  return line;
}
