// What a test's script answers, in one small form that every format's renderer turns into its own.
import type { RecordedFormat } from '../recordings/recordings.ts';

/** A request that passed validation, as the script sees it. */
export interface ScriptRequest {
  readonly format: RecordedFormat;
  readonly model: string;
  readonly isStream: boolean;
  readonly body: Readonly<Record<string, unknown>>;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** How many requests came to this provider before. */
  readonly sequence: number;
}

/** Token counts. `input` includes what the cache read and wrote; `output` includes the reasoning. */
export interface ScriptedUsage {
  readonly input: number;
  readonly cacheRead: number;
  readonly cacheWrite5m: number;
  readonly cacheWrite1h: number;
  readonly output: number;
  readonly reasoning: number;
}

/** Why the model stopped; each format has its own word for each, or the nearest one. */
export type ScriptedStop = 'done' | 'stop-sequence' | 'length' | 'context-full' | 'tools' | 'filtered' | 'paused';

/** A call of one of the request's function tools. */
export interface ScriptedToolCall {
  /** Made up where absent. */
  readonly id?: string;
  readonly name: string;
  /** A string goes out as it is, also where it is no JSON (not in the messages format, whose input is an object). */
  readonly arguments: Readonly<Record<string, unknown>> | string;
}

/** An answer. Parts come out in the order reasoning, text, tool calls, as vendors send them. */
export interface ScriptedAnswer {
  readonly text?: string;
  /** Shown only where the vendor would show it: thinking enabled (messages), summary asked for (responses), never in OpenAI's chat. */
  readonly reasoning?: string;
  /** The reasoning comes encrypted: `redacted_thinking` in the messages format, no summary in responses. */
  readonly isReasoningRedacted?: boolean;
  /** The model declined: chat's and responses' `refusal`; in the messages format text with stop reason `refusal`. */
  readonly refusal?: string;
  readonly toolCalls?: readonly ScriptedToolCall[];
  /** `tools` where there are calls, else `done`. */
  readonly stop?: ScriptedStop;
  /** The sequence that stopped it, with stop `stop-sequence`. */
  readonly stopSequence?: string;
  readonly usage?: Partial<ScriptedUsage>;
  /** Code points in each streamed piece of text, reasoning or arguments. */
  readonly chunkChars?: number;
  /** Response headers to add, such as rate limits. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Decides what the model says. Throwing a `VendorRefusal` refuses. */
export type Script = (request: ScriptRequest) => ScriptedAnswer | Promise<ScriptedAnswer>;

/** An answer with nothing left open. */
export interface FullAnswer {
  readonly text: string;
  readonly reasoning: string;
  readonly isReasoningRedacted: boolean;
  readonly refusal: string;
  readonly toolCalls: readonly { readonly id: string; readonly name: string; readonly arguments: string }[];
  readonly stop: ScriptedStop;
  readonly stopSequence: string | undefined;
  readonly usage: ScriptedUsage;
  readonly chunkChars: number;
}

/** What a renderer needs to know. */
export interface RenderContext {
  readonly kind: ProviderKind;
  readonly model: string;
  readonly request: Readonly<Record<string, unknown>>;
  readonly answer: FullAnswer;
  /** Mints ids that are unique within the provider and tell what they are of: `id('msg_')`. */
  readonly id: (prefix: string) => string;
}

/** Which vendor a fake plays. */
export type ProviderKind = 'openai' | 'anthropic' | 'openai-compatible';

/** Seconds since 1970 at which every fake answer was made. */
export const fakeTimeS = 1_760_000_000;

const chunkCharsDefault = 8;

/** The answer where a test gives no script. */
export const defaultScript: Script = ({ model }) => ({ text: `Hello from ${model}.` });

/** Fills in what the script left open. */
export function completeAnswer(answer: ScriptedAnswer, id: (prefix: string) => string, idPrefix: string): FullAnswer {
  const {
    text = '',
    reasoning = '',
    refusal = '',
    toolCalls = [],
    chunkChars = chunkCharsDefault,
    usage = {},
  } = answer;
  const calls = toolCalls.map((call) => ({
    id: call.id ?? id(idPrefix),
    name: call.name,
    arguments: typeof call.arguments === 'string' ? call.arguments : JSON.stringify(call.arguments),
  }));
  return {
    text,
    reasoning,
    isReasoningRedacted: answer.isReasoningRedacted ?? false,
    refusal,
    toolCalls: calls,
    stop: answer.stop ?? (calls.length > 0 ? 'tools' : 'done'),
    stopSequence: answer.stopSequence,
    chunkChars,
    usage: { input: 12, cacheRead: 0, cacheWrite5m: 0, cacheWrite1h: 0, output: 7, reasoning: 0, ...usage },
  };
}

/** Cuts a text into pieces of `chars` code points; none where it is empty. */
export function cut(text: string, chars: number): string[] {
  const points = Array.from(text);
  return Array.from({ length: Math.ceil(points.length / chars) }, (_, index) =>
    points.slice(index * chars, (index + 1) * chars).join(''),
  );
}

/** A server-sent event as the vendors write it. */
export function toEvent(data: unknown, event?: string): Uint8Array {
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  return Buffer.from(`${event === undefined ? '' : `event: ${event}\n`}data: ${text}\n\n`);
}
