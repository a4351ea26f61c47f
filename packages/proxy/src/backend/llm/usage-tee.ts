// A body that passes untouched while its usage is read on the side: whatever a provider's other paths answer.
import type { BodySource, Sink } from '@agentgateway/core/body.ts';
import type { HeaderList } from '@agentgateway/core/header-list.ts';
import { chatUsage } from '@agentgateway/llm/format/chat/usage.ts';
import { responsesUsage } from '@agentgateway/llm/format/responses/usage.ts';
import { EventTooLong, type Frame, SseSplitter } from '@agentgateway/llm/stream/sse.ts';
import { type Usage, asObject, mergeUsage } from '@agentgateway/llm/usage.ts';

/** Longest JSON body that is kept to read its usage, in bytes. */
const keptBytesMax = 8 * 1024 * 1024;

/** How a body tells its usage. */
export type UsageForm = 'json' | 'events' | 'none';

/** The usage of any answer that has the words of OpenAI's APIs. */
export function readAnyUsage(body: unknown): Usage | undefined {
  const usage = asObject(asObject(body)?.['usage']);
  if (!usage) return undefined;
  return usage['prompt_tokens'] === undefined ? responsesUsage(body) : chatUsage(body);
}

/** Passes a source on and calls `over` once with what was read. */
export class UsageTee implements BodySource {
  readonly lengthBytes: number | undefined;
  readonly #source: BodySource;
  #form: UsageForm;
  readonly #over: (usage: Usage | undefined, error: unknown) => void;
  readonly #splitter = new SseSplitter();
  #kept: Uint8Array[] = [];
  #keptBytes = 0;
  #usage: Usage | undefined;
  #isOver = false;

  constructor(source: BodySource, form: UsageForm, over: (usage: Usage | undefined, error: unknown) => void) {
    this.#source = source;
    this.lengthBytes = source.lengthBytes;
    this.#form = form;
    this.#over = over;
  }

  async pipe(sink: Sink): Promise<HeaderList | undefined> {
    try {
      const trailers = await this.#source.pipe({
        write: (chunk) => {
          this.#look(chunk);
          return sink.write(chunk);
        },
      });
      this.#finish(undefined);
      return trailers;
    } catch (error) {
      this.#finish(error);
      throw error;
    }
  }

  cancel(cause: unknown): void {
    this.#finish(cause);
    this.#source.cancel(cause);
  }

  #look(chunk: Uint8Array): void {
    if (this.#form === 'none') return;
    if (this.#form === 'events') {
      this.#lookAtEvents(chunk);
      return;
    }
    this.#keptBytes += chunk.byteLength;
    if (this.#keptBytes <= keptBytesMax) this.#kept.push(chunk);
    else this.#kept = [];
  }

  #lookAtEvents(chunk: Uint8Array): void {
    let frames: Frame[];
    try {
      frames = this.#splitter.push(chunk);
    } catch (error) {
      if (!(error instanceof EventTooLong)) throw error;
      // The body passes on; its usage stays unknown.
      this.#form = 'none';
      return;
    }
    for (const frame of frames) {
      const event = asObject(frame.json());
      this.#usage = mergeUsage(this.#usage, readAnyUsage(event) ?? readAnyUsage(event?.['response']));
    }
  }

  #finish(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#form === 'json' && error === undefined && this.#keptBytes <= keptBytesMax) {
      try {
        this.#usage = readAnyUsage(JSON.parse(Buffer.concat(this.#kept).toString('utf8')));
      } catch {
        // Not JSON after all: there is no usage to read.
      }
    }
    this.#kept = [];
    this.#over(this.#usage, error);
  }
}
