// The neutral answer, buffered and as a stream of events.
import type { Usage } from '../usage.ts';
import type { Part } from './content.ts';
import type { Extra } from './extra.ts';

/** Why a model stopped (llm formats' tables: stop reasons). */
export interface Stop {
  readonly reason: 'end' | 'stopSequence' | 'length' | 'contextFull' | 'tools' | 'filtered' | 'paused' | 'failed';
  /** The sequence that was met. */
  readonly sequence?: string;
  /** The reason in the source format's own word. */
  readonly raw?: string;
  /** More of it, such as a refusal's explanation. */
  readonly detail?: string;
}

/** One of the answers. */
export interface Choice {
  parts: Part[];
  stop?: Stop;
  extra?: Extra;
}

/** A whole answer. */
export interface HubResponse {
  id: string;
  model: string;
  /** Seconds since the epoch, where the format says. */
  createdSeconds?: number;
  choices: Choice[];
  usage?: Usage;
  serviceTier?: string;
  extra?: Extra;
}

/** A failure as a provider told it, in a body or inside a stream. */
export interface ProviderFailure {
  message: string;
  /** Type in the provider's own words, such as `overloaded_error`. */
  type?: string;
  code?: string;
  param?: string;
  /** HTTP status where there was one. */
  status?: number;
  extra?: Extra;
}

/**
 * One event of a stream. Parts of a choice are numbered from 0 in the order in which they began; several may be open at once
 * (parallel tool calls of Chat Completions), deltas name theirs. Every part that starts ends before its choice stops, and
 * `end` comes exactly once, last, unless the stream was cut or a `failure` came.
 */
export type HubEvent =
  | {
      readonly type: 'start';
      readonly id: string;
      readonly model: string;
      readonly createdSeconds?: number;
      /** What is known of usage before the first token. */
      readonly usage?: Usage;
      readonly serviceTier?: string;
      readonly extra?: Extra;
    }
  /** `part` as far as it is known: a tool call has its id and name, texts are empty. */
  | { readonly type: 'partStart'; readonly choice: number; readonly part: number; readonly value: Part }
  | {
      readonly type: 'textDelta';
      readonly choice: number;
      readonly part: number;
      readonly text: string;
      readonly extra?: Extra;
    }
  | {
      readonly type: 'reasoningDelta';
      readonly choice: number;
      readonly part: number;
      readonly text: string;
      /** Index of the paragraph, for summaries. */ readonly summary?: number;
      readonly extra?: Extra;
    }
  | {
      readonly type: 'argumentsDelta';
      readonly choice: number;
      readonly part: number;
      readonly text: string;
      readonly extra?: Extra;
    }
  | {
      readonly type: 'refusalDelta';
      readonly choice: number;
      readonly part: number;
      readonly text: string;
      readonly extra?: Extra;
    }
  /** A citation in the source's own form. */
  | {
      readonly type: 'citation';
      readonly choice: number;
      readonly part: number;
      readonly format: Extra['format'];
      readonly value: unknown;
    }
  /** The whole part as it ended, with signatures and whatever came late; its text is what the deltas told. */
  | { readonly type: 'partEnd'; readonly choice: number; readonly part: number; readonly value: Part }
  | { readonly type: 'stop'; readonly choice: number; readonly stop: Stop; readonly extra?: Extra }
  /** Cumulative; later values win member by member. */
  | { readonly type: 'usage'; readonly usage: Usage; readonly extra?: Extra }
  /** Keep-alive. */
  | { readonly type: 'ping' }
  | { readonly type: 'failure'; readonly failure: ProviderFailure }
  | { readonly type: 'end'; readonly serviceTier?: string; readonly extra?: Extra }
  /** An event that only its own format knows; other formats drop it. */
  | { readonly type: 'opaque'; readonly format: Extra['format']; readonly name: string; readonly value: unknown };
