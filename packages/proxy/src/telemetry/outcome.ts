// How an exchange ended, worked out once for the log, the metrics, the span and the story.
import type { Exchange, Reply } from '@agentgateway/core/exchange.ts';
import { GatewayError, type Reason } from '@agentgateway/core/errors.ts';
import type { ResponseEnd } from '../server/responder.ts';
import { cut, messageMax } from './bounded-text.ts';

/** The end of an exchange. */
export interface Outcome {
  /** Status the client saw; 499 where it left before any. */
  readonly status: number;
  /** Undefined where nothing went wrong. */
  readonly reason: Reason | undefined;
  /** What went wrong, for the log alone. */
  readonly message: string | undefined;
  /** From the end of the request head to the end of the answer. */
  readonly durationMs: number;
  readonly bodyBytes: number;
}

/** Sums up. */
export function toOutcome(exchange: Exchange, reply: Reply, end: ResponseEnd, endMs: number): Outcome {
  const failure = end.error ?? reply.error;
  return {
    status: end.isClientGone && !end.isHeadSent ? 499 : reply.status,
    reason: reasonOf(exchange, reply, end),
    message: failure === undefined ? undefined : cut(toLogged(exchange, textOf(failure)), messageMax),
    durationMs: Math.round((endMs - exchange.head.startMs) * 1000) / 1000,
    bodyBytes: end.bodyBytes,
  };
}

function reasonOf({ attempts }: Exchange, reply: Reply, end: ResponseEnd): Reason | undefined {
  if (end.isClientGone) return 'client-gone';
  if (end.error instanceof GatewayError) return end.error.reason;
  if (end.error !== undefined) return reply.reason ?? 'upstream-reset';
  // A refusal that is passed on is the last attempt's end.
  return reply.reason ?? (reply.origin === 'upstream' ? attempts.at(-1)?.reason : undefined);
}

/** The message of a failure and of what caused it. A parser's own words quote what it could not read, so they are left out. */
export function textOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error === 'string' ? error : 'unknown failure';
  if (error instanceof SyntaxError) return 'a text that cannot be parsed';
  return error.cause instanceof Error ? `${error.message}: ${textOf(error.cause)}` : error.message;
}

/** Values that a message quotes: `"…"` as codecs write them, `'…'` as vendors do. */
const quoted = /"(?:[^"\\]|\\.)*"|(?<![\p{L}\p{N}])'[^']*'(?![\p{L}\p{N}])/gsu;

/** A message for the log. Where people talk to models, what it quotes may be theirs: the client is told it, the log is not. */
function toLogged({ dialect }: Exchange, message: string): string {
  const isTalk = dialect === 'chat' || dialect === 'responses' || dialect === 'messages';
  return isTalk ? message.replace(quoted, '"…"') : message;
}
