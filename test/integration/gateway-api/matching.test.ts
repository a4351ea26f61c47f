// Which rule a request matches: paths, headers, query, method, host names, and the precedence among them (Gateway API HTTPRoute).
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestGateway } from '../../kit/gateway.ts';
import { type Asked, type Echo, ask, gateway, httpRoute, ref, service, startApi, startEcho } from './kit.ts';

const names = ['v1', 'v2', 'v3'];
let echoes: Echo[];
let api: TestGateway;

const path = (type: string, value: string) => ({ path: { type, value } });
const prefix = (value: string) => path('PathPrefix', value);
const exact = (value: string) => path('Exact', value);
const to = (name: string, ...matches: object[]) => ({
  ...(matches.length > 0 && { matches }),
  backendRefs: [ref(name)],
});
const header = (name: string, value: string, type = 'Exact') => ({ type, name, value });

beforeAll(async () => {
  echoes = await Promise.all(names.map((name) => startEcho(name)));
  api = await startApi(
    gateway([
      { name: 'any' },
      { name: 'wild', hostname: '*.wild.example' },
      { name: 'one', hostname: 'very.wild.example' },
    ]),
    ...echoes.map(({ name, port }) => service(name, port)),
    httpRoute('paths', {
      hostnames: ['paths.example'],
      rules: [
        to('v1'),
        to('v2', prefix('/v2'), { headers: [header('version', 'two')] }),
        to('v3', exact('/v2/exact')),
        to('v3', path('RegularExpression', '/re/[0-9]+')),
      ],
    }),
    httpRoute('order', {
      hostnames: ['order.example'],
      rules: [
        to('v3', exact('/match/exact')),
        to('v2', prefix('/match')),
        to('v1', prefix('/match/prefix'), exact('/match')),
      ],
    }),
    httpRoute('headers', {
      hostnames: ['headers.example'],
      rules: [
        to('v1', { headers: [header('version', 'one')] }),
        to('v2', { headers: [header('version', 'two')] }),
        to('v1', { headers: [header('version', 'two'), header('color', 'orange')] }),
        to('v2', { headers: [header('color', 'blue')] }, { headers: [header('Color', 'gr.*n', 'RegularExpression')] }),
        to('v3', { headers: [header('twice', 'a'), header('Twice', 'b')] }),
        to('v3', { headers: [header('list', 'x, y')] }),
      ],
    }),
    httpRoute('query', {
      hostnames: ['query.example'],
      rules: [
        to('v1', { queryParams: [header('animal', 'whale')] }),
        to('v2', { queryParams: [header('animal', 'dolphin')] }),
        to('v3', { queryParams: [header('animal', 'dolphin'), header('color', 'blue')] }),
        to('v1', { ...prefix('/p'), queryParams: [header('animal', 'dolphin')] }),
        to('v3', { queryParams: [header('n', '[0-9]+', 'RegularExpression')] }),
      ],
    }),
    httpRoute('methods', {
      hostnames: ['methods.example'],
      rules: [
        to('v1', { method: 'POST' }),
        to('v2', { method: 'GET' }),
        to('v3', prefix('/path')),
        to('v1', { ...prefix('/path5'), method: 'PATCH' }),
        to('v2', { ...prefix('/path5'), method: 'PATCH', headers: [header('version', 'four')] }),
        to('v3', { headers: [header('version', 'five')] }),
      ],
    }),
    httpRoute('across-a', {
      hostnames: ['across.example', 'also.example'],
      rules: [to('v1', prefix('/')), to('v1', exact('/same'))],
    }),
    httpRoute('across-b', {
      hostnames: ['across.example'],
      rules: [to('v2', prefix('/v2'), { headers: [header('version', 'two')] }), to('v2', exact('/same'))],
    }),
    httpRoute('host-exact', { hostnames: ['very.wild.example'], rules: [to('v1')] }),
    httpRoute('host-wild', { hostnames: ['*.wild.example'], rules: [to('v2')] }),
    httpRoute('host-deep', { hostnames: ['*.deep.wild.example'], rules: [to('v3')] }),
  );
});

afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await Promise.all(echoes.map((echo) => echo[Symbol.asyncDispose]()));
});

/** Host, path, the backend that is to answer (undefined for 404), and more of the request. */
type Row = readonly [string, string, string | undefined, Asked?];

function tableOf(title: string, rows: readonly Row[]): void {
  describe(title, () => {
    test.each(rows.map(([host, target, backend, asked = {}]) => ({ host, target, backend, asked })))(
      '$asked.method $host$target $asked.headers → $backend',
      async ({ host, target, backend, asked }) => {
        const answer = await ask(api, target, { ...asked, host });
        expect(answer.status).toBe(backend === undefined ? 404 : 200);
        expect(answer.backend).toBe(backend);
      },
    );
  });
}

tableOf('a match holds whole; one of several will do; without any every path matches (HTTPRouteMatching)', [
  ['paths.example', '/', 'v1'],
  ['paths.example', '/example', 'v1'],
  ['paths.example', '/', 'v1', { headers: [['version', 'one']] }],
  ['paths.example', '/', 'v2', { headers: [['Version', 'two']] }],
]);

