// What tunnels are opened from: sockets, listeners by name, routes by age, weights, policies; and what an edit changes of it.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { ListenerTls_Mode, Listener_Protocol } from '@agentgateway/api/gen/agentgateway/v1/listener_pb.ts';
import { ProxyProtocol_Client } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import type { L4RouteSchema } from '@agentgateway/api/gen/agentgateway/v1/route_pb.ts';
import type { EncodedResource } from '@agentgateway/api/keys.ts';
import { encodeResource } from '@agentgateway/core/translate/encode.ts';
import { describe, expect, test } from 'vitest';
import { tunnelLimits } from '../tunnel/limits.ts';
import type { TunnelBindPlan, TunnelListener } from '../tunnel/plan.ts';
import { backend, gatewayKey, listener, openStore, policy, requires, route, unknownPolicy } from './fixture.ts';
import type { Store } from './store.ts';

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

const client = { address: '192.0.2.7', port: 7 };

function l4(
  kind: 'tcproute' | 'tlsroute' | 'udproute',
  name: string,
  parents: readonly (string | { listener: string; hostnames: string[] })[],
  more: MessageInitShape<typeof L4RouteSchema> = {},
): EncodedResource {
  return encodeResource(`${kind}/default/${name}`, {
    case: 'l4Route',
    value: {
      parents: parents.map((parent) =>
        typeof parent === 'string'
          ? { listener: `listener/default/g/${parent}` }
          : { ...parent, listener: `listener/default/g/${parent.listener}` },
      ),
      backends: [{ backend: `httpbackend/default/${name}`, port: 80, weight: 1 }],
      ...more,
    },
  });
}

async function linked(...set: EncodedResource[]): Promise<Store> {
  const store = openStore();
  expect(await store.update({ set, removed: [] })).toEqual([]);
  return store;
}

function bindAt(store: Store, key: string): TunnelBindPlan {
  const plan = store.current.tunnels.get(key);
  if (!plan) throw new Error(`no ${key} among ${[...store.current.tunnels.keys()].join(', ')}`);
  return plan;
}

function only(store: Store): TunnelListener {
  return [...store.current.tunnels.values()][0]!.listeners[0]!;
}

const tcp = { protocol: Listener_Protocol.TCP, port: 9000 };
const tls = { protocol: Listener_Protocol.TLS, port: 8443, tls: { mode: ListenerTls_Mode.PASSTHROUGH } };

describe('sockets', () => {
  test('TCP and UDP may have the same port; what TLS carries is found out by tunnels, plain requests have none', async () => {
    const store = await linked(
      listener('http'),
      listener('tcp', tcp),
      listener('udp', { protocol: Listener_Protocol.UDP, port: 9000 }),
      listener('https', { protocol: Listener_Protocol.HTTPS, port: 443, tls: ended }),
    );
    expect([...store.current.tunnels].map(([key, { transport, isTls }]) => ({ key, transport, isTls }))).toEqual([
      { key: ':443/tls', transport: 'tcp', isTls: true },
      { key: ':9000/tcp', transport: 'tcp', isTls: false },
      { key: ':9000/udp', transport: 'udp', isTls: false },
    ]);
    expect([...store.current.binds.keys()].sort()).toEqual([':443/tls', ':8080', ':9000/tcp', ':9000/udp']);
  });

  test('HTTPS beside TLS is told apart by name, and left to those who read requests', async () => {
    const store = await linked(
      listener('pass', { ...tls, hostname: 'pass.example.com' }),
      listener('https', { protocol: Listener_Protocol.HTTPS, port: 8443, tls: ended, hostname: '*.example.com' }),
      policy('closed', [gatewayKey], requires('false')),
    );
    const bind = bindAt(store, ':8443/tls');
    expect(store.current.binds.has(':8443/tls')).toBe(true);
    expect(bind.isTls).toBe(true);
    expect(bind.select('pass.example.com')).toMatchObject({ mode: 'passthrough' });
    expect(bind.select('other.example.com')).toMatchObject({ mode: 'http' });
    expect(bind.select('example.com')).toBeUndefined();
    expect(bind.select(undefined)).toBeUndefined();
    // Whether a request is allowed is asked when there is one.
    expect(bind.select('other.example.com')!.refusal(client)).toBeUndefined();
  });

  test('a listener that goes takes its socket with it', async () => {
    const store = await linked(listener('tcp', tcp), l4('tcproute', 'a', ['tcp']));
    await store.update({ set: [], removed: [{ typeUrl: listener('tcp').typeUrl, key: 'listener/default/g/tcp' }] });
    expect(store.current.tunnels.size).toBe(0);
  });
});

