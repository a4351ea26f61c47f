// Heads and chunks of HTTP/1.1 as they are written (RFC 9112 §2–§7).
import type { HeaderList } from '@agentgateway/core/header-list.ts';

/** The last chunk of a message without trailers. */
export const lastChunk = '0\r\n\r\n';

/** What no value may hold (RFC 9110 §5.5); characters beyond latin1 cannot be written either. */
const badValue = /[^\t\x20-\x7e\x80-\xff]/;
const tokenPattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** A field that no message may hold. Its value is not told. */
export class UnsendableField extends Error {
  override readonly name = 'UnsendableField';
  readonly field: string;

  constructor(field: string) {
    super('a field holds a character that HTTP does not allow');
    this.field = field;
  }
}

/** A field as a line. Throws UnsendableField. */
export function toLine(name: string, value: string): string {
  if (badValue.test(value) || !isFieldName(name)) throw new UnsendableField(name);
  return `${name}: ${value}\r\n`;
}

/** Names that have been looked at; bounded, as clients choose some. */
const knownNames = new Set<string>();
const knownNamesMax = 1024;

function isFieldName(name: string): boolean {
  if (knownNames.has(name)) return true;
  if (!tokenPattern.test(name)) return false;
  if (knownNames.size < knownNamesMax) knownNames.add(name);
  return true;
}

/** Fields as lines. Throws UnsendableField. */
export function toLines({ raw }: HeaderList): string {
  let lines = '';
  for (let i = 0; i < raw.length; i += 2) lines += toLine(raw[i]!, raw[i + 1]!);
  return lines;
}

/** The end of a chunked message. Throws UnsendableField. */
export function toLastChunk(trailers: HeaderList | undefined): string {
  return trailers && trailers.size > 0 ? `0\r\n${toLines(trailers)}\r\n` : lastChunk;
}

/** The line before a chunk of that many bytes. */
export function toChunkLine(sizeBytes: number): string {
  return `${sizeBytes.toString(16)}\r\n`;
}
