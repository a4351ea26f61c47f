// TCPRoutes and UDPRoutes: weights by connection and by flow, and which of several routes gets the traffic.
import { type Socket as DatagramSocket, createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, type Server, connect, createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestGateway, freePort } from '../../kit/gateway.ts';
import { manifests, startApi } from './kit.ts';

const names = ['a', 'b'] as const;
const streams: Server[] = [];
const datagrams: DatagramSocket[] = [];
let api: TestGateway;
let ports: Record<'tcp' | 'udp' | 'tcpShared' | 'udpShared', number>;

/** A Service of TCP and UDP whose servers say its name. */
async function startService(name: string): Promise<string> {
  const stream = createServer((socket) => socket.on('error', () => {}).end(name)).listen(0, '127.0.0.1');
  await once(stream, 'listening');
  streams.push(stream);
  const datagram = createSocket('udp4').bind(0, '127.0.0.1');
  await once(datagram, 'listening');
  datagram.on('message', (_message, { port, address }) => datagram.send(name, port, address));
  datagrams.push(datagram);
  const metadata = { name, namespace: 'default' };
  const slice = (protocol: string, port: number): object => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      ...metadata,
      name: `${name}-${protocol.toLowerCase()}`,
      labels: { 'kubernetes.io/service-name': name },
    },
    addressType: 'IPv4',
    ports: [{ name: protocol.toLowerCase(), port, protocol }],
    endpoints: [{ addresses: ['127.0.0.1'] }],
  });
  const spec = {
    ports: [
      { name: 'tcp', port: 80 },
      { name: 'udp', port: 80, protocol: 'UDP' },
    ],
  };
  return manifests(
    { apiVersion: 'v1', kind: 'Service', metadata, spec },
    slice('TCP', (stream.address() as AddressInfo).port),
    slice('UDP', datagram.address().port),
  );
}

function route(kind: string, name: string, section: string, backendRefs: readonly object[]): string {
  return manifests({
    apiVersion: 'gateway.networking.k8s.io/v1alpha2',
    kind,
    metadata: { name, namespace: 'default' },
    spec: { parentRefs: [{ name: 'g', sectionName: section }], rules: [{ backendRefs }] },
  });
}

beforeAll(async () => {
  ports = { tcp: await freePort(), udp: await freePort(), tcpShared: await freePort(), udpShared: await freePort() };
  const listeners = Object.entries(ports).map(([name, port]) => ({
    name: name.toLowerCase(),
    port,
    protocol: name.startsWith('tcp') ? 'TCP' : 'UDP',
  }));
  const weighted = [
    { name: 'a', port: 80, weight: 70 },
    { name: 'b', port: 80, weight: 30 },
    { name: 'b', port: 80, weight: 0 },
  ];
  api = await startApi(
    `gateways: ${JSON.stringify([{ name: 'g', listeners }])}\n`,
    ...(await Promise.all(names.map(startService))),
    route('TCPRoute', 'weights', 'tcp', weighted),
    route('UDPRoute', 'weights', 'udp', weighted),
    // What stands first in a file is the older; age goes before names.
    route('TCPRoute', 'older', 'tcpshared', [{ name: 'a', port: 80 }]),
    route('TCPRoute', 'newer', 'tcpshared', [{ name: 'b', port: 80 }]),
    route('UDPRoute', 'older', 'udpshared', [{ name: 'a', port: 80 }]),
    route('UDPRoute', 'newer', 'udpshared', [{ name: 'b', port: 80 }]),
  );
});

afterAll(async () => {
  await api[Symbol.asyncDispose]();
  for (const socket of datagrams) socket.close();
  await Promise.all(streams.map((server) => new Promise((resolve) => server.close(resolve))));
});

/** Who answers a connection. */
async function connected(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}

/** Who answers a datagram from a port of its own, which is a flow. */
async function sent(port: number): Promise<string> {
  const socket = createSocket('udp4');
  try {
    socket.send('who', port, '127.0.0.1');
    const [message] = (await once(socket, 'message')) as [Buffer];
    return String(message);
  } finally {
    socket.close();
  }
}

test.each([
  ['TCPRouteWeightedRouting', 'tcp', connected],
  ['UDPRouteWeightedRouting', 'udp', sent],
] as const)('%s: exact over time, and 0 gets nothing', async (_name, port, who) => {
  const told: Record<string, number> = {};
  const worker = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) {
      const name = await who(ports[port]);
      told[name] = (told[name] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: 10 }, worker));
  expect(told).toEqual({ a: 70, b: 30 });
});

test.each([
  ['TCPRouteMultipleRoutesAttachment', 'TCPRoute', 'tcpShared', connected],
  ['UDPRouteMultipleRoutesAttachment', 'UDPRoute', 'udpShared', sent],
] as const)('%s: both are accepted and counted, the older gets the traffic', async (...row) => {
  const [, kind, port, who] = row;
  for (let i = 0; i < 4; i++) expect(await who(ports[port])).toBe('a');
  const { statuses } = api.gateway.source.state;
  const { listeners } = statuses.find((status) => status.kind === 'Gateway')!.status as {
    listeners: { name: string; attachedRoutes: number }[];
  };
  expect(listeners.find(({ name }) => name === port.toLowerCase())!.attachedRoutes).toBe(2);
  for (const name of ['older', 'newer']) {
    const status = statuses.find((one) => one.kind === kind && one.name === name)!;
    expect(JSON.stringify(status)).toContain('"type":"Accepted","status":"True"');
  }
});
