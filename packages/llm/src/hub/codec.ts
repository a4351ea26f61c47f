// What a format must be able to do: requests, answers, streams and errors to the hub and back.
import type { CodecClock } from '../echo.ts';
import type { Frame } from '../stream/sse.ts';
import type { JsonObject, TakeNote } from './extra.ts';
import type { HubRequest } from './request.ts';
import type { HubEvent, HubResponse, ProviderFailure } from './response.ts';

/** How a provider's dialect of a format differs from the plain one; filled from the provider table. */
export interface Dialectal {
  /** Parameters (top-level member names of the target format) that are left out, with a note. */
  readonly dropParameters: readonly string[];
  /** Chat Completions: which member limits the answer. */
  readonly maxTokensMember: 'max_tokens' | 'max_completion_tokens';
  /** Chat Completions: the member of a message or delta that holds thoughts. */
  readonly reasoningMember: 'reasoning_content' | 'reasoning' | undefined;
  /** Chat Completions: whether the role `developer` is understood; otherwise it is written as `system`. */
  readonly hasDeveloperRole: boolean;
  /** Chat Completions: whether `stream_options.include_usage` may be sent. */
  readonly hasStreamOptions: boolean;
  /** Whether `completion_tokens` leaves reasoning out. */
  readonly isReasoningOutsideCompletion: boolean;
}

/** What encoding a request for a provider needs. */
export interface RequestContext {
  /** Vendor whose opaque values may be sent: others are dropped with their part. */
  readonly vendor: string;
  /** The name sent upstream. */
  readonly model: string;
  /** The limit to send where the client gave none and the target demands one; tokens. */
  readonly maxTokensDefault: { readonly tokens: number; readonly source: string };
  readonly dialectal: Dialectal;
  /** The body only asks how many tokens the prompt has: no limit is demanded, and what cannot change the count is left out. */
  readonly isCounting?: boolean;
  readonly note: TakeNote;
}

/** What encoding an answer for a client needs. */
export interface AnswerContext {
  /** Vendor that made the answer, named in carriers of opaque values. */
  readonly vendor: string;
  /** Model that made the answer, named in carriers of opaque values. */
  readonly upstreamModel: string;
  /** The client's request, as decoded: some formats repeat parts of it in the answer, and it tells whether usage was asked for. */
  readonly request: HubRequest;
  /** Time and a unique id for formats that want them where the source has none; ids of parts are made from it by counting. */
  readonly clock: CodecClock;
  readonly note: TakeNote;
}

/** Provider stream → events. One per stream. */
export interface StreamDecoder {
  push(frame: Frame): HubEvent[];
  /** After the last frame: nothing when the format's own end was seen; throws nothing, a cut stream simply has no `end`. */
  end(): HubEvent[];
}

/** Events → the client's stream. One per stream; every event is written at once, nothing is held but what order forbids. */
export interface StreamEncoder {
  push(event: HubEvent): Uint8Array[];
}

/** A format both ways. Decoders take parsed JSON and throw CodecError `invalid`; encoders throw CodecError `unsupported`. */
export interface FormatCodec {
  decodeRequest(body: JsonObject): HubRequest;
  /**
   * The body to send. Same format in and out is not encoded at all, except where a body must be rebuilt. The request is shared by
   * all attempts and never changed.
   */
  encodeRequest(request: HubRequest, context: RequestContext): JsonObject;
  decodeResponse(body: JsonObject, dialectal?: Dialectal): HubResponse;
  encodeResponse(response: HubResponse, context: AnswerContext): JsonObject;
  decodeStream(dialectal?: Dialectal): StreamDecoder;
  encodeStream(context: AnswerContext): StreamEncoder;
  /** A provider's error body; undefined where it is not in the format's shape. */
  decodeFailure(body: unknown, status: number): ProviderFailure | undefined;
}

/** A provider without quirks. */
export const plainDialect: Dialectal = {
  dropParameters: [],
  maxTokensMember: 'max_completion_tokens',
  reasoningMember: undefined,
  hasDeveloperRole: true,
  hasStreamOptions: true,
  isReasoningOutsideCompletion: false,
};
