// Reads whom a TLS client asks for from the first bytes of a connection, without taking part in the handshake (RFC 8446 §4.1.2, §5.1).

/** What a ClientHello says in the clear. */
export interface ClientHello {
  /** The host name of the server_name extension (RFC 6066 §3), lower-case, without a trailing dot; undefined without one. */
  readonly serverName: string | undefined;
  /** Protocols of the ALPN extension (RFC 7301), in the client's order. */
  readonly alpn: readonly string[];
  /** Whether there is an encrypted ClientHello (RFC 9849): then `serverName` is that of the outer one, which is all a passer-by may know. */
  readonly hasEncryptedHello: boolean;
}

/** What the bytes of a connection come to so far. */
export type ClientHelloResult =
  /** Nothing can be said before there are `bytes` of them. */
  | { readonly kind: 'more'; readonly bytes: number }
  | { readonly kind: 'hello'; readonly hello: ClientHello }
  | { readonly kind: 'invalid'; readonly why: string }
  | { readonly kind: 'too-large' };

const handshakeRecord = 22;
const majorVersion = 3;
const clientHelloType = 1;
const recordHeaderBytes = 5;
const handshakeHeaderBytes = 4;
/** Longest plaintext of a record. */
const recordBytesMax = 16_384;
const randomBytes = 32;
const extensionTypes = { serverName: 0, alpn: 16, encryptedHello: 0xfe0d } as const;
const hostNameType = 0;
const hostNameBytesMax = 255;

/** Reads the first bytes of a connection. At most `bytesMax` of them, record headers included, may make up the ClientHello. */
export function readClientHello(bytes: Uint8Array, bytesMax: number): ClientHelloResult {
  const message = joinRecords(bytes, bytesMax);
  if (!(message instanceof Uint8Array)) return message;
  try {
    return { kind: 'hello', hello: parseHello(new Reader(message)) };
  } catch (error) {
    if (error instanceof Malformed) return { kind: 'invalid', why: error.message };
    throw error;
  }
}

/** The body of the ClientHello, which may be spread over several records, once it is there whole. */
function joinRecords(bytes: Uint8Array, bytesMax: number): Uint8Array | ClientHelloResult {
  const fragments: Uint8Array[] = [];
  let held = 0;
  let wanted = handshakeHeaderBytes;
  let offset = 0;
  while (held < wanted) {
    const refusal = checkRecordHeader(bytes, offset);
    if (refusal !== undefined) return invalid(refusal);
    if (offset + recordHeaderBytes > bytesMax) return { kind: 'too-large' };
    // A client that does not speak TLS may have said all it has to say: its first bytes are judged one by one.
    if (bytes.length < offset + recordHeaderBytes)
      return { kind: 'more', bytes: offset === 0 ? bytes.length + 1 : offset + recordHeaderBytes };
    const length = (bytes[offset + 3]! << 8) | bytes[offset + 4]!;
    if (length === 0 || length > recordBytesMax) return invalid('a TLS record of a length that is not allowed');
    const start = offset + recordHeaderBytes;
    const fragment = bytes.subarray(start, start + length);
    const known = held + fragment.length;
    fragments.push(fragment);
    if (held < handshakeHeaderBytes && known > 0) {
      const head = fragments.length === 1 ? fragment : Buffer.concat(fragments);
      if (head[0] !== clientHelloType) return invalid('the first TLS message is no ClientHello');
      if (head.length >= handshakeHeaderBytes) {
        wanted = handshakeHeaderBytes + ((head[1]! << 16) | (head[2]! << 8) | head[3]!);
        if (wanted + recordHeaderBytes > bytesMax) return { kind: 'too-large' };
      }
    }
    if (known < wanted && fragment.length < length) {
      // As much as this record can give, or what is wanting.
      const end = Math.min(start + length, start + wanted - held);
      return end > bytesMax ? { kind: 'too-large' } : { kind: 'more', bytes: end };
    }
    held = known;
    offset = start + length;
  }
  const message = fragments.length === 1 ? fragments[0]! : Buffer.concat(fragments);
  return message.subarray(handshakeHeaderBytes, wanted);
}

