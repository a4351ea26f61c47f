// Undoes content codings of bodies that must be read, with a limit on what comes out (RFC 9110 §8.4).
import type { Transform } from 'node:stream';
import {
  brotliDecompress,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
  gunzip,
  inflate,
  zstdDecompress,
} from 'node:zlib';
import { promisify } from 'node:util';
import type { Body, BodySource, Sink } from '@agentgateway/core/body.ts';
import { GatewayError, type Reason } from '@agentgateway/core/errors.ts';
import type { HeaderList } from '@agentgateway/core/header-list.ts';

type Decoder = (bytes: Uint8Array, options: { maxOutputLength: number }) => Promise<Uint8Array>;

const decoders: Readonly<Record<string, Decoder>> = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
  zstd: promisify(zstdDecompress),
};

const streamDecoders: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};

/** What to throw when it cannot be done: a client's body is the client's mistake, a provider's the provider's. */
export interface DecodeReasons {
  readonly unknown: Reason;
  readonly broken: Reason;
  readonly tooLarge: Reason;
}

/** A request's body. */
export const requestReasons: DecodeReasons = {
  unknown: 'unsupported-encoding',
  broken: 'bad-request',
  tooLarge: 'request-too-large',
};

/** An upstream's body. */
export const responseReasons: DecodeReasons = {
  unknown: 'upstream-protocol-error',
  broken: 'upstream-protocol-error',
  tooLarge: 'upstream-protocol-error',
};

/** How many codings one body may have. */
export const codingsMax = 3;

/** Whether a content-encoding field leaves the body as it is. */
export function isIdentity(encoding: string | undefined): boolean {
  return encoding === undefined || encoding === '' || encoding.toLowerCase() === 'identity';
}

/** The decoded bytes; codings are undone from the last applied to the first. Throws GatewayError. */
export async function decodeBody(
  bytes: Uint8Array,
  encoding: string | undefined,
  bytesMax: number,
  why: DecodeReasons,
): Promise<Uint8Array> {
  if (isIdentity(encoding)) return bytes;
  let decoded = bytes;
  const codings = encoding!
    .split(',')
    .map((coding) => coding.trim().toLowerCase())
    .filter((name) => name !== 'identity' && name !== '');
  // Each coding may multiply the work once more.
  if (codings.length > codingsMax)
    throw new GatewayError(why.unknown, `the body has more than ${codingsMax} content codings`);
  for (const name of codings.toReversed()) {
    const decoder = Object.hasOwn(decoders, name) ? decoders[name] : undefined;
    if (!decoder) throw new GatewayError(why.unknown, `the content-encoding '${name}' is not understood`);
    try {
      decoded = await decoder(decoded, { maxOutputLength: bytesMax });
    } catch (error) {
      const isTooLarge = (error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE';
      const message = isTooLarge
        ? `the decoded body is longer than ${bytesMax} bytes`
        : `the body is not valid ${name}`;
      throw new GatewayError(isTooLarge ? why.tooLarge : why.broken, message, { cause: error });
    }
  }
  return decoded;
}

/** A body that is decoded as it is read, with back-pressure. One coding: a stream that has several is refused. */
export class DecodedSource implements BodySource {
  readonly #body: Body;
  readonly #decoder: Transform;
  readonly #why: DecodeReasons;

  constructor(body: Body, encoding: string, why: DecodeReasons) {
    const name = encoding.trim().toLowerCase();
    const open = Object.hasOwn(streamDecoders, name) ? streamDecoders[name] : undefined;
    if (!open) throw new GatewayError(why.unknown, `the content-encoding '${name}' is not understood`);
    this.#body = body;
    this.#decoder = open();
    // Whoever cancels before the pipe hears of nothing else.
    this.#decoder.on('error', () => {});
    this.#why = why;
  }

  pipe(sink: Sink): Promise<HeaderList | undefined> {
    const decoder = this.#decoder;
    const { promise, resolve, reject } = Promise.withResolvers<HeaderList | undefined>();
    let trailers: HeaderList | undefined;
    decoder.on('data', (chunk: Buffer) => {
      let waiting: true | Promise<void>;
      try {
        waiting = sink.write(chunk);
      } catch (error) {
        this.cancel(error);
        return;
      }
      if (waiting === true) return;
      decoder.pause();
      waiting.then(
        () => decoder.resume(),
        (error: unknown) => this.cancel(error),
      );
    });
    decoder.on('end', () => resolve(trailers));
    decoder.on('error', (error) => {
      this.#body.cancel(error);
      reject(
        error instanceof GatewayError
          ? error
          : new GatewayError(this.#why.broken, 'the body cannot be decoded', { cause: error }),
      );
    });
    const write = (chunk: Uint8Array): true | Promise<void> => {
      if (decoder.destroyed) throw new Error('the decoder is closed');
      return decoder.write(chunk) ? true : new Promise((drained) => decoder.once('drain', drained));
    };
    this.#body.pipe({ write }).then(
      (ended) => {
        trailers = ended;
        decoder.end();
      },
      (error: unknown) => {
        reject(error);
        decoder.destroy();
      },
    );
    return promise;
  }

  cancel(cause: unknown): void {
    this.#body.cancel(cause);
    this.#decoder.destroy(GatewayError.from(cause));
  }
}
