// Who would spend the owner's money: routes with credentials that do not insist on a known caller, beyond loopback.
import { expect, test } from 'vitest';
import type { Step } from '@agentgateway/core/phases.ts';
import { writeStep } from '@agentgateway/core/policy/fixture.ts';
import type { Target } from '@agentgateway/core/target.ts';
import { findExposed } from './exposure.ts';
import { closed } from './snapshot/compile-spec.ts';
import type { Snapshot } from './snapshot/snapshot.ts';

type Holds = Target['holdsCredentials'];

interface World {
  readonly address: string;
  readonly steps?: readonly Step[];
  readonly backendSteps?: readonly Step[];
  readonly holds?: Holds;
}

const toPlan = (list: readonly Step[]): object => ({ steps: list.map((step) => ({ step })) });

function snapshotOf({ address, steps = [], backendSteps = [], holds }: World): Snapshot {
  const backends = [{ key: 'llmbackend/default/m', plan: toPlan(backendSteps) }];
  const rule = { route: 'httproute/default/llm', plan: toPlan(steps), backends };
  const listener = { router: { values: () => new Set([rule]) } };
  return {
    binds: new Map([['b', { address, port: 3000, listeners: [listener] }]]),
    backend: () => ({ holdsCredentials: holds }),
  } as unknown as Snapshot;
}

function apiKeys(mode: string): Step {
  const keyHash = `sha256:${'0'.repeat(64)}`;
  return writeStep('apiKeyAuthentication', { mode, keys: [{ keyHash }] });
}

test.each([
  ['', '127.0.0.1', 0],
  ['', '0.0.0.0', 1],
  ['10.0.0.1', '127.0.0.1', 1],
  ['::', '127.0.0.1', 1],
  ['::1', '0.0.0.0', 0],
  ['127.8.8.8', '0.0.0.0', 0],
  ['localhost', '0.0.0.0', 0],
] as const)('listener on %j, default %s: %i', (...[address, fallback, count]) => {
  const exposed = findExposed(snapshotOf({ address, holds: () => true }), fallback);
  expect(exposed).toHaveLength(count);
  if (count > 0) expect(exposed[0]).toBe(`httproute/default/llm → llmbackend/default/m on ${address || fallback}:3000`);
});

test.each<[string, Omit<World, 'address'>, number]>([
  ['an authenticator that insists', { steps: [apiKeys('Strict')] }, 0],
  ['one that does not', { steps: [apiKeys('Optional')] }, 1],
  ['another step', { steps: [writeStep('cors', { allowOrigins: ['*'] })] }, 1],
  ['one that insists, for the backend', { backendSteps: [apiKeys('Strict')] }, 0],
  ['what lets nobody pass', { steps: [closed('policy p', 'why')] }, 0],
  ['nothing to spend', { holds: () => false }, 0],
  ['nothing said of credentials', { holds: undefined }, 0],
])('%s', (_what, world, count) => {
  expect(findExposed(snapshotOf({ address: '0.0.0.0', holds: () => true, ...world }), '')).toHaveLength(count);
});

test('a backend that sends to others is asked with the snapshot', () => {
  const asked: unknown[] = [];
  const snapshot = snapshotOf({ address: '0.0.0.0', holds: (seen) => asked.push(seen) > 0 });
  expect(findExposed(snapshot, '')).toHaveLength(1);
  expect(asked).toEqual([snapshot]);
});
