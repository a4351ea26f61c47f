// How many of a backend's requests may be retries: a share of them, and a minimum (GEP-3388).
import type { RetryBudgetSettings } from '@agentgateway/core/settings.ts';

/** Parts an interval is counted in: what is older than the interval is forgotten a part at a time. */
const partsCount = 10;

/** Different intervals that are counted at a time; policies of one backend seldom differ. */
const intervalsMax = 16;

/** What began in the last so many milliseconds. */
class Recent {
  readonly #partMs: number;
  readonly #requests = Array.from({ length: partsCount }, () => 0);
  readonly #retries = Array.from({ length: partsCount }, () => 0);
  #part = 0;

  constructor(intervalMs: number) {
    this.#partMs = intervalMs / partsCount;
  }

  count(kind: 'requests' | 'retries', nowMs: number): void {
    this.#turn(nowMs);
    (kind === 'requests' ? this.#requests : this.#retries)[this.#part % partsCount]!++;
  }

  requests(nowMs: number): number {
    this.#turn(nowMs);
    return sum(this.#requests);
  }

  retries(nowMs: number): number {
    this.#turn(nowMs);
    return sum(this.#retries);
  }

  #turn(nowMs: number): void {
    const part = Math.floor(nowMs / this.#partMs);
    for (let at = Math.max(this.#part + 1, part - partsCount + 1); at <= part; at++) {
      this.#requests[at % partsCount] = 0;
      this.#retries[at % partsCount] = 0;
    }
    this.#part = Math.max(this.#part, part);
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** The retries of one backend, whichever rule sends them. */
export class RetryBudget implements Disposable {
  readonly #byInterval = new Map<number, Recent>();

  /** A request begins. */
  begin({ intervalMs }: RetryBudgetSettings, nowMs: number): void {
    this.#recent(intervalMs).count('requests', nowMs);
  }

  /** Takes one retry from the budget; false where there is none left. */
  take({ percent, intervalMs, minCount, minIntervalMs }: RetryBudgetSettings, nowMs: number): boolean {
    const share = this.#recent(intervalMs);
    const least = this.#recent(minIntervalMs);
    const isWithin =
      least.retries(nowMs) < minCount || (share.retries(nowMs) + 1) * 100 <= share.requests(nowMs) * percent;
    if (!isWithin) return false;
    share.count('retries', nowMs);
    if (least !== share) least.count('retries', nowMs);
    return true;
  }

  [Symbol.dispose](): void {
    this.#byInterval.clear();
  }

  #recent(intervalMs: number): Recent {
    let recent = this.#byInterval.get(intervalMs);
    if (recent) return recent;
    if (this.#byInterval.size >= intervalsMax) this.#byInterval.delete(this.#byInterval.keys().next().value!);
    this.#byInterval.set(intervalMs, (recent = new Recent(intervalMs)));
    return recent;
  }
}
