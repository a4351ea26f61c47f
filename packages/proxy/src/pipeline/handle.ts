// A request's way through the gateway, in one function (DESIGN §5, contract 7).
import { GatewayError } from '@agentgateway/core/errors.ts';
import { Exchange, type ExchangeHead, type Reply, toCancelError } from '@agentgateway/core/exchange.ts';
import type { Responder, ResponseEnd } from '../server/responder.ts';
import type { BindPlan, PlannedStep, RulePlan, Snapshot, StepPlan } from '../snapshot/snapshot.ts';
import type { Timer, TimerWheel } from '../upstream/timer-wheel.ts';
import { collectReply, collectRequest } from '../wire-encoding.ts';
import { dialectIn, dialectOf } from './dialect.ts';
import { renderError, renderGrpcFailure } from './render-error.ts';
import type { Sessions } from './session.ts';

/** What the pipeline needs of its process. */
export interface Pipeline {
  readonly store: { readonly current: Snapshot };
  readonly timers: TimerWheel;
  readonly limits: PipelineLimits;
  /** Opens the sessions that rules mark; left out where none can. */
  readonly sessions?: Sessions;
  /** An exchange begins with this snapshot; left out where nobody watches. */
  readonly begin?: (exchange: Exchange, snapshot: Snapshot) => void;
  /** A reply is about to be written: the last moment to look into its body. */
  readonly answer?: (exchange: Exchange, reply: Reply) => void;
  /** The only place that logs, counts and ends the span. */
  record(exchange: Exchange, reply: Reply, end: ResponseEnd): void;
}

/** Limits of the pipeline's own buffers. */
export interface PipelineLimits {
  /** Longest request body that steps and retries may read, in bytes. */
  readonly replayBytesMax: number;
  /** Longest response body that steps may read, in bytes; more is `response-too-large`. */
  readonly responseBytesMax: number;
}

/** A request under way: who handles it, what it is, and what must be undone. */
interface Flight {
  readonly pipeline: Pipeline;
  readonly exchange: Exchange;
  /** Steps whose request half ran, in order. */
  readonly ran: PlannedStep[];
  deadline: Timer | undefined;
}

/** Answers one request. Never throws: whatever goes wrong is a reply or a broken connection, and a record. */
export async function handle(
  pipeline: Pipeline,
  bindKey: string,
  head: ExchangeHead,
  responder: Responder,
): Promise<void> {
  const snapshot = pipeline.store.current;
  const exchange = new Exchange(head, snapshot);
  exchange.dialect = dialectOf(exchange);
  pipeline.begin?.(exchange, snapshot);
  exchange.inform = (status, headers) => responder.inform(status, headers);
  responder.onClose((reason) => exchange.cancel(reason));
  // A step that waits for the request's body must not outlive the exchange.
  if (exchange.body.kind === 'source') exchange.onCancel((reason) => exchange.body.cancel(toCancelError(reason)));
  const flight: Flight = { pipeline, exchange, ran: [], deadline: undefined };
  let reply: Reply;
  try {
    reply = await answer(flight, snapshot.binds.get(bindKey));
  } catch (error) {
    reply = renderError(exchange, exchange.cancelReason ? toCancelError(exchange.cancelReason) : error);
  }
  if (flight.ran.length > 0) reply = await unwind(flight, reply);
  if (exchange.dialect === 'grpc' && !reply.renderFailure) reply.renderFailure = renderGrpcFailure;
  pipeline.answer?.(exchange, reply);
  // It bounds what leads to an upgrade, not what comes after.
  if (reply.body.kind === 'tunnel') flight.deadline?.stop();
  const end = await responder.respond(reply);
  flight.deadline?.stop();
  exchange.release();
  reply.body.release();
  pipeline.record(exchange, reply, end);
}

/** Listener → rule → steps → backend. Throws GatewayError for every refusal. */
async function answer(flight: Flight, bind: BindPlan | undefined): Promise<Reply> {
  const { exchange } = flight;
  const listener = bind?.select(exchange.authority);
  if (!bind || !listener)
    throw new GatewayError('listener-not-found', `no listener serves the host ${exchange.authority || '(none)'}`);
  const { tls } = exchange.head;
  const shown = tls && bind.listeners.find(({ key }) => key === tls.listener);
  if (shown && bind.isMisdirected(shown, exchange.authority))
    throw new GatewayError(
      'misdirected-request',
      `the host ${exchange.authority} has a certificate of its own, which this connection was not opened with`,
    );
  const found = listener.router.match(exchange);
  const place = { bind: bind.key, listener: listener.key, gateway: listener.gateway };
  if (!found) {
    exchange.placement = { ...place, route: '', rule: '', matchedPrefix: undefined };
    const stopped = runSteps(flight, listener.unmatched);
    const early = stopped instanceof Promise ? await unlessCancelled(exchange, stopped) : stopped;
    if (early) return early;
    throw new GatewayError(
      'route-not-found',
      `no route matches ${exchange.method} ${exchange.path} on host ${exchange.authority}`,
    );
  }
  const rule = found.value;
  exchange.placement = { ...place, route: rule.route, rule: rule.rule, matchedPrefix: found.matchedPrefix };
  exchange.dialect = dialectIn(rule, exchange.dialect);
  startDeadline(flight, rule.settings.timeouts.requestMs);
  const stopped = runSteps(flight, rule.plan);
  const early = stopped instanceof Promise ? await unlessCancelled(exchange, stopped) : stopped;
  return early ?? callBackend(flight, rule);
}

