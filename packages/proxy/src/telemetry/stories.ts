// The last requests' stories, as `/requests` on the admin port tells them: match, verdicts, attempts, timings, tokens, cost.
import type { Exchange } from '@agentgateway/core/exchange.ts';
import type { LlmFacts } from '@agentgateway/core/llm-facts.ts';
import { cut, cutIfAny, messageMax, nameMax, placeMax } from './bounded-text.ts';
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
  readonly notes: readonly string[];
  readonly llm: LlmFacts | undefined;
  readonly traceId: string | undefined;
}

/** Remarks that a story keeps. */
const notesMax = 100;

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
      method: cut(head.method, nameMax),
      host: cut(head.authority, placeMax),
      path: cut(head.path, placeMax),
      client: head.client.address,
      outcome,
      placement,
      subject: principal?.subject,
      credential: principal?.credential.id,
      verdicts,
      attempts,
      notes: toBoundedNotes(notes),
      llm: llm && toBoundedFacts(llm),
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

function toBoundedNotes(notes: readonly string[]): readonly string[] {
  if (notes.length <= notesMax && notes.every(({ length }) => length <= messageMax)) return notes;
  const kept = notes.slice(0, notesMax).map((note) => cut(note, messageMax));
  return notes.length > notesMax ? [...kept, `and ${notes.length - notesMax} more`] : kept;
}

/** Clients and providers choose these names; a story outlives the request that holds them. */
function toBoundedFacts(llm: LlmFacts): LlmFacts {
  const { operation, requestModel, upstreamModel, responseModel, finishReason } = llm;
  const names = [operation, requestModel, upstreamModel, responseModel, finishReason];
  if (names.every((name) => name === undefined || name.length <= nameMax)) return llm;
  const bounded = { upstreamModel, responseModel, finishReason };
  return Object.assign(
    { ...llm, operation: cut(operation, nameMax), requestModel: cut(requestModel, nameMax) },
    Object.fromEntries(Object.entries(bounded).map(([field, name]) => [field, cutIfAny(name, nameMax)])),
  );
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
