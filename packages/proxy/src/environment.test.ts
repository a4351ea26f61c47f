// The proxy's door to the world: ids that sort by time and never repeat, and secrets read when they are asked for.
import { expect, test } from 'vitest';
import { createEnvironment, systemClock } from './environment.ts';
import { Readiness } from './readiness.ts';
import { RecordingLedger } from './recording-ledger.ts';

test('ids are UUIDv7, distinct, and in the order of their milliseconds', () => {
  const before = Date.now();
  const ids = Array.from({ length: 5000 }, () => systemClock.id());
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(new Set(ids).size).toBe(ids.length);
  const times = ids.map((id) => Number.parseInt(id.slice(0, 13).replace('-', ''), 16));
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(times[0]).toBeGreaterThanOrEqual(before);
  expect(times.at(-1)).toBeLessThanOrEqual(Date.now());
});

test('the random bits of ids differ in every place', () => {
  const ids = Array.from({ length: 2000 }, () => systemClock.id().replaceAll('-', ''));
  for (let place = 13; place < 32; place++) {
    const digits = new Set(ids.map((id) => id[place]));
    expect(digits.size, `digit ${place}`).toBe(place === 16 ? 4 : 16);
  }
});

test('a secret is looked up each time it is used', () => {
  const secrets = new Map([['secret/default/s entry', 'old']]);
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const environment = createEnvironment({
    clock: systemClock,
    log,
    ledger: new RecordingLedger(),
    readSecret: (key, entry) => secrets.get(`${key} ${entry}`),
    upstream: () => {
      throw new Error('not called');
    },
    pause: () => Promise.resolve(),
  });
  const secret = environment.secret({ secret: 'secret/default/s', entry: 'entry' });
  expect(secret.current()).toBe('old');
  secrets.set('secret/default/s entry', 'new');
  expect(secret.current()).toBe('new');
  secrets.clear();
  expect(secret.current()).toBeUndefined();
  // Only what a snapshot holds may open state, for somebody must dispose it.
  expect(() => environment.state('x', () => ({ [Symbol.dispose]() {} }))).toThrow('snapshot');
});

test('ready when every task is done, and never again after a drain', () => {
  const readiness = new Readiness();
  const [one, two] = [readiness.task('one'), readiness.task('two')];
  expect(readiness.waitingFor).toEqual(['one', 'two']);
  two();
  two();
  expect(readiness.waitingFor).toEqual(['one']);
  one();
  expect(readiness.waitingFor).toEqual([]);
  readiness.drain();
  one();
  expect(readiness.waitingFor).toEqual(['draining']);
});
