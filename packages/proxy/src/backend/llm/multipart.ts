// Finds and replaces the `model` field of a multipart form without touching another byte (RFC 7578).

/** Where a field's value lies. */
interface Field {
  readonly start: number;
  readonly end: number;
}

const headBytesMax = 8 * 1024;

/** The boundary of a multipart/form-data content type, or undefined. */
export function boundaryOf(contentType: string | undefined): string | undefined {
  const match = /^multipart\/form-data\b.*?;\s*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType ?? '');
  return match?.[1] ?? match?.[2];
}

/** The text of a field, or undefined where the form has none. */
export function readField(form: Uint8Array, boundary: string, name: string): string | undefined {
  const bytes = toBuffer(form);
  const field = findField(bytes, boundary, name);
  return field && bytes.toString('utf8', field.start, field.end);
}

/** The form with another value of a field; the same bytes where it has none. */
export function writeField(form: Uint8Array, boundary: string, name: string, value: string): Uint8Array {
  const bytes = toBuffer(form);
  const field = findField(bytes, boundary, name);
  if (!field) return form;
  return Buffer.concat([bytes.subarray(0, field.start), Buffer.from(value), bytes.subarray(field.end)]);
}

function findField(bytes: Buffer, boundary: string, name: string): Field | undefined {
  const delimiter = Buffer.from(`--${boundary}`);
  let at = bytes.indexOf(delimiter);
  while (at >= 0) {
    const headStart = at + delimiter.length;
    const next = bytes.indexOf(delimiter, headStart);
    if (next < 0) return undefined;
    const headEnd = bytes.indexOf('\r\n\r\n', headStart);
    if (headEnd >= 0 && headEnd < next && headEnd - headStart < headBytesMax) {
      const head = bytes.toString('latin1', headStart, headEnd);
      const found = /content-disposition:[^\r\n]*?[;\s]name="?([^";\r\n]+)"?/i.exec(head)?.[1];
      if (found === name) return { start: headEnd + 4, end: Math.max(headEnd + 4, next - 2) };
    }
    at = next;
  }
  return undefined;
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
