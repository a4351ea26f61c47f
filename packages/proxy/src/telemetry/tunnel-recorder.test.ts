// What is told of a connection: one line, counters by its place, and reasons that can be counted.
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import type { TunnelRecord } from '../tunnel/record.ts';
import { toAccessText } from './access-text.ts';
import { TunnelMetrics } from './tunnel-metrics.ts';
import { openTunnelRecorder, toTunnelLine } from './tunnel-recorder.ts';

const record: TunnelRecord = {
  id: 'an-id',
  bind: ':9000',
  gateway: 'gateway/default/edge',
  listener: 'listener/default/edge/db',
  route: 'tlsroute/default/db',
  rule: '',
  backend: 'service/default/db',
  endpoint: '10.0.0.1:5432',
  protocol: 'tls',
  client: { address: '2001:db8::7', port: 51_000 },
  serverName: 'db.example.com',
  durationMs: 1200.12345,
  receivedBytes: 11,
  sentBytes: 2000,
  reason: undefined,
  message: undefined,
};

test('a line has what applies and nothing else', () => {
  expect(toTunnelLine(record)).toEqual({
    gateway: 'gateway/default/edge',
    listener: 'listener/default/edge/db',
    route: 'tlsroute/default/db',
    backend: 'service/default/db',
    endpoint: '10.0.0.1:5432',
    'src.addr': '[2001:db8::7]:51000',
    'tls.sni': 'db.example.com',
    protocol: 'tls',
    duration: 1200.123,
    'bytes.received': 11,
    'bytes.sent': 2000,
    'request.id': 'an-id',
  });
  const refused = { ...record, backend: '', endpoint: '', reason: 'route-not-found', message: 'none' } as const;
  expect(toTunnelLine(refused)).toMatchObject({ reason: 'route-not-found', error: 'none' });
  expect(toTunnelLine(refused)).not.toHaveProperty('backend');
});

test('a terminal shows it in one line', () => {
  expect(toAccessText(toTunnelLine(record))).toBe(
    'tls [2001:db8::7]:51000 db.example.com 1200 ms → 10.0.0.1:5432 11 + 2000 bytes',
  );
});

test('connections, bytes and failures are counted by place', async () => {
  const registry = new Registry();
  const lines: object[] = [];
  const telemetry = openTunnelRecorder({ access: (line) => lines.push(line) }, new TunnelMetrics(registry));
  telemetry.opened(record);
  telemetry.opened(record);
  telemetry.closed(record);
  telemetry.closed({ ...record, reason: 'upstream-reset', message: 'gone' });
  telemetry.dropped({ ...record, protocol: 'udp', reason: 'overloaded' });
  telemetry.connected('tcp', 3);
  const text = await registry.metrics();
  const place = 'bind=":9000",gateway="gateway/default/edge",listener="listener/default/edge/db"';
  expect(text).toContain(`agentgateway_downstream_connections_total{${place},protocol="tls"} 2`);
  expect(text).toContain(`agentgateway_downstream_received_bytes_total{${place},protocol="tls"} 22`);
  expect(text).toContain(`agentgateway_downstream_sent_bytes_total{${place},protocol="tls"} 4000`);
  expect(text).toContain(`agentgateway_downstream_failures_total{${place},protocol="tls",reason="upstream-reset"} 1`);
  expect(text).toContain(`agentgateway_downstream_failures_total{${place},protocol="udp",reason="overloaded"} 1`);
  expect(text).toContain('agentgateway_upstream_connect_duration_seconds_bucket{le="0.005",transport="tcp"} 1');
  expect(lines).toHaveLength(2);
});
