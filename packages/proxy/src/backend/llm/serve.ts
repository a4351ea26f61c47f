// An LLM request from its name to an answer: resolve, try targets until one answers, keep the books of each try.
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { Exchange, Reply } from '@agentgateway/core/exchange.ts';
import type { CallPlan } from '@agentgateway/core/target.ts';
import type { BackendEnvironment } from '../registry.ts';
import type { Tried } from './attempt.ts';
import { isTransient } from './failures.ts';
import { pause } from '../attempt.ts';
import { type ModelRoute, type ModelTarget, order } from './targets.ts';

/** What trying targets needs. */
export interface ServeParts {
  readonly exchange: Exchange;
  readonly plan: CallPlan;
  readonly environment: BackendEnvironment;
  readonly route: ModelRoute;
  /** Whether the request can be sent more than once. */
  readonly isReplayable: boolean;
}

/** Sends a request to one target. */
export type TryOne = (target: ModelTarget) => Promise<Tried>;

/** Longest wait for a provider's Retry-After before the same target is tried again. */
const retryWaitMaxMs = 10_000;

/** Tries targets in order; fails over only before the first byte goes to the client. Throws the last failure. */
export async function serve(parts: ServeParts, tryOne: TryOne): Promise<Reply> {
  const { exchange, plan, environment, route } = parts;
  const ordered = order(route, environment.monotonicMs());
  if (ordered.length === 0) throw new GatewayError('provider-misconfigured', `no target of ${route.label} can be used`);
  const { retry } = plan.settings;
  const triesMax = parts.isReplayable ? Math.max(ordered.length, 1 + (retry?.attempts ?? 0)) : 1;
  for (let tried = 0; ; tried++) {
    const target = ordered[tried % ordered.length]!;
    const isLast = tried + 1 >= triesMax;
    let waitMs = 0;
    try {
      const result = await tryTargetOf(parts, target, tryOne);
      if (result.kind === 'answered') return result.reply;
      const isRepeated = isTransient(result.status) || (retry?.codes.includes(result.status) ?? false);
      if (isLast || !isRepeated) return result.reply;
      result.reply.body.cancel(new Error('another target is tried'));
      // The same target again: it is asked when it said it would be ready, if that is soon.
      if (ordered.length === 1 && result.retryAfterMs !== undefined) {
        if (result.retryAfterMs > retryWaitMaxMs) return result.reply;
        waitMs = result.retryAfterMs;
      }
    } catch (error) {
      const failure = GatewayError.from(error);
      if (isLast || exchange.cancelReason || !failure.retriable) throw failure;
    }
    if (tried + 1 >= ordered.length && retry) waitMs = Math.max(waitMs, retry.backoffMs * (1 + environment.random()));
    if (waitMs > 0) await pause(environment.transport, exchange, waitMs);
    if (exchange.cancelReason) throw new GatewayError('client-gone', 'the exchange was given up between two attempts');
  }
}

/** Tries, and lets the target's health know. */
async function tryTargetOf({ exchange, environment }: ServeParts, target: ModelTarget, tryOne: TryOne): Promise<Tried> {
  const { health, limits } = target;
  try {
    const result = await tryOne(target);
    if (result.kind === 'answered' || !isTransient(result.status)) health.succeeded();
    else if (result.retryAfterMs !== undefined) health.paused(environment.monotonicMs(), result.retryAfterMs);
    else health.failed(environment.monotonicMs(), limits);
    return result;
  } catch (error) {
    const isOurs =
      exchange.cancelReason !== undefined || !(error instanceof GatewayError) || error.origin !== 'upstream';
    if (!isOurs) health.failed(environment.monotonicMs(), limits);
    throw error;
  }
}
