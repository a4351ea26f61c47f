// Merging, against contract 1 told a second time: what adds up, what wins, what closes, what is left out.
import { create } from '@bufbuild/protobuf';
import { type PolicySpec, PolicySpecSchema, type Timeouts } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { phaseOrder } from '../phases.ts';
import { type Attached, type MergedPolicy, chainLevels, mergeChain } from './merge.ts';

const fields = ['requestMs', 'connectMs', 'idleMs'] as const;

function timeouts(values: Partial<Record<(typeof fields)[number], number>>): PolicySpec {
  return create(PolicySpecSchema, {
    kind: {
      case: 'timeouts',
      value: Object.fromEntries(Object.entries(values).map(([field, value]) => [field, BigInt(value)])),
    },
  });
}

function authorization(expression: string): PolicySpec {
  return create(PolicySpecSchema, { kind: { case: 'authorization', value: { rules: [{ action: 2, expression }] } } });
}

function attach(
  key: string,
  level: Attached['level'],
  spec: PolicySpec | undefined,
  more: Partial<Attached> = {},
): Attached {
  return { key, level, createdMs: 0, mode: 'Defaults', spec, invalid: undefined, ...more };
}

function only(merged: readonly MergedPolicy[]): MergedPolicy {
  expect(merged).toHaveLength(1);
  return merged[0]!;
}

function timeoutsOf(merged: MergedPolicy): Timeouts | undefined {
  const kind = merged.parts[0]?.spec.kind;
  return kind?.case === 'timeouts' ? kind.value : undefined;
}

describe('fields', () => {
  test('the most specific wins, field by field, and it is told who won', () => {
    const merged = only(
      mergeChain([
        attach('rule', 'rule', timeouts({ idleMs: 3 })),
        attach('gateway', 'gateway', timeouts({ requestMs: 1, connectMs: 1, idleMs: 1 })),
        attach('route', 'route', timeouts({ connectMs: 2 })),
      ]),
    );
    expect(timeoutsOf(merged)).toMatchObject({ requestMs: 1n, connectMs: 2n, idleMs: 3n });
    expect(merged.winners).toEqual({ requestMs: 'gateway', connectMs: 'route', idleMs: 'rule' });
    expect(merged.parts[0]?.sources).toEqual(['gateway', 'route', 'rule']);
  });

  test('a zero that is written wins over a value above', () => {
    const merged = only(
      mergeChain([
        attach('gateway', 'gateway', timeouts({ requestMs: 30 })),
        attach('route', 'route', timeouts({ requestMs: 0 })),
      ]),
    );
    expect(timeoutsOf(merged)?.requestMs).toBe(0n);
  });

  test('Overrides wins from above, the outermost first', () => {
    const overriding = { mode: 'Overrides' } as const;
    const merged = only(
      mergeChain([
        attach('rule', 'rule', timeouts({ requestMs: 3, idleMs: 3, connectMs: 3 })),
        attach('route', 'route', timeouts({ requestMs: 2, idleMs: 2 }), overriding),
        attach('gateway', 'gateway', timeouts({ requestMs: 1 }), overriding),
      ]),
    );
    expect(merged.winners).toEqual({ requestMs: 'gateway', idleMs: 'route', connectMs: 'rule' });
  });

  test('at one place the oldest counts, the younger not even where it is alone', () => {
    const merged = only(
      mergeChain([
        attach('younger', 'route', timeouts({ requestMs: 2, idleMs: 2 }), { createdMs: 2 }),
        attach('older', 'route', timeouts({ requestMs: 1 }), { createdMs: 1 }),
      ]),
    );
    expect(timeoutsOf(merged)).toMatchObject({ requestMs: 1n });
    expect(timeoutsOf(merged)?.idleMs).toBeUndefined();
    expect(merged.conflicted).toEqual(['younger']);
  });

  test('of one age the smaller key counts', () => {
    expect(
      only(mergeChain([attach('b', 'route', timeouts({ idleMs: 2 })), attach('a', 'route', timeouts({ idleMs: 1 }))])),
    ).toMatchObject({ winners: { idleMs: 'a' }, conflicted: ['b'] });
  });

  test('an invalid one is left out and blocks no other at its place', () => {
    const merged = only(
      mergeChain([
        attach('policy/n/broken/timeouts', 'route', undefined, { invalid: 'why' }),
        attach('policy/n/fine/timeouts', 'route', timeouts({ idleMs: 1 }), { createdMs: 9 }),
      ]),
    );
    expect(merged).toMatchObject({ invalid: undefined, conflicted: [], winners: { idleMs: 'policy/n/fine/timeouts' } });
  });

  test('inputs are not changed', () => {
    const upper = timeouts({ requestMs: 1 });
    const before = structuredClone(upper.kind.value);
    mergeChain([attach('a', 'gateway', upper), attach('b', 'route', timeouts({ requestMs: 2, idleMs: 2 }))]);
    expect(upper.kind.value).toEqual(before);
  });
});

