// Reads a provider's stream in another format than the client's: events go through the hub, each written as soon as it is known.
import { GatewayError } from '@agentgateway/core/errors.ts';
import { type StreamFacts, emptyFacts } from '@agentgateway/llm/format.ts';
import { CodecError } from '@agentgateway/llm/hub/extra.ts';
import type { HubEvent } from '@agentgateway/llm/hub/response.ts';
import type { Frame } from '@agentgateway/llm/stream/sse.ts';
import { type StreamTranscoder, type TranscodeOptions, transcodeStream } from '@agentgateway/llm/transcode.ts';
import { mergeUsage } from '@agentgateway/llm/usage.ts';
import { type StreamWatch, earlyFailure, isComplete, requireEnd, requireJson } from './read-frames.ts';
import type { FrameReader } from './stream.ts';

/** Longest text of a converted stream, in bytes: formats tell it again at their end, so it is held until then. */
const textBytesMax = 64 * 1024 * 1024;

/** A colon begins a comment. */
const commentByte = 58;

/** Turns frames into the client's format. */
export class CrossReader implements FrameReader {
  readonly facts: StreamFacts = emptyFacts();
  readonly #transcoder: StreamTranscoder;
  readonly #watch: StreamWatch;
  hasBegun = false;
  #outputBytes = 0;

  constructor(options: Omit<TranscodeOptions, 'onEvent'>, watch: StreamWatch) {
    this.#transcoder = transcodeStream({ ...options, onEvent: (event) => this.#note(event) });
    this.#watch = watch;
  }

  read(frame: Frame): Uint8Array | undefined {
    // A comment keeps a connection alive in every format.
    if (frame.data === undefined) return frame.bytes[0] === commentByte ? frame.bytes : undefined;
    requireJson(frame);
    let output: Uint8Array[];
    try {
      output = this.#transcoder.push(frame);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      throw new GatewayError('upstream-protocol-error', `the provider’s stream breaks its format: ${error.message}`, {
        cause: error,
      });
    }
    if (this.facts.failure !== undefined && !this.hasBegun) throw earlyFailure(this.facts.failure);
    if (output.length === 0) return undefined;
    this.hasBegun = true;
    return output.length === 1 ? output[0] : Buffer.concat(output);
  }

  get isComplete(): boolean {
    return isComplete(this.facts);
  }

  end(): Uint8Array | undefined {
    const output = this.#transcoder.end();
    requireEnd(this.facts);
    return output.length === 0 ? undefined : Buffer.concat(output);
  }

  over(error: unknown): void {
    this.#watch.over(this.facts, this.#outputBytes, error);
  }

  /** A failure in the client's words; undefined where the provider's own has passed already. */
  fail(message: string, type: string, code: string): Uint8Array | undefined {
    if (this.facts.failure !== undefined) return undefined;
    return Buffer.concat(this.#transcoder.fail({ message, type, code }));
  }

  #note(event: HubEvent): void {
    const { facts } = this;
    switch (event.type) {
      case 'start':
        facts.id = event.id;
        facts.model = event.model;
        facts.usage = mergeUsage(facts.usage, event.usage);
        return;
      case 'textDelta':
      case 'reasoningDelta':
      case 'argumentsDelta':
      case 'refusalDelta':
        this.#outputBytes += Buffer.byteLength(event.text);
        if (this.#outputBytes > textBytesMax) throw tooLong();
        this.#hasOutput();
        return;
      case 'partStart':
        this.#hasOutput();
        return;
      case 'usage':
        facts.usage = mergeUsage(facts.usage, event.usage);
        return;
      case 'stop':
        facts.finishReason = event.stop.raw ?? event.stop.reason;
        return;
      case 'failure':
        facts.failure = event.failure.message;
        return;
      case 'end':
        facts.isEnded = true;
        return;
      default:
    }
  }

  #hasOutput(): void {
    if (this.facts.hasOutput) return;
    this.facts.hasOutput = true;
    this.#watch.firstOutput();
  }
}

function tooLong(): GatewayError {
  return new GatewayError('upstream-protocol-error', `the provider’s stream is longer than ${textBytesMax} bytes`);
}
