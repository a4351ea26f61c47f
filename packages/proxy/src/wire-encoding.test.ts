// Content codings: undone whole and as they come, bounded, and never an uncaught error.
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { Body, bodyBuffers, toSource } from '@agentgateway/core/body.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import { describe, expect, test } from 'vitest';
import { DecodedSource, codingsMax, decodeBody, decodeFreeBytes, isIdentity, requestReasons, responseReasons } from './wire-encoding.ts'; // prettier-ignore

const codings = {
  gzip: gzipSync,
  'x-gzip': gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
};
const plain = Buffer.from('Grüße '.repeat(1000));
const reasonOf = async (work: Promise<unknown>): Promise<string> => {
  const error: unknown = await work.then(() => 'none', (cause: unknown) => cause);
  return error instanceof GatewayError ? error.reason : String(error);
}; // prettier-ignore

const through = async (name: string, bytes: Uint8Array): Promise<Buffer> => {
  const chunks: Uint8Array[] = [];
  let writing = 0;
  await new DecodedSource(Body.of(bytes), name, responseReasons).pipe({
    async write(chunk) {
      expect(++writing).toBe(1);
      await Promise.resolve();
      writing--;
      chunks.push(chunk);
    },
  });
  return Buffer.concat(chunks);
};

describe.each(Object.entries(codings))('%s', (name, encode) => {
  test('whole, also in capitals and on top of another', async () => {
    expect(Buffer.from(await decodeBody(encode(plain), name.toUpperCase(), 1e6, requestReasons)).equals(plain)).toBe(true);
    const twice = gzipSync(encode(plain));
    expect(Buffer.from(await decodeBody(twice, `identity, ${name}, gzip`, 1e6, requestReasons)).equals(plain)).toBe(true);
  }); // prettier-ignore

  test('a bomb stops at the limit; what is broken is said to be', async () => {
    const bomb = encode(Buffer.alloc(20_000_000));
    expect(await reasonOf(decodeBody(bomb, name, 10_000, requestReasons))).toBe('request-too-large');
    expect(await reasonOf(decodeBody(Buffer.from('no'), name, 10_000, requestReasons))).toBe('bad-request');
    expect(await reasonOf(decodeBody(encode(plain).subarray(0, 20), name, 1e6, responseReasons))).toBe('upstream-protocol-error');
  }); // prettier-ignore

  test('as it comes, with back-pressure; cut or broken it rejects', async () => {
    const large = Buffer.alloc(300_000, 7);
    expect((await through(name, encode(large))).equals(large)).toBe(true);
    expect(await reasonOf(through(name, encode(plain).subarray(0, -9)))).toBe('upstream-protocol-error');
    expect(await reasonOf(through(name, Buffer.from('garbage, of some length')))).toBe('upstream-protocol-error');
  });

  test('a sink that throws ends it with what it threw', async () => {
    const failure = new GatewayError('upstream-rejected', 'enough');
    const body = Body.from(toSource(encode(plain)));
    const piping = new DecodedSource(body, name, responseReasons).pipe({
      write() {
        throw failure;
      },
    });
    await expect(piping).rejects.toBe(failure);
  });
});

test('unknown and too many codings are refused', async () => {
  expect(await reasonOf(decodeBody(plain, 'compress', 1e6, requestReasons))).toBe('unsupported-encoding');
  expect(await reasonOf(decodeBody(plain, '__proto__', 1e6, requestReasons))).toBe('unsupported-encoding');
  const many = Array.from({ length: codingsMax + 1 }, () => 'gzip').join(',');
  expect(await reasonOf(decodeBody(plain, many, 1e6, requestReasons))).toBe('unsupported-encoding');
  for (const encoding of ['compress', 'gzip, compress', 'compress, gzip', many])
    expect(() => new DecodedSource(Body.of(plain), encoding, responseReasons)).toThrow(GatewayError);
});

test('identity is no coding, however it is written', async () => {
  for (const encoding of [undefined, '', 'Identity', ' identity', 'identity, identity', ' , ']) {
    expect(isIdentity(encoding)).toBe(true);
    expect(await decodeBody(plain, encoding, 1, requestReasons)).toBe(plain);
  }
  expect([isIdentity('gzip'), isIdentity('identity, gzip')]).toEqual([false, false]);
  expect((await through('identity', plain)).equals(plain)).toBe(true);
});

test('stacked codings are undone the same way whole and as they come', async () => {
  const stacked = gzipSync(brotliCompressSync(deflateSync(plain)));
  expect(Buffer.from(await decodeBody(stacked, 'deflate, br, gzip', 1e6, requestReasons)).equals(plain)).toBe(true);
  expect((await through('deflate, br,gzip', stacked)).equals(plain)).toBe(true);
  expect(await reasonOf(through('br, deflate, gzip', stacked))).toBe('upstream-protocol-error');
});

test('a stream that makes too much of too little is stopped', async () => {
  expect((await through('gzip', gzipSync(Buffer.alloc(decodeFreeBytes)))).byteLength).toBe(decodeFreeBytes);
  expect(await reasonOf(through('gzip', gzipSync(Buffer.alloc(4 * decodeFreeBytes))))).toBe('upstream-protocol-error');
  // Text of which a tenth is left is nothing unusual, however much of it there is.
  const busy = Buffer.from(Array.from({ length: 400_000 }, (_, i) => `${(i * i) % 4001},`).join(''));
  expect(busy.byteLength).toBeGreaterThan(1.5 * decodeFreeBytes);
  expect((await through('gzip', gzipSync(busy))).equals(busy)).toBe(true);
});

test('what comes out counts against what the process may hold, until its owner lets it go', async () => {
  const { bytesMax, heldBytes } = bodyBuffers;
  const encoded = gzipSync(Buffer.alloc(50_000));
  try {
    bodyBuffers.bytesMax = heldBytes + 60_000;
    expect((await decodeBody(encoded, 'gzip', 1e6, requestReasons)).byteLength).toBe(50_000);
    expect(bodyBuffers.heldBytes).toBe(heldBytes);
    const kept: Body[] = [];
    await decodeBody(encoded, 'gzip', 1e6, { ...requestReasons, keep: (body) => void kept.push(body) });
    expect(bodyBuffers.heldBytes).toBe(heldBytes + 50_000);
    expect(await reasonOf(decodeBody(encoded, 'gzip', 1e6, requestReasons))).toBe('overloaded');
    for (const body of kept) body.release();
    expect(bodyBuffers.heldBytes).toBe(heldBytes);
  } finally {
    bodyBuffers.bytesMax = bytesMax;
  }
});

test('cancelled before it is read, it is quiet', () => {
  new DecodedSource(Body.of(plain), 'gzip', responseReasons).cancel(new Error('not wanted'));
});
