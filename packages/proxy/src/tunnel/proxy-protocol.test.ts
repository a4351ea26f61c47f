// What is written is read again whatever follows, and nothing else is believed.
import * as fc from 'fast-check';
import { SocketAddress } from 'node:net';
import { describe, expect, test } from 'vitest';
import {
  type ConnectionEnds,
  type ProxyHeaderResult,
  readProxyProtocol,
  writeProxyProtocol,
} from './proxy-protocol.ts';

const bytesMax = 4096;
const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const v4: ConnectionEnds = {
  source: { address: '192.0.2.7', port: 51_000 },
  destination: { address: '198.51.100.1', port: 443 },
};
const v6: ConnectionEnds = {
  source: { address: '2001:db8::7', port: 51_000 },
  destination: { address: '2001:db8:1::1', port: 443 },
};

const port = fc.integer({ min: 0, max: 65_535 });
const canonical = (address: string): string => new SocketAddress({ address, family: 'ipv6' }).address;
const ends = fc.oneof(
  fc.record({ source: fc.record({ address: fc.ipV4(), port }), destination: fc.record({ address: fc.ipV4(), port }) }),
  fc.record({
    source: fc.record({ address: fc.ipV6().map(canonical), port }),
    destination: fc.record({ address: fc.ipV6().map(canonical), port }),
  }),
);

/** A version 2 header by its bytes. */
function v2(command: number, family: number, payload: Uint8Array): Buffer {
  const head = Buffer.from([command, family, 0, 0]);
  head.writeUInt16BE(payload.length, 2);
  return Buffer.concat([signature, head, payload]);
}

const whyOf = (result: ProxyHeaderResult): string => (result.kind === 'invalid' ? result.why : result.kind);

test('both versions come back, however the bytes are cut and whatever follows', () => {
  fc.assert(
    fc.property(ends, fc.constantFrom(1 as const, 2 as const), fc.uint8Array(), (told, version, rest) => {
      const written = writeProxyProtocol(version, told);
      for (let end = 0; end < written.length; end++) {
        const result = readProxyProtocol(written.subarray(0, end), bytesMax);
        if (result.kind !== 'more') throw new Error(`${end}: ${JSON.stringify(result)}`);
        expect(result.bytes).toBeGreaterThan(end);
        expect(result.bytes).toBeLessThanOrEqual(written.length);
      }
      expect(readProxyProtocol(Buffer.concat([written, rest]), bytesMax)).toEqual({
        kind: 'header',
        header: { version, ends: told, bytes: written.length },
      });
    }),
  );
});

test('the bytes are those of the specification', () => {
  expect(writeProxyProtocol(1, v4).toString()).toBe('PROXY TCP4 192.0.2.7 198.51.100.1 51000 443\r\n');
  expect(writeProxyProtocol(1, v6).toString()).toBe('PROXY TCP6 2001:db8::7 2001:db8:1::1 51000 443\r\n');
  expect(writeProxyProtocol(2, v4)).toEqual(v2(0x21, 0x11, Buffer.from('c0000207c6336401c73801bb', 'hex')));
  expect(writeProxyProtocol(2, v4, 'udp')[13]).toBe(0x12);
  expect(writeProxyProtocol(2, v6)[13]).toBe(0x21);
  expect(writeProxyProtocol(1, undefined).toString()).toBe('PROXY UNKNOWN\r\n');
  expect(writeProxyProtocol(2, undefined)).toEqual(v2(0x20, 0, Buffer.alloc(0)));
});

test('addresses of both families go as IPv6, in every spelling', () => {
  const mixed = { source: v4.source, destination: v6.destination };
  const mapped = { address: '::ffff:192.0.2.7', port: 51_000 };
  expect(readProxyProtocol(writeProxyProtocol(2, mixed), bytesMax)).toMatchObject({
    header: { ends: { source: mapped, destination: v6.destination } },
  });
  expect(writeProxyProtocol(1, mixed).toString()).toContain('TCP6 ::ffff:192.0.2.7 2001:db8:1::1');
  const zoned = { source: { address: 'fe80::1%eth0', port: 1 }, destination: mapped };
  expect(readProxyProtocol(writeProxyProtocol(2, zoned), bytesMax)).toMatchObject({
    header: { ends: { source: { address: 'fe80::1' }, destination: mapped } },
  });
});

