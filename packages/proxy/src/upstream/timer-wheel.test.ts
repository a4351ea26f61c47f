// The wheel against a clock in the test's hands: nothing fires early, everything fires, nothing fires twice.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import * as fc from 'fast-check';
import { TimerWheel } from './timer-wheel.ts';

let nowMs = 0;
beforeEach(() => {
  nowMs = 12_345.6;
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Moves time on in steps, as an event loop would see it. */
function pass(ms: number, stepMs = 10): void {
  for (let left = ms; left > 0; left -= stepMs) {
    nowMs += Math.min(stepMs, left);
    vi.advanceTimersByTime(Math.min(stepMs, left));
  }
}

const wheel = (): TimerWheel => new TimerWheel(() => nowMs);

test('every timer fires once, never early and at most a few ticks late', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 30 }), (delays) => {
      const timers = wheel();
      const startMs = nowMs;
      const fired: number[] = delays.map(() => -1);
      delays.forEach((delayMs, index) => {
        timers.start(delayMs, () => {
          expect(fired[index]).toBe(-1);
          fired[index] = nowMs - startMs;
        });
      });
      pass(20_100);
      delays.forEach((delayMs, index) => {
        expect(fired[index]).toBeGreaterThanOrEqual(delayMs);
        expect(fired[index]).toBeLessThanOrEqual(delayMs + 40);
      });
    }),
    { numRuns: 20 },
  );
});

test('a stopped timer does not fire, and stopping twice is harmless', () => {
  const timers = wheel();
  const timer = timers.start(50, () => expect.unreachable());
  timer.stop();
  timer.stop();
  pass(200);
  expect(vi.getTimerCount()).toBe(0);
});

test('a restart counts from then, whether it moves the end later or earlier', () => {
  const timers = wheel();
  const fired: string[] = [];
  const later = timers.start(100, () => fired.push('later'));
  const earlier = timers.start(60_000, () => fired.push('earlier'));
  pass(50);
  later.restart(300);
  earlier.restart(20);
  pass(50);
  expect(fired).toEqual(['earlier']);
  pass(240);
  expect(fired).toEqual(['earlier']);
  pass(60);
  expect(fired).toEqual(['earlier', 'later']);
});

test('a timer can be restarted after it fired or was stopped', () => {
  const timers = wheel();
  let count = 0;
  const timer = timers.start(10, () => count++);
  pass(50);
  timer.restart(10);
  pass(50);
  timer.stop();
  timer.restart(10);
  pass(50);
  expect(count).toBe(3);
});

test('what fires may start and stop others, in the same slot too', () => {
  const timers = wheel();
  const fired: string[] = [];
  const second = timers.start(20, () => fired.push('second'));
  const first = timers.start(10, () => {
    fired.push('first');
    second.stop();
    timers.start(0, () => fired.push('third'));
  });
  pass(100);
  expect(fired).toEqual(['first', 'third']);
  first.stop();
});

test('a long stop of the event loop fires what was due and nothing else', () => {
  const timers = wheel();
  const fired: number[] = [];
  for (const delayMs of [10, 4000, 6000, 30_000]) timers.start(delayMs, () => fired.push(delayMs));
  nowMs += 7000;
  vi.advanceTimersByTime(10);
  expect(fired.toSorted((a, b) => a - b)).toEqual([10, 4000, 6000]);
  pass(23_100);
  expect(fired).toContain(30_000);
});

test('nothing runs while nothing is pending', () => {
  const timers = wheel();
  expect(vi.getTimerCount()).toBe(0);
  timers.start(10, () => {});
  expect(vi.getTimerCount()).toBe(1);
  pass(50);
  expect(vi.getTimerCount()).toBe(0);
  timers.start(1000, () => {});
  timers.close();
  expect(vi.getTimerCount()).toBe(0);
});
