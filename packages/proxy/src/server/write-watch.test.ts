// A wait that lasts is noticed once; waits that end are not, whatever their number, and all share one timer.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WriteWatch } from './write-watch.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('one wait that lasts', () => {
  const expired = vi.fn();
  new WriteWatch(100, expired).begin();
  vi.advanceTimersByTime(99);
  expect(expired).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1000);
  expect(expired).toHaveBeenCalledOnce();
  expect(vi.getTimerCount()).toBe(0);
});

test('short waits, for ever', () => {
  const expired = vi.fn();
  const watch = new WriteWatch(100, expired);
  for (let i = 0; i < 50; i++) {
    watch.begin();
    vi.advanceTimersByTime(30);
    watch.end();
    expect(vi.getTimerCount()).toBeLessThanOrEqual(1);
  }
  vi.advanceTimersByTime(1000);
  expect(expired).not.toHaveBeenCalled();
  expect(vi.getTimerCount()).toBe(0);
});

test('a wait that lasts after short ones, within twice the limit', () => {
  const expired = vi.fn();
  const watch = new WriteWatch(100, expired);
  watch.begin();
  vi.advanceTimersByTime(90);
  watch.end();
  watch.begin();
  vi.advanceTimersByTime(99);
  expect(expired).not.toHaveBeenCalled();
  vi.advanceTimersByTime(101);
  expect(expired).toHaveBeenCalledOnce();
});

test('stopped, it sleeps', () => {
  const expired = vi.fn();
  const watch = new WriteWatch(100, expired);
  watch.begin();
  watch.stop();
  expect(vi.getTimerCount()).toBe(0);
  vi.advanceTimersByTime(1000);
  expect(expired).not.toHaveBeenCalled();
});
