// Attempts at plain HTTP upstreams: time-outs, retries and the record of each try.
import { toHostPort } from '@agentgateway/core/authority.ts';
import type { Body } from '@agentgateway/core/body.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import {
  type AttemptRecord,
  type EndpointAddress,
  type Exchange,
  type Reply,
  toCancelError,
} from '@agentgateway/core/exchange.ts';
import type { RetrySettings } from '@agentgateway/core/settings.ts';
import type { CallPlan } from '@agentgateway/core/target.ts';
import type { TimerWheel } from '../upstream/timer-wheel.ts';
import type { UpstreamEndpoint, UpstreamRequest, UpstreamTimeouts } from '../upstream/request.ts';
import type { EndpointState, EndpointTable } from './picker/endpoint-table.ts';
import type { BackendEnvironment } from './registry.ts';
import { Replay } from './replay.ts';
import type { RetryBudget } from './retry-budget.ts';

/** What a plain HTTP backend says of its endpoint. */
export interface HttpTarget {
  readonly backend: string;
  readonly endpoint: EndpointAddress;
  readonly tls: { readonly serverName: string } | undefined;
  readonly protocol: UpstreamRequest['protocol'];
  /** Sent as the authority unless a policy has given the request another; undefined keeps the client's. */
  readonly authority: string | undefined;
  /** What the backend is told where `hostRewrite` asks for its own name. */
  readonly ownName?: string;
  /** What is remembered of the endpoint, and where; undefined where nothing is. */
  readonly state?: EndpointState;
  readonly table?: EndpointTable;
  readonly budget?: RetryBudget;
}

/** Longest body that is kept so that a retry can replay it. */
export const replayBytesMax = 1024 * 1024;

/** Calls endpoints until one answers for good; `pick` is asked anew for each try, and told which were tried. */
export async function callHttp(
  exchange: Exchange,
  plan: CallPlan,
  environment: BackendEnvironment,
  pick: (tried: readonly EndpointState[]) => HttpTarget,
): Promise<Reply> {
  const { retry } = plan.settings;
  const call = { exchange, plan, environment };
  if (!retry || retry.attempts === 0) return tryOnce(call, pick([]), exchange.body);
  const replay = openReplay(exchange);
  const tried: EndpointState[] = [];
  let budget: RetryBudget | undefined;
  for (let tries = 1; ; tries++) {
    let failure: unknown;
    let reply: Reply | undefined;
    try {
      const target = pick(tried);
      if (target.state) tried.push(target.state);
      if (!budget && target.budget && retry.budget) {
        budget = target.budget;
        budget.begin(retry.budget, environment.monotonicMs());
      }
      reply = await tryOnce(call, target, replay?.next() ?? exchange.body);
      if (!retry.codes.includes(reply.status)) return accept(reply, replay);
    } catch (error) {
      if (exchange.cancelReason || !(error instanceof GatewayError) || !error.retriable) throw error;
      failure = error;
    }
    const stop = tries > retry.attempts ? 'spent' : whyNotAgain(retry, environment, replay, budget);
    if (stop !== undefined) {
      if (stop !== 'spent') exchange.notes.push(`not retried: ${stop}`);
      if (reply) return accept(reply, replay);
      throw tries > 1 ? toExhausted(failure) : failure;
    }
    reply?.body.cancel(new Error('the attempt is repeated'));
    if (retry.backoffMs > 0)
      await pause(environment.transport.timers, exchange, toBackoffMs(retry.backoffMs, tries, environment));
    if (exchange.cancelReason) throw toCancelError(exchange.cancelReason);
  }
}

/** What keeps the request's body for further tries; undefined where it can be sent again as it is. */
function openReplay(exchange: Exchange): Replay | undefined {
  const { body } = exchange;
  body.takeWhole();
  if (body.isReplayable) return undefined;
  const replay = new Replay(body, replayBytesMax);
  exchange.keep(replay);
  return replay;
}

/** No further try: what was kept for one is let go. */
function accept(reply: Reply, replay: Replay | undefined): Reply {
  replay?.commit();
  return reply;
}

/** Why a try that could be repeated is not, for the request's story. */
function whyNotAgain(
  retry: RetrySettings,
  environment: BackendEnvironment,
  replay: Replay | undefined,
  budget: RetryBudget | undefined,
): string | undefined {
  if (replay && !replay.isWhole) return `the request's body is longer than ${replayBytesMax} bytes`;
  if (budget && retry.budget && !budget.take(retry.budget, environment.monotonicMs()))
    return 'the retry budget of the backend is spent';
  return undefined;
}

/** Where several tries broke one after the other the backend is not there, rather than wrong (Gateway API: 500 or 503). */
function toExhausted(failure: unknown): unknown {
  if (!(failure instanceof GatewayError) || failure.reason !== 'upstream-reset') return failure;
  return new GatewayError(failure.reason, failure.message, { status: 503, cause: failure });
}

/** Doubles with each try, and never less (Gateway API: the minimum); jitter up to twice that keeps clients from coming back together. */
function toBackoffMs(baseMs: number, tried: number, environment: BackendEnvironment): number {
  return Math.max(baseMs, Math.min(baseMs * 2 ** (tried - 1), backoffMsMax)) * (1 + environment.random());
}

