// Undoes content codings of bodies that must be read, with limits on what comes out (RFC 9110 §8.4).
import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { Body, type BodySource, type Sink } from '@agentgateway/core/body.ts';
import { GatewayError, type Reason } from '@agentgateway/core/errors.ts';
import type { Exchange, Reply } from '@agentgateway/core/exchange.ts';
import type { HeaderList } from '@agentgateway/core/header-list.ts';

const decoders: Readonly<Record<string, () => Transform>> = {
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

/** An upstream's body that steps read, for which the gateway's own limit is named. */
const replyReasons: DecodeReasons = { ...responseReasons, tooLarge: 'response-too-large' };

/** How many codings one body may have. */
export const codingsMax = 3;

/** Decoded bytes that one coding may make of each encoded byte, once there are more than {@link decodeFreeBytes}. */
export const decodeRatioMax = 256;

/** Decoded bytes that are not asked how few bytes they came from: short texts of one kind are packed tightly. */
export const decodeFreeBytes = 1024 * 1024;

/** Whether a content-encoding field leaves the body as it is. */
export function isIdentity(encoding: string | undefined): boolean {
  return encoding === undefined || encoding === '' || codingsOf(encoding).length === 0;
}

/** The codings of a field in lower case, as they were applied; `identity` is none. */
function codingsOf(encoding: string): string[] {
  return encoding
    .split(',')
    .map((coding) => coding.trim().toLowerCase())
    .filter((name) => name !== 'identity' && name !== '');
}

/** How a body is decoded, and who owns what comes out. */
export interface DecodeOptions extends DecodeReasons {
  /**
   * Takes over the decoded body, which counts against what the process may hold until it is released
   * (`Exchange.keep`). Left out, the bytes count while they are decoded and no longer.
   */
  readonly keep?: (body: Body) => void;
}

/** The decoded bytes; codings are undone from the last applied to the first. Throws GatewayError. */
export async function decodeBody(
  bytes: Uint8Array,
  encoding: string | undefined,
  bytesMax: number,
  how: DecodeOptions,
): Promise<Uint8Array> {
  if (isIdentity(encoding)) return bytes;
  const decoded = Body.from(new DecodedSource(Body.of(bytes), encoding!, how));
  try {
    how.keep?.(decoded);
    return await decoded.bytes(bytesMax, how.tooLarge);
  } finally {
    if (!how.keep) decoded.release();
  }
}

/**
 * The request's body, collected and decoded: from then on it has no content-encoding, for whoever reads it next and for
 * the upstream. Throws GatewayError.
 */
export async function collectRequest(exchange: Exchange, bytesMax: number): Promise<Uint8Array> {
  const { body, headers } = exchange;
  const bytes = await body.bytes(bytesMax);
  const encoding = headers.combined('content-encoding');
  if (encoding === undefined) return bytes;
  const keep = (decoded: Body): void => exchange.keep(decoded);
  const decoded = await decodeBody(bytes, encoding, bytesMax, { ...requestReasons, keep });
  body.replace(decoded);
  forgetEncoding(headers);
  return decoded;
}

/**
 * The reply's body, collected and decoded, likewise. Not read are bodies that end when the upstream likes (event streams,
 * gRPC), tunnels, and parts of an encoded body, which mean nothing alone. Throws GatewayError.
 */
export async function collectReply(exchange: Exchange, reply: Reply, bytesMax: number): Promise<void> {
  const { body, headers } = reply;
  if (body.kind === 'none' || body.kind === 'tunnel' || isOpenEnded(headers.get('content-type'))) return;
  const encoding = headers.combined('content-encoding');
  const isEncoded = !isIdentity(encoding);
  if (isEncoded && reply.status === 206) return;
  exchange.keep(body);
  const bytes = await body.bytes(bytesMax, 'response-too-large');
  if (!isEncoded || bytes.byteLength === 0) return;
  const keep = (decoded: Body): void => exchange.keep(decoded);
  body.replace(await decodeBody(bytes, encoding, bytesMax, { ...replyReasons, keep }));
  forgetEncoding(headers);
}

/** Media types whose bodies are streams of events: collecting one would hold back every event until the last. */
function isOpenEnded(type: string | undefined): boolean {
  return type !== undefined && /^\s*(?:text\/event-stream|application\/grpc[-+\w.]*)\s*(?:;|$)/i.test(type);
}

/** Takes out what was true of the encoded bytes alone; a strong validator becomes a weak one (RFC 9110 §8.8.1). */
function forgetEncoding(headers: HeaderList): void {
  headers.removeWhere((name) => encodedFields.has(name.toLowerCase()));
  const tag = headers.get('etag');
  if (tag !== undefined && !tag.startsWith('W/')) headers.set('etag', `W/${tag}`);
}

const encodedFields = new Set(['content-encoding', 'content-length', 'content-md5', 'content-digest']);

/** A body that is decoded as it is read, with back-pressure; several codings are undone one after the other. */
export class DecodedSource implements BodySource {
  readonly tooLargeReason: Reason;
  readonly #body: Body;
  /** Undefined where nothing is to be undone. */
  readonly #decoder: Transform | undefined;
  readonly #name: string | undefined;
  readonly #why: DecodeReasons;

  constructor(body: Body, encoding: string, why: DecodeReasons) {
    const codings = codingsOf(encoding);
    // Each coding may multiply the work once more.
    if (codings.length > codingsMax)
      throw new GatewayError(why.unknown, `the body has more than ${codingsMax} content codings`);
    const [name, ...applied] = codings;
    const open = name !== undefined && Object.hasOwn(decoders, name) ? decoders[name] : undefined;
    if (name !== undefined && !open)
      throw new GatewayError(why.unknown, `the content-encoding '${name}' is not understood`);
    this.#body = applied.length === 0 ? body : Body.from(new DecodedSource(body, applied.join(','), why));
    this.#decoder = open?.();
    this.#name = name;
    // Whoever cancels before the pipe hears of nothing else.
    this.#decoder?.on('error', () => {});
    this.#why = why;
    this.tooLargeReason = why.tooLarge;
  }

  pipe(sink: Sink): Promise<HeaderList | undefined> {
    const decoder = this.#decoder;
    if (!decoder) return this.#body.pipe(sink);
    const { promise, resolve, reject } = Promise.withResolvers<HeaderList | undefined>();
    let trailers: HeaderList | undefined;
    let readBytes = 0;
    let madeBytes = 0;
    decoder.on('data', (chunk: Buffer) => {
      madeBytes += chunk.byteLength;
      let waiting: true | Promise<void>;
      try {
        if (madeBytes > decodeFreeBytes && madeBytes > readBytes * decodeRatioMax) throw this.#bomb();
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
          : new GatewayError(this.#why.broken, `the body is not valid ${this.#name}`, { cause: error }),
      );
    });
    const write = (chunk: Uint8Array): true | Promise<void> => {
      if (decoder.destroyed) throw new Error('the decoder is closed');
      readBytes += chunk.byteLength;
      // A decoder that is closed meanwhile drains no more.
      return decoder.write(chunk) ? true : new Promise((go) => decoder.once('drain', go).once('close', go));
    };
    this.#body.pipe({ write }).then(
      (ended) => {
        trailers = ended;
        if (decoder.destroyed) reject(decoder.errored ?? new Error('the decoder is closed'));
        else decoder.end();
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
    this.#decoder?.destroy(GatewayError.from(cause));
  }

  #bomb(): GatewayError {
    return new GatewayError(
      this.#why.tooLarge,
      `the body decodes to more than ${decodeRatioMax} bytes for each of its own`,
    );
  }
}
