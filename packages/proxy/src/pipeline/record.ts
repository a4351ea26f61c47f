// The only place that logs a request and keeps its story; it waits for the attempts' settlements (contract 11).
import type { Exchange, Reply } from '@agentgateway/core/exchange.ts';
import type { Log } from '@agentgateway/core/environment.ts';
import type { ResponseEnd } from '../server/responder.ts';
import type { Clock } from '../environment.ts';

/** One request's story, as `/requests` on the admin port tells it. Times in milliseconds. */
export interface RequestStory {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly startEpochMs: number;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly status: number;
  readonly reason: string | undefined;
  readonly durationMs: number;
  readonly placement: Exchange['placement'];
  readonly subject: string | undefined;
  readonly verdicts: Exchange['verdicts'];
  readonly attempts: Exchange['attempts'];
  readonly notes: Exchange['notes'];
  readonly llm: object | undefined;
}

/** What the recorder writes to. */
export interface RecorderParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly access: (line: object) => void;
  /** How many stories are kept. */
  readonly storiesMax: number;
  /** How long a settlement may take before the record is written without it. */
  readonly settleTimeoutMs: number;
}

/** Writes access lines and keeps the last requests' stories. */
export class Recorder {
  readonly #parts: RecorderParts;
  readonly #stories: RequestStory[] = [];
  #next = 0;

  constructor(parts: RecorderParts) {
    this.#parts = parts;
  }

  /** Records a finished exchange, once its attempts are settled. */
  record(exchange: Exchange, reply: Reply, end: ResponseEnd): void {
    const endMs = this.#parts.clock.monotonicMs();
    if (exchange.settlements.length === 0) {
      this.#write(exchange, reply, end, endMs);
      return;
    }
    const late = setTimeout(() => settled(), this.#parts.settleTimeoutMs);
    let isWritten = false;
    const settled = (): void => {
      if (isWritten) return;
      isWritten = true;
      clearTimeout(late);
      this.#write(exchange, reply, end, endMs);
    };
    Promise.allSettled(exchange.settlements).then(settled, settled);
  }

  /** The stories kept, newest first. */
  stories(): RequestStory[] {
    return [...this.#stories.slice(0, this.#next).toReversed(), ...this.#stories.slice(this.#next).toReversed()];
  }

  #write(exchange: Exchange, reply: Reply, end: ResponseEnd, endMs: number): void {
    const durationMs = Math.round((endMs - exchange.head.startMs) * 1000) / 1000;
    const status = end.isClientGone && !end.isHeadSent ? 499 : reply.status;
    const reason = end.isClientGone
      ? 'client-gone'
      : (reply.reason ?? (end.error === undefined ? undefined : 'upstream-reset'));
    const failure = end.error ?? reply.error;
    this.#parts.access(toAccessLine(exchange, { status, reason, durationMs, failure }));
    if (reply.reason === 'internal' && reply.error !== undefined) {
      this.#parts.log.error(
        { err: causeOf(reply.error), requestId: exchange.id },
        'the gateway failed to handle a request',
      );
    }
    const story: RequestStory = {
      id: exchange.id,
      startEpochMs: exchange.head.startEpochMs,
      method: exchange.head.method,
      host: exchange.head.authority,
      path: exchange.head.path,
      status,
      reason,
      durationMs,
      placement: exchange.placement,
      subject: exchange.principal?.subject,
      verdicts: exchange.verdicts,
      attempts: exchange.attempts,
      notes: exchange.notes,
      llm: exchange.llm,
    };
    this.#stories[this.#next] = story;
    this.#next = (this.#next + 1) % this.#parts.storiesMax;
  }
}

interface Outcome {
  readonly status: number;
  readonly reason: string | undefined;
  readonly durationMs: number;
  readonly failure: unknown;
}

/** The access log's keys are those of the documentation's table; what does not apply is left out. */
function toAccessLine(exchange: Exchange, outcome: Outcome): Record<string, unknown> {
  const { placement, head, llm } = exchange;
  const attempt = exchange.attempts.at(-1);
  const line: Record<string, unknown> = {
    gateway: placement.gateway,
    listener: placement.listener,
    route: placement.route,
    route_rule: placement.rule || undefined,
    endpoint: attempt?.endpoint,
    'src.addr': `${head.client.address}:${head.client.port}`,
    'http.method': head.method,
    'http.host': head.authority,
    'http.path': head.path,
    'http.version': head.httpVersion,
    'http.status': outcome.status,
    duration: outcome.durationMs,
    'request.id': exchange.id,
  };
  if (outcome.reason !== undefined) {
    line['reason'] = outcome.reason;
    line['error'] = textOf(outcome.failure);
  }
  if (exchange.attempts.length > 1) line['retry.attempt'] = exchange.attempts.length - 1;
  if (exchange.principal) {
    line['agentgateway.user'] = exchange.principal.subject;
    line['agw.api_key.name'] = exchange.principal.credential.id;
  }
  if (llm) {
    line['gen_ai.operation.name'] = llm.operation;
    line['gen_ai.provider.name'] = llm.provider;
    line['gen_ai.request.model'] = llm.requestModel;
    line['gen_ai.response.model'] = llm.responseModel;
    line['gen_ai.usage.input_tokens'] = llm.usage?.inputTotal;
    line['gen_ai.usage.output_tokens'] = llm.usage?.outputTotal;
    line['agw.ai.time_to_first_token'] = llm.firstTokenMs;
  }
  return line;
}

function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? error.cause : error;
}

function textOf(error: unknown): string | undefined {
  if (error === undefined) return undefined;
  const text = error instanceof Error ? error.message : String(error);
  const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return text + cause;
}
