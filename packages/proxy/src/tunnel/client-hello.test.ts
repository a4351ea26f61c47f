// What a ClientHello says is read the same however its bytes are cut, and nothing that is none is taken for one.
import * as fc from 'fast-check';
import { createServer } from 'node:net';
import { connect } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { type ClientHelloResult, readClientHello } from './client-hello.ts';

const bytesMax = 32 * 1024;

interface HelloParts {
  readonly names?: readonly { readonly type: number; readonly name: string }[];
  readonly alpn?: readonly string[];
  readonly extensions?: readonly { readonly type: number; readonly content: Buffer }[];
  readonly hasExtensions?: boolean;
}

function vector(size: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const length = Buffer.alloc(size);
  length.writeUIntBE(content.length, 0, size);
  return Buffer.concat([length, content]);
}

function extension(type: number, content: Uint8Array): Buffer {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(type);
  return Buffer.concat([head, vector(2, content)]);
}

/** A ClientHello as a handshake message, without records. */
function toMessage({ names, alpn, extensions = [], hasExtensions = true }: HelloParts): Buffer {
  const all = extensions.map(({ type, content }) => extension(type, content));
  if (names) {
    const list = names.map(({ type, name }) =>
      Buffer.concat([Buffer.from([type]), vector(2, Buffer.from(name, 'latin1'))]),
    );
    all.push(extension(0, vector(2, ...list)));
  }
  if (alpn) all.push(extension(16, vector(2, ...alpn.map((name) => vector(1, Buffer.from(name))))));
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 9),
    vector(1, Buffer.alloc(32, 1)),
    vector(2, Buffer.from([0x13, 0x01])),
    vector(1, Buffer.from([0])),
    hasExtensions ? vector(2, ...all) : Buffer.alloc(0),
  ]);
  return Buffer.concat([Buffer.from([1]), vector(3, body)]);
}

/** The message in records of these sizes; the last takes the rest. */
function toRecords(message: Buffer, sizes: readonly number[] = []): Buffer {
  const records: Buffer[] = [];
  let offset = 0;
  for (const size of [...sizes, Infinity]) {
    if (offset >= message.length) break;
    const fragment = message.subarray(offset, offset + Math.min(size, 16_384));
    records.push(Buffer.from([22, 3, 1]), vector(2, fragment));
    offset += fragment.length;
  }
  return Buffer.concat(records);
}

const host = (name: string): HelloParts => ({ names: [{ type: 0, name }] });
const nameOf = (parts: HelloParts): string | undefined => {
  const result = readClientHello(toRecords(toMessage(parts)), bytesMax);
  if (result.kind !== 'hello') throw new Error(JSON.stringify(result));
  return result.hello.serverName;
};

/** Reads as a connection does: as soon as there are as many bytes as were asked for. */
function readInPieces(bytes: Buffer, step: number): ClientHelloResult {
  let needs = 0;
  for (let end = step; ; end += step) {
    const held = bytes.subarray(0, end);
    if (held.length >= needs) {
      const result = readClientHello(held, bytesMax);
      if (result.kind !== 'more') return result;
      expect(result.bytes).toBeGreaterThan(held.length);
      needs = result.bytes;
    }
    if (end >= bytes.length) return { kind: 'more', bytes: needs };
  }
}

describe('what is read', () => {
  test('the name, the protocols and an encrypted hello', () => {
    const parts = { ...host('Shop.Example.COM'), alpn: ['h2', 'http/1.1'] };
    expect(readClientHello(toRecords(toMessage(parts)), bytesMax)).toEqual({
      kind: 'hello',
      hello: { serverName: 'shop.example.com', alpn: ['h2', 'http/1.1'], hasEncryptedHello: false },
    });
    const outer = { ...host('public.example'), extensions: [{ type: 0xfe0d, content: Buffer.alloc(300, 4) }] };
    expect(readClientHello(toRecords(toMessage(outer)), bytesMax)).toMatchObject({
      hello: { serverName: 'public.example', hasEncryptedHello: true },
    });
  });

  test('a trailing dot is no part of the name', () => expect(nameOf(host('a.example.'))).toBe('a.example'));

  test('a hello without a name, or without extensions, has none', () => {
    expect(nameOf({ alpn: ['h2'] })).toBeUndefined();
    expect(nameOf({ hasExtensions: false })).toBeUndefined();
    expect(nameOf({ names: [{ type: 7, name: 'x' }] })).toBeUndefined();
  });

  test('what a real client sends', async () => {
    const bytes = await new Promise<Buffer>((resolve, reject) => {
      const server = createServer((socket) => {
        socket.once('data', (chunk: Buffer) => {
          socket.destroy();
          server.close();
          resolve(chunk);
        });
      });
      server.listen(0, '127.0.0.1', () => {
        const { port } = server.address() as { port: number };
        connect({ port, host: '127.0.0.1', servername: 'real.example', ALPNProtocols: ['h2'] }).on('error', () => {});
      });
      server.on('error', reject);
    });
    expect(readClientHello(bytes, bytesMax)).toMatchObject({ hello: { serverName: 'real.example', alpn: ['h2'] } });
  });
});

