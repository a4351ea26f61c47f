// Finds and replaces the `model` field of a multipart form without touching another byte (RFC 7578, RFC 2046 §5.1).

/** Where a field's value lies. */
interface Field {
  readonly start: number;
  readonly end: number;
}

/** Longest head of a part that is read, in bytes. */
const headBytesMax = 8 * 1024;

/** The boundary of a multipart/form-data content type, or undefined. */
export function boundaryOf(contentType: string | undefined): string | undefined {
  const [, parameters] = /^multipart\/form-data\s*(;.*)$/is.exec(contentType ?? '') ?? [];
  const boundary = parameters === undefined ? undefined : readParameter(parameters, 'boundary');
  return boundary === '' ? undefined : boundary;
}

/** The texts of a field, in order: a form may have several of a name. */
export function readFields(form: Uint8Array, boundary: string, name: string): string[] {
  const bytes = toBuffer(form);
  return findFields(bytes, boundary, name).map(({ start, end }) => bytes.toString('utf8', start, end));
}

/** The form with another value of a field, of several the first; the same bytes where it has none. */
export function writeField(form: Uint8Array, boundary: string, name: string, value: string): Uint8Array {
  const bytes = toBuffer(form);
  const [field] = findFields(bytes, boundary, name);
  if (!field) return form;
  return Buffer.concat([bytes.subarray(0, field.start), Buffer.from(value), bytes.subarray(field.end)]);
}

function findFields(bytes: Buffer, boundary: string, name: string): Field[] {
  const fields: Field[] = [];
  const delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
  // The first delimiter may stand at the very beginning, without a line before it.
  const isFirst = bytes.subarray(0, delimiter.length - 2).equals(delimiter.subarray(2));
  let at = isFirst ? delimiter.length - 2 : behind(bytes, delimiter, 0);
  while (at !== undefined) {
    const next = behind(bytes, delimiter, at);
    if (next === undefined) break;
    const partEnd = next - delimiter.length;
    const headEnd = bytes.indexOf('\r\n\r\n', at);
    const isHead = headEnd >= 0 && headEnd <= partEnd && headEnd - at <= headBytesMax;
    if (isHead && nameOf(bytes.toString('utf8', at, headEnd)) === name)
      fields.push({ start: Math.min(headEnd + 4, partEnd), end: partEnd });
    at = next;
  }
  return fields;
}

/** Offset behind the next delimiter: one that a line end or the closing dashes follow, and not just more text. */
function behind(bytes: Buffer, delimiter: Buffer, from: number): number | undefined {
  for (let at = bytes.indexOf(delimiter, from); at >= 0; at = bytes.indexOf(delimiter, at + 1)) {
    const end = at + delimiter.length;
    if (/^(?:--|[ \t]*\r\n)/.test(bytes.toString('latin1', end, end + 16))) return end;
  }
  return undefined;
}

function nameOf(head: string): string | undefined {
  const line = head.split('\r\n').find((one) => /^content-disposition\s*:/i.test(one));
  return line === undefined ? undefined : readParameter(line.slice(line.indexOf(':') + 1), 'name');
}

/** The value of a parameter, quoted or plain (RFC 9110 §5.6.6); what stands in another's quotes is not looked at. */
function readParameter(text: string, name: string): string | undefined {
  for (const [, key, quoted, plain] of text.matchAll(/;\s*([^=;\s]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))/gs)) {
    if (key!.toLowerCase() === name) return quoted?.replaceAll(/\\(.)/gs, '$1') ?? plain;
  }
  return undefined;
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
