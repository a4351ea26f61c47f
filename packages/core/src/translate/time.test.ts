// RFC 3339 times against the platform's own reading.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { toEpochMs } from './time.ts';

test('agrees with Date on every time it accepts', () => {
  const times = fc.date({
    min: new Date('1600-01-01T00:00:00Z'),
    max: new Date('2999-12-31T00:00:00Z'),
    noInvalidDate: true,
  });
  fc.assert(
    fc.property(times, fc.integer({ min: -1439, max: 1439 }), (date, offset) => {
      const sign = offset < 0 ? '-' : '+';
      const zone = `${sign}${pad(Math.floor(Math.abs(offset) / 60))}:${pad(Math.abs(offset) % 60)}`;
      const local = new Date(date.getTime() + offset * 60_000).toISOString().replace('Z', zone);
      expect(toEpochMs(local)).toBe(date.getTime());
      expect(toEpochMs(date.toISOString())).toBe(date.getTime());
    }),
  );
});

test.each([
  '',
  '2027-02-29T00:00:00Z',
  '2027-13-01T00:00:00Z',
  '2027-00-01T00:00:00Z',
  '2027-01-01T24:00:00Z',
  '2027-01-01T00:60:00Z',
  '2027-01-01 00:00:00Z',
  '2027-01-01T00:00:00',
])('%j is none', (time) => expect(toEpochMs(time)).toBeUndefined());

test('a leap day is one', () => expect(toEpochMs('2028-02-29T00:00:00Z')).toBe(Date.UTC(2028, 1, 29)));

function pad(value: number): string {
  return String(value).padStart(2, '0');
}
