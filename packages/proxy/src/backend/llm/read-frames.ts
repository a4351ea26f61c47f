// Reads a provider's stream in the client's own format: bytes pass, usage and progress are noted, hidden frames are dropped.
import { GatewayError } from '@agentgateway/core/errors.ts';
import { type Format, type StreamFacts, emptyFacts } from '@agentgateway/llm/format.ts';
import type { Frame } from '@agentgateway/llm/stream/sse.ts';
import type { FrameReader } from './stream.ts';

/** What a reader tells while a stream runs. */
export interface StreamWatch {
  /** Some text, reasoning or tool call has come, for the first time. */
  firstOutput(): void;
  /** The stream is over; `outputBytes` is the text that it told, for an estimate where no usage came. */
  over(facts: StreamFacts, outputBytes: number, error: unknown): void;
}

/** Passes frames as bytes. */
export class PassingReader implements FrameReader {
  readonly facts: StreamFacts = emptyFacts();
  readonly #format: Format;
  readonly #hidesUsage: boolean;
  readonly #watch: StreamWatch;
  hasBegun = false;
  #outputBytes = 0;

  constructor(format: Format, hidesUsage: boolean, watch: StreamWatch) {
    this.#format = format;
    this.#hidesUsage = hidesUsage;
    this.#watch = watch;
  }

  read(frame: Frame): Uint8Array | undefined {
    if (frame.data === undefined) return frame.bytes;
    requireJson(frame);
    const { facts } = this;
    const hadOutput = facts.hasOutput;
    this.#format.readFrame(frame, facts);
    if (!hadOutput && facts.hasOutput) this.#watch.firstOutput();
    if (facts.failure !== undefined && !this.hasBegun) throw earlyFailure(facts.failure);
    if (this.#hidesUsage && this.#format.isUsageFrame(frame)) return undefined;
    this.hasBegun = true;
    if (facts.usage?.outputTotal === undefined) this.#outputBytes += deltaBytes(this.#format, frame);
    return frame.bytes;
  }

  get isComplete(): boolean {
    return isComplete(this.facts);
  }

  end(): undefined {
    requireEnd(this.facts);
  }

  over(error: unknown): void {
    this.#watch.over(this.facts, this.#outputBytes, error);
  }
}

/** A provider that fails with its first event may be replaced by another. */
export function earlyFailure(message: string): GatewayError {
  return new GatewayError('upstream-rejected', `the provider failed: ${message}`, { retriable: true });
}

/** An event is JSON or chat's `[DONE]`. Throws where it is neither: no client could read it. */
export function requireJson(frame: Frame): void {
  const { data } = frame;
  if (data === undefined || data === '' || data === '[DONE]' || frame.json() !== undefined) return;
  throw new GatewayError('upstream-protocol-error', 'the provider’s stream has an event that is not JSON');
}

/** Whether a stream has come to its format's own end, without a failure. */
export function isComplete({ isEnded, failure }: StreamFacts): boolean {
  return isEnded && failure === undefined;
}

/** Throws where a stream has ended without its format's end: a cut stream never looks complete. */
export function requireEnd(facts: Pick<StreamFacts, 'isEnded' | 'failure'>): void {
  if (facts.failure !== undefined) throw new GatewayError('upstream-rejected', `the provider failed: ${facts.failure}`);
  if (!facts.isEnded) throw new GatewayError('upstream-reset', 'the provider’s stream stopped before its end');
}

/** Bytes of text that a frame adds. */
export function deltaBytes(format: Format, frame: Frame): number {
  let bytes = 0;
  for (const span of format.frameSpans(frame)) if (span.form === 'delta') bytes += Buffer.byteLength(span.text);
  return bytes;
}
