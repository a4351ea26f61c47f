// Splits a byte stream into server-sent events, keeping each event's bytes exactly as received (WHATWG HTML §9.2).

/** Longest event, in bytes, before the stream is given up. */
export const eventBytesMax = 16 * 1024 * 1024;

const lf = 10;
const cr = 13;

/** One event: its bytes with their terminator, and what they say, decoded when asked. */
export class Frame {
  readonly bytes: Uint8Array;
  #fields: { readonly event: string | undefined; readonly data: string | undefined } | undefined;
  #json: unknown;
  #isParsed = false;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** The `event` field. */
  get event(): string | undefined {
    return this.#read().event;
  }

  /** The `data` lines joined; undefined for comments and pings without data. */
  get data(): string | undefined {
    return this.#read().data;
  }

  /** The data as JSON; undefined where there is none, such as `[DONE]`. The object is parsed once and may be edited before {@link encodeFrame}. */
  json(): unknown {
    if (this.#isParsed) return this.#json;
    this.#isParsed = true;
    const { data } = this;
    if (data === undefined || data === '[DONE]') return undefined;
    try {
      this.#json = JSON.parse(data);
    } catch {
      this.#json = undefined;
    }
    return this.#json;
  }

  #read(): { readonly event: string | undefined; readonly data: string | undefined } {
    return (this.#fields ??= parseFields(
      Buffer.from(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength).toString('utf8'),
    ));
  }
}

/** Writes an event: an optional name and JSON data. */
export function writeEvent(event: string | undefined, data: unknown): Uint8Array {
  return Buffer.from(
    `${event === undefined ? '' : `event: ${event}\n`}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`,
  );
}

/** A frame again, alone, from its edited JSON; the event's name stays. */
export function encodeFrame(frame: Frame): Uint8Array {
  return writeEvent(frame.event, frame.json());
}

/** Cuts chunks at blank lines. The frames' bytes joined are the chunks joined. */
export class SseSplitter {
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  /** Whether the current line has no byte yet. */
  #isLineEmpty = true;
  /** The last byte was a CR whose LF may follow. */
  #isAfterCr = false;
  /** A blank line ended by CR was seen: an LF right after it still belongs to the frame. */
  #isEnding = false;

  /** Takes a chunk and gives the frames it completes. Throws when an event grows past {@link eventBytesMax}. */
  push(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    let start = 0;
    let i = 0;
    while (i < chunk.length) {
      if (this.#isEnding) {
        this.#isEnding = false;
        const end = chunk[i] === lf ? i + 1 : i;
        this.#cut(frames, chunk.subarray(start, end));
        start = end;
        i = end;
        this.#isAfterCr = false;
        continue;
      }
      const byte = chunk[i]!;
      if (byte === lf && this.#isAfterCr) {
        this.#isAfterCr = false;
        i++;
        continue;
      }
      this.#isAfterCr = false;
      if (byte !== lf && byte !== cr) {
        this.#isLineEmpty = false;
        i = nextBreak(chunk, i + 1);
        continue;
      }
      i++;
      if (!this.#isLineEmpty) {
        this.#isLineEmpty = true;
        this.#isAfterCr = byte === cr;
      } else if (byte === lf) {
        this.#cut(frames, chunk.subarray(start, i));
        start = i;
      } else {
        this.#isEnding = true;
        this.#isAfterCr = true;
      }
    }
    if (start < chunk.length) this.#keep(start === 0 ? chunk : chunk.subarray(start));
    return frames;
  }

  /** What is left at the end of the stream: an event whose blank line is missing, or nothing. */
  end(): Frame[] {
    if (this.#pendingBytes === 0) return [];
    const frames: Frame[] = [];
    this.#cut(frames, new Uint8Array(0));
    return frames;
  }

  #keep(bytes: Uint8Array): void {
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes > eventBytesMax)
      throw new Error(`a server-sent event is longer than ${eventBytesMax} bytes`);
  }

  #cut(frames: Frame[], tail: Uint8Array): void {
    let bytes = tail;
    if (this.#pendingBytes > 0) {
      this.#pending.push(tail);
      bytes = Buffer.concat(this.#pending, this.#pendingBytes + tail.length);
      this.#pending = [];
      this.#pendingBytes = 0;
    }
    this.#isLineEmpty = true;
    if (bytes.length > 0) frames.push(new Frame(bytes));
  }
}

/** Index of the next CR or LF at or after `from`, or the length. */
function nextBreak(chunk: Uint8Array, from: number): number {
  const nextLf = chunk.indexOf(lf, from);
  const end = nextLf < 0 ? chunk.length : nextLf;
  // CR is rare: it is looked for only before the LF.
  for (let i = from; i < end; i++) if (chunk[i] === cr) return i;
  return end;
}

function parseFields(text: string): { event: string | undefined; data: string | undefined } {
  let event: string | undefined;
  let data: string | undefined;
  const plain = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  for (const line of plain.split(/\r\n|\r|\n/)) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const value = line.charCodeAt(colon + 1) === 32 ? line.slice(colon + 2) : line.slice(colon + 1);
    const name = line.slice(0, colon);
    if (name === 'data') data = data === undefined ? value : `${data}\n${value}`;
    else if (name === 'event') event = value;
  }
  return { event, data };
}
