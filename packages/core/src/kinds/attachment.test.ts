// Routes of every kind against listeners: each refusal of the standard, ListenerSets, selectors, and Gateways by default.
import { describe, expect, test } from 'vitest';
import { TranslationMemo } from '../translate/scope.ts';
import { WorldIndex } from '../translate/world-index.ts';
import type { Manifest } from '../world.ts';
import { type ParentFacts, type RouteClaims, attachRoute, servedListeners } from './attachment.ts';

const controllerName = 'agentgateway.dev/controller';

function object(
  kind: string,
  name: string,
  spec: object,
  more: { namespace?: string; labels?: object } = {},
): Manifest {
  const { namespace = 'infra', labels = {} } = more;
  const metadata = { name, namespace, labels: labels as Record<string, string>, generation: 1, creationTimestamp: '' };
  return { apiVersion: 'gateway.networking.k8s.io/v1', kind, metadata, spec };
}

const gateway = object('Gateway', 'edge', {
  allowedListeners: { namespaces: { from: 'All' } },
  listeners: [
    { name: 'http', port: 80, hostname: '*.example.com' },
    { name: 'other', port: 81, protocol: 'HTTP', allowedRoutes: { kinds: [{ kind: 'GRPCRoute' }] } },
    { name: 'tls', port: 443, protocol: 'TLS', hostname: 'a.example.com', tls: { mode: 'Passthrough' } },
    { name: 'tcp', port: 90, protocol: 'TCP' },
    { name: 'tcp-two', port: 91, protocol: 'TCP' },
    { name: 'udp', port: 90, protocol: 'UDP' },
    {
      name: 'chosen',
      port: 92,
      protocol: 'TCP',
      allowedRoutes: { namespaces: { from: 'Selector', selector: { matchLabels: { team: 'a' } } } },
    },
  ],
});
const byDefault = object('Gateway', 'default', {
  defaultScope: 'All',
  listeners: [{ name: 'tcp', port: 7, protocol: 'TCP' }],
});
const foreign = object('Gateway', 'foreign', {
  gatewayClassName: 'another',
  listeners: [{ name: 'tcp', port: 1, protocol: 'TCP' }],
});
const set = object(
  'ListenerSet',
  'extra',
  { parentRef: { name: 'edge', namespace: 'infra' }, listeners: [{ name: 'tcp', port: 99, protocol: 'TCP' }] },
  { namespace: 'team' },
);
const team = object('Namespace', 'team', {}, { namespace: '', labels: { team: 'a' } });

function attach(kind: string, claims: RouteClaims, namespace = 'infra'): ParentFacts[] {
  const route = object(kind, 'route', {}, { namespace });
  const objects = [gateway, byDefault, foreign, set, team, route];
  const index = new WorldIndex({ objects, feedback: new Map(), controllerName });
  return new TranslationMemo(() => {}).run(route, index, (one, scope) => attachRoute(one, claims, scope)).value;
}

/** The names of the listeners, or the reason, of each parent. */
function outcome(kind: string, claims: RouteClaims, namespace?: string): (string | string[])[] {
  return attach(kind, claims, namespace).map(
    ({ listeners, problem }) => problem?.reason ?? listeners.map(({ facts }) => facts.name),
  );
}

const edge = { name: 'edge' };

