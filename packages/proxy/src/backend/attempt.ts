// Attempts at plain HTTP upstreams: time-outs, retries and the record of each try.
import { toHostPort } from '@agentgateway/core/authority.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import {
  type AttemptRecord,
  type EndpointAddress,
  type Exchange,
  type Reply,
  toCancelError,
} from '@agentgateway/core/exchange.ts';
import type { CallPlan } from '@agentgateway/core/target.ts';
import type { TimerWheel } from '../upstream/timer-wheel.ts';
import type { UpstreamRequest, UpstreamTimeouts } from '../upstream/request.ts';
import type { BackendEnvironment } from './registry.ts';

/** What a plain HTTP backend says of its endpoint. */
export interface HttpTarget {
  readonly backend: string;
  readonly endpoint: EndpointAddress;
  readonly tls: { readonly serverName: string } | undefined;
  readonly protocol: UpstreamRequest['protocol'];
  /** Sent as the authority unless a policy has given the request another; undefined keeps the client's. */
  readonly authority: string | undefined;
}

/** Longest body that is collected so that a retry can replay it. */
export const replayBytesMax = 1024 * 1024;

/** Calls endpoints until one answers for good; `pick` is asked anew for each try. */
export async function callHttp(
  exchange: Exchange,
  plan: CallPlan,
  environment: BackendEnvironment,
  pick: () => HttpTarget,
): Promise<Reply> {
  const { retry } = plan.settings;
  if (!retry || retry.attempts === 0) return tryOnce(exchange, plan, environment, pick());
  const triesMax = (await isReplayable(exchange)) ? 1 + retry.attempts : 1;
  for (let tried = 1; ; tried++) {
    const isLast = tried >= triesMax;
    try {
      const reply = await tryOnce(exchange, plan, environment, pick());
      if (isLast || !retry.codes.includes(reply.status)) return reply;
      reply.body.cancel(new Error('the attempt is repeated'));
    } catch (error) {
      if (isLast || exchange.cancelReason || !(error instanceof GatewayError) || !error.retriable) throw error;
    }
    if (retry.backoffMs > 0)
      await pause(environment.transport.timers, exchange, toBackoffMs(retry.backoffMs, tried, environment));
    if (exchange.cancelReason) throw toCancelError(exchange.cancelReason);
  }
}

/** Whether the request can be sent again; a body known to be short enough is collected for it. */
async function isReplayable({ body }: Exchange): Promise<boolean> {
  if (body.isReplayable) return true;
  const { lengthBytes } = body;
  if (lengthBytes === undefined || lengthBytes > replayBytesMax) return false;
  await body.bytes(replayBytesMax);
  return true;
}

/** Doubles with each try, and never less (Gateway API: the minimum); jitter up to twice that keeps clients from coming back together. */
function toBackoffMs(baseMs: number, tried: number, environment: BackendEnvironment): number {
  return Math.max(baseMs, Math.min(baseMs * 2 ** (tried - 1), backoffMsMax)) * (1 + environment.random());
}

/** Longest wait that doubling leads to, before jitter. */
const backoffMsMax = 30_000;

async function tryOnce(
  exchange: Exchange,
  plan: CallPlan,
  environment: BackendEnvironment,
  target: HttpTarget,
): Promise<Reply> {
  const { endpoint, tls } = target;
  const attempt = openAttempt(exchange, environment, target.backend, toHostPort(endpoint));
  const isOwnAuthority = exchange.authority === exchange.head.authority;
  try {
    // An attempt edits a list of its own, never the exchange's.
    const sent = exchange.trace ? exchange.headers.clone() : exchange.headers;
    exchange.trace?.attempt(attempt, sent);
    const { status, headers, body } = await environment.transport.dispatch({
      endpoint: tls ? { ...endpoint, tls } : endpoint,
      protocol: target.protocol,
      method: exchange.method,
      path: exchange.pathAndQuery,
      authority: (isOwnAuthority ? target.authority : undefined) ?? exchange.authority,
      headers: sent,
      body: exchange.body,
      timeouts: toUpstreamTimeouts(plan),
      onCancel: (fn) => exchange.onCancel(fn),
      onInformation: exchange.inform,
      onOver: (error) => closeAttempt(exchange, environment, attempt, error),
    });
    attempt.firstByteMs = environment.monotonicMs() - exchange.head.startMs;
    attempt.status = status;
    return { status, headers, body, origin: 'upstream' };
  } catch (error) {
    // What fails before there is a connection is over without the transport's word.
    closeAttempt(exchange, environment, attempt, GatewayError.from(error));
    throw error;
  }
}

/** Closes the record of an attempt; the first end stays. */
function closeAttempt(
  exchange: Exchange,
  environment: BackendEnvironment,
  attempt: AttemptRecord,
  error: unknown,
): void {
  if (attempt.endMs !== undefined) return;
  attempt.endMs = environment.monotonicMs() - exchange.head.startMs;
  if (error instanceof GatewayError) attempt.reason = error.reason;
}

/** Opens the record of an attempt. */
export function openAttempt(
  exchange: Exchange,
  environment: BackendEnvironment,
  backend: string,
  target: string,
): AttemptRecord {
  const attempt: AttemptRecord = {
    id: `${exchange.id}/${exchange.attempts.length}`,
    backend,
    target,
    startMs: environment.monotonicMs() - exchange.head.startMs,
    endpoint: target,
  };
  exchange.attempts.push(attempt);
  return attempt;
}

/** The transport's time-outs of a rule. */
export function toUpstreamTimeouts({ settings: { timeouts } }: CallPlan): UpstreamTimeouts {
  return {
    connectMs: timeouts.connectMs,
    firstByteMs: timeouts.firstByteMs,
    idleMs: timeouts.idleMs,
    totalMs: timeouts.backendRequestMs,
  };
}

/** Waits, unless the exchange is given up before. */
export function pause(timers: TimerWheel, exchange: Exchange, waitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = timers.start(waitMs, () => {
      stopCancel();
      resolve();
    });
    const stopCancel = exchange.onCancel(() => {
      timer.stop();
      resolve();
    });
  });
}