test.each([
  ['UNKNOWN with anything', Buffer.from('PROXY UNKNOWN ffff::1 what ever\r\n')],
  ['LOCAL with anything', v2(0x20, 0x55, Buffer.alloc(40, 7))],
  ['an unspecified family', v2(0x21, 0x00, Buffer.alloc(12))],
  ['an unspecified transport', v2(0x21, 0x10, Buffer.alloc(12))],
])('%s leaves the socket’s own addresses in force', (_, bytes) => {
  expect(readProxyProtocol(bytes, bytesMax)).toMatchObject({
    kind: 'header',
    header: { ends: undefined, bytes: bytes.length },
  });
});

test('type-length-values are skipped', () => {
  const payload = Buffer.concat([
    Buffer.from('c0000207c6336401c73801bb', 'hex'),
    Buffer.from([4, 0, 2, 1, 2, 0x21, 0, 0]),
  ]);
  const bytes = v2(0x21, 0x11, payload);
  expect(readProxyProtocol(Buffer.concat([bytes, Buffer.from('x')]), bytesMax)).toEqual({
    kind: 'header',
    header: { version: 2, ends: v4, bytes: bytes.length },
  });
});

test.each(['GET / HTTP/1.1', 'PROXIED', '\r\n\r\nx', '\x16\x03\x01'])('%j is no header', (text) => {
  expect(readProxyProtocol(Buffer.from(text, 'latin1'), bytesMax)).toEqual({ kind: 'none' });
});

describe('refused', () => {
  test.each([
    'PROXY TCP4 192.0.2.7 198.51.100.1 51000\r\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 51000 65536\r\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 051 443\r\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 51000 443 x\r\n',
    'PROXY TCP4 192.0.2 198.51.100.1 51000 443\r\n',
    'PROXY TCP4 ::1 ::1 51000 443\r\n',
    'PROXY TCP6 192.0.2.7 198.51.100.1 51000 443\r\n',
    'PROXY  TCP4 192.0.2.7 198.51.100.1 51000 443\r\n',
    'PROXY UDP4 192.0.2.7 198.51.100.1 51000 443\r\n',
    `PROXY UNKNOWN ${'x'.repeat(100)}\r\n`,
  ])('the line %j', (line) => expect(readProxyProtocol(Buffer.from(line), bytesMax).kind).toBe('invalid'));

  test.each([
    ['another version', v2(0x11, 0x11, Buffer.alloc(12)), 'version and command'],
    ['another command', v2(0x22, 0x11, Buffer.alloc(12)), 'version and command'],
    ['a socket of the file system', v2(0x21, 0x31, Buffer.alloc(216)), 'neither IPv4 nor IPv6'],
    ['another transport', v2(0x21, 0x13, Buffer.alloc(12)), 'neither IPv4 nor IPv6'],
    ['too few bytes for its addresses', v2(0x21, 0x21, Buffer.alloc(12)), 'too short'],
    ['a type-length-value that is cut off', v2(0x21, 0x11, Buffer.alloc(14)), 'cut off'],
    ['one that ends too late', v2(0x21, 0x11, Buffer.from('00'.repeat(12) + '040009aa', 'hex')), 'cut off'],
    ['too many bytes', v2(0x21, 0x11, Buffer.alloc(5000)).subarray(0, 16), 'longer than 4096'],
  ])('%s', (_, bytes, why) => expect(whyOf(readProxyProtocol(bytes, bytesMax))).toContain(why));

  test('no bytes make it throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (noise, isV2) => {
        const bytes = Buffer.concat([isV2 ? signature : Buffer.from('PROXY '), noise]);
        const result = readProxyProtocol(bytes, bytesMax);
        if (result.kind === 'more') expect(result.bytes).toBeGreaterThan(bytes.length);
      }),
      { numRuns: 2000 },
    );
  });
});
