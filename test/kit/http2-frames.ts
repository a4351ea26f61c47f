// HTTP/2 written frame by frame, for what no client would send (RFC 9113 §4.1, RFC 7541 §6.2.2).

/** A frame. */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.byteLength, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Literal fields without indexing, of flat names and values. */
export function fields(...flat: readonly string[]): Buffer {
  const parts: Buffer[] = [];
  for (let i = 0; i < flat.length; i += 2) {
    const [name, value] = [Buffer.from(flat[i]!, 'latin1'), Buffer.from(flat[i + 1]!, 'latin1')];
    parts.push(Buffer.from([0, ...lengthOf(name)]), name, Buffer.from(lengthOf(value)), value);
  }
  return Buffer.concat(parts);
}

/** An integer with a prefix of seven bits (RFC 7541 §5.1). */
function lengthOf({ length }: Uint8Array): number[] {
  if (length < 127) return [length];
  const bytes = [127];
  let rest = length - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push(128 + (rest % 128));
  return [...bytes, rest];
}

/** Empty SETTINGS. */
export const settings = frame(4, 0, 0, new Uint8Array(0));

/** What an HTTP/2 connection begins with. */
export const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/** The first word on stream 1 or the connection: a status, a reset or a GOAWAY; undefined while there is none. */
export function verdictOf(received: string): number | 'other status' | 'reset' | 'goaway' | undefined {
  const bytes = Buffer.from(received, 'latin1');
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
    const type = bytes[at + 3]!;
    if (type === 1) return statuses.get(bytes[at + 9]!) ?? 'other status';
    if (type === 3) return 'reset';
    if (type === 7) return 'goaway';
  }
  return undefined;
}

/** Statuses that have an index of their own (RFC 7541, Appendix A). */
const statuses: ReadonlyMap<number, number> = new Map([
  [0x88, 200],
  [0x8c, 400],
  [0x8d, 404],
]);
