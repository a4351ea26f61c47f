// The head of an HTTP/1.x message, read strictly: what two parties could read differently is refused (RFC 9112 §2–§6).
import { isNamed } from '@agentgateway/core/header-list.ts';
import { FramingError } from './framing-error.ts';

/** Limits of a head. */
export interface HeadLimits {
  /** The whole head, in bytes. */
  readonly headerBytesMax: number;
  /** Fields. */
  readonly headersMax: number;
}

/** What every head says. */
export interface MessageHead {
  /** `[name, value, …]` as received, without the white space around values. */
  readonly fields: string[];
  readonly isHttp10: boolean;
  /** `content-length`; undefined where there is none. */
  readonly lengthBytes: number | undefined;
  readonly isChunked: boolean;
  /** Whether the connection outlives the message, as far as its sender is concerned (RFC 9112 §9.3). */
  readonly isKeptAlive: boolean;
  /** The protocol of `upgrade`, in lower case, where `connection` names it too (RFC 9110 §7.8). */
  readonly upgrade: string | undefined;
}

/** The head of a request. */
export interface RequestHead extends MessageHead {
  readonly method: string;
  readonly target: string;
  /** The only `host` field. */
  readonly host: string | undefined;
  /** `expect`, in lower case. */
  readonly expectation: string | undefined;
}

/** The head of a response. */
export interface ResponseHead extends MessageHead {
  readonly status: number;
}

/** A request's head may follow that many empty lines (RFC 9112 §2.2). */
const emptyLinesMax = 4;
const headEnd = Buffer.from('\r\n\r\n');
const htab = 0x09;
const lf = 0x0a;
const cr = 0x0d;
const space = 0x20;
const colon = 0x3a;
const del = 0x7f;

/** Characters of a token (RFC 9110 §5.6.2). */
const isToken = new Uint8Array(256);
for (const character of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
  isToken[character.charCodeAt(0)] = 1;

/**
 * Where the head ends that begins at `from`: the offset after its empty line, or -1 while it has not arrived whole. What
 * was looked at before, up to `seen`, is not looked at again: a head that comes byte by byte costs no more than another.
 * Throws FramingError for a line that ends without a carriage return, and for more bytes than a head may have.
 */
export function findHeadEnd(bytes: Buffer, from: number, { headerBytesMax }: HeadLimits, seen = from): number {
  const start = Math.max(from, seen - headEnd.byteLength + 1);
  const found = bytes.indexOf(headEnd, start);
  const size = (found < 0 ? bytes.byteLength : found) - from;
  if (size > headerBytesMax) throw new FramingError('the head is longer than headerBytesMax', true);
  if (found >= 0) return found + headEnd.byteLength;
  // A whole head would show it anyway; what never becomes whole is not waited for.
  for (let at = bytes.indexOf(lf, start); at >= 0; at = bytes.indexOf(lf, at + 1))
    if (at === from || bytes[at - 1] !== cr) throw new FramingError('a line of the head ends in a bare line feed');
  return -1;
}

/** How many bytes of empty lines precede a request. */
export function skipEmptyLines(bytes: Buffer, from: number): number {
  let at = from;
  while (bytes[at] === cr && bytes[at + 1] === lf) {
    at += 2;
    if (at - from > 2 * emptyLinesMax) throw new FramingError('too many empty lines before the request');
  }
  return at;
}

/** Throws where an incomplete request cannot become one: whoever speaks another protocol is not waited for. */
export function checkBeginning(bytes: Buffer, from: number): void {
  let at = from;
  while (isToken[bytes[at]!] === 1) at++;
  const next = bytes[at];
  if (next === undefined ? at - from > methodBytesMax : next !== space || at === from)
    throw new FramingError('the request line does not begin with a method');
}

/** Longest method, in bytes. */
const methodBytesMax = 32;

/** Reads the head of a request between two offsets, the empty line included. */
export function parseRequestHead(bytes: Buffer, from: number, to: number, limits: HeadLimits): RequestHead {
  const text = bytes.toString('latin1', from, to);
  const methodEnd = skipToken(text, 0);
  if (methodEnd === 0 || text.charCodeAt(methodEnd) !== space)
    throw new FramingError('the request line does not begin with a method');
  const targetEnd = skipVisible(text, methodEnd + 1);
  if (targetEnd === methodEnd + 1 || text.charCodeAt(targetEnd) !== space)
    throw new FramingError('the request line is not a method, a target and a version');
  const lineEnd = text.indexOf('\r\n', targetEnd);
  const isHttp10 = readVersion(text, targetEnd + 1, lineEnd);
  const head = readFields(new Head(isHttp10), text, lineEnd + 2, limits);
  head.method = text.slice(0, methodEnd);
  head.target = text.slice(methodEnd + 1, targetEnd);
  return head;
}

/** Reads the head of a response between two offsets, the empty line included. */
export function parseResponseHead(bytes: Buffer, from: number, to: number, limits: HeadLimits): ResponseHead {
  const text = bytes.toString('latin1', from, to);
  const lineEnd = text.indexOf('\r\n');
  const isHttp10 = readVersion(text, 0, 'HTTP/1.1'.length);
  // `HTTP/1.1 200 OK`; the space before an empty reason may be missing, as many servers do.
  const status = lineEnd >= 12 && text.charCodeAt(8) === space ? readStatus(text) : 0;
  const next = text.charCodeAt(12);
  if (status < 100 || (next !== space && next !== cr)) throw new FramingError('the status line is not one');
  const head = readFields(new Head(isHttp10), text, lineEnd + 2, limits);
  head.status = status;
  return head;
}

/** Reads the trailer fields of a chunked message, its empty line included. */
export function parseTrailers(bytes: Buffer, from: number, to: number, limits: HeadLimits): string[] {
  // Here they frame nothing, and must not (RFC 9110 §6.5.1): transports drop those that would elsewhere.
  return readFields(new Head(false), bytes.toString('latin1', from, to), 0, limits).fields;
}

function readVersion(text: string, from: number, to: number): boolean {
  if (to - from === 8 && text.startsWith('HTTP/1.', from)) {
    const minor = text.charCodeAt(from + 7);
    if (minor === 0x31) return false;
    if (minor === 0x30) return true;
  }
  throw new FramingError('only HTTP/1.1 and HTTP/1.0 are spoken here');
}

function readStatus(text: string): number {
  let status = 0;
  for (let i = 9; i < 12; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return 0;
    status = status * 10 + digit;
  }
  return status;
}

function skipToken(text: string, from: number): number {
  let at = from;
  while (isToken[text.charCodeAt(at)] === 1) at++;
  return at;
}

/** Characters that are neither white space nor control; beyond ASCII they are opaque. */
function skipVisible(text: string, from: number): number {
  let at = from;
  for (let code = text.charCodeAt(at); code > space && code !== del; code = text.charCodeAt(at)) at++;
  return at;
}

/** Characters of a value and the white space in it (RFC 9110 §5.5). */
function skipValue(text: string, from: number): number {
  let at = from;
  for (let code = text.charCodeAt(at); (code >= space && code !== del) || code === htab; code = text.charCodeAt(at))
    at++;
  return at;
}

/** A head of either kind; one shape, so that reading one is one allocation. */
class Head implements RequestHead, ResponseHead {
  method = '';
  target = '';
  status = 0;
  readonly fields: string[] = [];
  readonly isHttp10: boolean;
  lengthBytes: number | undefined = undefined;
  isChunked = false;
  isKeptAlive: boolean;
  upgrade: string | undefined = undefined;
  host: string | undefined = undefined;
  expectation: string | undefined = undefined;
  /** `connection` names `upgrade`. */
  hasUpgrade = false;

  constructor(isHttp10: boolean) {
    this.isHttp10 = isHttp10;
    this.isKeptAlive = !isHttp10;
  }

  /** Takes note of a field that the framing depends on. */
  note(name: string, value: string): void {
    switch (name.length) {
      case 4:
        if (isNamed(name, 'host')) this.#host(value);
        break;
      case 6:
        if (isNamed(name, 'expect')) this.expectation = value.toLowerCase();
        break;
      case 7:
        if (isNamed(name, 'upgrade')) this.upgrade = value.toLowerCase();
        break;
      case 10:
        if (isNamed(name, 'connection')) this.#connection(value);
        break;
      case 14:
        if (isNamed(name, 'content-length')) this.#length(value);
        break;
      case 17:
        if (isNamed(name, 'transfer-encoding')) this.#coding(value);
        break;
      default:
    }
  }

  #host(value: string): void {
    if (this.host !== undefined) throw new FramingError('there is more than one host field');
    this.host = value;
  }

  #connection(value: string): void {
    if (value === 'keep-alive') {
      this.isKeptAlive = true;
      return;
    }
    for (const part of value.toLowerCase().split(',')) {
      const token = part.trim();
      if (token === 'close') this.isKeptAlive = false;
      else if (token === 'keep-alive' && this.isHttp10) this.isKeptAlive = true;
      else if (token === 'upgrade') this.hasUpgrade = true;
    }
  }

  #length(value: string): void {
    if (this.lengthBytes !== undefined) throw new FramingError('there is more than one content-length field');
    if (!isLength.test(value)) throw new FramingError('the content-length is not a number');
    this.lengthBytes = Number(value);
  }

  #coding(value: string): void {
    if (this.isHttp10) throw new FramingError('transfer-encoding is not part of HTTP/1.0');
    if (this.isChunked || value.toLowerCase() !== 'chunked')
      throw new FramingError('the only transfer-encoding understood is chunked, once');
    this.isChunked = true;
  }
}

