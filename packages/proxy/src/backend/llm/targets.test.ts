// Which target is tried when: priorities, exact weights, health by a clock of our own, Retry-After.
import type { EjectionLimits } from '@agentgateway/core/settings.ts';
import { describe, expect, test } from 'vitest';
import { TargetHealth, retryAfterMaxMs } from '../ejection.ts';
import { readRetryAfterMs } from './health.ts';
import type { Provider } from './profile.ts';
import { type ModelTarget, comparePriorities, order, toRoute } from './targets.ts';

const limits: EjectionLimits = { failures: 3, backoffMs: 100, backoffMaxMs: 350 };

function target(model: string, weight = 1, priorities: readonly number[] = []): ModelTarget {
  return { provider: { name: 'p' } as Provider, model, weight, priorities, health: new TargetHealth() };
}

const names = (targets: readonly ModelTarget[]): string => targets.map(({ model }) => model).join(' ');

describe('order', () => {
  test('lower priorities first, whatever the array’s order; inner ones within outer ones', () => {
    const route = toRoute('x', [target('c', 1, [2]), target('b', 9, [0, 1]), target('a', 1), target('d', 1, [10])]);
    expect(names(order(route, 0))).toBe('a b c d');
    expect(comparePriorities([], [0, 0])).toBe(0);
    expect(comparePriorities([1], [0, 9])).toBeGreaterThan(0);
  });

  test('shares are exact; the others follow by weight; weight 0 serves nothing', () => {
    const route = toRoute('x', [target('a', 1), target('b', 3), target('none', 0)]);
    const firsts = Array.from({ length: 400 }, () => order(route, 0)[0]!.model);
    expect([firsts.filter((name) => name === 'a').length, firsts.filter((name) => name === 'b').length]).toEqual([100, 300]);
    expect(names(order(route, 0))).not.toContain('none');
    expect(order(toRoute('x', [target('none', 0)]), 0)).toEqual([]);
  }); // prettier-ignore

  test('those that rest come last, of all priorities, the one that is back first before the others', () => {
    const [a, b, c] = [target('a'), target('b', 1, [1]), target('c', 1, [2])];
    const route = toRoute('x', [a, b, c]);
    a.health.paused(0, 500);
    b.health.paused(0, 200);
    expect(names(order(route, 0))).toBe('c b a');
    expect(names(order(route, 200))).toBe('b c a');
    expect(names(order(route, 500))).toBe('a b c');
  });
});

describe('health', () => {
  test('so many failures in a row take it out, then one does, for twice as long, up to a limit', () => {
    const health = new TargetHealth();
    health.failed(0, limits);
    health.failed(0, limits);
    health.succeeded();
    health.failed(0, limits);
    health.failed(0, limits);
    expect(health.isUsable(0)).toBe(true);
    health.failed(0, limits);
    expect([health.isUsable(99), health.waitMs(40), health.isUsable(100)]).toEqual([false, 60, true]);
    health.failed(100, limits);
    expect(health.waitMs(100)).toBe(200);
    health.failed(300, limits);
    health.failed(300, limits);
    expect(health.waitMs(300)).toBe(350);
    health.succeeded();
    health.failed(700, limits);
    expect(health.isUsable(700)).toBe(true);
  });

  test('without a limit no number of failures takes it out; a pause is never shortened, nor believed for ever', () => {
    const health = new TargetHealth();
    for (let i = 0; i < 1000; i++) health.failed(0, { ...limits, failures: Number.POSITIVE_INFINITY });
    expect(health.isUsable(0)).toBe(true);
    health.paused(0, 500);
    health.paused(0, 100);
    expect(health.waitMs(0)).toBe(500);
    health.paused(0, 1e12);
    expect(health.waitMs(0)).toBe(retryAfterMaxMs);
  });
});

describe('Retry-After', () => {
  const now = Date.UTC(2026, 0, 1, 0, 0, 0);
  const read = (fields: Record<string, string>): number | undefined => readRetryAfterMs({ get: (name) => fields[name] }, now);

  test.each([
    [{ 'retry-after': '17' }, 17_000],
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after': '1.5' }, 1500],
    [{ 'retry-after': 'Thu, 01 Jan 2026 00:00:30 GMT' }, 30_000],
    [{ 'retry-after': 'Wed, 31 Dec 2025 00:00:00 GMT' }, 0],
    [{ 'retry-after-ms': '250', 'retry-after': '17' }, 250],
    [{ 'retry-after-ms': 'x', 'retry-after': '17' }, 17_000],
    [{ 'retry-after': 'soon' }, undefined],
    [{ 'retry-after': '-1' }, undefined],
    [{}, undefined],
  ])('%j', (fields, expected) => {
    expect(read(fields as Record<string, string>)).toBe(expected);
  });
}); // prettier-ignore