function at(hostname: string): { listener: string; hostnames: string[] } {
  return { listener: 'tls', hostnames: [hostname] };
}

describe('routes', () => {
  test('exact before the longest wildcard before any name, on one listener', async () => {
    const store = await linked(
      listener('tls', tls),
      l4('tlsroute', 'any', ['tls']),
      l4('tlsroute', 'wide', [at('*.example.com')]),
      l4('tlsroute', 'near', [at('*.a.example.com')]),
      l4('tlsroute', 'exact', [at('x.a.example.com')]),
    );
    const routeOf = (name?: string): string | undefined => only(store).route(name)?.key.split('/').at(-1);
    expect(routeOf('x.a.example.com')).toBe('exact');
    expect(routeOf('y.a.example.com')).toBe('near');
    expect(routeOf('a.example.com')).toBe('wide');
    expect(routeOf('example.com')).toBe('any');
    expect(routeOf()).toBe('any');
  });

  test('TLSListenerIsolation: a name belongs to the most specific listener, even if that has no route for it', async () => {
    const store = await linked(
      listener('wide', { ...tls, hostname: '*.example.com' }),
      listener('exact', { ...tls, hostname: 'a.example.com' }),
      l4('tlsroute', 'wide', ['wide']),
    );
    const bind = bindAt(store, ':8443/tls');
    expect(bind.select('b.example.com')!.route('b.example.com')).toBeDefined();
    expect(bind.select('a.example.com')!.route('a.example.com')).toBeUndefined();
  });

  test('TCPRouteMultipleRoutesAttachment: only the oldest gets connections, then the first by name', async () => {
    const store = await linked(
      listener('tcp', tcp),
      l4('tcproute', 'a-young', ['tcp'], { createdMs: 2000n }),
      l4('tcproute', 'z-old', ['tcp'], { createdMs: 1000n }),
      l4('tcproute', 'y-old', ['tcp'], { createdMs: 1000n }),
    );
    expect(only(store).route(undefined)!.key).toBe('tcproute/default/y-old');
    expect(only(store).routes.map(({ key }) => key.split('/').at(-1))).toEqual(['y-old', 'z-old', 'a-young']);
  });

  test('weights are exact, and zero gets nothing', async () => {
    const backends = [
      { backend: 'httpbackend/default/a', weight: 2 },
      { backend: 'httpbackend/default/b', weight: 0 },
      { backend: 'httpbackend/default/c', weight: 1, invalid: 'BackendNotFound: no such thing' },
    ];
    const store = await linked(listener('tcp', tcp), l4('tcproute', 'a', ['tcp'], { backends }));
    const chosen = only(store).route(undefined)!;
    const choices = Array.from({ length: 6 }, () => chosen.choose()!);
    expect(choices.filter(({ key }) => key.endsWith('/a'))).toHaveLength(4);
    expect(choices.filter(({ invalid }) => invalid !== undefined)).toHaveLength(2);
  });

  test('an edit of something else changes nothing: whose turn it is stays', async () => {
    const store = await linked(listener('tcp', tcp), l4('tcproute', 'a', ['tcp']), listener('http'));
    const before = store.current.tunnels;
    await store.update({ set: [route('r', ['http']), backend('a')], removed: [] });
    expect(store.current.tunnels).toBe(before);
    await store.update({ set: [l4('tcproute', 'a', ['tcp'], { rule: 'renamed' })], removed: [] });
    expect(only(store).route(undefined)!.rule).toBe('renamed');
  });
});

