// The texts of a prompt and its answer, for the access log of those who asked for them, and for nothing else.
import type { Body, BodySource, Sink } from '@agentgateway/core/body.ts';
import type { Exchange, Reply } from '@agentgateway/core/exchange.ts';
import type { HeaderList } from '@agentgateway/core/header-list.ts';
import { type FormatName, formats } from '@agentgateway/llm/format.ts';
import { SseSplitter } from '@agentgateway/llm/stream/sse.ts';
import { decodeBody, isIdentity, requestReasons, responseReasons } from '../wire-encoding.ts';
import { cut } from './bounded-text.ts';

/** Longest prompt and longest answer that is logged, in UTF-16 code units. */
export const promptMax = 32 * 1024;
/** Longest body that is read for its texts, in bytes. */
const bodyBytesMax = 8 * 1024 * 1024;

/** What was asked and what was answered; undefined where there is none to be read. */
export interface Texts {
  readonly prompt: string | undefined;
  readonly completion: string | undefined;
}

/** The texts of one exchange, taken as they pass. */
export class Prompts {
  readonly #exchange: Exchange;
  readonly #reply: Reply;
  #tap: AnswerTap | undefined;

  constructor(exchange: Exchange, reply: Reply) {
    this.#exchange = exchange;
    this.#reply = reply;
  }

  /** Looks into a stream that is about to be written, while it passes as it is. */
  watch(): this {
    const { body, headers } = this.#reply;
    const format = toFormat(this.#exchange);
    if (format === undefined || body.kind !== 'source' || !isIdentity(headers.combined('content-encoding')))
      return this;
    const tap = new AnswerTap(format);
    this.#tap = tap;
    body.through((source) => new TappedSource(source, tap));
    return this;
  }

  /** The texts, once the exchange is over. */
  async read(): Promise<Texts> {
    const { headers, body } = this.#exchange;
    const format = toFormat(this.#exchange);
    const request = await readJson(body, headers, requestReasons);
    return {
      prompt: request === undefined ? undefined : toPrompt(request),
      completion: format === undefined ? undefined : (this.#tap?.text ?? (await this.#readAnswer(format))),
    };
  }

  async #readAnswer(format: FormatName): Promise<string | undefined> {
    const answer = await readJson(this.#reply.body, this.#reply.headers, responseReasons);
    if (answer === undefined) return undefined;
    const texts = formats[format].bodySpans(answer).map(({ text }) => text);
    return texts.length === 0 ? undefined : cut(texts.join('\n'), promptMax);
  }
}

function toFormat({ llm }: Exchange): FormatName | undefined {
  return llm && Object.hasOwn(formats, llm.format) ? (llm.format as FormatName) : undefined;
}

/** What the formats call the conversation; the rest of a request is settings. */
const promptMembers = ['system', 'instructions', 'messages', 'input', 'prompt'] as const;

function toPrompt(request: Readonly<Record<string, unknown>>): string | undefined {
  const said = promptMembers.filter((name) => request[name] !== undefined).map((name) => [name, request[name]]);
  return said.length === 0 ? undefined : cut(JSON.stringify(Object.fromEntries(said)), promptMax);
}

async function readJson(
  { buffered }: Body,
  headers: HeaderList,
  reasons: typeof requestReasons,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  if (!buffered || buffered.byteLength > bodyBytesMax) return undefined;
  const encoding = headers.combined('content-encoding');
  try {
    const bytes = isIdentity(encoding) ? buffered : await decodeBody(buffered, encoding, bodyBytesMax, reasons);
    const value: unknown = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    // What cannot be read has been refused with a reason already.
    return undefined;
  }
}

/** Reads the text of a stream's frames, up to the limit. */
class AnswerTap {
  readonly #format: FormatName;
  readonly #splitter = new SseSplitter();
  #text = '';
  #isOver = false;

  constructor(format: FormatName) {
    this.#format = format;
  }

  get text(): string | undefined {
    return this.#text === '' ? undefined : cut(this.#text, promptMax);
  }

  take(chunk: Uint8Array): void {
    if (this.#isOver) return;
    try {
      for (const frame of this.#splitter.push(chunk))
        for (const { form, text } of formats[this.#format].frameSpans(frame)) if (form === 'delta') this.#text += text;
    } catch {
      // Only what is logged ends here; the stream itself is judged where it is read.
      this.#isOver = true;
    }
    if (this.#text.length > promptMax) this.#isOver = true;
  }
}

/** A source that lets a tap see what passes. */
class TappedSource implements BodySource {
  readonly #source: BodySource;
  readonly #tap: AnswerTap;

  constructor(source: BodySource, tap: AnswerTap) {
    this.#source = source;
    this.#tap = tap;
  }

  get lengthBytes(): number | undefined {
    return this.#source.lengthBytes;
  }

  pipe(sink: Sink): Promise<HeaderList | undefined> {
    return this.#source.pipe({
      write: (chunk) => {
        this.#tap.take(chunk);
        return sink.write(chunk);
      },
    });
  }

  cancel(cause: unknown): void {
    this.#source.cancel(cause);
  }
}
