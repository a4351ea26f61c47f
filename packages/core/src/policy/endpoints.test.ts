// hostRewrite, health, sessionAffinity and the retry budget: what is written, what holds where nothing is, what is refused.
import { describe, expect, test } from 'vitest';
import type { SessionAffinitySettings } from '../settings.ts';
import { isAccepted, makeExchange, write } from './fixture.ts';

describe('hostRewrite', () => {
  test.each([
    [{ auto: {} }, { kind: 'auto' }],
    [{ hostname: 'inner.test' }, { kind: 'hostname', hostname: 'inner.test' }],
    [{ header: 'X-Host' }, { kind: 'header', header: 'x-host' }],
  ])('%j', (spec, wanted) => expect(write('hostRewrite', spec)).toMatchObject({ problems: [], value: wanted }));

  test.each([{ hostname: 'a b' }, { header: 'x:y' }])('%j is refused', (spec) =>
    expect(write('hostRewrite', spec).problems).toHaveLength(1),
  );
  test.each([{}, { auto: {}, hostname: 'a' }])('%j says not one thing', (spec) =>
    expect(isAccepted('hostRewrite', spec)).toBe(false),
  );
});

describe('health', () => {
  test('defaults', () => {
    expect(write('health', { passive: {}, active: { tcp: {} } })).toMatchObject({
      problems: [],
      value: {
        passive: { failures: 5, backoffMs: 30_000, backoffMaxMs: 300_000, ejectionPercentMax: 50 },
        active: {
          check: { kind: 'tcp' },
          intervalMs: 10_000,
          timeoutMs: 1000,
          healthyThreshold: 2,
          unhealthyThreshold: 3,
        },
        panicPercent: 50,
      },
    });
    expect(write('health', {}).value).toEqual({ passive: undefined, active: undefined, panicPercent: 50 });
  });

  test.each([
    [{ http: {} }, { kind: 'http', path: '/', method: 'GET', host: undefined, expected: [] }],
    [
      { http: { path: '/ok?full', method: 'HEAD', host: 'x.test', expectedStatuses: ['404', '200-299'] } },
      {
        kind: 'http',
        path: '/ok?full',
        method: 'HEAD',
        host: 'x.test',
        expected: [
          [200, 299],
          [404, 404],
        ],
      },
    ],
    [{ grpc: {} }, { kind: 'grpc', service: '' }],
    [{ grpc: { service: 'a.B' } }, { kind: 'grpc', service: 'a.B' }],
  ])('%j', (active, check) => {
    expect(write('health', { active, panicThreshold: 40 })).toMatchObject({
      problems: [],
      value: { active: { check }, panicPercent: 40 },
    });
  });

  test.each([
    [{ passive: { ejectionTime: '2m', maxEjectionTime: '1m' } }, 'passive.maxEjectionTime'],
    [{ active: { tcp: {}, interval: '10ms' } }, 'active.interval'],
    [{ active: { tcp: {}, timeout: '0s' } }, 'active.timeout'],
    [{ active: { http: { path: 'x' } } }, 'active.http.path'],
    [{ active: { http: { method: 'G T' } } }, 'active.http.method'],
    [{ active: { http: { expectedStatuses: ['299-200'] } } }, 'active.http.expectedStatuses'],
  ])('%j is refused at %s', (spec, path) => expect(write('health', spec).problems).toMatchObject([{ path }]));
  test.each([{ active: {} }, { active: { tcp: {}, grpc: {} } }, { active: { http: { expectedStatuses: ['ok'] } } }])(
    '%j is no health',
    (spec) => expect(isAccepted('health', spec)).toBe(false),
  );
});

function keyOf(spec: object, headers: [string, string][]): string | undefined {
  const value = write('sessionAffinity', spec).value as SessionAffinitySettings;
  return value.kind === 'hash' ? value.keyOf(makeExchange({ headers })) : 'none';
}

describe('sessionAffinity', () => {
  test('persistence, as Gateway API has it', () => {
    expect(write('sessionAffinity', { persistence: {} })).toMatchObject({
      problems: [],
      value: { kind: 'persistence', type: 'cookie', sessionName: '', absoluteMs: 0, idleMs: 0, isPermanent: false },
    });
    const permanent = {
      sessionName: 'sid',
      absoluteTimeout: '1h',
      idleTimeout: '5m',
      cookieConfig: { lifetimeType: 'Permanent' },
      key: { secretRef: { name: 'seal', key: 'key' } },
    };
    const { problems, value } = write('sessionAffinity', { persistence: permanent }, { secrets: { seal: 'k' } });
    expect(problems).toEqual([]);
    expect(value).toMatchObject({ sessionName: 'sid', absoluteMs: 3_600_000, idleMs: 300_000, isPermanent: true });
    expect((value as { key: { current(): string } }).key.current()).toBe('k');
  });

  test.each([
    [{ cookieConfig: { lifetimeType: 'Permanent' } }, 'persistence.absoluteTimeout'],
    [{ type: 'Header', cookieConfig: {} }, 'persistence.cookieConfig'],
    [{ sessionName: 'a=b' }, 'persistence.sessionName'],
  ])('%j is refused at %s', (persistence, path) =>
    expect(write('sessionAffinity', { persistence }).problems).toMatchObject([{ path }]),
  );

  test.each([
    [{ header: 'X-User' }, 'ada'],
    [{ expression: "request.headers['x-user']" }, 'ada'],
    [{ expression: 'size(request.headers["x-user"])' }, '3'],
  ])('%j', (spec, key) => {
    expect(keyOf(spec, [['x-user', 'ada']])).toBe(key);
    expect(keyOf(spec, [])).toBeUndefined();
  });

  test('what is wrong is said', () => {
    expect(write('sessionAffinity', { header: 'x y' }).problems).toMatchObject([{ path: 'header' }]);
    expect(write('sessionAffinity', { expression: 'request.' }).problems).toMatchObject([{ path: 'expression' }]);
    expect(write('sessionAffinity', { expression: 'string(request.body)' }).problems).toMatchObject([
      { path: 'expression', message: 'cannot read the body' },
    ]);
    expect(isAccepted('sessionAffinity', {})).toBe(false);
  });
});

test('a retry budget has the names and defaults of retryConstraint', () => {
  expect(write('retry', { budget: {} })).toMatchObject({
    problems: [],
    value: { budget: { percent: 20, intervalMs: 10_000, minCount: 10, minIntervalMs: 1000 } },
  });
  const spec = { budget: { percent: 5, interval: '2s', minRetryRate: { count: 3, interval: '4s' } } };
  expect(write('retry', spec).value).toMatchObject({
    budget: { percent: 5, intervalMs: 2000, minCount: 3, minIntervalMs: 4000 },
  });
  expect(write('retry', { budget: { interval: '10ms', minRetryRate: { interval: '0s' } } }).problems).toMatchObject([
    { path: 'budget.interval' },
    { path: 'budget.minRetryRate.interval' },
  ]);
});
