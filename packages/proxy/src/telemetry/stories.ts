// The last requests' stories, as `/requests` on the admin port tells them: match, verdicts, attempts, timings, tokens, cost.
import type { Exchange } from '@agentgateway/core/exchange.ts';
import type { LlmFacts } from '@agentgateway/core/llm-facts.ts';
import type { Outcome } from './outcome.ts';

/** One request's story. Times in milliseconds. */
export interface Story {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly startEpochMs: number;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly client: string;
  readonly outcome: Outcome;
  readonly placement: Exchange['placement'];
  readonly subject: string | undefined;
  readonly credential: string | undefined;
  readonly verdicts: Exchange['verdicts'];
  readonly attempts: Exchange['attempts'];
  readonly notes: Exchange['notes'];
  readonly llm: LlmFacts | undefined;
  readonly traceId: string | undefined;
}

/** Keeps the last stories in a ring. */
export class Stories {
  readonly #ring: Story[] = [];
  readonly #storiesMax: number;
  #next = 0;

  constructor(storiesMax: number) {
    this.#storiesMax = storiesMax;
  }

  /** Keeps what must be remembered of an exchange; its bodies and headers are let go. */
  add(exchange: Exchange, outcome: Outcome): void {
    const { head, placement, principal, verdicts, attempts, notes, llm } = exchange;
    this.#ring[this.#next] = {
      id: exchange.id,
      startEpochMs: head.startEpochMs,
      method: head.method,
      host: head.authority,
      path: head.path,
      client: head.client.address,
      outcome,
      placement,
      subject: principal?.subject,
      credential: principal?.credential.id,
      verdicts,
      attempts,
      notes,
      llm,
      traceId: exchange.trace?.traceId,
    };
    this.#next = (this.#next + 1) % this.#storiesMax;
  }

  /** The stories kept, newest first. */
  *newest(): Generator<Story> {
    const { length } = this.#ring;
    for (let i = 1; i <= length; i++) yield this.#ring[(this.#next - i + length) % length]!;
  }
}

/** A story as JSON: amounts that JSON cannot hold become text. */
export function toJson(story: Story): object {
  const { llm, startEpochMs, ...rest } = story;
  if (!llm) return { time: toTime(startEpochMs), ...rest };
  const { costNano, ...facts } = llm;
  const cost = costNano === undefined ? undefined : { nanoUsd: String(costNano), usd: Number(costNano) / 1e9 };
  return { time: toTime(startEpochMs), ...rest, llm: { ...facts, ...(cost && { cost }) } };
}

function toTime(epochMs: number): string {
  // oxlint-disable-next-line no-restricted-globals -- writes a time that was taken before
  return new Date(epochMs).toISOString();
}
