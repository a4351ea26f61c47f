// Passive health of whatever requests are sent to, a provider's model or an endpoint: failures in a row take it out for a while that doubles.
import type { EjectionLimits } from '@agentgateway/core/settings.ts';

/** Longest pause that is believed where a target asks for one itself (Retry-After). */
export const retryAfterMaxMs = 600_000;

/** The health of one target. Times are monotonic milliseconds. */
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

  /** Where it must not be taken out, because too many others are, the next failure asks again. */
  failed(nowMs: number, limits: EjectionLimits, mayEject: () => boolean = () => true): void {
    this.#failures++;
    if ((this.#failures < limits.failures && this.#ejections === 0) || !mayEject()) return;
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
