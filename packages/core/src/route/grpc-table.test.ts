// gRPC methods against a naive reading of GRPCRoute's precedence.
import { create } from '@bufbuild/protobuf';
import { type RouteMatch, RouteMatchSchema, type StringMatch } from '@agentgateway/api/gen/agentgateway/v1/route_pb.ts';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { HeaderList } from '../header-list.ts';
import { type RouterEntry, compileRouter } from './router.ts';

const names = ['a', 'a.B', 'a.BC'];
const texts = (values: readonly string[]) =>
  fc.oneof(
    fc.constant(undefined),
    fc.constantFrom(...values).map((value) => ({ match: { case: 'exact' as const, value } })),
    fc.constantFrom('a.*', '.*B', 'G|L').map((value) => ({ match: { case: 'regex' as const, value } })),
  );
const matches = fc
  .record({
    service: texts(names),
    method: texts(['G', 'L', 'GL']),
    headers: fc.array(fc.tuple(fc.constantFrom('x', 'y'), fc.constantFrom('1', '2')), { maxLength: 2 }),
  })
  .map(({ service, method, headers }) =>
    create(RouteMatchSchema, {
      grpc: { ...(service && { service }), ...(method && { method }) },
      headers: headers.map(([name, value]) => ({ name, match: { case: 'exact' as const, value } })),
    }),
  );
const entries = fc
  .array(
    fc.record({
      match: matches,
      createdMs: fc.nat(1),
      routeKey: fc.constantFrom('grpcroute/a/a', 'grpcroute/a/b'),
      ruleIndex: fc.nat(1),
      matchIndex: fc.nat(1),
    }),
    { minLength: 1, maxLength: 10 },
  )
  .map((list) => list.map((entry, value): RouterEntry<number> => ({ ...entry, hostname: '', value })));
const requests = fc.record({
  path: fc.oneof(
    fc.tuple(fc.constantFrom(...names), fc.constantFrom('G', 'L', 'GL')).map((parts) => `/${parts.join('/')}`),
    fc.constantFrom('/', '/a', '/a/G/', '/a/b/c', '/a.B/'),
  ),
  headers: fc.array(fc.tuple(fc.constantFrom('x', 'y'), fc.constantFrom('1', '2')), { maxLength: 2 }),
});

test('finds what a naive reading of the precedence finds', () => {
  fc.assert(
    fc.property(entries, requests, (list, { path, headers }) => {
      const request = { authority: 'h', method: 'POST', path, query: undefined, headers: HeaderList.from(headers) };
      const found = compileRouter(list).match(request);
      const fitting = list.filter(({ match }) => fits(match!, path, request.headers));
      const best = fitting.sort(compare)[0];
      expect(found === undefined).toBe(best === undefined);
      if (found && best) expect(compare(list[found.value]!, best)).toBe(0);
    }),
    { numRuns: 3000 },
  );
});

function fits({ grpc, headers }: RouteMatch, path: string, sent: HeaderList): boolean {
  const parts = path.split('/').slice(1);
  const [service, method] = parts.length === 2 && parts.every(Boolean) ? parts : [];
  const first = headers.filter(({ name }, index) => headers.findIndex((other) => other.name === name) === index);
  return (
    textFits(grpc?.service, service) &&
    textFits(grpc?.method, method) &&
    first.every(({ name, match }) => sent.combined(name) === match.value)
  );
}

function textFits(text: StringMatch | undefined, value: string | undefined): boolean {
  if (text?.match.case === undefined) return true;
  if (value === undefined) return false;
  return text.match.case === 'exact' ? text.match.value === value : new RegExp(`^(?:${text.match.value})$`).test(value);
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

function ranks({ match, createdMs, routeKey, ruleIndex, matchIndex }: RouterEntry<number>): (number | string)[] {
  return [
    -(match?.grpc?.service?.match.value?.length ?? 0),
    -(match?.grpc?.method?.match.value?.length ?? 0),
    -new Set(match?.headers.map(({ name }) => name)).size,
    createdMs,
    routeKey,
    ruleIndex,
    matchIndex,
  ];
}
