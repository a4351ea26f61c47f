// Health checks live as long as a chain that asks for them: no edit of anything else begins one anew or ends it.
import { expect, test } from 'vitest';
import type { BackendEnvironment } from '../backend/registry.ts';
import type { TimerWheel } from '../upstream/timer-wheel.ts';
import { backend, listener, openStore, policy, route, setsHeader } from './fixture.ts';
import type { Spec } from './fixture.ts';

function health(intervalMs: bigint): Spec {
  const active = { how: { case: 'tcp', value: {} }, intervalMs, timeoutMs: 1000n } as const;
  return { kind: { case: 'health', value: { active } } };
}

/** A store whose timers count. */
function open() {
  const started: number[] = [];
  const running = new Set<object>();
  const timers = {
    start(delayMs: number) {
      const timer = { stop: () => void running.delete(timer), restart: () => {} };
      started.push(delayMs);
      running.add(timer);
      return timer;
    },
  } as unknown as TimerWheel;
  const store = openStore({ transport: { timers } as BackendEnvironment['transport'], random: () => 1 });
  return { store, started, running };
}

const key = 'httpbackend/default/a';

test('one check for equal settings, whichever rules ask; it outlives edits and ends with the last', async () => {
  const { store, started, running } = open();
  const base = [listener('web'), backend('a'), route('x', ['web']), route('y', ['web'], { prefix: '/y' })];
  await store.update({ set: [...base, policy('h', [key], health(1000n))], removed: [] });
  expect(started).toEqual([100]);
  await store.update({ set: [policy('other', ['httproute/default/x'], setsHeader('x-a', '1'))], removed: [] });
  await store.update({ set: [backend('a', 81)], removed: [] });
  await store.update({ set: [policy('h2', ['httproute/default/y'], health(1000n))], removed: [] });
  expect([started, running.size]).toEqual([[100], 1]);
  await store.update({ set: [policy('h', [key], health(2000n))], removed: [] });
  expect([started, running.size]).toEqual([[100, 200], 1]);
  await store.update({ set: [], removed: [{ typeUrl: base[2]!.typeUrl, key: 'httproute/default/x' }] });
  expect(running.size).toBe(1);
  await store.update({ set: [], removed: [{ typeUrl: base[2]!.typeUrl, key: 'httproute/default/y' }] });
  expect(running.size).toBe(0);
  await store.update({ set: [base[2]!], removed: [] });
  expect(running.size).toBe(1);
});

test('a request that began before still has it', async () => {
  const { store, running } = open();
  await store.update({
    set: [listener('web'), backend('a'), route('x', ['web']), policy('h', [key], health(1000n))],
    removed: [],
  });
  const before = store.current;
  before.use.enter();
  await store.update({
    set: [],
    removed: [{ typeUrl: listener('web').typeUrl, key: 'policy/default/h/health' }],
  });
  expect(running.size).toBe(1);
  before.use.leave();
  expect(running.size).toBe(0);
});
