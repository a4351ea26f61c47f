// An LLM request from its name to an answer: resolve, try targets until one answers, keep the books of each try.
import { GatewayError } from '@agentgateway/core/errors.ts';
import { type Exchange, type Reply, toCancelError } from '@agentgateway/core/exchange.ts';
import type { CallPlan } from '@agentgateway/core/target.ts';
import type { BackendEnvironment } from '../registry.ts';
import type { Tried } from './attempt.ts';
import { isOurRefusal, isTransient } from './failures.ts';
import { pause } from '../attempt.ts';
import { type ModelRoute, type ModelTarget, order } from './targets.ts';

/** What trying targets needs. */
export interface ServeParts {
  readonly exchange: Exchange;
  readonly plan: CallPlan;
  readonly environment: BackendEnvironment;
  readonly route: ModelRoute;
}

/** Sends a request to one target. */
export type TryOne = (target: ModelTarget) => Promise<Tried>;

/** Longest wait for a provider's Retry-After before the same target is tried again. */
const retryWaitMaxMs = 10_000;

/** Tries targets in order; fails over only before the first byte goes to the client. Throws the last failure. */
export async function serve(parts: ServeParts, tryOne: TryOne): Promise<Reply> {
  const { exchange, plan, environment, route } = parts;
  const ordered = order(route, environment.monotonicMs());
  if (ordered.length === 0) {
    const hint = 'Give one of its targets a weight above 0.';
    throw new GatewayError('provider-misconfigured', `every target of ${route.label} has the weight 0`, { hint });
  }
  const { retry } = plan.settings;
  const triesMax = Math.max(ordered.length, 1 + (retry?.attempts ?? 0));
  /** When a provider said that it would be ready again, on the monotonic clock. */
  const readyMs = new Map<ModelTarget, number>();
  let said: Reply | GatewayError | undefined;
  for (let tried = 0; ; tried++) {
    const target = ordered[tried % ordered.length]!;
    const next = ordered[(tried + 1) % ordered.length]!;
    const isAgain = tried + 1 >= ordered.length;
    // A target is asked again when it said that it would be ready, if that is soon.
    const readyIn = (): number => (isAgain ? (readyMs.get(next) ?? 0) - environment.monotonicMs() : 0);
    const isLast = (): boolean => tried + 1 >= triesMax || readyIn() > retryWaitMaxMs;
    try {
      const result = await tryTargetOf(parts, target, tryOne);
      if (result.kind === 'answered') return result.reply;
      if (result.retryAfterMs !== undefined) readyMs.set(target, environment.monotonicMs() + result.retryAfterMs);
      const isRepeated =
        isTransient(result.status) ||
        (retry?.codes.includes(result.status) ?? false) ||
        (isOurRefusal(result.status) && !isAgain);
      if (!isRepeated || isLast()) return result.reply;
      result.reply.body.cancel(new Error('another target is tried'));
      said = result.reply;
    } catch (error) {
      const failure = GatewayError.from(error);
      if (exchange.cancelReason || !failure.retriable) throw failure;
      exchange.notes.push(`${target.provider.name}/${target.model}: ${failure.message}`);
      // What a provider said tells the client more than that another could not be asked.
      if (failure.reason !== 'unsupported-conversion') said = failure;
      if (isLast()) return tell(said ?? failure);
    }
    const waitMs = isAgain && retry ? Math.max(readyIn(), retry.backoffMs * (1 + environment.random())) : 0;
    if (waitMs > 0) await pause(environment.transport.timers, exchange, waitMs);
    if (exchange.cancelReason) throw toCancelError(exchange.cancelReason);
  }
}

function tell(said: Reply | GatewayError): Reply {
  if (said instanceof GatewayError) throw said;
  return said;
}

/** Tries, and lets the target's health know. */
async function tryTargetOf({ exchange, environment }: ServeParts, target: ModelTarget, tryOne: TryOne): Promise<Tried> {
  const { health } = target;
  const { limits } = target.provider.owner;
  try {
    const result = await tryOne(target);
    if (result.kind === 'answered' || !isUnwell(result.status)) health.succeeded();
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

/** A 403 may be about this request alone; a key or an account that is refused refuses every one. */
function isUnwell(status: number): boolean {
  return isTransient(status) || status === 401 || status === 402;
}