describe('a parentRef', () => {
  test.each<[string, RouteClaims, (string | string[])[]]>([
    ['HTTPRoute', { parentRefs: [edge] }, [['http']]],
    ['GRPCRoute', { parentRefs: [edge] }, [['http', 'other']]],
    ['TLSRoute', { parentRefs: [edge] }, [['tls']]],
    ['TLSRoute', { parentRefs: [edge], hostnames: ['*.example.com'] }, [['tls']]],
    ['TLSRoute', { parentRefs: [edge], hostnames: ['b.example.com'] }, ['NoMatchingListenerHostname']],
    ['TLSRoute', { parentRefs: [{ ...edge, sectionName: 'http' }] }, ['NotAllowedByListeners']],
    ['TCPRoute', { parentRefs: [edge] }, [['tcp', 'tcp-two']]],
    ['TCPRoute', { parentRefs: [{ ...edge, port: 90 }] }, [['tcp']]],
    ['TCPRoute', { parentRefs: [{ ...edge, port: 91, sectionName: 'tcp-two' }] }, [['tcp-two']]],
    ['TCPRoute', { parentRefs: [{ ...edge, port: 90, sectionName: 'tcp-two' }] }, ['NoMatchingParent']],
    ['TCPRoute', { parentRefs: [{ ...edge, sectionName: 'udp' }] }, ['NotAllowedByListeners']],
    ['TCPRoute', { parentRefs: [{ ...edge, sectionName: 'chosen' }] }, ['NotAllowedByListeners']],
    ['UDPRoute', { parentRefs: [edge] }, [['udp']]],
    ['UDPRoute', { parentRefs: [{ ...edge, sectionName: 'tcp' }] }, ['NotAllowedByListeners']],
    ['HTTPRoute', { parentRefs: [{ ...edge, sectionName: 'other' }] }, ['NotAllowedByListeners']],
    ['TCPRoute', { parentRefs: [{ name: 'nowhere' }] }, ['NoMatchingParent']],
    ['TCPRoute', { parentRefs: [{ ...edge, group: 'example.com' }] }, ['NoMatchingParent']],
    ['TCPRoute', { parentRefs: [{ name: 'edge', group: '', kind: 'Service' }] }, ['NoMatchingParent']],
    ['TCPRoute', { parentRefs: [{ name: 'foreign' }] }, []],
    ['TCPRoute', { parentRefs: [edge, { name: 'default' }] }, [['tcp', 'tcp-two'], ['tcp']]],
  ])('of a %s: %j → %j', (kind, claims, expected) => {
    expect(outcome(kind, claims)).toEqual(expected);
  });

  test('of another namespace reaches what allows it: labels decide, the route’s own namespace is the default', () => {
    expect(outcome('TCPRoute', { parentRefs: [{ ...edge, namespace: 'infra' }] }, 'team')).toEqual([['chosen']]);
    expect(outcome('TCPRoute', { parentRefs: [{ ...edge, namespace: 'infra' }] }, 'guest')).toEqual([
      'NotAllowedByListeners',
    ]);
    expect(outcome('TCPRoute', { parentRefs: [edge] }, 'team')).toEqual(['NoMatchingParent']);
  });

  test('of a ListenerSet reaches its listeners alone, and Same is the set’s namespace', () => {
    const ref = { kind: 'ListenerSet', name: 'extra', namespace: 'team' };
    expect(outcome('TCPRoute', { parentRefs: [ref] }, 'team')).toEqual([['tcp']]);
    expect(outcome('TCPRoute', { parentRefs: [{ ...ref, port: 90 }] }, 'team')).toEqual(['NoMatchingParent']);
    expect(outcome('TCPRoute', { parentRefs: [ref] }, 'infra')).toEqual(['NotAllowedByListeners']);
    const [parent] = attach('TCPRoute', { parentRefs: [ref] }, 'team');
    expect(parent!.gateway).toBe('gateway/infra/edge');
    expect(parent!.listeners[0]!.facts.key).toBe('listenerset/team/extra/tcp');
  });

  test('gives host names in common, and nothing where both mean every host', () => {
    const [parent] = attach('HTTPRoute', {
      parentRefs: [edge],
      hostnames: ['X.example.com', '*.org', '*.example.com'],
    });
    expect(parent!.listeners[0]!.hostnames).toEqual(['*.example.com', 'x.example.com']);
    expect(attach('TCPRoute', { parentRefs: [edge] })[0]!.listeners[0]!.hostnames).toEqual([]);
    expect(attach('HTTPRoute', { parentRefs: [edge] })[0]!.listeners[0]!.hostnames).toEqual(['*.example.com']);
  });
});

describe('useDefaultGateways', () => {
  test('All attaches to every Gateway of that scope, beside the named ones and once', () => {
    expect(outcome('TCPRoute', { useDefaultGateways: 'All' })).toEqual([['tcp']]);
    expect(attach('TCPRoute', { useDefaultGateways: 'All' })[0]).toMatchObject({
      ref: { name: 'default', namespace: 'infra' },
      index: undefined,
    });
    expect(outcome('TCPRoute', { useDefaultGateways: 'All', parentRefs: [edge] })).toHaveLength(2);
    expect(outcome('TCPRoute', { useDefaultGateways: 'All', parentRefs: [{ name: 'default' }] })).toHaveLength(1);
    expect(outcome('TCPRoute', { useDefaultGateways: 'None' })).toEqual([]);
  });
});

test('several parents of one Gateway are one list of served listeners, sorted', () => {
  const parentRefs = [
    { ...edge, sectionName: 'tcp-two' },
    { ...edge, sectionName: 'tcp' },
    { ...edge, sectionName: 'udp' },
  ];
  expect(Object.fromEntries(servedListeners(attach('TCPRoute', { parentRefs })))).toEqual({
    'gateway/infra/edge': [
      { listener: 'listener/infra/edge/tcp', hostnames: [] },
      { listener: 'listener/infra/edge/tcp-two', hostnames: [] },
    ],
  });
});
