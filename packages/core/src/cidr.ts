// Ranges of IP addresses in CIDR notation (RFC 4632, RFC 4291 §2.3), IPv4-mapped IPv6 addresses taken for the IPv4 they hold.

/** A range: the first bits of an address of 16 bytes; IPv4 stands in `::ffff:0:0/96`. */
export interface AddressRange {
  readonly bytes: Uint8Array;
  readonly bits: number;
}

const addressBytes = 16;
const mappedPrefix = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff] as const;
const mappedBits = 96;

/** An address as 16 bytes; undefined for what is none. A zone (`%eth0`) is left out. */
export function parseAddress(text: string): Uint8Array | undefined {
  const plain = text.includes('%') ? text.slice(0, text.indexOf('%')) : text;
  return plain.includes(':') ? parseIpv6(plain) : parseIpv4(plain);
}

/** A range; an address alone is a range of one. Undefined for what is none, and where bits beyond the prefix are set. */
export function parseRange(text: string): AddressRange | undefined {
  const slash = text.indexOf('/');
  const address = slash < 0 ? text : text.slice(0, slash);
  const isIpv4 = !address.includes(':');
  const bytes = address.includes('%') ? undefined : parseAddress(address);
  if (!bytes) return undefined;
  const full = isIpv4 ? addressBytes * 8 - mappedBits : addressBytes * 8;
  const suffix = slash < 0 ? String(full) : text.slice(slash + 1);
  if (!/^(0|[1-9][0-9]{0,2})$/.test(suffix) || Number(suffix) > full) return undefined;
  const bits = Number(suffix) + (isIpv4 ? mappedBits : 0);
  return hasOnly(bytes, bits) ? { bytes, bits } : undefined;
}

/** Whether the range holds the address. */
export function isInRange(address: Uint8Array, { bytes, bits }: AddressRange): boolean {
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (address[i] !== bytes[i]) return false;
  const rest = bits & 7;
  return rest === 0 || (address[whole]! ^ bytes[whole]!) >> (8 - rest) === 0;
}

function hasOnly(bytes: Uint8Array, bits: number): boolean {
  for (let bit = bits; bit < bytes.length * 8; bit++) if ((bytes[bit >> 3]! >> (7 - (bit & 7))) & 1) return false;
  return true;
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 0xff))
    return undefined;
  return Uint8Array.from([...mappedPrefix, ...parts.map(Number)]);
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, index) => toGroups(half, index === halves.length - 1));
  if (!head || (halves.length === 2 && !tail)) return undefined;
  const missing = addressBytes - head.length - (tail?.length ?? 0);
  // `::` stands for at least one group.
  if (tail ? missing < 2 : missing !== 0) return undefined;
  return Uint8Array.from([...head, ...Array.from({ length: missing }, () => 0), ...(tail ?? [])]);
}

/** The bytes of groups between colons; the last of an address may be an IPv4 address. */
function toGroups(text: string, isEnd: boolean): number[] | undefined {
  if (text === '') return [];
  const groups = text.split(':');
  const bytes: number[] = [];
  for (const [index, group] of groups.entries()) {
    const isLast = isEnd && index === groups.length - 1;
    const ipv4 = isLast && group.includes('.') ? parseIpv4(group) : undefined;
    if (ipv4) bytes.push(...ipv4.subarray(mappedBits / 8));
    else if (/^[0-9a-f]{1,4}$/i.test(group))
      bytes.push(Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff);
    else return undefined;
  }
  return bytes;
}
