// Who would spend the owner's money: routes with credentials and nobody authenticated, beyond loopback.
import { expect, test } from 'vitest';
import { findExposed } from './exposure.ts';
import type { Snapshot } from './snapshot/snapshot.ts';

function snapshotOf(address: string, phases: readonly string[], holdsCredentials: boolean): Snapshot {
  const decisions = phases.map((phase) => ({ kind: phase, phase, policies: ['p'], winners: {}, invalid: undefined }));
  const rule = { route: 'httproute/default/llm', decisions, backends: [{ key: 'llmbackend/default/m' }] };
  const listener = { router: { values: () => new Set([rule]) } };
  return {
    binds: new Map([['b', { address, port: 3000, listeners: [listener] }]]),
    backend: () => ({ holdsCredentials }),
  } as unknown as Snapshot;
}

test.each([
  ['', '127.0.0.1', [], true, 0],
  ['', '0.0.0.0', [], true, 1],
  ['10.0.0.1', '127.0.0.1', [], true, 1],
  ['::', '127.0.0.1', [], true, 1],
  ['::1', '0.0.0.0', [], true, 0],
  ['127.8.8.8', '0.0.0.0', [], true, 0],
  ['localhost', '0.0.0.0', [], true, 0],
  ['', '0.0.0.0', ['authenticate'], true, 0],
  ['', '0.0.0.0', ['cors', 'transform'], true, 1],
  ['', '0.0.0.0', [], false, 0],
] as const)(
  'listener on %j, default %s, policies %j, credentials %s: %i',
  (...[address, fallback, phases, holds, count]) => {
    const exposed = findExposed(snapshotOf(address, phases, holds), fallback);
    expect(exposed).toHaveLength(count);
    if (count > 0)
      expect(exposed[0]).toBe(`httproute/default/llm → llmbackend/default/m on ${address || fallback}:3000`);
  },
);
