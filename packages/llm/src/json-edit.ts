// Edits single members of a JSON object in its bytes; every other byte stays as it was.

/** Where a member's value lies. */
interface Span {
  /** Offset of the key's opening quote. */
  readonly keyStart: number;
  readonly valueStart: number;
  /** Offset behind the value's last byte. */
  readonly valueEnd: number;
}

const quote = 34;
const backslash = 92;

/** Thrown where the bytes are not a JSON object. */
export class NotAnObject extends Error {}

/** The top-level members of an object, by decoded key; of duplicate keys the last, as JSON.parse has it. Throws NotAnObject. */
export function scanMembers(bytes: Uint8Array): Map<string, Span> {
  const members = new Map<string, Span>();
  let i = skipSpace(bytes, 0);
  if (bytes[i] !== 123) throw new NotAnObject('the body is not a JSON object');
  i = skipSpace(bytes, i + 1);
  while (bytes[i] === quote) {
    const keyStart = i;
    const keyEnd = stringEnd(bytes, i);
    const key = decodeKey(bytes, keyStart, keyEnd);
    i = skipSpace(bytes, keyEnd);
    if (bytes[i] !== 58) throw new NotAnObject('the body is not valid JSON');
    const valueStart = skipSpace(bytes, i + 1);
    const valueEnd = skipValue(bytes, valueStart);
    members.set(key, { keyStart, valueStart, valueEnd });
    i = skipSpace(bytes, valueEnd);
    if (bytes[i] !== 44) break;
    i = skipSpace(bytes, i + 1);
  }
  if (bytes[i] !== 125) throw new NotAnObject('the body is not valid JSON');
  return members;
}

/** The parsed value of a member, or undefined. */
export function readMember(bytes: Uint8Array, members: ReadonlyMap<string, Span>, name: string): unknown {
  const span = members.get(name);
  if (!span) return undefined;
  try {
    return JSON.parse(textOf(bytes, span.valueStart, span.valueEnd));
  } catch {
    return undefined;
  }
}

/** Sets a top-level member: its value's bytes are replaced, or the member is put last. Throws NotAnObject. */
export function setMember(bytes: Uint8Array, name: string, value: unknown): Uint8Array {
  const span = scanMembers(bytes).get(name);
  const text = JSON.stringify(value);
  if (span) return splice(bytes, span.valueStart, span.valueEnd, text);
  const close = lastBrace(bytes);
  const isEmpty = bytes[skipSpace(bytes, skipSpace(bytes, 0) + 1)] === 125;
  return splice(bytes, close, close, `${isEmpty ? '' : ','}${JSON.stringify(name)}:${text}`);
}

/** Sets a member of a member object, making the outer one where it is absent. Throws NotAnObject. */
export function setNestedMember(bytes: Uint8Array, outer: string, inner: string, value: unknown): Uint8Array {
  const span = scanMembers(bytes).get(outer);
  const isObject = span && bytes[span.valueStart] === 123;
  if (!isObject) return setMember(bytes, outer, { [inner]: value });
  const edited = setMember(bytes.subarray(span.valueStart, span.valueEnd), inner, value);
  return Buffer.concat([bytes.subarray(0, span.valueStart), edited, bytes.subarray(span.valueEnd)]);
}

function splice(bytes: Uint8Array, start: number, end: number, text: string): Uint8Array {
  return Buffer.concat([bytes.subarray(0, start), Buffer.from(text), bytes.subarray(end)]);
}

function lastBrace(bytes: Uint8Array): number {
  return bytes.lastIndexOf(125);
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
    if (end < 0) throw new NotAnObject('the body is not valid JSON');
    let slashes = 0;
    while (bytes[end - 1 - slashes] === backslash) slashes++;
    if (slashes % 2 === 0) return end + 1;
    from = end + 1;
  }
}

/** Offset behind a value. Objects and arrays are skipped by depth, strings within them whole. */
function skipValue(bytes: Uint8Array, start: number): number {
  let depth = 0;
  let i = start;
  while (i < bytes.length) {
    const byte = bytes[i]!;
    if (byte === quote) {
      i = stringEnd(bytes, i);
      if (depth === 0) return i;
      continue;
    }
    if (byte === 123 || byte === 91) depth++;
    else if (byte === 125 || byte === 93) {
      if (depth === 0) return trimEnd(bytes, start, i);
      if (--depth === 0) return i + 1;
    } else if (byte === 44 && depth === 0) return trimEnd(bytes, start, i);
    i++;
  }
  throw new NotAnObject('the body is not valid JSON');
}

function trimEnd(bytes: Uint8Array, start: number, end: number): number {
  let i = end;
  while (i > start && (bytes[i - 1] === 32 || bytes[i - 1] === 10 || bytes[i - 1] === 13 || bytes[i - 1] === 9)) i--;
  if (i === start) throw new NotAnObject('the body is not valid JSON');
  return i;
}

function decodeKey(bytes: Uint8Array, start: number, end: number): string {
  const text = textOf(bytes, start, end);
  if (!text.includes('\\')) return text.slice(1, -1);
  try {
    return JSON.parse(text) as string;
  } catch {
    throw new NotAnObject('the body is not valid JSON');
  }
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}