describe('restricting', () => {
  test('all add up, outermost first', () => {
    const merged = only(
      mergeChain([
        attach('rule', 'rule', authorization('c')),
        attach('gateway', 'gateway', authorization('a')),
        attach('route', 'route', authorization('b'), { mode: 'Overrides' }),
      ]),
    );
    expect(merged.parts.map(({ key }) => key)).toEqual(['gateway', 'route', 'rule']);
  });

  test('an invalid one closes everything beneath, with its reason', () => {
    expect(
      only(
        mergeChain([
          attach('policy/n/fine/authorization', 'gateway', authorization('a')),
          attach('policy/n/broken/authorization', 'rule', undefined, { invalid: 'rules[0]: unknown name' }),
        ]),
      ),
    ).toMatchObject({ kind: 'authorization', invalid: 'rules[0]: unknown name' });
  });

  test.each(['policy/n/p/somethingNew', 'policy/n/p/constructor', 'policy/n/p/__proto__'])(
    '%s, which this version does not know, closes',
    (key) => {
      const merged = only(mergeChain([attach(key, 'route', create(PolicySpecSchema))]));
      expect(merged.invalid).toMatch(/not known to this version/);
      expect(merged.phase).toBe('authorize');
    },
  );

  test('one that is attached twice in a chain acts once', () => {
    const spec = authorization('a');
    expect(only(mergeChain([attach('p', 'gateway', spec), attach('p', 'route', spec)])).parts).toHaveLength(1);
  });
});

test('kinds come in the order of their phases', () => {
  const cors = create(PolicySpecSchema, { kind: { case: 'cors', value: { allowOrigins: ['*'] } } });
  const merged = mergeChain([
    attach('t', 'gateway', timeouts({ idleMs: 1 })),
    attach('a', 'gateway', authorization('a')),
    attach('c', 'rule', cors),
  ]);
  expect(merged.map(({ kind }) => kind)).toEqual(['cors', 'authorization', 'timeouts']);
  expect(merged.map(({ phase }) => phaseOrder[phase])).toEqual(
    merged.map(({ phase }) => phaseOrder[phase]).toSorted((a, b) => a - b),
  );
});

const place = {
  level: fc.constantFrom(...chainLevels),
  createdMs: fc.integer({ min: 0, max: 3 }),
  mode: fc.constantFrom('Defaults' as const, 'Overrides' as const),
  invalid: fc.oneof({ arbitrary: fc.constant(undefined), weight: 20 }, { arbitrary: fc.constant('broken'), weight: 1 }),
};

function chain(spec: fc.Arbitrary<PolicySpec>, kind: string): fc.Arbitrary<Attached[]> {
  return fc
    .array(fc.record({ ...place, spec }), { maxLength: 8 })
    .map((list) => list.map((attached, index) => ({ ...attached, key: `policy/n/p${index}/${kind}` })));
}

