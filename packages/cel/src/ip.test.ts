// Addresses and ranges: one text per address (RFC 5952), and no two readings of one text.
import { isIPv4, isIPv6 } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Cidr, IpAddress } from './ip.ts';

describe('addresses', () => {
  test.each([
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ])('%s is %s', (text, wanted) => expect(IpAddress.parse(text)?.toString()).toBe(wanted));

  test('are read when the platform reads them, and print as one text', () => {
    const odd = fc.stringMatching(/^[0-9a-f:.]{0,20}$/);
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), odd), (text) => {
        const address = IpAddress.parse(text);
        expect([text, address !== undefined]).toEqual([text, isIPv4(text) || isIPv6(text)]);
        if (!address) return;
        const printed = address.toString();
        expect(IpAddress.parse(printed)?.equals(address)).toBe(true);
        expect(IpAddress.parse(printed)?.toString()).toBe(printed);
      }),
      { numRuns: 500 },
    );
  });
});

describe('ranges', () => {
  test('hold what begins with the same bits, and no more', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.integer({ min: 0, max: 32 }), fc.ipV4(), (base, length, other) => {
        const range = Cidr.parse(`${base}/${length}`)!;
        const bits = (text: string): string =>
          IpAddress.parse(text)!.bits.toString(2).padStart(32, '0').slice(0, length);
        expect(range.contains(IpAddress.parse(other)!)).toBe(bits(base) === bits(other));
        expect(range.contains(IpAddress.parse(base)!)).toBe(true);
        expect(range.masked().containsRange(range)).toBe(true);
      }),
    );
  });

  test.each(['10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/08', '10.0.0.0/33', '::/129', '10.0.0.0/8/8', 'x/8'])(
    '%s is none',
    (text) => expect(Cidr.parse(text)).toBeUndefined(),
  );

  test('families are never mixed', () => {
    expect(Cidr.parse('0.0.0.0/0')?.contains(IpAddress.parse('::1')!)).toBe(false);
    expect(Cidr.parse('::/0')?.contains(IpAddress.parse('10.0.0.1')!)).toBe(false);
  });
});
