// IP addresses and address ranges as values: parsing (RFC 4632, RFC 4291 §2.2), printing (RFC 5952) and classes.

type Family = 4 | 6;
const bitsOf = { 4: 32, 6: 128 } as const;

/** One address. IPv4 addresses that come mapped into IPv6 (`::ffff:10.0.0.1`) are the IPv4 address. */
export class IpAddress {
  readonly family: Family;
  /** The address as one unsigned number of 32 or 128 bits. */
  readonly bits: bigint;

  constructor(family: Family, bits: bigint) {
    this.family = family;
    this.bits = bits;
  }

  /** Parses an address without zone or prefix; undefined where the text is none. */
  static parse(text: string): IpAddress | undefined {
    const four = parseIpv4(text);
    if (four !== undefined) return new IpAddress(4, four);
    const six = parseIpv6(text);
    if (six === undefined) return undefined;
    return six >> 32n === 0xffffn ? new IpAddress(4, six & 0xffff_ffffn) : new IpAddress(6, six);
  }

  equals(other: IpAddress): boolean {
    return this.family === other.family && this.bits === other.bits;
  }

  isWithin(range: string): boolean {
    return Cidr.parse(range)?.contains(this) ?? false;
  }

  get isLoopback(): boolean {
    return this.isWithin('127.0.0.0/8') || this.isWithin('::1/128');
  }

  get isUnspecified(): boolean {
    return this.bits === 0n;
  }

  get isLinkLocalUnicast(): boolean {
    return this.isWithin('169.254.0.0/16') || this.isWithin('fe80::/10');
  }

  get isLinkLocalMulticast(): boolean {
    return this.isWithin('224.0.0.0/24') || this.isWithin('ff02::/16');
  }

  get isMulticast(): boolean {
    return this.isWithin('224.0.0.0/4') || this.isWithin('ff00::/8');
  }

  /** As Go's net package and Kubernetes define it: any unicast address that is not link-local, loopback or special. */
  get isGlobalUnicast(): boolean {
    const isBroadcast = this.family === 4 && this.bits === 0xffff_ffffn;
    return !(this.isUnspecified || isBroadcast || this.isLoopback || this.isMulticast || this.isLinkLocalUnicast);
  }

  toString(): string {
    return this.family === 4 ? printIpv4(this.bits) : printIpv6(this.bits);
  }
}

/** A range of addresses: an address and how many of its leading bits count. */
export class Cidr {
  readonly address: IpAddress;
  readonly prefixLength: number;

  constructor(address: IpAddress, prefixLength: number) {
    this.address = address;
    this.prefixLength = prefixLength;
  }

  /** Parses `address/length`; undefined where the text is none. */
  static parse(text: string): Cidr | undefined {
    const slash = text.indexOf('/');
    if (slash < 0) return undefined;
    const address = IpAddress.parse(text.slice(0, slash));
    const length = text.slice(slash + 1);
    if (!address || !/^(0|[1-9]\d{0,2})$/.test(length) || Number(length) > bitsOf[address.family]) return undefined;
    return new Cidr(address, Number(length));
  }

  contains(address: IpAddress): boolean {
    if (address.family !== this.address.family) return false;
    const hostBits = BigInt(bitsOf[address.family] - this.prefixLength);
    return address.bits >> hostBits === this.address.bits >> hostBits;
  }

  containsRange(range: Cidr): boolean {
    return range.prefixLength >= this.prefixLength && this.contains(range.address);
  }

  /** The same range, its host bits zero. */
  masked(): Cidr {
    const hostBits = BigInt(bitsOf[this.address.family] - this.prefixLength);
    return new Cidr(new IpAddress(this.address.family, (this.address.bits >> hostBits) << hostBits), this.prefixLength);
  }

  equals(other: Cidr): boolean {
    return this.prefixLength === other.prefixLength && this.address.equals(other.address);
  }

  toString(): string {
    return `${this.address.toString()}/${this.prefixLength}`;
  }
}

function parseIpv4(text: string): bigint | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (!match) return undefined;
  let bits = 0n;
  for (const part of match.slice(1)) {
    // Leading zeros are octal to some parsers, so they are refused.
    if (Number(part) > 255 || (part.length > 1 && part.startsWith('0'))) return undefined;
    bits = (bits << 8n) | BigInt(part);
  }
  return bits;
}

function parseIpv6(text: string): bigint | undefined {
  if (text.length > 45 || !text.includes(':')) return undefined;
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0] ?? '', halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1] ?? '', true) : [];
  if (!head || !tail) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => 0), ...tail];
  return groups.reduce((bits, group) => (bits << 16n) | BigInt(group), 0n);
}

/** Groups of 16 bits; the last may be an IPv4 address where it ends the text. */
function parseGroups(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16));
      continue;
    }
    const four = mayEndInIpv4 && index === parts.length - 1 ? parseIpv4(part) : undefined;
    if (four === undefined) return undefined;
    groups.push(Number(four >> 16n), Number(four & 0xffffn));
  }
  return groups;
}

function printIpv4(bits: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((bits >> shift) & 255n)).join('.');
}

function printIpv6(bits: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) => Number((bits >> BigInt(112 - 16 * index)) & 0xffffn));
  let bestStart = -1;
  let bestLength = 1;
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && groups[end] === 0) end++;
    if (end - start > bestLength) [bestStart, bestLength] = [start, end - start];
  }
  const print = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return bestStart < 0 ? print(0, 8) : `${print(0, bestStart)}::${print(bestStart + bestLength, 8)}`;
}
