// IP addresses and ranges, as the Kubernetes CEL libraries name them.
import { FunctionError } from '../error.ts';
import { Cidr, IpAddress } from '../ip.ts';
import type { FunctionRow } from './row.ts';

function toIp(text: string): IpAddress {
  const address = IpAddress.parse(text);
  if (!address) throw new FunctionError('value', 'the text is not an IP address');
  return address;
}

function toCidr(text: string): Cidr {
  const range = Cidr.parse(text);
  if (!range) throw new FunctionError('value', 'the text is not an address range such as 10.0.0.0/8');
  return range;
}

function test(name: string, doc: string, apply: (address: IpAddress) => boolean): FunctionRow {
  return { name, group: 'network', usage: `ip(text).${name}()`, doc, overloads: { [`IP.${name}(): bool`]: apply } };
}

/** Functions on addresses and ranges. */
export const networkFunctions: readonly FunctionRow[] = [
  {
    name: 'isIP',
    group: 'network',
    usage: 'isIP(text)',
    doc: 'Whether the text is an IPv4 or IPv6 address.',
    overloads: { 'isIP(string): bool': (text: string) => IpAddress.parse(text) !== undefined },
  },
  {
    name: 'ip',
    group: 'network',
    usage: 'ip(text), range.ip()',
    doc: 'The address that the text, or the range, names.',
    overloads: { 'ip(string): IP': toIp, 'CIDR.ip(): IP': (range: Cidr) => range.address },
  },
  {
    name: 'ip.isCanonical',
    group: 'network',
    usage: 'ip.isCanonical(text)',
    doc: 'Whether the text is the one way to write its address.',
    overloads: { 'ip.isCanonical(string): bool': (text: string) => toIp(text).toString() === text },
  },
  {
    name: 'family',
    group: 'network',
    usage: 'ip(text).family()',
    doc: '4 or 6.',
    overloads: { 'IP.family(): int': (address: IpAddress) => BigInt(address.family) },
  },
  test('isUnspecified', 'Whether it is 0.0.0.0 or ::.', (address) => address.isUnspecified),
  test('isLoopback', 'Whether it is in 127.0.0.0/8 or is ::1.', (address) => address.isLoopback),
  test('isLinkLocalUnicast', 'Whether it is in 169.254.0.0/16 or fe80::/10.', (address) => address.isLinkLocalUnicast),
  test(
    'isLinkLocalMulticast',
    'Whether it is in 224.0.0.0/24 or ff02::/16.',
    (address) => address.isLinkLocalMulticast,
  ),
  test(
    'isGlobalUnicast',
    'Whether it names one host beyond the link; private ranges count.',
    (address) => address.isGlobalUnicast,
  ),
  {
    name: 'isCIDR',
    group: 'network',
    usage: 'isCIDR(text)',
    doc: 'Whether the text is an address range.',
    overloads: { 'isCIDR(string): bool': (text: string) => Cidr.parse(text) !== undefined },
  },
  {
    name: 'cidr',
    group: 'network',
    usage: 'cidr(text)',
    doc: 'The address range that the text names.',
    overloads: { 'cidr(string): CIDR': toCidr },
  },
  {
    name: 'containsIP',
    group: 'network',
    usage: 'cidr(text).containsIP(address)',
    doc: 'Whether the range holds the address, given as text or by ip().',
    overloads: {
      'CIDR.containsIP(IP): bool': (range: Cidr, address: IpAddress) => range.contains(address),
      'CIDR.containsIP(string): bool': (range: Cidr, text: string) => range.contains(toIp(text)),
    },
  },
  {
    name: 'containsCIDR',
    group: 'network',
    usage: 'cidr(text).containsCIDR(range)',
    doc: 'Whether the range holds all of the other, given as text or by cidr().',
    overloads: {
      'CIDR.containsCIDR(CIDR): bool': (range: Cidr, other: Cidr) => range.containsRange(other),
      'CIDR.containsCIDR(string): bool': (range: Cidr, text: string) => range.containsRange(toCidr(text)),
    },
  },
  {
    name: 'masked',
    group: 'network',
    usage: 'cidr(text).masked()',
    doc: 'The range with its host bits zero.',
    overloads: { 'CIDR.masked(): CIDR': (range: Cidr) => range.masked() },
  },
  {
    name: 'prefixLength',
    group: 'network',
    usage: 'cidr(text).prefixLength()',
    doc: 'How many leading bits count.',
    overloads: { 'CIDR.prefixLength(): int': (range: Cidr) => BigInt(range.prefixLength) },
  },
];
