// Attempts at plain HTTP upstreams: time-outs, retries and the record of each try.
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { AttemptRecord, EndpointAddress, Exchange, Reply } from '@agentgateway/core/exchange.ts';
import type { CallPlan } from '@agentgateway/core/target.ts';
import type { Transport, UpstreamRequest } from '../upstream/transport.ts';
import type { BackendEnvironment } from './registry.ts';

/** What a plain HTTP backend says of its endpoint. */
export interface HttpTarget {
  readonly backend: string;
  readonly endpoint: EndpointAddress;
  readonly tls: { readonly serverName: string } | undefined;
  readonly protocol: UpstreamRequest['protocol'];
  /** Sent as the authority; undefined keeps the client's. */
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
  const triesMax = 1 + (retry?.attempts ?? 0);
  const lengthBytes = exchange.body.lengthBytes;
  const isReplayable =
    triesMax === 1 || exchange.body.isReplayable || (lengthBytes !== undefined && lengthBytes <= replayBytesMax);
  if (triesMax > 1 && isReplayable) await exchange.body.bytes(replayBytesMax);
  for (let tried = 1; ; tried++) {
    const isLast = tried >= triesMax || !isReplayable;
    try {
      const reply = await tryOnce(exchange, plan, environment, pick());
      if (isLast || !retry?.codes.includes(reply.status)) return reply;
      reply.body.cancel(new Error('the attempt is repeated'));
    } catch (error) {
      if (isLast || exchange.cancelReason || !(error instanceof GatewayError) || !error.retriable) throw error;
    }
    if (retry && retry.backoffMs > 0)
      await pause(environment.transport, exchange, retry.backoffMs * (1 + environment.random()));
    if (exchange.cancelReason) throw new GatewayError('client-gone', 'the exchange was given up between two attempts');
  }
}

async function tryOnce(
  exchange: Exchange,
  plan: CallPlan,
  environment: BackendEnvironment,
  target: HttpTarget,
): Promise<Reply> {
  const attempt = openAttempt(
    exchange,
    environment,
    target.backend,
    `${target.endpoint.address}:${target.endpoint.port}`,
  );
  try {
    const upstream = await environment.transport.dispatch({
      endpoint: { ...target.endpoint, ...(target.tls && { tls: target.tls }) },
      protocol: target.protocol,
      method: exchange.method,
      path: exchange.pathAndQuery,
      authority: target.authority ?? exchange.authority,
      headers: exchange.headers,
      body: exchange.body,
      timeouts: toUpstreamTimeouts(plan),
      onCancel: (fn) => exchange.onCancel(fn),
    });
    attempt.firstByteMs = environment.monotonicMs() - exchange.head.startMs;
    attempt.status = upstream.status;
    return { status: upstream.status, headers: upstream.headers, body: upstream.body, origin: 'upstream' };
  } catch (error) {
    attempt.endMs = environment.monotonicMs() - exchange.head.startMs;
    if (error instanceof GatewayError) attempt.reason = error.reason;
    throw error;
  }
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
export function toUpstreamTimeouts({ settings: { timeouts } }: CallPlan): UpstreamRequest['timeouts'] {
  return {
    connectMs: timeouts.connectMs,
    firstByteMs: timeouts.firstByteMs,
    idleMs: timeouts.idleMs,
    totalMs: timeouts.backendRequestMs,
  };
}

function pause(transport: Transport, exchange: Exchange, waitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = transport.timers.start(waitMs, resolve);
    exchange.onCancel(() => {
      timer.stop();
      resolve();
    });
  });
}