const timeoutChain = chain(
  fc
    .record(Object.fromEntries(fields.map((field) => [field, fc.integer({ min: 0, max: 9 })])), { requiredKeys: [] })
    .map((values) => timeouts(values)),
  'timeouts',
);
const authorizationChain = chain(
  fc.constantFrom('a', 'b').map((expression) => authorization(expression)),
  'authorization',
);

function depth({ level }: Attached): number {
  return chainLevels.indexOf(level);
}

/** Contract 1 once more, from the field's side: who may say it, and who of them does. */
function winnerOf(field: (typeof fields)[number], chained: readonly Attached[]): string | undefined {
  const valid = chained.filter(({ invalid }) => invalid === undefined);
  const isOldest = (policy: Attached): boolean =>
    !valid.some(
      (other) =>
        other !== policy &&
        other.level === policy.level &&
        other.mode === policy.mode &&
        (other.createdMs < policy.createdMs || (other.createdMs === policy.createdMs && other.key < policy.key)),
    );
  const speaking = valid.filter(
    (policy) =>
      isOldest(policy) && policy.spec?.kind.case === 'timeouts' && policy.spec.kind.value[field] !== undefined,
  );
  const overriding = speaking.filter(({ mode }) => mode === 'Overrides').sort((a, b) => depth(a) - depth(b));
  return (overriding[0] ?? speaking.sort((a, b) => depth(b) - depth(a))[0])?.key;
}

describe('any chain', () => {
  test('of shaping policies gives each field to its winner', () => {
    fc.assert(
      fc.property(timeoutChain, (chained) => {
        const [merged] = mergeChain(chained);
        for (const field of fields) {
          const winner = winnerOf(field, chained);
          const spec = chained.find(({ key }) => key === winner)?.spec;
          expect(merged?.winners[field]).toBe(winner);
          expect(merged && timeoutsOf(merged)?.[field]).toBe(
            spec?.kind.case === 'timeouts' ? spec.kind.value[field] : undefined,
          );
        }
        expect(merged?.invalid).toBeUndefined();
      }),
    );
  });

  test('of restricting policies closes where one is invalid, and else keeps every one', () => {
    fc.assert(
      fc.property(authorizationChain, (chained) => {
        const [merged] = mergeChain(chained);
        if (chained.some(({ invalid }) => invalid !== undefined)) {
          expect(merged?.invalid).toBe('broken');
          return;
        }
        expect(merged?.parts.map(({ key }) => key).toSorted() ?? []).toEqual(chained.map(({ key }) => key).toSorted());
        const depths = merged?.parts.map(({ key }) =>
          chainLevels.indexOf(chained.find((one) => one.key === key)!.level),
        );
        expect(depths).toEqual(depths?.toSorted((a, b) => a - b));
      }),
    );
  });

  test('can only become narrower by what is attached below', () => {
    fc.assert(
      fc.property(authorizationChain, authorizationChain, (upper, lower) => {
        const below = lower.map((policy, index) => ({
          ...policy,
          level: 'rule' as const,
          key: `policy/z/q${index}/authorization`,
        }));
        const [before] = mergeChain(upper);
        const [after] = mergeChain([...upper, ...below]);
        if (before?.invalid !== undefined) expect(after?.invalid).toBeDefined();
        if (after?.invalid !== undefined) return;
        const kept = new Set(after?.parts.map(({ key }) => key));
        expect((before?.parts ?? []).filter(({ key }) => !kept.has(key))).toEqual([]);
      }),
    );
  });

  test('is the same in whatever order its policies arrive', () => {
    fc.assert(
      fc.property(
        timeoutChain.chain((chained) =>
          fc.tuple(fc.constant(chained), fc.shuffledSubarray(chained, { minLength: chained.length })),
        ),
        ([chained, shuffled]) => {
          expect(mergeChain(shuffled)).toEqual(mergeChain(chained));
        },
      ),
    );
  });
});
