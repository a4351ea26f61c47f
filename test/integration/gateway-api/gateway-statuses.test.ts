// What the standard's suite asserts of the statuses of Gateways and ListenerSets, each rule by the name that it has there.
import { expect, test } from 'vitest';
import {
  type Row,
  allow,
  g,
  grant,
  gw,
  http,
  https,
  labelled,
  linesOf,
  opened,
  refused,
  resolved,
  route,
  s,
  secret,
  served,
  tls,
  services,
  set,
  to,
  unresolved,
} from './status-kit.ts';

const rows: readonly Row[] = [
  ['GatewayOptionalAddressValue', [gw([http('a')], { addresses: [{ type: 'IPAddress' }] })], [served('Gateway g')]],
  [
    'GatewayStaticAddresses: a type that is not served',
    [gw([http('a')], { addresses: [{ type: 'example.com/x', value: 'y' }] })],
    [refused('Gateway g', 'UnsupportedAddress')],
  ],
  [
    'GatewayInvalidParametersRef',
    [gw([http('a')], { infrastructure: { parametersRef: { group: 'x', kind: 'Y', name: 'z' } } })],
    [refused('Gateway g', 'InvalidParameters')],
  ],
  [
    'GatewayInvalidRouteKind: only unknown ones',
    [gw([http('a', allow('Same', [{ kind: 'Nothing' }]))])],
    [unresolved('Gateway g/a', 'InvalidRouteKinds'), 'Gateway g/a kinds='],
  ],
  [
    'GatewayInvalidRouteKind: one of them known',
    [gw([http('a', allow('Same', [{ kind: 'Nothing' }, { kind: 'HTTPRoute' }]))])],
    [unresolved('Gateway g/a', 'InvalidRouteKinds'), 'Gateway g/a kinds=HTTPRoute'],
  ],
  [
    'GatewayListenerUnsupportedProtocol',
    [gw([{ name: 'a', port: 80, protocol: 'example.com/what' }])],
    [refused('Gateway g/a', 'UnsupportedProtocol'), refused('Gateway g', 'ListenersNotValid')],
  ],
  [
    'GatewayListenerUnsupportedProtocol: beside one that is served',
    [gw([http('a'), { name: 'b', port: 81, protocol: 'example.com/what' }])],
    [refused('Gateway g/b', 'UnsupportedProtocol'), served('Gateway g/a'), 'Gateway g Accepted=True ListenersNotValid'],
  ],
  [
    'GatewayInvalidTLSConfiguration: no such Secret',
    [gw([https([{ name: 'gone' }])])],
    [unresolved('Gateway g/https', 'InvalidCertificateRef')],
  ],
  [
    'GatewayInvalidTLSConfiguration: an unknown kind',
    [gw([https([{ group: 'x', kind: 'Y', name: 'z' }])])],
    [unresolved('Gateway g/https', 'InvalidCertificateRef')],
  ],
  [
    'GatewayInvalidTLSConfiguration: what is no certificate',
    [gw([https([{ name: 'cert' }])]), secret('cert', 'infra', 'hello')],
    [unresolved('Gateway g/https', 'InvalidCertificateRef')],
  ],
  [
    'GatewaySecretMissingReferenceGrant',
    [gw([https([{ name: 'cert', namespace: 'web' }])]), secret('cert', 'web')],
    [unresolved('Gateway g/https', 'RefNotPermitted')],
  ],
  [
    'GatewaySecretInvalidReferenceGrant',
    [
      gw([https([{ name: 'cert', namespace: 'web' }])]),
      secret('cert', 'web'),
      grant('Gateway', 'infra', { kind: 'Secret', name: 'other' }, 'web'),
      grant('HTTPRoute', 'infra', { kind: 'Secret' }, 'web'),
    ],
    [unresolved('Gateway g/https', 'RefNotPermitted')],
  ],
  [
    'GatewaySecretReferenceGrantSpecific',
    [
      gw([https([{ name: 'cert', namespace: 'web' }])]),
      secret('cert', 'web'),
      grant('Gateway', 'infra', { kind: 'Secret', name: 'cert' }, 'web'),
    ],
    [resolved('Gateway g/https')],
  ],
  [
    'GatewaySecretReferenceGrantAllInNamespace',
    [
      gw([https([{ name: 'cert', namespace: 'web' }])]),
      secret('cert', 'web'),
      grant('Gateway', 'infra', { kind: 'Secret' }, 'web'),
    ],
    [resolved('Gateway g/https')],
  ],
  [
    'GatewayWithAttachedRoutes',
    [gw([http('a'), http('b', { hostname: 'b.example' })]), ...services, route('HTTPRoute', [g({ sectionName: 'a' })])],
    ['Gateway g/a attachedRoutes=1', 'Gateway g/b attachedRoutes=0'],
  ],
  [
    'GatewayWithAttachedRoutes: references that do not resolve count',
    [gw([http('a')]), route('HTTPRoute', [g()], { backend: to('gone') })],
    ['Gateway g/a attachedRoutes=1', unresolved('HTTPRoute r@g', 'BackendNotFound')],
  ],
  [
    'GatewayWithAttachedRoutesWithPort8080',
    [gw([http('a'), http('b', { port: 8080 })]), ...services, route('HTTPRoute', [g()])],
    ['Gateway g/a attachedRoutes=1', 'Gateway g/b attachedRoutes=1'],
  ],
  [
    'GatewayInvalidTLSBackendConfiguration',
    [gw([http('a')], { tls: { backend: { clientCertificateRef: { name: 'gone' } } } })],
    [served('Gateway g'), unresolved('Gateway g', 'InvalidClientCertificateRef')],
  ],
  [
    'GatewayInvalidTLSBackendConfiguration: without a grant',
    [
      gw([http('a')], { tls: { backend: { clientCertificateRef: { name: 'cert', namespace: 'web' } } } }),
      secret('cert', 'web'),
    ],
    [served('Gateway g'), unresolved('Gateway g', 'RefNotPermitted')],
  ],
  [
    'GatewayInvalidFrontendClientCertificateValidation',
    [
      gw([https([{ name: 'cert' }])], {
        tls: {
          frontend: {
            default: { validation: { caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'gone' }] } },
          },
        },
      }),
      secret('cert', 'infra'),
    ],
    [unresolved('Gateway g/https', 'InvalidCACertificateRef'), refused('Gateway g/https', 'NoValidCACertificate')],
  ],
  [
    'GatewayFrontendInvalidDefaultClientCertificateValidation: HTTP stays up',
    [
      gw([http('a'), https([{ name: 'cert' }])], {
        tls: {
          frontend: { default: { validation: { caCertificateRefs: [{ group: '', kind: 'Secret', name: 'cert' }] } } },
        },
      }),
      secret('cert', 'infra'),
    ],
    [unresolved('Gateway g/https', 'InvalidCACertificateKind'), served('Gateway g/a')],
  ],

  [
    'ListenerSetDefaultNotAllowed',
    [gw([http('a')]), set('s', [http('x', { port: 81 })])],
    [
      refused('ListenerSet s', 'NotAllowed'),
      'ListenerSet s Programmed=False NotAllowed',
      'Gateway g attachedListenerSets=0',
    ],
  ],
  [
    'ListenerSetAllowedNamespaceNone',
    [gw([http('a')], opened({ from: 'None' })), set('s', [http('x', { port: 81 })])],
    [refused('ListenerSet s', 'NotAllowed')],
  ],
  [
    'ListenerSetAllowedNamespaceSame',
    [
      gw([http('a')], opened({ from: 'Same' })),
      set('s', [http('x', { port: 81 })]),
      set('t', [http('x', { port: 82 })], 'web'),
    ],
    [served('ListenerSet s'), refused('ListenerSet t', 'NotAllowed'), 'Gateway g attachedListenerSets=1'],
  ],
  [
    'ListenerSetAllowedNamespaceSelector',
    [
      gw([http('a')], opened({ from: 'Selector', selector: { matchLabels: { open: 'yes' } } })),
      labelled('web', { open: 'yes' }),
      labelled('infra', {}),
      set('s', [http('x', { port: 81 })]),
      set('t', [http('x', { port: 82 })], 'web'),
    ],
    [refused('ListenerSet s', 'NotAllowed'), served('ListenerSet t')],
  ],
  [
    'ListenerSetAllowedRoutesNamespaces: Same is the set’s own',
    [
      gw([http('a')], opened({ from: 'All' })),
      set('s', [http('x', { port: 81 })], 'web'),
      ...services,
      route('HTTPRoute', [{ kind: 'ListenerSet', name: 's' }], {}, 'web'),
    ],
    [served('HTTPRoute r@s'), 'ListenerSet s/x attachedRoutes=1'],
  ],
  [
    'ListenerSetAllowedRoutesSupportedKinds',
    [
      gw([http('a')], opened({ from: 'All' })),
      set('s', [http('x', { port: 81, ...allow('Same', [{ kind: 'GRPCRoute' }]) }), { ...tls('p', 'Passthrough') }]),
      ...services,
      route('HTTPRoute', [s({ sectionName: 'x' })]),
    ],
    [
      'ListenerSet s/x kinds=GRPCRoute',
      'ListenerSet s/p kinds=TLSRoute',
      refused('HTTPRoute r@s/x', 'NotAllowedByListeners'),
    ],
  ],
  [
    'ListenerSetDualParentRefIndependence',
    [
      gw([http('a', { hostname: 'a.example' })], opened({ from: 'All' })),
      set('s', [http('x', { hostname: 'b.example' })]),
      ...services,
      route('HTTPRoute', [g(), s()], { hostnames: ['b.example'] }),
    ],
    [refused('HTTPRoute r@g', 'NoMatchingListenerHostname'), served('HTTPRoute r@s')],
  ],
  [
    'ListenerSetGatewayParentSectionNameNotFound',
    [
      gw([http('a')], opened({ from: 'All' })),
      set('s', [http('x', { port: 81 })]),
      ...services,
      route('HTTPRoute', [g({ sectionName: 'x' })]),
    ],
    [refused('HTTPRoute r@g/x', 'NoMatchingParent'), 'ListenerSet s/x attachedRoutes=0'],
  ],
  [
    'ListenerSetRouteStatusScopedToParentRef',
    [
      gw([http('a')], opened({ from: 'All' })),
      set('s', [http('x', { port: 81 })]),
      ...services,
      route('HTTPRoute', [s()]),
    ],
    [served('HTTPRoute r@s'), 'Gateway g/a attachedRoutes=0'],
    ['HTTPRoute r@g Accepted'],
  ],
  [
    'ListenerSetHostnameConflict: the Gateway’s comes first',
    [
      gw([http('a', { hostname: 'a.example' })], opened({ from: 'All' })),
      set('s', [http('x', { hostname: 'a.example' }), http('y', { hostname: 'y.example' })]),
    ],
    [
      refused('ListenerSet s/x', 'HostnameConflict'),
      'ListenerSet s/x Conflicted=True HostnameConflict',
      served('ListenerSet s/y'),
      'Gateway g/a Conflicted=False NoConflicts',
      'ListenerSet s Accepted=True ListenersNotValid',
    ],
  ],
  [
    'ListenerSetProtocolConflict',
    [gw([http('a')], opened({ from: 'All' })), set('s', [{ ...tls('x', 'Passthrough'), port: 80 }])],
    [
      refused('ListenerSet s/x', 'ProtocolConflict'),
      'ListenerSet s/x Conflicted=True ProtocolConflict',
      refused('ListenerSet s', 'ListenersNotValid'),
    ],
  ],
  [
    'ListenerSetReferenceGrant: a Gateway’s grant is not the set’s',
    [
      gw([http('a')], opened({ from: 'All' })),
      set('s', [https([{ name: 'cert', namespace: 'web' }])]),
      secret('cert', 'web'),
      grant('Gateway', 'infra', { kind: 'Secret' }, 'web'),
    ],
    [unresolved('ListenerSet s/https', 'RefNotPermitted')],
  ],
  [
    'ListenerSetReferenceGrant',
    [
      gw([http('a')], opened({ from: 'All' })),
      set('s', [https([{ name: 'cert', namespace: 'web' }])]),
      secret('cert', 'web'),
      grant('ListenerSet', 'infra', { kind: 'Secret' }, 'web'),
    ],
    [resolved('ListenerSet s/https')],
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