describe('policies', () => {
  test('time-outs of the chain hold, and where none says how long silence may last it is long', async () => {
    const set = [listener('tcp', tcp), l4('tcproute', 'a', ['tcp'], { rule: 'main' })];
    const plain = await linked(...set);
    const { idleTimeoutMs } = tunnelLimits;
    expect(only(plain).route(undefined)!.timeouts).toEqual({ connectMs: 10_000, idleMs: idleTimeoutMs });
    const said = await linked(
      ...set,
      policy('outer', [gatewayKey], { kind: { case: 'timeouts', value: { connectMs: 500n, idleMs: 900n } } }),
      policy('inner', ['tcproute/default/a'], { kind: { case: 'timeouts', value: { connectMs: 100n } } }),
    );
    expect(only(said).route(undefined)!.timeouts).toEqual({ connectMs: 100, idleMs: 900 });
  });

  test('the PROXY protocol is a listener’s for clients and a backend’s for backends', async () => {
    const store = await linked(
      listener('tcp', tcp),
      l4('tcproute', 'a', ['tcp']),
      backend('a'),
      policy('in', [`${gatewayKey}#tcp`], {
        kind: { case: 'proxyProtocol', value: { client: ProxyProtocol_Client.REQUIRED, trusted: ['192.0.2.0/24'] } },
      }),
      policy('out', ['httpbackend/default/a'], { kind: { case: 'proxyProtocol', value: { backendVersion: 2 } } }),
    );
    const { proxyHeader } = only(store);
    expect(proxyHeader).toMatchObject({ mode: 'required' });
    expect([proxyHeader!.trusts('192.0.2.7'), proxyHeader!.trusts('198.51.100.1')]).toEqual([true, false]);
    expect(only(store).route(undefined)!.choose()).toMatchObject({ proxyVersion: 2 });
  });

  test('the PROXY protocol of a listener for requests is told to those who read them', async () => {
    const store = await linked(
      listener('http'),
      listener('other', { port: 8081 }),
      policy('in', [`${gatewayKey}#http`], {
        kind: { case: 'proxyProtocol', value: { client: ProxyProtocol_Client.OPTIONAL } },
      }),
    );
    const told = [...store.current.binds.values()].map(({ listeners }) => listeners[0]!.proxyProtocol?.client);
    expect(told).toEqual(['optional', undefined]);
  });

  test.each([
    ['a rule for requests', policy('p', [gatewayKey], requires('true')), 'authorization'],
    ['an invalid one', policy('p', [gatewayKey], requires('true'), { invalid: 'it is broken' }), 'authorization'],
    ['one that only newer versions know', unknownPolicy('p', gatewayKey), 'p'],
  ])('%s lets no connection pass', async (_, restricting, named) => {
    const store = await linked(listener('tcp', tcp), l4('tcproute', 'a', ['tcp']), restricting);
    expect(only(store).refusal(client)).toContain(named);
    expect(only(store).route(undefined)!.refusal(client)).toContain(named);
  });

  test('one on a route closes that route alone; what shapes requests closes nothing', async () => {
    const store = await linked(
      listener('tcp', tcp),
      listener('other', { ...tcp, port: 9001 }),
      l4('tcproute', 'a', ['tcp']),
      l4('tcproute', 'b', ['other']),
      policy('p', ['tcproute/default/a'], requires('true')),
      policy('shapes', [gatewayKey], { kind: { case: 'headerModifiers', value: { request: { remove: ['x'] } } } }),
    );
    expect(bindAt(store, ':9000/tcp').listeners[0]!.refusal(client)).toBeUndefined();
    expect(bindAt(store, ':9000/tcp').listeners[0]!.route(undefined)!.refusal(client)).toContain('policy/default/p');
    expect(bindAt(store, ':9001/tcp').listeners[0]!.route(undefined)!.refusal(client)).toBeUndefined();
  });

  test('a policy that comes later changes the plan of what was there', async () => {
    const store = await linked(listener('tcp', tcp), l4('tcproute', 'a', ['tcp']));
    expect(only(store).refusal(client)).toBeUndefined();
    await store.update({ set: [policy('p', [gatewayKey], requires('true'))], removed: [] });
    expect(only(store).refusal(client)).toBeDefined();
    await store.update({
      set: [],
      removed: [{ typeUrl: listener('x').typeUrl, key: 'policy/default/p/authorization' }],
    });
    expect(only(store).refusal(client)).toBeUndefined();
  });
});

test('backends that take bytes: outside ones without TLS of their own', async () => {
  const store = await linked(backend('a', 5432));
  const snapshot = store.current;
  const target = snapshot.backend('httpbackend/default/a')!;
  expect(target.endpoints!({ snapshot, port: 0, transport: 'tcp' })).toEqual([{ address: 'a.test', port: 5432 }]);
  expect(target.endpoints!({ snapshot, port: 0, transport: 'udp' })).toEqual([]);
});
