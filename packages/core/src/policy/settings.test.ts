// Time-outs and retries: what is written, what holds where nothing is.
import { describe, expect, test } from 'vitest';
import { defaultTimeouts } from '../settings.ts';
import { isAccepted, write } from './fixture.ts';

describe('timeouts', () => {
  test.each<[object, object]>([
    [{}, {}],
    [{ request: '30s' }, { requestMs: 30_000 }],
    [
      { request: '0s', idle: '0s' },
      { requestMs: 0, idleMs: 0 },
    ],
    [
      { request: '1m30s', backendRequest: '500ms' },
      { requestMs: 90_000, backendRequestMs: 500 },
    ],
    [
      { request: '0s', backendRequest: '1h' },
      { requestMs: 0, backendRequestMs: 3_600_000 },
    ],
    [
      { connect: '1s', firstByte: '2s', idle: '3s' },
      { connectMs: 1000, firstByteMs: 2000, idleMs: 3000 },
    ],
  ])('%j', (spec, wanted) => {
    const { problems, value } = write('timeouts', spec);
    expect(problems).toEqual([]);
    expect(value).toEqual({ ...defaultTimeouts, ...wanted });
    expect(Object.isFrozen(value)).toBe(true);
  });

  test('one attempt is not longer than the whole', () => {
    expect(write('timeouts', { request: '1s', backendRequest: '1s' }).problems).toEqual([]);
    expect(write('timeouts', { request: '1s', backendRequest: '2s' }).problems).toMatchObject([
      { path: 'backendRequest' },
    ]);
  });

  test.each<[boolean, unknown]>([
    [false, { request: 30 }],
    [false, { request: '30' }],
    [false, { request: '-1s' }],
    [false, { request: '1.5s' }],
    [false, { total: '1s' }],
    [true, { request: '99999h' }],
  ])('accepts: %s %j', (isFine, spec) => expect(isAccepted('timeouts', spec)).toBe(isFine));
});

describe('retry', () => {
  test.each<[object, object]>([
    [{}, { attempts: 1, codes: [], backoffMs: 25 }],
    [{ attempts: 0 }, { attempts: 0, codes: [], backoffMs: 25 }],
    [
      { attempts: 3, codes: [503, 500], backoff: '100ms' },
      { attempts: 3, codes: [500, 503], backoffMs: 100 },
    ],
    [{ backoff: '0s' }, { attempts: 1, codes: [], backoffMs: 0 }],
  ])('%j', (spec, wanted) => {
    const { problems, value } = write('retry', spec);
    expect(problems).toEqual([]);
    expect(value).toEqual(wanted);
    expect(Object.isFrozen(value)).toBe(true);
  });

  test.each<[boolean, unknown]>([
    [false, { attempts: -1 }],
    [false, { attempts: 101 }],
    [false, { attempts: 1.5 }],
    [false, { codes: [200] }],
    [false, { codes: [600] }],
    [true, { codes: [400, 599] }],
  ])('accepts: %s %j', (isFine, spec) => expect(isAccepted('retry', spec)).toBe(isFine));
});