describe('however it is cut', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 60 });

  test('into records and into reads, the same is read, and never before it is whole', () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 300 }), fc.nat(2000), (records, step, padding) => {
        const parts = { ...host('cut.example.com'), extensions: [{ type: 21, content: Buffer.alloc(padding) }] };
        const bytes = toRecords(toMessage(parts), records);
        expect(readInPieces(Buffer.concat([bytes, Buffer.from('more')]), step)).toMatchObject({
          kind: 'hello',
          hello: { serverName: 'cut.example.com' },
        });
        for (let end = 0; end < bytes.length; end++)
          expect(readClientHello(bytes.subarray(0, end), bytesMax).kind).toBe('more');
      }),
      { numRuns: 40 },
    );
  });

  test('what is asked for is there when it is there: no byte beyond the hello is waited for', () => {
    fc.assert(
      fc.property(sizes, (records) => {
        const bytes = toRecords(toMessage(host('wait.example')), records);
        let held = 0;
        for (;;) {
          const result = readClientHello(bytes.subarray(0, held), bytesMax);
          if (result.kind === 'hello') break;
          if (result.kind !== 'more') throw new Error(JSON.stringify(result));
          expect(result.bytes).toBeLessThanOrEqual(bytes.length);
          held = result.bytes;
        }
      }),
    );
  });

  test('any bytes come to an answer without a throw', () => {
    const beginning = toRecords(toMessage({ ...host('fuzz.example'), alpn: ['h2'] }));
    fc.assert(
      fc.property(fc.nat(beginning.length - 1), fc.uint8Array({ minLength: 1, maxLength: 80 }), (at, noise) => {
        const bytes = Buffer.concat([beginning.subarray(0, at), noise, beginning.subarray(at + noise.length)]);
        const result = readClientHello(bytes, bytesMax);
        if (result.kind === 'more') expect(result.bytes).toBeGreaterThan(bytes.length);
        if (result.kind === 'more') expect(result.bytes).toBeLessThanOrEqual(bytesMax);
      }),
      { numRuns: 2000 },
    );
  });
});

function refusedAs(bytes: Buffer): string {
  const result = readClientHello(bytes, bytesMax);
  return result.kind === 'invalid' ? result.why : result.kind;
}

describe('what is refused', () => {
  test('another protocol, with its first byte', () => {
    expect(refusedAs(Buffer.from('G'))).toBe('the client does not speak TLS');
    expect(refusedAs(Buffer.from([22, 2]))).toBe('the client does not speak TLS');
    expect(refusedAs(Buffer.from([0x80, 0x2e, 1, 3, 1]))).toBe('the client does not speak TLS');
  });

  test('another message, another record in between, empty and overlong records', () => {
    expect(refusedAs(Buffer.from([22, 3, 1, 0, 1, 2]))).toBe('the first TLS message is no ClientHello');
    const cut = toRecords(toMessage(host('a.example'))).subarray(0, 60);
    cut.writeUInt16BE(55, 3);
    expect(refusedAs(Buffer.concat([cut, Buffer.from([23, 3, 3])]))).toContain('interrupted');
    expect(refusedAs(Buffer.from([22, 3, 1, 0, 0]))).toContain('length');
    expect(refusedAs(Buffer.from([22, 3, 1, 0x40, 1]))).toContain('length');
  });

  test.each(['', '.', 'a..b', 'a b', 'a\0.example', 'ä.example', 'a'.repeat(256)])('the name %j', (name) => {
    expect(refusedAs(toRecords(toMessage(host(name))))).toContain('no host name');
  });

  test('two names, an extension twice, lengths that contradict each other', () => {
    const twice = { names: [...host('a.example').names!, ...host('b.example').names!] };
    expect(refusedAs(toRecords(toMessage(twice)))).toContain('two host names');
    const same = { type: 10, content: Buffer.from([0]) };
    expect(refusedAs(toRecords(toMessage({ extensions: [same, same] })))).toContain('twice');
    const message = toMessage(host('a.example'));
    message[message.length - 'a.example'.length - 1]!++;
    expect(refusedAs(toRecords(message))).toContain('ends within');
  });

  test('one longer than the limit, as soon as it says so', () => {
    const long = toRecords(toMessage({ extensions: [{ type: 21, content: Buffer.alloc(40_000) }] }));
    expect(refusedAs(long.subarray(0, 9))).toBe('too-large');
    // Many small records: the headers count.
    const short = toRecords(
      toMessage({ extensions: [{ type: 21, content: Buffer.alloc(9000) }] }),
      Array<number>(9500).fill(1),
    );
    expect(refusedAs(short)).toBe('too-large');
  });
});
