// What is told of connections: where each would go, and why one would not be served.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { ListenerTls_Mode, Listener_Protocol } from '@agentgateway/api/gen/agentgateway/v1/listener_pb.ts';
import type { L4RouteSchema } from '@agentgateway/api/gen/agentgateway/v1/route_pb.ts';
import type { EncodedResource } from '@agentgateway/api/keys.ts';
import { encodeResource } from '@agentgateway/core/translate/encode.ts';
import { beforeAll, describe, expect, test } from 'vitest';
import { backend, gatewayKey, listener, openStore, policy } from '../snapshot/fixture.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { type TunnelExplanation, explainTunnel, readTunnelQuestion } from './explain-tunnel.ts';

/** TLS that ends here. */
const ended = {
  mode: ListenerTls_Mode.TERMINATE,
  certificates: [
    {
      certificate: { secret: 'secret/default/c', entry: 'tls.crt' },
      key: { secret: 'secret/default/c', entry: 'tls.key' },
    },
  ],
};

let snapshot: Snapshot;

function parents(name: string, hostnames: string[] = []): { listener: string; hostnames: string[] }[] {
  return [{ listener: `listener/default/g/${name}`, hostnames }];
}

function to(name: string, more: { invalid?: string } = {}): { backend: string; weight: number; invalid?: string }[] {
  return [{ backend: `httpbackend/default/${name}`, weight: 1, ...more }];
}

function l4(key: string, value: MessageInitShape<typeof L4RouteSchema>): EncodedResource {
  return encodeResource(key, { case: 'l4Route', value });
}

beforeAll(async () => {
  const store = openStore();
  const set = [
    listener('tcp', { protocol: Listener_Protocol.TCP, port: 9000 }),
    listener('udp', { protocol: Listener_Protocol.UDP, port: 53 }),
    listener('tls', {
      protocol: Listener_Protocol.TLS,
      port: 8443,
      tls: { mode: ListenerTls_Mode.PASSTHROUGH },
      hostname: '*.example.com',
    }),
    listener('https', { protocol: Listener_Protocol.HTTPS, port: 8443, tls: ended, hostname: 'www.example.com' }),
    l4('tcproute/default/old', { parents: parents('tcp'), createdMs: 1n, backends: to('db') }),
    l4('tcproute/default/young', { parents: parents('tcp'), createdMs: 2n, backends: to('db') }),
    l4('tlsroute/default/db', { parents: parents('tls', ['db.example.com']), rule: 'main', backends: to('db') }),
    l4('tlsroute/default/bad', {
      parents: parents('tls', ['bad.example.com']),
      backends: to('x', { invalid: 'BackendNotFound' }),
    }),
    l4('udproute/default/dns', { parents: parents('udp'), backends: to('db') }),
    backend('db', 5432),
    policy('slow', [gatewayKey], { kind: { case: 'timeouts', value: { connectMs: 100n } } }),
  ];
  expect(await store.update({ set, removed: [] })).toEqual([]);
  snapshot = store.current;
});

function ask(url: string): TunnelExplanation {
  const question = readTunnelQuestion(url);
  if (typeof question !== 'object') throw new Error(String(question));
  return explainTunnel(snapshot, question);
}

describe('questions', () => {
  test.each([
    ['tcp://:9000', { scheme: 'tcp', host: '', port: 9000 }],
    ['TLS://Db.Example.com:8443', { scheme: 'tls', host: 'db.example.com', port: 8443 }],
    ['udp://[::1]:53/', { scheme: 'udp', host: '::1', port: 53 }],
  ])('%s', (url, question) => expect(readTunnelQuestion(url)).toMatchObject(question));

  test.each(['tcp://', 'tcp://:', 'tcp://:70000', 'tls://name', 'udp://a b:1', 'tcp://:1/path'])(
    '%j is told what is wrong with it',
    (url) => expect(readTunnelQuestion(url)).toContain('write one such as'),
  );

  test('others are about requests', () => expect(readTunnelQuestion('http://localhost:3000/')).toBeUndefined());
});

describe('answers', () => {
  test('a connection of TCP: route, backend, endpoint, time-outs, policies, and who gets nothing', () => {
    expect(ask('tcp://:9000')).toMatchObject({
      bind: ':9000/tcp',
      listener: 'listener/default/g/tcp',
      mode: 'tcp',
      route: 'tcproute/default/old',
      shadowed: ['tcproute/default/young'],
      backends: [{ key: 'httpbackend/default/db', endpoints: ['db.test:5432'] }],
      timeouts: { connectMs: 100 },
      policies: ['timeouts (policy/default/slow/timeouts)'],
      refusal: undefined,
    });
  });

  test('TLS by name', () => {
    expect(ask('tls://db.example.com:8443')).toMatchObject({
      route: 'tlsroute/default/db',
      rule: 'main',
      mode: 'passthrough',
    });
    expect(ask('tls://other.example.com:8443').refusal).toMatchObject({ reason: 'route-not-found' });
    expect(ask('tls://other.org:8443').refusal).toMatchObject({ reason: 'listener-not-found' });
    expect(ask('tls://:8443').refusal).toMatchObject({ reason: 'listener-not-found' });
    expect(ask('tls://bad.example.com:8443').refusal).toMatchObject({ reason: 'backend-invalid' });
    expect(ask('tls://www.example.com:8443')).toMatchObject({ mode: 'http', refusal: { reason: 'requests' } });
  });

  test('datagrams to a backend that takes none, and ports that nobody serves', () => {
    expect(ask('udp://:53')).toMatchObject({ bind: ':53/udp', refusal: { reason: 'no-healthy-endpoint' } });
    expect(ask('tcp://:53').refusal).toMatchObject({ reason: 'connection refused' });
    expect(ask('tcp://:8443').refusal!.message).toContain('served: :9000/tcp');
  });
});
