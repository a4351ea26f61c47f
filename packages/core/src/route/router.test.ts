// The router against a naive reading of Gateway API's precedence.
import { create } from '@bufbuild/protobuf';
import { type RouteMatch, RouteMatchSchema } from '@agentgateway/api/gen/agentgateway/v1/route_pb.ts';
import * as fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { HeaderList } from '../header-list.ts';
import { isHostCovered, plainHost } from './hostnames.ts';
import { type RoutedRequest, type RouterEntry, compileRouter } from './router.ts';

vi.setConfig({ testTimeout: 120_000 });

const segments = ['a', 'b', 'ab', 'A'];
const paths = fc
  .tuple(fc.array(fc.constantFrom(...segments), { maxLength: 3 }), fc.boolean())
  .map(([parts, slash]) => `/${parts.join('/')}${slash && parts.length > 0 ? '/' : ''}`);
const hosts = ['example.com', 'a.example.com', 'b.a.example.com', 'other.org'];
const hostPatterns = ['', '*.example.com', '*.a.example.com', '*.com', ...hosts];
const values = fc.constantFrom('1', '2');

const matches = fc
  .record({
    path: fc.oneof(
      fc.constant(undefined),
      paths.map((value) => ({ match: { case: 'exact' as const, value } })),
      paths.map((value) => ({ match: { case: 'prefix' as const, value } })),
      fc.constantFrom('/a.*', '/(a|b)/?', '/.*/b').map((value) => ({ match: { case: 'regex' as const, value } })),
    ),
    method: fc.constantFrom('', 'GET', 'POST'),
    headers: fc.array(fc.tuple(fc.constantFrom('x', 'y'), values), { maxLength: 2 }),
    query: fc.array(fc.tuple(fc.constantFrom('q', 'Q'), values), { maxLength: 2 }),
  })
  .map(({ path, method, headers, query }) =>
    create(RouteMatchSchema, {
      ...(path && { path }),
      method,
      headers: headers.map(([name, value]) => ({ name, match: { case: 'exact' as const, value } })),
      query: query.map(([name, value]) => ({ name, match: { case: 'exact' as const, value } })),
    }),
  );

const entries = fc
  .array(
    fc.record({
      hostname: fc.constantFrom(...hostPatterns),
      match: fc.oneof({ weight: 1, arbitrary: fc.constant(undefined) }, { weight: 8, arbitrary: matches }),
      createdMs: fc.nat(2),
      routeKey: fc.constantFrom('httproute/a/a', 'httproute/a/b', 'httproute/b/a'),
      ruleIndex: fc.nat(2),
      matchIndex: fc.nat(2),
    }),
    { maxLength: 12 },
  )
  .map((list) => list.map((entry, value): RouterEntry<number> => ({ ...entry, value })));

const requests = fc
  .record({
    authority: fc.constantFrom(...hosts, 'EXAMPLE.com:8080', 'nowhere'),
    method: fc.constantFrom('GET', 'POST', 'PUT'),
    path: paths,
    query: fc.constantFrom(undefined, 'q=1', 'q=2&Q=1', 'q=1&q=2', 'Q=2'),
    headers: fc.array(fc.tuple(fc.constantFrom('x', 'Y'), values), { maxLength: 2 }),
  })
  .map((request): RoutedRequest => ({ ...request, headers: HeaderList.from(request.headers) }));

