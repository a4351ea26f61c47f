// What the standard's suite asserts of the statuses of routes and BackendTLSPolicies, each rule by the name that it has there.
import { expect, test } from 'vitest';
import {
  type Row,
  authority,
  tlsPolicy,
  allow,
  g,
  grant,
  gw,
  http,
  linesOf,
  refused,
  resolved,
  route,
  secret,
  served,
  services,
  tcp,
  tls,
  to,
  udp,
  unresolved,
} from './status-kit.ts';

const web = [gw([http('a')]), ...services, route('HTTPRoute', [g()])];
const ca = (kind: string, name: string): object => ({ caCertificateRefs: [{ group: '', kind, name }] });

const rows: readonly Row[] = [
  [
    'HTTPRouteCrossNamespace',
    [gw([http('a', allow('All'))]), ...services, route('HTTPRoute', [g()], {}, 'web')],
    [served('HTTPRoute r@g'), resolved('HTTPRoute r@g')],
  ],
  [
    'HTTPRouteInvalidCrossNamespaceParentRef',
    [gw([http('a')]), ...services, route('HTTPRoute', [g()], {}, 'web')],
    [refused('HTTPRoute r@g', 'NotAllowedByListeners'), resolved('HTTPRoute r@g')],
  ],
  [
    'HTTPRouteInvalidCrossNamespaceBackendRef',
    [gw([http('a')]), ...services, route('HTTPRoute', [g()], { backend: to('web', { namespace: 'web' }) })],
    [served('HTTPRoute r@g'), unresolved('HTTPRoute r@g', 'RefNotPermitted')],
  ],
  [
    'HTTPRouteInvalidReferenceGrant',
    [
      gw([http('a')]),
      ...services,
      route('HTTPRoute', [g()], { backend: to('web', { namespace: 'web' }) }),
      grant('HTTPRoute', 'other', { kind: 'Service' }, 'web'),
      grant('Gateway', 'infra', { kind: 'Service' }, 'web'),
    ],
    [unresolved('HTTPRoute r@g', 'RefNotPermitted')],
  ],
  [
    'HTTPRouteDisallowedKind',
    [gw([http('a', allow('Same', [{ kind: 'GRPCRoute' }]))]), ...services, route('HTTPRoute', [g()])],
    [refused('HTTPRoute r@g', 'NotAllowedByListeners'), 'Gateway g/a attachedRoutes=0'],
  ],
  [
    'HTTPRouteDisallowedKind: TLSRoute on HTTP',
    [gw([http('a')]), ...services, route('TLSRoute', [g()], { hostnames: ['a.example'] })],
    [refused('TLSRoute r@g', 'NotAllowedByListeners')],
  ],
  [
    'HTTPRouteInvalidParentRefNotMatchingSectionName',
    [gw([http('a')]), ...services, route('HTTPRoute', [g({ sectionName: 'gone' })])],
    [refused('HTTPRoute r@g/gone', 'NoMatchingParent')],
  ],
  [
    'HTTPRouteInvalidParentRefNotMatchingListenerPort',
    [gw([http('a')]), ...services, route('HTTPRoute', [g({ port: 81 })])],
    [refused('HTTPRoute r@g:81', 'NoMatchingParent')],
  ],
  [
    'HTTPRouteInvalidParentRefSectionNameNotMatchingPort',
    [
      gw([http('a'), http('b', { port: 8080 })]),
      ...services,
      route('HTTPRoute', [g({ sectionName: 'a', port: 8080 })]),
    ],
    [refused('HTTPRoute r@g/a:8080', 'NoMatchingParent')],
  ],
  [
    'HTTPRouteListenerPortMatching',
    [gw([http('a'), http('b', { port: 8080 })]), ...services, route('HTTPRoute', [g({ port: 8080 })])],
    ['Gateway g/a attachedRoutes=0', 'Gateway g/b attachedRoutes=1'],
  ],
  [
    'HTTPRouteHostnameIntersection: none',
    [gw([http('a', { hostname: 'a.example' })]), ...services, route('HTTPRoute', [g()], { hostnames: ['b.example'] })],
    [refused('HTTPRoute r@g', 'NoMatchingListenerHostname')],
  ],

  ['TLSRouteListenerPassthroughSupportedKinds', [gw([tls('p', 'Passthrough')])], ['Gateway g/p kinds=TLSRoute']],
  [
    'TLSRouteListenerTerminateSupportedKinds',
    [gw([tls('t', 'Terminate')]), secret('cert', 'infra')],
    [served('Gateway g/t'), resolved('Gateway g/t')],
  ],
  [
    'TLSRouteMixedTerminationSameNamespace: both are served',
    [
      gw([tls('p', 'Passthrough', { hostname: 'p.example' }), tls('t', 'Terminate', { hostname: 't.example' })]),
      secret('cert', 'infra'),
    ],
    [served('Gateway g/p'), served('Gateway g/t'), 'Gateway g/p Conflicted=False NoConflicts'],
  ],
  [
    'TLSRouteInvalidNoMatchingListener',
    [
      gw([tls('p', 'Passthrough')]),
      ...services,
      route('TLSRoute', [g({ sectionName: 'gone' })], { hostnames: ['p.example'] }),
    ],
    [refused('TLSRoute r@g/gone', 'NoMatchingParent')],
  ],
  [
    'TLSRouteInvalidNoMatchingListenerHostname',
    [
      gw([tls('p', 'Passthrough', { hostname: 'p.example' })]),
      ...services,
      route('TLSRoute', [g()], { hostnames: ['q.example'] }),
    ],
    [refused('TLSRoute r@g', 'NoMatchingListenerHostname')],
  ],
  [
    'TLSRouteInvalidBackendRefUnknownKind',
    [
      gw([tls('p', 'Passthrough')]),
      route('TLSRoute', [g()], { hostnames: ['p.example'], backend: to('x', { group: 'x', kind: 'Y' }) }),
    ],
    [served('TLSRoute r@g'), unresolved('TLSRoute r@g', 'InvalidKind')],
  ],
  [
    'TLSRouteInvalidReferenceGrant',
    [
      gw([tls('p', 'Passthrough')]),
      ...services,
      route('TLSRoute', [g()], { hostnames: ['p.example'], backend: to('web', { namespace: 'web' }) }),
      grant('HTTPRoute', 'infra', { kind: 'Service' }, 'web'),
    ],
    [unresolved('TLSRoute r@g', 'RefNotPermitted')],
  ],

  [
    'TCPRouteInvalidNonTCPListener',
    [gw([http('a')]), ...services, route('TCPRoute', [g()])],
    [refused('TCPRoute r@g', 'NotAllowedByListeners')],
  ],
  [
    'TCPRouteParentRefAttachAll',
    [gw([tcp('a', 5000), tcp('b', 5001), http('c')]), ...services, route('TCPRoute', [g()])],
    [
      'Gateway g/a attachedRoutes=1',
      'Gateway g/b attachedRoutes=1',
      'Gateway g/c attachedRoutes=0',
      served('TCPRoute r@g'),
    ],
  ],
  [
    'TCPRouteParentRefPortAndSectionName',
    [gw([tcp('a', 5000), tcp('b', 5001)]), ...services, route('TCPRoute', [g({ sectionName: 'b', port: 5001 })])],
    ['Gateway g/a attachedRoutes=0', 'Gateway g/b attachedRoutes=1'],
  ],
  [
    'TCPRouteInvalidBackendRefNonexistent',
    [gw([tcp('a', 5000)]), route('TCPRoute', [g()])],
    [served('TCPRoute r@g'), unresolved('TCPRoute r@g', 'BackendNotFound')],
  ],
  [
    'TCPRouteInvalidCrossNamespaceBackendRef',
    [gw([tcp('a', 5000)]), ...services, route('TCPRoute', [g()], { backend: to('web', { namespace: 'web' }) })],
    [unresolved('TCPRoute r@g', 'RefNotPermitted')],
  ],
  [
    'TCPRouteReferenceGrant',
    [
      gw([tcp('a', 5000)]),
      ...services,
      route('TCPRoute', [g()], { backend: to('web', { namespace: 'web' }) }),
      grant('TCPRoute', 'infra', { kind: 'Service' }, 'web'),
    ],
    [resolved('TCPRoute r@g')],
  ],
  [
    'UDPRouteNotAllowedByListeners',
    [gw([tcp('a', 5000)]), ...services, route('UDPRoute', [g()], { backend: to('web', { port: 81 }) })],
    [refused('UDPRoute r@g', 'NotAllowedByListeners')],
  ],
  [
    'UDPRouteParentRefAttachAllListeners',
    [
      gw([udp('a', 5000), udp('b', 5001), tcp('c', 5000)]),
      ...services,
      route('UDPRoute', [g()], { backend: to('web', { port: 81 }) }),
    ],
    ['Gateway g/a attachedRoutes=1', 'Gateway g/b attachedRoutes=1', 'Gateway g/c attachedRoutes=0'],
  ],
  [
    'UDPRouteParentRefPortAndSectionName',
    [
      gw([udp('a', 5000), udp('b', 5001)]),
      ...services,
      route('UDPRoute', [g({ sectionName: 'b', port: 5001 })], { backend: to('web', { port: 81 }) }),
    ],
    ['Gateway g/a attachedRoutes=0', 'Gateway g/b attachedRoutes=1'],
  ],
  [
    'UDPRouteInvalidBackendRefNonexistent',
    [gw([udp('a', 5000)]), route('UDPRoute', [g()])],
    [unresolved('UDPRoute r@g', 'BackendNotFound')],
  ],
  [
    'UDPRouteInvalidCrossNamespaceBackendRef',
    [
      gw([udp('a', 5000)]),
      ...services,
      route('UDPRoute', [g()], { backend: to('web', { port: 81, namespace: 'web' }) }),
    ],
    [unresolved('UDPRoute r@g', 'RefNotPermitted')],
  ],
  [
    'UDPRouteReferenceGrant',
    [
      gw([udp('a', 5000)]),
      ...services,
      route('UDPRoute', [g()], { backend: to('web', { port: 81, namespace: 'web' }) }),
      grant('UDPRoute', 'infra', { kind: 'Service' }, 'web'),
    ],
    [resolved('UDPRoute r@g')],
  ],

  [
    'BackendTLSPolicy',
    [...web, authority('ca'), tlsPolicy('p', ca('ConfigMap', 'ca'))],
    [served('BackendTLSPolicy p@g'), resolved('BackendTLSPolicy p@g')],
  ],
  [
    'BackendTLSPolicy: what the system trusts',
    [...web, tlsPolicy('p', { wellKnownCACertificates: 'System' })],
    [served('BackendTLSPolicy p@g')],
  ],
  [
    'BackendTLSPolicyConflictResolution: the oldest',
    [...web, authority('ca'), tlsPolicy('z', ca('ConfigMap', 'ca')), tlsPolicy('a', ca('ConfigMap', 'ca'))],
    [served('BackendTLSPolicy z@g'), refused('BackendTLSPolicy a@g', 'Conflicted')],
  ],
  [
    'BackendTLSPolicyConflictResolution: a port is narrower',
    [...web, authority('ca'), tlsPolicy('z', ca('ConfigMap', 'ca')), tlsPolicy('a', ca('ConfigMap', 'ca'), 'http')],
    [served('BackendTLSPolicy z@g'), served('BackendTLSPolicy a@g')],
  ],
  [
    'BackendTLSPolicyInvalidCACertificateRef',
    [...web, tlsPolicy('p', ca('ConfigMap', 'gone'))],
    [
      refused('BackendTLSPolicy p@g', 'NoValidCACertificate'),
      unresolved('BackendTLSPolicy p@g', 'InvalidCACertificateRef'),
    ],
  ],
  [
    'BackendTLSPolicyInvalidCACertificateRef: what is no certificate',
    [...web, authority('ca', 'hello'), tlsPolicy('p', ca('ConfigMap', 'ca'))],
    [
      refused('BackendTLSPolicy p@g', 'NoValidCACertificate'),
      unresolved('BackendTLSPolicy p@g', 'InvalidCACertificateRef'),
    ],
  ],
  [
    'BackendTLSPolicyInvalidKind',
    [...web, tlsPolicy('p', ca('Secret', 'ca'))],
    [refused('BackendTLSPolicy p@g', 'NoValidCACertificate'), unresolved('BackendTLSPolicy p@g', 'InvalidKind')],
  ],
];

test.each(rows.map(([name, objects, said, unsaid = []]) => ({ name, objects, said, unsaid })))(
  '$name',
  ({ objects, said, unsaid }) => {
    const lines = linesOf(objects);
    expect(lines).toEqual(expect.arrayContaining([...said]));
    for (const text of unsaid) expect(lines.filter((line) => line.startsWith(text))).toEqual([]);
  },
);
