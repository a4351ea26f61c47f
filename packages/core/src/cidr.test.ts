// Ranges of addresses: both families, mapped addresses, and every text that is none.
import { expect, test } from 'vitest';
import { isInRange, parseAddress, parseRange } from './cidr.ts';

test.each([
  ['10.1.2.3', '10.0.0.0/8', true],
  ['11.0.0.0', '10.0.0.0/8', false],
  ['10.0.0.1', '10.0.0.1', true],
  ['10.0.0.2', '10.0.0.1', false],
  ['172.31.255.255', '172.16.0.0/12', true],
  ['172.32.0.0', '172.16.0.0/12', false],
  ['1.2.3.4', '0.0.0.0/0', true],
  ['::ffff:10.1.2.3', '10.0.0.0/8', true],
  ['::ffff:a01:203', '10.0.0.0/8', true],
  ['10.1.2.3', '::ffff:0:0/96', true],
  ['10.1.2.3', '::/0', true],
  ['2001:db8::1', '2001:db8::/32', true],
  ['2001:db9::1', '2001:db8::/32', false],
  ['2001:db8::1', '10.0.0.0/8', false],
  ['2001:db8::1', '0.0.0.0/0', false],
  ['fe80::1%eth0', 'fe80::/10', true],
  ['2001:DB8:0:0:0:0:0:1', '2001:db8::1', true],
  ['::1', '::1/128', true],
])('%s in %s: %s', (address, range, isIn) => {
  expect(isInRange(parseAddress(address)!, parseRange(range)!)).toBe(isIn);
});

test.each([
  '',
  '1.2.3',
  '1.2.3.4.5',
  '01.2.3.4',
  '256.1.1.1',
  '1.2.3.a',
  ':',
  ':::',
  '1::2::3',
  '12345::',
  '::g',
  '1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:8:9',
  '1:2:3:4:5:6:7::8',
  '::1.2.3',
  '1.2.3.4::',
  'localhost',
])('%j is no address', (text) => expect(parseAddress(text)).toBeUndefined());

test.each([
  '10.0.0.0/33',
  '10.0.0.0/08',
  '10.0.0.0/',
  '10.0.0.1/8',
  '2001:db8::1/32',
  '::/129',
  '10.0.0.0/-1',
  'fe80::1%eth0/64',
  'x/8',
])('%j is no range', (text) => expect(parseRange(text)).toBeUndefined());
