// Passive health of a provider's model: failures in a row take it out for a while that doubles; Retry-After is honoured.

/** When a target is taken out, and for how long. Times in milliseconds. */
export interface HealthLimits {
  /** Failures in a row until it is taken out. */
  readonly failures: number;
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
}

/** Limits where the configuration gives none. */
export const healthDefaults: HealthLimits = { failures: 5, backoffMs: 10_000, backoffMaxMs: 300_000 };

/** Longest pause that a provider's Retry-After is believed. */
export const retryAfterMaxMs = 600_000;

/** The health of one target. */
export class TargetHealth {
  #failures = 0;
  #ejections = 0;
  #untilMs = 0;

  /** Whether it may be tried at this moment. After its pause one failure takes it out again, for longer. */
  isUsable(nowMs: number): boolean {
    return nowMs >= this.#untilMs;
  }

  /** Milliseconds until it may be tried again; 0 now. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.#untilMs - nowMs);
  }

  succeeded(): void {
    this.#failures = 0;
    this.#ejections = 0;
  }

  failed(nowMs: number, limits: HealthLimits): void {
    this.#failures++;
    if (this.#failures < limits.failures && this.#ejections === 0) return;
    this.#failures = 0;
    const pauseMs = Math.min(limits.backoffMs * 2 ** this.#ejections, limits.backoffMaxMs);
    this.#ejections++;
    this.#untilMs = Math.max(this.#untilMs, nowMs + pauseMs);
  }

  /** The provider itself asked for a pause. */
  paused(nowMs: number, pauseMs: number): void {
    this.#untilMs = Math.max(this.#untilMs, nowMs + Math.min(pauseMs, retryAfterMaxMs));
  }
}

/** Models of one provider whose health is kept; the oldest goes. */
const tableMax = 1000;

/** The health of a provider's models, by name. Disposable because it outlives snapshots (contract 3). */
export class HealthTable implements Disposable {
  readonly #models = new Map<string, TargetHealth>();

  /** The health of a model; made on first use. */
  of(model: string): TargetHealth {
    const known = this.#models.get(model);
    if (known) return known;
    if (this.#models.size >= tableMax) this.#models.delete(this.#models.keys().next().value!);
    const health = new TargetHealth();
    this.#models.set(model, health);
    return health;
  }

  [Symbol.dispose](): void {
    this.#models.clear();
  }
}

/** Milliseconds of a retry-after (RFC 9110 §10.2.3) or retry-after-ms field; undefined where there is none that can be read. */
export function readRetryAfterMs(
  headers: { get(name: string): string | undefined },
  nowEpochMs: number,
): number | undefined {
  const exact = headers.get('retry-after-ms');
  if (exact !== undefined && /^[0-9]+(\.[0-9]+)?$/.test(exact)) return Number(exact);
  const text = headers.get('retry-after');
  if (text === undefined) return undefined;
  if (/^[0-9]+(\.[0-9]+)?$/.test(text)) return Number(text) * 1000;
  // An HTTP-date begins with a day's name; Date.parse would take other things for dates.
  if (!/^[A-Za-z]{3}/.test(text)) return undefined;
  // oxlint-disable-next-line no-restricted-globals -- parses a date, does not read the clock
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowEpochMs);
}
