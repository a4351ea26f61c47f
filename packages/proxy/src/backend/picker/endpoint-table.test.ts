// Who is left alone, for how long, and how many at most; what is remembered when lists change.
import { describe, expect, test } from 'vitest';
import type { EndpointAddress } from '@agentgateway/core/exchange.ts';
import type { ActiveHealthSettings, HealthSettings } from '@agentgateway/core/settings.ts';
import { EndpointTable, checkId } from './endpoint-table.ts';

function addresses(...names: string[]): EndpointAddress[] {
  return names.map((address) => ({ address, port: 80 }));
}

function settings(more: Partial<HealthSettings> & { percentMax?: number } = {}): HealthSettings {
  const { percentMax = 50, ...rest } = more;
  const passive = { failures: 3, backoffMs: 100, backoffMaxMs: 350, ejectionPercentMax: percentMax };
  return { passive, active: undefined, panicPercent: 0, ...rest };
}

const active: ActiveHealthSettings = {
  check: { kind: 'tcp' },
  intervalMs: 1000,
  timeoutMs: 100,
  healthyThreshold: 1,
  unhealthyThreshold: 1,
};

function names(
  table: EndpointTable,
  endpoints: EndpointAddress[],
  health: HealthSettings | undefined,
  nowMs = 0,
): string {
  return table
    .well(endpoints, health, nowMs)
    .states.map(({ endpoint }) => endpoint.address)
    .join('');
}

/** Where and when an endpoint fails. */
interface Failing {
  readonly table: EndpointTable;
  readonly list: EndpointAddress[];
  readonly health: HealthSettings;
}

function failing({ table, list, health }: Failing, at: number, times: number, nowMs = 0): void {
  const state = table.all(list).states[at]!;
  for (let i = 0; i < times; i++) table.report(state, false, health, nowMs);
}

describe('passive health', () => {
  test('failures in a row take an endpoint out for a while, longer each time, and a success in between does not', () => {
    const [table, list, health] = [new EndpointTable(), addresses('a', 'b'), settings()];
    failing({ table, list, health: settings() }, 0, 2);
    table.report(table.all(list).states[0]!, true, health, 0);
    failing({ table, list, health: settings() }, 0, 2);
    expect(names(table, list, health)).toBe('ab');
    failing({ table, list, health: settings() }, 0, 1);
    expect(names(table, list, health, 99)).toBe('b');
    expect(names(table, list, health, 100)).toBe('ab');
    failing({ table, list, health }, 0, 1, 100);
    expect(names(table, list, health, 299)).toBe('b');
    expect(names(table, list, health, 300)).toBe('ab');
    failing({ table, list, health }, 0, 1, 300);
    expect(names(table, list, health, 649)).toBe('b');
    expect(names(table, list, health, 650)).toBe('ab');
  });

  test('rules without the policy ask all the same', () => {
    const [table, list] = [new EndpointTable(), addresses('a', 'b')];
    failing({ table, list, health: settings() }, 0, 3);
    expect(names(table, list, undefined)).toBe('ab');
    expect(names(table, list, settings({ passive: undefined }))).toBe('ab');
    expect(names(table, list, settings())).toBe('b');
  });

  test.each([
    [50, 'cd'],
    [25, 'bcd'],
    [0, 'bcd'],
    [75, 'd'],
    [100, ''],
  ])('at most %i percent are left alone, but one may always be', (percentMax, left) => {
    const [table, list, health] = [new EndpointTable(), addresses('a', 'b', 'c', 'd'), settings({ percentMax })];
    for (const at of [0, 1, 2, 3]) failing({ table, list, health }, at, 3);
    expect(names(table, list, health)).toBe(left);
  });

  test('when too few are well, all are asked', () => {
    const [table, list] = [new EndpointTable(), addresses('a', 'b', 'c', 'd')];
    const health = settings({ percentMax: 100, panicPercent: 50 });
    for (const at of [0, 1]) failing({ table, list, health }, at, 3);
    expect(names(table, list, health)).toBe('cd');
    failing({ table, list, health }, 2, 3);
    expect(names(table, list, health)).toBe('abcd');
  });

  test('the first to be taken out is told', () => {
    const [table, list, health] = [new EndpointTable(), addresses('a', 'b'), settings()];
    const state = table.all(list).states[0]!;
    expect([1, 2, 3].map(() => table.report(state, false, health, 0))).toEqual([false, false, true]);
    expect(table.describe(list, 40)).toEqual([
      { address: 'a:80', state: 'ejected', inFlight: 0, restingMs: 60 },
      { address: 'b:80', state: 'healthy', inFlight: 0 },
    ]);
  });
});

describe('active health', () => {
  test('counts for those who ask the same, and no longer than the check is made', () => {
    const [table, list] = [new EndpointTable(), addresses('a', 'b')];
    const health = settings({ active });
    table.judge(table.all(list).states[0]!, checkId(active), false);
    expect(names(table, list, health)).toBe('b');
    expect(names(table, list, settings({ active: { ...active, intervalMs: 2000 } }))).toBe('ab');
    expect(table.describe(list, 0)[0]).toMatchObject({ state: 'unhealthy' });
    table.forget(checkId(active));
    expect(names(table, list, health)).toBe('ab');
  });
});

describe('lists that change', () => {
  test('what is known of an endpoint stays, what has gone is forgotten', () => {
    const [table, health] = [new EndpointTable(), settings({ percentMax: 100 })];
    const [ab, bc, c] = [addresses('a', 'b'), addresses('b', 'c'), addresses('c')];
    failing({ table, list: ab, health }, 1, 3);
    expect(names(table, bc, health)).toBe('c');
    // A request of the snapshot before still sees what it saw.
    expect(names(table, ab, health)).toBe('a');
    names(table, c, health);
    names(table, addresses('c', 'd'), health);
    expect(names(table, addresses('b'), health)).toBe('b');
  });

  test('another weight is another endpoint', () => {
    const table = new EndpointTable();
    const [one] = table.all([{ address: 'a', port: 80 }]).states;
    const [two] = table.all([{ address: 'a', port: 80, weight: 2 }]).states;
    expect([one!.weight, two!.weight]).toEqual([1, 2]);
  });
});
