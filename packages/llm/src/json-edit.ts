// Edits single members of a JSON object in its bytes; every other byte stays as it was.

/** Where a member's value lies. */
export interface Span {
  /** Offset of the key's opening quote. */
  readonly keyStart: number;
  readonly valueStart: number;
  /** Offset behind the value's last byte. */
  readonly valueEnd: number;
  /** Whether the key stands in the object more than once, so that readers may disagree about its value. */
  readonly isRepeated: boolean;
}

const quote = 34;
const backslash = 92;
const comma = 44;
const colon = 58;
const openBrace = 123;
const closeBrace = 125;
const openBracket = 91;
const closeBracket = 93;

/** How deep a body may be nested: no request of a client is, and whoever reads it may recurse. */
export const depthMax = 1000;

/** Thrown where the bytes are not a JSON object. */
export class NotAnObject extends Error {}

/**
 * The top-level members of an object, by decoded key; of duplicate keys the last, as JSON.parse has it. Nested values are
 * only checked for balance and depth: what stands in them is judged by whoever reads it. Throws NotAnObject.
 */
export function scanMembers(bytes: Uint8Array): Map<string, Span> {
  const members = new Map<string, Span>();
  let i = skipSpace(bytes, 0);
  if (bytes[i] !== openBrace) throw new NotAnObject('the body is not a JSON object');
  i = skipSpace(bytes, i + 1);
  let isMore = bytes[i] !== closeBrace;
  while (isMore) {
    const keyStart = i;
    if (bytes[i] !== quote) throw broken();
    const keyEnd = stringEnd(bytes, i);
    const key = decodeKey(bytes, keyStart, keyEnd);
    i = skipSpace(bytes, keyEnd);
    if (bytes[i] !== colon) throw broken();
    const valueStart = skipSpace(bytes, i + 1);
    const valueEnd = skipValue(bytes, valueStart);
    members.set(key, { keyStart, valueStart, valueEnd, isRepeated: members.has(key) });
    i = skipSpace(bytes, valueEnd);
    isMore = bytes[i] === comma;
    if (isMore) i = skipSpace(bytes, i + 1);
  }
  if (bytes[i] !== closeBrace || skipSpace(bytes, i + 1) !== bytes.length) throw broken();
  return members;
}

/** The parsed value of a member, or undefined. */
export function readMember(bytes: Uint8Array, members: Members, name: string): unknown {
  const span = members.get(name);
  if (!span) return undefined;
  try {
    return JSON.parse(textOf(bytes, span.valueStart, span.valueEnd));
  } catch {
    return undefined;
  }
}

/** Members of an object as {@link scanMembers} finds them. */
export type Members = ReadonlyMap<string, Span>;

/**
 * Sets a top-level member: its value's bytes are replaced, of a repeated key the last one's, or the member is put last.
 * `members` saves the scan where they are known. Throws NotAnObject.
 */
export function setMember(bytes: Uint8Array, name: string, value: unknown, members?: Members): Uint8Array {
  const known = members ?? scanMembers(bytes);
  const span = known.get(name);
  const text = JSON.stringify(value);
  if (span) return splice(bytes, span.valueStart, span.valueEnd, text);
  const close = bytes.lastIndexOf(closeBrace);
  return splice(bytes, close, close, `${known.size === 0 ? '' : ','}${JSON.stringify(name)}:${text}`);
}

/** Sets a member of a member object, making the outer one where it is absent. Throws NotAnObject. */
export function setNestedMember(bytes: Uint8Array, outer: string, inner: string, value: unknown): Uint8Array {
  const members = scanMembers(bytes);
  const span = members.get(outer);
  const isObject = span && bytes[span.valueStart] === openBrace;
  if (!isObject) return setMember(bytes, outer, { [inner]: value }, members);
  const edited = setMember(bytes.subarray(span.valueStart, span.valueEnd), inner, value);
  return Buffer.concat([bytes.subarray(0, span.valueStart), edited, bytes.subarray(span.valueEnd)]);
}

function splice(bytes: Uint8Array, start: number, end: number, text: string): Uint8Array {
  return Buffer.concat([bytes.subarray(0, start), Buffer.from(text), bytes.subarray(end)]);
}

function skipSpace(bytes: Uint8Array, from: number): number {
  let i = from;
  while (bytes[i] === 32 || bytes[i] === 10 || bytes[i] === 13 || bytes[i] === 9) i++;
  return i;
}

/** Offset behind the closing quote of the string that opens at `start`. */
function stringEnd(bytes: Uint8Array, start: number): number {
  let from = start + 1;
  for (;;) {
    const end = bytes.indexOf(quote, from);
    if (end < 0) throw broken();
    let slashes = 0;
    while (bytes[end - 1 - slashes] === backslash) slashes++;
    if (slashes % 2 === 0) return end + 1;
    from = end + 1;
  }
}

/** Offset behind a value. */
function skipValue(bytes: Uint8Array, start: number): number {
  const first = bytes[start];
  if (first === quote) return checked(bytes, start, stringEnd(bytes, start));
  if (first === openBrace || first === openBracket) return skipNested(bytes, start);
  let end = start;
  while (end < bytes.length && !isDelimiter(bytes[end]!)) end++;
  return checked(bytes, start, end);
}

/** Objects and arrays are skipped by their brackets, strings within them whole. */
function skipNested(bytes: Uint8Array, start: number): number {
  const closers: number[] = [];
  let i = start;
  while (i < bytes.length) {
    const byte = bytes[i]!;
    if (byte === quote) {
      i = stringEnd(bytes, i);
      continue;
    }
    if (byte === openBrace || byte === openBracket) {
      if (closers.push(byte === openBrace ? closeBrace : closeBracket) > depthMax)
        throw new NotAnObject(`the body is nested more than ${depthMax} levels deep`);
    } else if (byte === closeBrace || byte === closeBracket) {
      if (closers.pop() !== byte) throw broken();
      if (closers.length === 0) return i + 1;
    }
    i++;
  }
  throw broken();
}

function isDelimiter(byte: number): boolean {
  return byte === comma || byte === closeBrace || byte === 32 || (byte >= 9 && byte <= 13);
}

/** A text or a plain value must be one; the end of it where it is. */
function checked(bytes: Uint8Array, start: number, end: number): number {
  try {
    JSON.parse(textOf(bytes, start, end));
    return end;
  } catch {
    throw broken();
  }
}

function broken(): NotAnObject {
  return new NotAnObject('the body is not valid JSON');
}

function decodeKey(bytes: Uint8Array, start: number, end: number): string {
  try {
    return JSON.parse(textOf(bytes, start, end)) as string;
  } catch {
    throw broken();
  }
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}