/** Longest wait that doubling leads to, before jitter. */
const backoffMsMax = 30_000;

interface Call {
  readonly exchange: Exchange;
  readonly plan: CallPlan;
  readonly environment: BackendEnvironment;
}

async function tryOnce(call: Call, target: HttpTarget, body: Body): Promise<Reply> {
  const { exchange, plan, environment } = call;
  const { endpoint, state } = target;
  const attempt = openAttempt(exchange, environment, target.backend, state?.name ?? toHostPort(endpoint));
  if (state) state.inFlight++;
  // A short answer may be over before anybody has seen its status.
  let end: { readonly error: unknown } | undefined;
  try {
    // An attempt edits a list of its own, never the exchange's.
    const sent = exchange.trace ? exchange.headers.clone() : exchange.headers;
    exchange.trace?.attempt(attempt, sent);
    const reply = await environment.transport.dispatch({
      endpoint: toUpstreamEndpoint(call, target),
      protocol: target.protocol,
      method: exchange.method,
      path: exchange.pathAndQuery,
      authority: toAuthority(exchange, plan, target),
      headers: sent,
      body,
      timeouts: toUpstreamTimeouts(plan),
      upgrade: exchange.head.upgrade,
      onCancel: (fn) => exchange.onCancel(fn),
      onInformation: exchange.inform,
      onOver(error) {
        closeAttempt(exchange, environment, attempt, error);
        if (attempt.status === undefined) end = { error };
        else settle(call, target, attempt, error);
      },
    });
    attempt.firstByteMs = environment.monotonicMs() - exchange.head.startMs;
    attempt.status = reply.status;
    if (end) settle(call, target, attempt, end.error);
    if (state) plan.session?.bind(target.backend, plan.port, state.mark);
    return { status: reply.status, headers: reply.headers, body: reply.body, origin: 'upstream' };
  } catch (error) {
    // What fails before there is a connection is over without the transport's word.
    const failure = GatewayError.from(error);
    closeAttempt(exchange, environment, attempt, failure);
    settle(call, target, attempt, failure);
    throw error;
  }
}

/** The endpoint with all that is said to it before the request. */
function toUpstreamEndpoint({ exchange, plan }: Call, { endpoint, tls, protocol }: HttpTarget): UpstreamEndpoint {
  const version = plan.settings.proxyProtocol?.backendVersion;
  if (version === undefined) return tls ? { ...endpoint, tls } : endpoint;
  if (protocol === 'http2')
    throw new GatewayError(
      'policy-invalid',
      'the PROXY protocol names one client for a connection, and HTTP/2 to backends shares connections among clients',
    );
  const { client, local = client } = exchange.head;
  return { ...endpoint, ...(tls && { tls }), proxyHeader: { version, ends: { source: client, destination: local } } };
}

/** The host that the backend is told: a filter's, else what `hostRewrite` says, else the backend's word on it. */
function toAuthority(exchange: Exchange, { settings }: CallPlan, { authority, ownName }: HttpTarget): string {
  if (exchange.authority !== exchange.head.authority) return exchange.authority;
  const rewrite = settings.hostRewrite;
  const sent = exchange.head.host ?? exchange.authority;
  const own = authority ?? sent;
  switch (rewrite?.kind) {
    case undefined:
      return own;
    case 'auto':
      return authority ?? ownName ?? sent;
    case 'hostname':
      return rewrite.hostname;
    case 'header': {
      const value = exchange.headers.get(rewrite.header)?.toLowerCase();
      return value !== undefined && authorityPattern.test(value) ? value : own;
    }
  }
}

/** A host and perhaps a port, as far as they cannot be taken for anything else (RFC 3986 §3.2). */
const authorityPattern = /^([a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(:[0-9]{1,5})?$/;

/** An attempt is over, which its endpoint is told. */
function settle(
  { exchange, plan, environment }: Call,
  target: HttpTarget,
  attempt: AttemptRecord,
  error: unknown,
): void {
  const { state, table } = target;
  if (!state) return;
  state.inFlight--;
  const isWell = judge(exchange, attempt, error);
  if (isWell === undefined || !table) return;
  if (table.report(state, isWell, plan.settings.health, environment.monotonicMs()))
    environment.log.warn(
      { backend: target.backend, endpoint: state.name },
      'an endpoint that failed several times in a row is left alone for a while',
    );
}

/** Whether an attempt speaks for its endpoint's health or against it; undefined where it says nothing. */
function judge(exchange: Exchange, attempt: AttemptRecord, error: unknown): boolean | undefined {
  if (attempt.status !== undefined && attempt.status >= 500) return false;
  if (error === undefined) return true;
  // The request's own time-out, too, has waited for this endpoint.
  if (exchange.cancelReason === 'exchange-timeout' && attempt.status === undefined) return false;
  if (exchange.cancelReason || !(error instanceof GatewayError) || error.origin !== 'upstream') return undefined;
  return false;
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