describe('the router', () => {
  test('finds what a naive reading of the precedence finds', () => {
    fc.assert(
      fc.property(entries, requests, (list, request) => {
        const found = compileRouter(list).match(request);
        const best = list.filter((entry) => fits(entry, request)).sort((a, b) => compare(a, b))[0];
        // Entries of equal rank are of the same route, rule and match: which of them is found means nothing.
        expect(found === undefined).toBe(best === undefined);
        if (found && best) expect(compare(list[found.value]!, best)).toBe(0);
      }),
      { numRuns: 2000 },
    );
  });

  test('orders what all fits one request as a naive reading does', () => {
    const value = fc.constant('1');
    const dense = fc
      .record({
        path: fc.constantFrom(undefined, 'exact' as const, 'prefix' as const),
        method: fc.constantFrom('', 'GET'),
        headers: fc.uniqueArray(fc.tuple(fc.constantFrom('x', 'y'), value), { selector: ([name]) => name }),
        query: fc.uniqueArray(fc.tuple(fc.constantFrom('p', 'q'), value), { selector: ([name]) => name }),
        createdMs: fc.nat(1),
        routeKey: fc.constantFrom('httproute/a/a', 'httproute/a/b'),
        ruleIndex: fc.nat(1),
        matchIndex: fc.nat(1),
      })
      .map(({ path, method, headers, query, ...rest }): RouterEntry<number> => {
        const match = create(RouteMatchSchema, {
          ...(path && { path: { match: { case: path, value: '/a' } } }),
          method,
          headers: headers.map(([name, text]) => exact(name, text)),
          query: query.map(([name, text]) => exact(name, text)),
        });
        return { ...rest, hostname: '', match, value: 0 };
      });
    const request: RoutedRequest = {
      ...requestOf('/a', [
        ['x', '1'],
        ['y', '1'],
      ]),
      query: 'p=1&q=1',
    };
    fc.assert(
      fc.property(fc.array(dense, { minLength: 1, maxLength: 6 }), (list) => {
        const numbered = list.map((entry, index) => ({ ...entry, value: index }));
        const best = [...numbered].sort((a, b) => compare(a, b))[0]!;
        expect(compare(numbered[compileRouter(numbered).match(request)!.value]!, best)).toBe(0);
      }),
      { numRuns: 1000 },
    );
  });

  test('tells the prefix that matched, without its last slash', () => {
    const router = compileRouter([entryOf({ path: { match: { case: 'prefix', value: '/a/b/' } } })]);
    expect(router.match(requestOf('/a/b/c'))?.matchedPrefix).toBe('/a/b');
    expect(router.match(requestOf('/a/b'))?.matchedPrefix).toBe('/a/b');
    expect(router.match(requestOf('/a/bc'))).toBeUndefined();
    const all = compileRouter([entryOf(undefined)]);
    expect(all.match(requestOf('/x'))?.matchedPrefix).toBe('/');
    const exact = compileRouter([entryOf({ path: { match: { case: 'exact', value: '/a' } } })]);
    expect(exact.match(requestOf('/a'))?.matchedPrefix).toBeUndefined();
  });

  test('finds a short prefix of a path of many segments', () => {
    const router = compileRouter([entryOf({ path: { match: { case: 'prefix', value: '/a' } } })]);
    expect(router.match(requestOf(`/a${'/b'.repeat(10_000)}`))).toBeDefined();
    expect(router.match(requestOf(`/ab${'/b'.repeat(10_000)}`))).toBeUndefined();
  });

  test('takes the first of several matches on one name, and joins repeated headers', () => {
    const router = compileRouter([entryOf({ headers: [exact('x', '1'), exact('x', '2')] })]);
    expect(router.match(requestOf('/', [['X', '1']]))).toBeDefined();
    expect(router.match(requestOf('/', [['X', '2']]))).toBeUndefined();
    const joined = compileRouter([entryOf({ headers: [exact('x', '1, 2')] })]);
    const both = requestOf('/', [
      ['x', '1'],
      ['X', '2'],
    ]);
    expect(joined.match(both)).toBeDefined();
  });

  test('tells everything that it can find, once', () => {
    const one = entryOf(undefined);
    const list = [one, { ...one, hostname: 'a.example.com' }, { ...one, value: 7 }];
    expect([...compileRouter(list).values()]).toEqual([0, 7]);
  });

  test('a regular expression covers the whole path', () => {
    const router = compileRouter([entryOf({ path: { match: { case: 'regex', value: '/v[0-9]' } } })]);
    expect(router.match(requestOf('/v1'))).toBeDefined();
    expect(router.match(requestOf('/v1/x'))).toBeUndefined();
    expect(() => compileRouter([entryOf({ path: { match: { case: 'regex', value: '(?=x)' } } })])).toThrow();
  });
});

function entryOf(match: Parameters<typeof create<typeof RouteMatchSchema>>[1] | undefined): RouterEntry<number> {
  return {
    hostname: '',
    match: match && create(RouteMatchSchema, match),
    createdMs: 0,
    routeKey: 'httproute/a/a',
    ruleIndex: 0,
    matchIndex: 0,
    value: 0,
  };
}

function requestOf(path: string, headers: readonly (readonly [string, string])[] = []): RoutedRequest {
  return { authority: 'example.com', method: 'GET', path, query: undefined, headers: HeaderList.from(headers) };
}

function fits({ hostname, match }: RouterEntry<number>, request: RoutedRequest): boolean {
  if (!isHostCovered(hostname, plainHost(request.authority))) return false;
  if (!match) return true;
  if (match.method !== '' && match.method !== request.method) return false;
  const query = new URLSearchParams(request.query ?? '');
  return (
    pathFits(match, request.path) &&
    first(match.headers).every(({ name, match: { value } }) => request.headers.combined(name) === value) &&
    first(match.query).every(({ name, match: { value } }) => query.get(name) === value)
  );
}

function pathFits({ path }: RouteMatch, path_: string): boolean {
  const match = path?.match;
  if (match?.case === undefined) return true;
  if (match.case === 'exact') return match.value === path_;
  if (match.case === 'regex') return new RegExp(`^(?:${match.value})$`).test(path_);
  const wanted = match.value.split('/').filter(Boolean);
  return wanted.every((part, index) => path_.split('/').filter(Boolean)[index] === part);
}

/** Negative where `a` comes first. */
function compare(a: RouterEntry<number>, b: RouterEntry<number>): number {
  const [left, right] = [ranks(a), ranks(b)];
  for (const [index, value] of left.entries()) {
    if (value < right[index]!) return -1;
    if (value > right[index]!) return 1;
  }
  return 0;
}

/** What the precedence looks at, in its order; the lesser comes first. */
function ranks(entry: RouterEntry<number>): (number | string)[] {
  const { hostname, match } = entry;
  const path = match?.path?.match;
  const pathClass = path?.case === 'exact' ? 0 : path?.case === 'regex' ? 1 : 2;
  return [
    hostname === '' ? 2 : hostname.startsWith('*') ? 1 : 0,
    -hostname.length,
    pathClass,
    path?.case === 'prefix' ? -path.value.replace(/\/$/, '').length : 0,
    match?.method ? 0 : 1,
    -count(match?.headers),
    -count(match?.query),
    entry.createdMs,
    entry.routeKey,
    entry.ruleIndex,
    entry.matchIndex,
  ];
}

function count(list: readonly { readonly name: string }[] = []): number {
  return new Set(list.map(({ name }) => name)).size;
}

/** Of items of the same name only the first. */
function first<T extends { readonly name: string }>(list: readonly T[]): T[] {
  return list.filter((item, index) => list.findIndex(({ name }) => name === item.name) === index);
}

function exact(name: string, value: string) {
  return { name, match: { case: 'exact' as const, value } };
}
