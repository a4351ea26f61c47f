// Splits a byte stream into server-sent events, keeping each event's bytes exactly as received (WHATWG HTML §9.2).

/** Longest event, in bytes, before the stream is given up. */
export const eventBytesMax = 16 * 1024 * 1024;

/** Thrown where an event is longer than {@link eventBytesMax}. */
export class EventTooLong extends Error {
  constructor() {
    super(`a server-sent event is longer than ${eventBytesMax} bytes`);
  }
}

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
    return (this.#fields ??= parseFields(textOf(this.bytes)));
  }
}

/** Writes an event: an optional name and JSON data. */
export function writeEvent(event: string | undefined, data: unknown): Uint8Array {
  return Buffer.from(
    `${event === undefined ? '' : `event: ${event}\n`}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`,
  );
}

/** A frame again, alone, from its edited JSON: its `data` is written anew, every other line stays as it was. */
export function encodeFrame(frame: Frame): Uint8Array {
  const json = frame.json();
  if (json === undefined) return frame.bytes;
  const data = `data: ${JSON.stringify(json)}`;
  let isWritten = false;
  // Lines with their endings: of several data lines the first is replaced and the others go.
  const lines = textOf(frame.bytes).match(/[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$/g) ?? [];
  const kept = lines.map((line) => {
    const content = line.replace(/[\r\n]+$/, '');
    if (!/^\uFEFF?data(?::|$)/.test(content)) return line;
    if (isWritten) return '';
    isWritten = true;
    return data + line.slice(content.length);
  });
  return Buffer.from(kept.join(''));
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
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

  /** Takes a chunk and gives the frames it completes. Throws EventTooLong. */
  push(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    const breaks = new Breaks(chunk);
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
        i = breaks.next(i + 1);
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
    if (this.#pendingBytes > eventBytesMax) throw new EventTooLong();
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

/** Finds line ends; each is looked for once, so that a chunk of many lines costs no more than its length. */
class Breaks {
  readonly #chunk: Uint8Array;
  #lf = -1;
  #cr = -1;

  constructor(chunk: Uint8Array) {
    this.#chunk = chunk;
  }

  /** Index of the next CR or LF at or after `from`, or the length. */
  next(from: number): number {
    const { length } = this.#chunk;
    if (this.#lf < from) this.#lf = indexOr(this.#chunk.indexOf(lf, from), length);
    if (this.#cr < from) this.#cr = indexOr(this.#chunk.indexOf(cr, from), length);
    return Math.min(this.#lf, this.#cr);
  }
}

function indexOr(index: number, length: number): number {
  return index < 0 ? length : index;
}

function parseFields(text: string): { event: string | undefined; data: string | undefined } {
  let event: string | undefined;
  let data: string | undefined;
  const plain = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  for (const line of plain.split(/\r\n|\r|\n/)) {
    const colon = line.indexOf(':');
    // A line without a colon is a field without a value; one that begins with it is a comment.
    const name = colon < 0 ? line : line.slice(0, colon);
    const text = colon < 0 ? '' : line.slice(colon + 1);
    const value = text.charCodeAt(0) === 32 ? text.slice(1) : text;
    if (name === 'data') data = data === undefined ? value : `${data}\n${value}`;
    else if (name === 'event') event = value;
  }
  return { event, data };
}