/** Bounds what is left of the exchange; 0 for not at all. */
function startDeadline(flight: Flight, requestMs: number): void {
  flight.deadline?.stop();
  flight.deadline =
    requestMs > 0
      ? flight.pipeline.timers.start(requestMs, () => flight.exchange.cancel('exchange-timeout'))
      : undefined;
}

async function callBackend(flight: Flight, rule: RulePlan): Promise<Reply> {
  const { exchange } = flight;
  const session = flight.pipeline.sessions?.open(exchange, rule);
  const choice = session?.choose(rule.backends) ?? rule.choose();
  if (!choice) throw new GatewayError('backend-invalid', `route ${rule.route} has no backend to send this request to`);
  if (choice.invalid !== undefined) throw new GatewayError('backend-invalid', choice.invalid);
  // What is said for this backend alone counts from here.
  const { requestMs } = choice.settings.timeouts;
  if (requestMs !== rule.settings.timeouts.requestMs) startDeadline(flight, requestMs);
  const stopped = runSteps(flight, choice.plan);
  const early = stopped instanceof Promise ? await unlessCancelled(exchange, stopped) : stopped;
  if (early) return early;
  const target = exchange.snapshot.backend(choice.key);
  if (!target) throw new GatewayError('backend-invalid', `backend ${choice.key} does not exist`);
  if (exchange.cancelReason) throw toCancelError(exchange.cancelReason);
  const { settings, port, protocol } = choice;
  const reply = await target.call(exchange, { settings, port, protocol, session });
  session?.mark(reply, choice);
  return reply;
}

/** A step may wait for others; the exchange's own end is not held up by that. */
function unlessCancelled<T>(exchange: Exchange, waiting: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stopCancel = exchange.onCancel((reason) => reject(toCancelError(reason)));
    waiting.finally(stopCancel).then(resolve, reject);
  });
}

type Stopped = undefined | Reply | Promise<undefined | Reply>;

/** Runs request halves in order; waits only where a step needs it. */
function runSteps(flight: Flight, plan: StepPlan): Stopped {
  return plan.steps.length === 0 ? undefined : stepFrom(flight, plan, 0);
}

/**
 * The body is collected for the first step that reads it, in either half, and not before: whom the steps ahead of it turn
 * away sends none, and where it cannot be had they get their response halves.
 */
function stepFrom(flight: Flight, plan: StepPlan, from: number): Stopped {
  const { exchange, pipeline } = flight;
  for (let i = from; i < plan.steps.length; i++) {
    const planned = plan.steps[i]!;
    if (planned.step.readsRequestBody && exchange.body.kind === 'source')
      return collectRequest(exchange, pipeline.limits.replayBytesMax).then(() => stepFrom(flight, plan, i));
    flight.ran.push(planned);
    const result = judge(planned, exchange);
    if (result instanceof Promise)
      return result.then((reply) => tell(planned, exchange, reply) ?? stepFrom(flight, plan, i + 1));
    if (tell(planned, exchange, result)) return result;
  }
  return undefined;
}

function judge(planned: PlannedStep, exchange: Exchange): Stopped {
  try {
    const result = planned.step.request?.(exchange);
    return result instanceof Promise ? result.catch((error: unknown) => refuse(planned, exchange, error)) : result;
  } catch (error) {
    return refuse(planned, exchange, error);
  }
}

function tell(planned: PlannedStep, exchange: Exchange, reply: undefined | Reply): undefined | Reply {
  exchange.verdicts.push({ policy: planned.policy, verdict: reply ? `answered ${reply.status}` : 'passed' });
  return reply;
}

function refuse(planned: PlannedStep, exchange: Exchange, error: unknown): never {
  const failure = GatewayError.from(error);
  exchange.verdicts.push({ policy: planned.policy, verdict: `refused: ${failure.reason}` });
  throw failure;
}

/** The response half of every step that ran, in reverse, whatever made the reply. */
async function unwind(flight: Flight, reply: Reply): Promise<Reply> {
  const { exchange, ran, pipeline } = flight;
  let current = reply;
  for (let i = ran.length - 1; i >= 0; i--) {
    const { step } = ran[i]!;
    if (!step.response || (step.on === 'upstream' && current.origin !== 'upstream')) continue;
    try {
      if (step.readsResponseBody) await collectReply(exchange, current, pipeline.limits.responseBytesMax);
      const done = step.response(exchange, current);
      if (done) await done;
    } catch (error) {
      const failure = GatewayError.from(error);
      exchange.verdicts.push({ policy: ran[i]!.policy, verdict: `failed on the answer: ${failure.reason}` });
      // What went wrong first is what the caller is told.
      if (current.origin !== 'upstream' && current.reason !== undefined) continue;
      current.body.cancel(error);
      current = renderError(exchange, error);
    }
  }
  return current;
}
