// What is remembered of a provider's models: the health of each, and how long a provider asks to be left alone.
import type { EjectionLimits } from '@agentgateway/core/settings.ts';
import { TargetHealth } from '../ejection.ts';

/** Limits where the configuration gives none. */
export const healthDefaults: EjectionLimits = { failures: 5, backoffMs: 10_000, backoffMaxMs: 300_000 };

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
