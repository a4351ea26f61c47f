// The PROXY protocol, versions 1 and 2, read and written: a proxy's word on whose connection it passes on (haproxy's proxy-protocol.txt).
import { type SocketAddress as NodeAddress, SocketAddress, isIP } from 'node:net';

/** An IP address and a port. */
export interface SocketEnd {
  readonly address: string;
  readonly port: number;
}

/** The two ends of a connection. */
export interface ConnectionEnds {
  readonly source: SocketEnd;
  readonly destination: SocketEnd;
}

/** What a header says. */
export interface ProxyHeader {
  readonly version: 1 | 2;
  /** Undefined where the proxy speaks for itself (LOCAL), or does not know (UNKNOWN, UNSPEC): the real ones hold. */
  readonly ends: ConnectionEnds | undefined;
  /** Its length in bytes. */
  readonly bytes: number;
}

/** What the bytes of a connection come to so far. */
export type ProxyHeaderResult =
  /** Nothing can be said before there are `bytes` of them. */
  | { readonly kind: 'more'; readonly bytes: number }
  | { readonly kind: 'header'; readonly header: ProxyHeader }
  /** The connection begins with something else. */
  | { readonly kind: 'none' }
  | { readonly kind: 'invalid'; readonly why: string };

const signatureV1 = Buffer.from('PROXY ');
const signatureV2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** Longest line of version 1, its end included. */
const lineBytesMax = 107;
const fixedBytes = 16;
const commands = { local: 0, proxy: 1 } as const;
const versionAndCommand = 0x20;
const families = { unspecified: 0, ipv4: 1, ipv6: 2 } as const;
const addressBytes = { [families.ipv4]: 4, [families.ipv6]: 16 } as const;
const transports = { unspecified: 0, tcp: 1, udp: 2 } as const;
const tlvHeaderBytes = 3;

/** Reads the first bytes of a connection, of which at most `bytesMax` may make up the header. */
export function readProxyProtocol(bytes: Uint8Array, bytesMax: number): ProxyHeaderResult {
  if (bytes.length === 0) return { kind: 'more', bytes: 1 };
  if (isBeginning(bytes, signatureV2))
    return bytes.length < fixedBytes ? { kind: 'more', bytes: fixedBytes } : readV2(bytes, bytesMax);
  if (isBeginning(bytes, signatureV1)) return readV1(bytes);
  return { kind: 'none' };
}

/** Whether the bytes begin with the signature, as far as they go. */
function isBeginning(bytes: Uint8Array, signature: Uint8Array): boolean {
  const size = Math.min(bytes.length, signature.length);
  for (let i = 0; i < size; i++) if (bytes[i] !== signature[i]) return false;
  return true;
}

function readV1(bytes: Uint8Array): ProxyHeaderResult {
  const text = Buffer.from(bytes.subarray(0, lineBytesMax)).toString('latin1');
  const end = text.indexOf('\r\n');
  if (end < 0) {
    if (bytes.length >= lineBytesMax) return invalid(`its line is longer than ${lineBytesMax} bytes`);
    return { kind: 'more', bytes: bytes.length + 1 };
  }
  const [, family, source, destination, sourcePort, destinationPort, ...more] = text.slice(0, end).split(' ');
  const length = end + 2;
  // A receiver must ignore anything before the end of the line.
  if (family === 'UNKNOWN') return { kind: 'header', header: { version: 1, ends: undefined, bytes: length } };
  const version = family === 'TCP4' ? 4 : family === 'TCP6' ? 6 : 0;
  if (version === 0 || more.length > 0) return invalid('its line is none of TCP4, TCP6 and UNKNOWN');
  const ends = {
    source: toEnd(source, sourcePort, version),
    destination: toEnd(destination, destinationPort, version),
  };
  if (!ends.source || !ends.destination) return invalid('its line names no address and port');
  return { kind: 'header', header: { version: 1, ends: ends as ConnectionEnds, bytes: length } };
}

function toEnd(address: string | undefined, portText: string | undefined, version: number): SocketEnd | undefined {
  if (address === undefined || isIP(address) !== version || !/^(0|[1-9][0-9]{0,4})$/.test(portText ?? ''))
    return undefined;
  const port = Number(portText);
  return port > 65_535 ? undefined : { address, port };
}

