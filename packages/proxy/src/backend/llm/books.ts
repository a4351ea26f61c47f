// The books of one attempt: reserved before it is sent, settled exactly once when its upstream body ends (contract 11).
import { toHostPort } from '@agentgateway/core/authority.ts';
import type { AttemptRecord, Exchange } from '@agentgateway/core/exchange.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { Usage } from '@agentgateway/llm/usage.ts';
import type { AttemptEnd, Bound } from '@agentgateway/quota';
import { openAttempt } from '../attempt.ts';
import type { BackendEnvironment } from '../registry.ts';
import type { Provider } from './profile.ts';

/** What an attempt cost, and why where that is not known. */
export interface Cost {
  readonly nano: bigint | undefined;
  readonly unknown?: string;
}

/** What an attempt is opened with. */
export interface BooksParts {
  readonly exchange: Exchange;
  readonly environment: BackendEnvironment;
  readonly provider: Provider;
  readonly model: string;
  readonly bound: Bound;
  /** The cost of a usage. */
  readonly price: (usage: Usage) => Cost;
}

/** Failures of what was never sent. */
const unsentReasons: ReadonlySet<string> = new Set([
  'upstream-connect-failed',
  'connect-timeout',
  'provider-misconfigured',
  'backend-invalid',
  'bad-request',
  'route-not-found',
]);

/** One attempt's books. */
export class Books {
  readonly record: AttemptRecord;
  readonly #parts: BooksParts;
  #isClosed = false;

  private constructor(parts: BooksParts) {
    this.#parts = parts;
    const { exchange, environment, provider, model } = parts;
    this.record = openAttempt(exchange, environment, provider.owner.key, `${provider.name}/${model}`);
    if (provider.address) {
      this.record.endpoint = toHostPort(provider.address.endpoint);
    }
  }

  /** Reserves. Rejects where the ledger refuses. */
  static async open(parts: BooksParts): Promise<Books> {
    const books = new Books(parts);
    try {
      await parts.environment.ledger.reserve(books.record.id, parts.bound);
    } catch (error) {
      books.#mark(error);
      throw error;
    }
    parts.exchange.settling();
    return books;
  }

  /** The head of an answer has come. */
  answered(status: number): void {
    this.record.firstByteMs = this.#elapsedMs();
    this.record.status = status;
  }

  /** Nothing was sent: the reservation is taken back. */
  release(error: unknown): void {
    if (!this.#close(error)) return;
    this.#parts.environment.ledger.release(this.record.id).then(
      () => this.#parts.exchange.settled(),
      (cause: unknown) => this.#lost(cause),
    );
  }

  /** The attempt is over: the truth, or the best guess at it. The second call does nothing. */
  settle(end: AttemptEnd, usage: Usage | undefined, error?: unknown): void {
    if (!this.#close(error)) return;
    const { exchange, environment, price, provider, model } = this.#parts;
    const cost = usage && this.#priced(price, usage);
    const { llm } = exchange;
    if (llm) {
      llm.provider = provider.name;
      llm.vendor = provider.genAiName;
      llm.upstreamModel = model;
      if (usage) {
        llm.usage = usage;
        if (cost?.nano === undefined) llm.costUnknown = cost?.unknown ?? 'unknown price';
        else llm.costNano = cost.nano;
      }
    }
    const tokens = (usage?.inputTotal ?? 0) + (usage?.outputTotal ?? 0);
    environment.ledger
      .settle(this.record.id, { end, costNano: cost?.nano, tokens, source: usage?.source ?? 'unknown' })
      .then(
        () => this.#parts.exchange.settled(),
        (cause: unknown) => this.#lost(cause),
      );
  }

  /** No answer came; what never left costs nothing. */
  unanswered(error: unknown, guessed: Usage | undefined): void {
    if (error instanceof GatewayError && unsentReasons.has(error.reason)) this.release(error);
    else this.broken(error, guessed);
  }

  /** No whole answer came: what was given up is settled by a guess, what failed costs what nobody knows. */
  broken(error: unknown, guessed: Usage | undefined): void {
    if (this.#parts.exchange.cancelReason) this.settle('aborted', guessed, error);
    else this.settle('failed', undefined, error);
  }

  /** A price that cannot be computed must not keep an attempt open. */
  #priced(price: BooksParts['price'], usage: Usage): Cost {
    try {
      return price(usage);
    } catch (error) {
      this.#parts.environment.log.error({ err: error, attempt: this.record.id }, 'a usage could not be priced');
      return { nano: undefined, unknown: 'the price could not be computed' };
    }
  }

  #close(error: unknown): boolean {
    if (this.#isClosed) return false;
    this.#isClosed = true;
    this.#mark(error);
    return true;
  }

  #mark(error: unknown): void {
    this.record.endMs = this.#elapsedMs();
    if (error instanceof GatewayError) this.record.reason = error.reason;
  }

  #lost(cause: unknown): void {
    this.#parts.environment.log.error({ err: cause, attempt: this.record.id }, 'an attempt could not be settled');
    this.#parts.exchange.settled();
  }

  #elapsedMs(): number {
    return this.#parts.environment.monotonicMs() - this.#parts.exchange.head.startMs;
  }
}