tableOf('PathPrefix is by segment, a trailing slash ignored (HTTPRouteMatching)', [
  ['paths.example', '/v2', 'v2'],
  ['paths.example', '/v2/', 'v2'],
  ['paths.example', '/v2/example', 'v2'],
  ['paths.example', '/v2example', 'v1'],
  ['paths.example', '/v22', 'v1'],
  ['paths.example', '/foo/v2/example', 'v1'],
  ['paths.example', '/V2', 'v1'],
]);

tableOf('Exact is case-sensitive and wants the whole path; an expression covers it (HTTPRouteExactPathMatching)', [
  ['paths.example', '/v2/exact', 'v3'],
  ['paths.example', '/v2/exact/', 'v2'],
  ['paths.example', '/v2/Exact', 'v2'],
  ['paths.example', '/re/12', 'v3'],
  ['paths.example', '/re/12/x', 'v1'],
]);

tableOf('Exact before the longest prefix (HTTPRoutePathMatchOrder)', [
  ['order.example', '/match/exact', 'v3'],
  ['order.example', '/match', 'v1'],
  ['order.example', '/match/', 'v2'],
  ['order.example', '/match/exact/foo', 'v2'],
  ['order.example', '/match/prefix/foo', 'v1'],
  ['order.example', '/nothing', undefined],
]);

tableOf(
  'headers: names in any case, values exact, the first of a name in a match, several values joined (HTTPRouteHeaderMatching)',
  [
    ['headers.example', '/', 'v1', { headers: [['VERSION', 'one']] }],
    ['headers.example', '/', 'v2', { headers: [['version', 'two']] }],
    [
      'headers.example',
      '/',
      'v1',
      {
        headers: [
          ['version', 'two'],
          ['color', 'orange'],
        ],
      },
    ],
    ['headers.example', '/', 'v2', { headers: [['color', 'blue']] }],
    ['headers.example', '/', 'v2', { headers: [['color', 'green']] }],
    ['headers.example', '/', undefined, { headers: [['color', 'greenish']] }],
    ['headers.example', '/', undefined, { headers: [['color', 'orange']] }],
    ['headers.example', '/', undefined, { headers: [['version', 'ONE']] }],
    ['headers.example', '/', 'v3', { headers: [['twice', 'a']] }],
    ['headers.example', '/', undefined, { headers: [['twice', 'b']] }],
    [
      'headers.example',
      '/',
      'v3',
      {
        headers: [
          ['list', 'x'],
          ['list', 'y'],
        ],
      },
    ],
    ['headers.example', '/', undefined],
  ],
);

tableOf('query parameters: names with their case, the first of a repeated one (HTTPRouteQueryParamMatching)', [
  ['query.example', '/?animal=whale', 'v1'],
  ['query.example', '/?animal=dolphin', 'v2'],
  ['query.example', '/?animal=dolphin&color=blue', 'v3'],
  ['query.example', '/p/x?animal=dolphin', 'v1'],
  ['query.example', '/?animal=whale&animal=dolphin', 'v1'],
  ['query.example', '/?Animal=whale', undefined],
  ['query.example', '/?animal=shark', undefined],
  ['query.example', '/?n=12', 'v3'],
  ['query.example', '/?n=1x', undefined],
  ['query.example', '/', undefined],
]);

tableOf('methods, and their place before headers and after paths (HTTPRouteMethodMatching)', [
  ['methods.example', '/', 'v1', { method: 'POST' }],
  ['methods.example', '/', 'v2', { method: 'GET' }],
  ['methods.example', '/', undefined, { method: 'PUT' }],
  ['methods.example', '/path', 'v3', { method: 'GET' }],
  ['methods.example', '/path5', 'v1', { method: 'PATCH' }],
  ['methods.example', '/path5', 'v2', { method: 'PATCH', headers: [['version', 'four']] }],
  ['methods.example', '/other', 'v2', { method: 'GET', headers: [['version', 'five']] }],
]);

tableOf('precedence goes across routes; of equals the oldest comes first (HTTPRouteMatchingAcrossRoutes)', [
  ['across.example', '/', 'v1'],
  ['across.example', '/v2', 'v2'],
  ['across.example', '/v2/x', 'v2'],
  ['across.example', '/v2example', 'v1'],
  ['across.example', '/', 'v2', { headers: [['version', 'two']] }],
  ['across.example', '/same', 'v1'],
  ['also.example', '/v2', 'v1'],
]);

tableOf(
  'hosts: exact before long before short wildcards, port and case aside, never the apex (HTTPRouteHostnameIntersection)',
  [
    ['very.wild.example', '/', 'v1'],
    ['VERY.wild.example:8080', '/', 'v1'],
    ['a.wild.example', '/', 'v2'],
    ['a.b.wild.example', '/', 'v2'],
    ['x.deep.wild.example', '/', 'v3'],
    ['wild.example', '/', undefined],
    ['nobody.example', '/', undefined],
  ],
);

test('the backend is told the host that the client asked for (HTTPRouteSimpleSameNamespace)', async () => {
  const { got } = await ask(api, '/x?y=1', { host: 'Paths.example:8080' });
  expect([got?.host.toLowerCase(), got?.path]).toEqual(['paths.example:8080', '/x?y=1']);
});