function readV2(bytes: Uint8Array, bytesMax: number): ProxyHeaderResult {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const command = view[12]! ^ versionAndCommand;
  if (command !== commands.local && command !== commands.proxy)
    return invalid('its version and command are not those of version 2');
  const length = fixedBytes + view.readUInt16BE(14);
  if (length > bytesMax) return invalid(`it is longer than ${bytesMax} bytes`);
  if (bytes.length < length) return { kind: 'more', bytes: length };
  const header = (ends: ConnectionEnds | undefined): ProxyHeaderResult => ({
    kind: 'header',
    header: { version: 2, ends, bytes: length },
  });
  // What follows is the sender's business and is to be skipped.
  if (command === commands.local) return header(undefined);
  const family = view[13]! >> 4;
  const transport = view[13]! & 15;
  if (family === families.unspecified || transport === transports.unspecified) return header(undefined);
  const isKnown = transport === transports.tcp || transport === transports.udp;
  if (!isKnown || (family !== families.ipv4 && family !== families.ipv6))
    return invalid('its address family is neither IPv4 nor IPv6');
  const size = addressBytes[family];
  const addressesEnd = fixedBytes + 2 * size + 4;
  if (length < addressesEnd) return invalid('it is too short for its addresses');
  if (!areTlvs(view.subarray(addressesEnd, length))) return invalid('what follows its addresses is cut off');
  const read = (at: number): string => toText(view.subarray(at, at + size));
  const ports = fixedBytes + 2 * size;
  return header({
    source: { address: read(fixedBytes), port: view.readUInt16BE(ports) },
    destination: { address: read(fixedBytes + size), port: view.readUInt16BE(ports + 2) },
  });
}

/** Whether the bytes are a row of whole type-length-values. */
function areTlvs(bytes: Buffer): boolean {
  let offset = 0;
  while (offset < bytes.length) {
    if (offset + tlvHeaderBytes > bytes.length) return false;
    offset += tlvHeaderBytes + bytes.readUInt16BE(offset + 1);
  }
  return offset === bytes.length;
}

function toText(bytes: Buffer): string {
  if (bytes.length === addressBytes[families.ipv4]) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
  return parseAddress(groups.join(':')).address;
}

function parseAddress(address: string): NodeAddress {
  return new SocketAddress({ address, family: isIP(address) === 6 ? 'ipv6' : 'ipv4' });
}

function invalid(why: string): ProxyHeaderResult {
  return { kind: 'invalid', why: `the PROXY protocol header cannot be used: ${why}` };
}

/** Writes a header. Without ends it says that nobody's connection is passed on. Addresses of both families go as IPv6. */
export function writeProxyProtocol(
  version: 1 | 2,
  ends: ConnectionEnds | undefined,
  transport: 'tcp' | 'udp' = 'tcp',
): Buffer {
  if (version === 1) return Buffer.from(writeLine(ends), 'latin1');
  if (!ends) return Buffer.concat([signatureV2, Buffer.from([versionAndCommand | commands.local, 0, 0, 0])]);
  const family = isV4(ends) ? families.ipv4 : families.ipv6;
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(ends.source.port, 0);
  ports.writeUInt16BE(ends.destination.port, 2);
  const toBytes = (address: string): Buffer => (family === families.ipv4 ? v4Bytes(address) : v6Bytes(address));
  const payload = Buffer.concat([toBytes(ends.source.address), toBytes(ends.destination.address), ports]);
  const head = [versionAndCommand | commands.proxy, (family << 4) | transports[transport], 0, payload.length];
  return Buffer.concat([signatureV2, Buffer.from(head), payload]);
}

function writeLine(ends: ConnectionEnds | undefined): string {
  if (!ends) return 'PROXY UNKNOWN\r\n';
  const { source, destination } = ends;
  const family = isV4(ends) ? 'TCP4' : 'TCP6';
  const [from, to] = [source.address, destination.address].map((address) =>
    family === 'TCP6' && isIP(address) === 4 ? `::ffff:${address}` : address,
  );
  return `PROXY ${family} ${from} ${to} ${source.port} ${destination.port}\r\n`;
}

function isV4({ source, destination }: ConnectionEnds): boolean {
  return isIP(source.address) === 4 && isIP(destination.address) === 4;
}

function v4Bytes(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}

/** The 16 bytes of an address of either family; a zone is dropped. */
function v6Bytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.concat([Buffer.alloc(10), Buffer.from([255, 255]), v4Bytes(address)]);
  const [plain = ''] = address.split('%');
  // An IPv4 address may stand for the last two groups.
  const lastGroups = /(?<=:)[0-9.]+$/.exec(plain)?.[0];
  const dotted = lastGroups?.includes('.') === true ? v4Bytes(lastGroups) : undefined;
  const text = dotted ? plain.slice(0, -lastGroups!.length) + dotted.toString('hex').replace(/^(.{4})/, '$1:') : plain;
  const [left = '', right] = text.split('::');
  const [before, after] = [toGroups(left), toGroups(right)];
  const groups = [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after];
  const bytes = Buffer.alloc(16);
  groups.forEach((group, i) => bytes.writeUInt16BE(Number.parseInt(group, 16), 2 * i));
  return bytes;
}

function toGroups(part: string | undefined): string[] {
  return part ? part.split(':') : [];
}
