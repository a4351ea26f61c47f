// Turns a provider's stream of one format into the client's stream of another, frame by frame.
import { codecs } from './codecs.ts';
import type { FormatName } from './format.ts';
import type { AnswerContext, Dialectal } from './hub/codec.ts';
import type { HubEvent, ProviderFailure } from './hub/response.ts';
import type { Frame } from './stream/sse.ts';

/** What a stream is turned from and into. */
export interface TranscodeOptions {
  readonly from: FormatName;
  readonly to: FormatName;
  readonly answer: AnswerContext;
  /** How the provider's dialect differs from its format. */
  readonly dialectal?: Dialectal;
  /** Sees every event before it is written: usage, stop, failures and texts, in no format's words. */
  readonly onEvent?: (event: HubEvent) => void;
}

/** One stream under way. */
export interface StreamTranscoder {
  /** The client's events for one frame of the provider's; often none, sometimes several. Throws CodecError where the frame breaks its format. */
  push(frame: Frame): Uint8Array[];
  /** What the provider's end still brings. A stream that was cut gets no end: the caller says that it failed. */
  end(): Uint8Array[];
  /** The client's words for a failure of the stream itself; nothing may follow them. */
  fail(failure: ProviderFailure): Uint8Array[];
}

/** Begins to transcode one stream. */
export function transcodeStream({ from, to, answer, dialectal, onEvent }: TranscodeOptions): StreamTranscoder {
  const decoder = codecs[from].decodeStream(dialectal);
  const encoder = codecs[to].encodeStream(answer);
  const write = (events: readonly HubEvent[]): Uint8Array[] =>
    events.flatMap((event) => {
      onEvent?.(event);
      return encoder.push(event);
    });
  return {
    push: (frame) => write(decoder.push(frame)),
    end: () => write(decoder.end()),
    fail: (failure) => encoder.push({ type: 'failure', failure }),
  };
}