/** Up to 15 digits, which no double rounds. */
const isLength = /^[0-9]{1,15}$/;

function readFields(head: Head, text: string, from: number, limits: HeadLimits): Head {
  const { fields } = head;
  const fieldsMax = 2 * limits.headersMax;
  const end = text.length - 2;
  let at = from;
  while (at < end) {
    const nameEnd = skipToken(text, at);
    if (nameEnd === at || text.charCodeAt(nameEnd) !== colon) throw new FramingError(badName(text, at));
    const name = text.slice(at, nameEnd);
    let valueStart = nameEnd + 1;
    while (isBlank(text.charCodeAt(valueStart))) valueStart++;
    const lineEnd = skipValue(text, valueStart);
    if (text.charCodeAt(lineEnd) !== cr || text.charCodeAt(lineEnd + 1) !== lf)
      throw new FramingError('the value of a field holds a control character or a bare line ending');
    let valueEnd = lineEnd;
    while (valueEnd > valueStart && isBlank(text.charCodeAt(valueEnd - 1))) valueEnd--;
    const value = text.slice(valueStart, valueEnd);
    if (fields.length === fieldsMax)
      throw new FramingError(`there are more than ${limits.headersMax} fields: headersMax`, true);
    fields.push(name, value);
    head.note(name, value);
    at = lineEnd + 2;
  }
  if (head.isChunked && head.lengthBytes !== undefined)
    throw new FramingError('there are both a content-length and a transfer-encoding');
  if (!head.hasUpgrade) head.upgrade = undefined;
  return head;
}

function badName(text: string, at: number): string {
  return isBlank(text.charCodeAt(at))
    ? 'a field is folded, or begins with white space'
    : 'the name of a field is not one, or a space precedes its colon';
}

function isBlank(code: number): boolean {
  return code === space || code === htab;
}