/** What of a record's header is there already must be right: a client that speaks another protocol may wait for an answer. */
function checkRecordHeader(bytes: Uint8Array, offset: number): string | undefined {
  if (offset < bytes.length && bytes[offset] !== handshakeRecord)
    return offset === 0 ? 'the client does not speak TLS' : 'the ClientHello is interrupted by another record';
  if (offset + 1 < bytes.length && bytes[offset + 1] !== majorVersion) return 'the client does not speak TLS';
  return undefined;
}

function invalid(why: string): ClientHelloResult {
  return { kind: 'invalid', why };
}

function parseHello(body: Reader): ClientHello {
  body.skip(2 + randomBytes, 'version and random');
  body.vector(1, 'session id');
  body.vector(2, 'cipher suites');
  body.vector(1, 'compression methods');
  const hello = { serverName: undefined as string | undefined, alpn: [] as string[], hasEncryptedHello: false };
  // TLS 1.2 allows a ClientHello without extensions.
  if (body.isAtEnd) return hello;
  const extensions = body.vector(2, 'extensions');
  body.end('the ClientHello');
  const seen = new Set<number>();
  while (!extensions.isAtEnd) {
    const type = extensions.number(2, 'extension');
    const content = extensions.vector(2, 'extension');
    if (seen.has(type)) throw new Malformed('the ClientHello has an extension twice');
    seen.add(type);
    if (type === extensionTypes.serverName) hello.serverName = parseServerName(content);
    else if (type === extensionTypes.alpn) hello.alpn = parseAlpn(content);
    else if (type === extensionTypes.encryptedHello) hello.hasEncryptedHello = true;
  }
  return hello;
}

function parseServerName(content: Reader): string | undefined {
  const names = content.vector(2, 'server name');
  content.end('the server name');
  let host: string | undefined;
  while (!names.isAtEnd) {
    const type = names.number(1, 'server name');
    const name = names.vector(2, 'server name').rest();
    if (type !== hostNameType) continue;
    if (host !== undefined) throw new Malformed('the ClientHello has two host names');
    host = toHostName(name);
  }
  return host;
}

/** Letters of a host name in ASCII (RFC 6066 §3); underscores are in use. */
const hostNamePattern = /^[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?$/;

function toHostName(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1').toLowerCase();
  if (text.length > hostNameBytesMax || !hostNamePattern.test(text))
    throw new Malformed('the server name of the ClientHello is no host name');
  return text.endsWith('.') ? text.slice(0, -1) : text;
}

function parseAlpn(content: Reader): string[] {
  const names = content.vector(2, 'ALPN');
  content.end('the ALPN extension');
  const protocols: string[] = [];
  while (!names.isAtEnd) protocols.push(Buffer.from(names.vector(1, 'ALPN').rest()).toString('latin1'));
  return protocols;
}

/** A ClientHello that contradicts itself. */
class Malformed extends Error {}

/** Reads numbers and vectors of a TLS message; never beyond its end. */
class Reader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#offset === this.#bytes.length;
  }

  /** An unsigned number of so many bytes. */
  number(size: number, what: string): number {
    let value = 0;
    for (const byte of this.#take(size, what)) value = value * 256 + byte;
    return value;
  }

  /** What follows a length of so many bytes. */
  vector(size: number, what: string): Reader {
    return new Reader(this.#take(this.number(size, what), what));
  }

  skip(size: number, what: string): void {
    this.#take(size, what);
  }

  rest(): Uint8Array {
    return this.#bytes.subarray(this.#offset);
  }

  end(what: string): void {
    if (!this.isAtEnd) throw new Malformed(`there are bytes too many in ${what}`);
  }

  #take(size: number, what: string): Uint8Array {
    const end = this.#offset + size;
    if (end > this.#bytes.length) throw new Malformed(`the ClientHello ends within its ${what}`);
    const taken = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return taken;
  }
}
