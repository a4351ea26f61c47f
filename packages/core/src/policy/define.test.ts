// Contract 2: a policy's phase decides what compile returns, and a wrong return does not compile. tsc is the judge here.
import { create } from '@bufbuild/protobuf';
import { RetrySchema } from '@agentgateway/api/gen/agentgateway/v1/policy_pb.ts';
import { describe, expect, expectTypeOf, test } from 'vitest';
import type { AttemptRule, ConnectionRule, ContractOf, Guard, Phase, Step } from '../phases.ts';
import { phaseOrder, phases } from '../phases.ts';
import { integer, strict } from '../schema/dialect.ts';
import { definePolicy } from './define.ts';
import type { PolicyDefinition } from './define.ts';

const common = {
  kind: 'retry',
  summary: 'Only for types.',
  attach: ['gateway'],
  merge: 'fields',
  schema: strict({ attempts: integer(0, 1) }),
  translate: () => create(RetrySchema),
  check: () => [],
} as const;

describe('what compile returns', () => {
  test('follows from the phase', () => {
    expectTypeOf<ContractOf<'connection'>>().toEqualTypeOf<ConnectionRule>();
    expectTypeOf<ContractOf<'cors'>>().toEqualTypeOf<Step>();
    expectTypeOf<ContractOf<'authorize'>>().toEqualTypeOf<Step>();
    expectTypeOf<ContractOf<'attempt'>>().toEqualTypeOf<AttemptRule>();
    expectTypeOf<ContractOf<'guard'>>().toEqualTypeOf<Guard>();
    expectTypeOf<ContractOf<'setting'>>().toEqualTypeOf<object>();
    expectTypeOf<ReturnType<PolicyDefinition<'retry', 'limit', never>['compile']>>().toEqualTypeOf<Step>();
    expect(Object.keys(phases)).toEqual(Object.keys(phaseOrder));
  });

  test('right ones compile', () => {
    expect(definePolicy({ ...common, phase: 'limit', compile: () => ({ request: () => undefined }) }).kind).toBe(
      'retry',
    );
    expect(definePolicy({ ...common, phase: 'attempt', compile: () => ({ prepare() {} }) }).phase).toBe('attempt');
    expect(definePolicy({ ...common, phase: 'connection', compile: () => ({ accept: () => true }) }).merge).toBe(
      'fields',
    );
  });

  test('wrong ones do not', () => {
    const wrong = [
      // @ts-expect-error -- a step's request half gives a reply or nothing
      definePolicy({ ...common, phase: 'limit', compile: () => ({ request: () => 'stop' }) }),
      // @ts-expect-error -- a guard is no step
      definePolicy({ ...common, phase: 'guard', compile: () => ({ request: () => undefined }) }),
      // @ts-expect-error -- an attempt rule must prepare
      definePolicy({ ...common, phase: 'attempt', compile: () => ({ finish() {} }) }),
      // @ts-expect-error -- a connection rule says yes or no
      definePolicy({ ...common, phase: 'connection', compile: () => ({ accept: () => undefined }) }),
      // @ts-expect-error -- a setting is a value, not nothing
      definePolicy({ ...common, phase: 'setting', compile: () => undefined }),
      // @ts-expect-error -- there is no such phase
      definePolicy({ ...common, phase: 'later', compile: () => ({}) }),
      // @ts-expect-error -- there is no such kind
      definePolicy({ ...common, kind: 'unheardOf', phase: 'limit', compile: () => ({}) }),
    ];
    expect(wrong).toHaveLength(7);
  });
});

test('phases come in the order the documentation promises', () => {
  const order: Phase[] = [
    'connection',
    'cors',
    'authenticate',
    'external-authorize',
    'authorize',
    'limit',
    'external-process',
    'transform',
    'filters',
    'mirror',
  ];
  expect(order.toSorted((a, b) => phaseOrder[a] - phaseOrder[b])).toEqual(order);
});
