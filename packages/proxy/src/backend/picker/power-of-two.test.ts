// Exact by weight while nothing is under way, the less loaded of two otherwise, sessions before both.
import { describe, expect, test } from 'vitest';
import type { EndpointAddress } from '@agentgateway/core/exchange.ts';
import { EndpointTable, type EndpointState } from './endpoint-table.ts';
import type { PickQuestion } from './picker.ts';
import { Turn, powerOfTwo } from './power-of-two.ts';

function addresses(...weights: number[]): EndpointAddress[] {
  return weights.map((weight, index) => ({ address: `10.0.0.${index}`, port: 80, weight }));
}

function picker(endpoints: EndpointAddress[], random = () => 0) {
  const table = new EndpointTable();
  const choose = powerOfTwo(new Turn(), random);
  const candidates = table.all(endpoints);
  const pick = (question: PickQuestion = {}): EndpointState | undefined => choose(candidates, question);
  return { table, states: candidates.states, pick };
}

function counts(pick: () => EndpointState | undefined, times: number): Record<string, number> {
  const counted: Record<string, number> = {};
  for (let i = 0; i < times; i++) {
    const name = pick()?.endpoint.address ?? 'none';
    counted[name] = (counted[name] ?? 0) + 1;
  }
  return counted;
}

describe('idle', () => {
  test.each([
    [[1, 1, 1], 9, { '10.0.0.0': 3, '10.0.0.1': 3, '10.0.0.2': 3 }],
    [[5, 3, 2], 10, { '10.0.0.0': 5, '10.0.0.1': 3, '10.0.0.2': 2 }],
    [[5, 3, 2], 1000, { '10.0.0.0': 500, '10.0.0.1': 300, '10.0.0.2': 200 }],
    [[3, 0, 1], 8, { '10.0.0.0': 6, '10.0.0.2': 2 }],
    [[7], 3, { '10.0.0.0': 3 }],
    [[], 2, { none: 2 }],
  ])('weights %j share %i requests exactly, whatever chance says', (weights, times, wanted) => {
    for (const draw of [0, 0.5, 0.999]) {
      const { pick } = picker(addresses(...weights), () => draw);
      expect(counts(pick, times)).toEqual(wanted);
    }
  });
});

describe('under load', () => {
  test('the less loaded of the two is chosen, and never the most loaded of all', () => {
    let seed = 1;
    const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
    const { pick, states } = picker(addresses(1, 1, 1, 1), random);
    states[0]!.inFlight = 100;
    expect(counts(pick, 400)['10.0.0.0'] ?? 0).toBe(0);
  });

  test('load is counted by weight', () => {
    const { pick, states } = picker(addresses(10, 1), () => 0);
    states[0]!.inFlight = 5;
    states[1]!.inFlight = 1;
    // 0.5 of each unit of weight is under way at the first, 1 at the second.
    expect(counts(pick, 11)).toEqual({ '10.0.0.0': 11 });
  });

  test('who was slow is not flooded once it has recovered', () => {
    for (const weights of [
      [1, 1],
      [2, 2, 1],
    ]) {
      const { pick, states } = picker(addresses(...weights));
      states[0]!.inFlight = 50;
      counts(pick, 100);
      states[0]!.inFlight = 0;
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      expect(counts(pick, total)['10.0.0.0']).toBe(weights[0]);
    }
  });
});

describe('a further try', () => {
  test('goes to another endpoint, as long as there is one', () => {
    const { pick, states } = picker(addresses(1, 1, 1));
    const [a, b, c] = states as [EndpointState, EndpointState, EndpointState];
    expect(counts(() => pick({ tried: [a, c] }), 5)).toEqual({ '10.0.0.1': 5 });
    expect(pick({ tried: [a, b, c] })).toBeDefined();
  });

  test('leaves its session', () => {
    const { pick, states } = picker(addresses(1, 1));
    expect(pick({ marked: states[0]!.mark })).toBe(states[0]);
    expect(pick({ marked: states[0]!.mark, tried: [states[0]!] })).toBe(states[1]);
  });
});

describe('sessions', () => {
  test('a mark names an endpoint; one that is gone leaves the choice free', () => {
    const { pick, states } = picker(addresses(1, 1, 1));
    expect(counts(() => pick({ marked: states[2]!.mark }), 5)).toEqual({ '10.0.0.2': 5 });
    expect(Object.keys(counts(() => pick({ marked: 'f'.repeat(16) }), 3))).toHaveLength(3);
  });

  test('equal keys meet at an endpoint, and one that goes moves only its own', () => {
    const all = picker(addresses(1, 1, 1, 1));
    const fewer = picker(addresses(1, 1, 1));
    let moved = 0;
    for (let i = 0; i < 2000; i++) {
      const before = all.pick({ sessionKey: `user-${i}` })!.name;
      expect(all.pick({ sessionKey: `user-${i}` })!.name).toBe(before);
      if (fewer.pick({ sessionKey: `user-${i}` })!.name === before) continue;
      moved++;
      expect(before).toBe('10.0.0.3:80');
    }
    expect(moved).toBeGreaterThan(400);
    expect(moved).toBeLessThan(600);
  });

  test('keys are spread by weight', () => {
    const { pick } = picker(addresses(3, 1));
    let key = 0;
    const counted = counts(() => pick({ sessionKey: `user-${key++}` }), 4000);
    expect(counted['10.0.0.0']).toBeGreaterThan(2850);
    expect(counted['10.0.0.0']).toBeLessThan(3150);
  });
});
