// Copies of requests to other backends: each goes its own way, and nothing of it is seen by the request it was made from.
import type { Mirror } from '@agentgateway/api/gen/agentgateway/v1/route_pb.ts';
import { UpstreamProtocol } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import { Exchange, type Reply } from '@agentgateway/core/exchange.ts';
import type { Step } from '@agentgateway/core/phases.ts';
import type { RuleSettings } from '@agentgateway/core/settings.ts';
import type { CallPlan } from '@agentgateway/core/target.ts';
import type { BackendEnvironment } from '../backend/registry.ts';
import type { MirrorPlan, Snapshot, StepPlan } from '../snapshot/snapshot.ts';
import { collectRequest } from '../wire-encoding.ts';
import { teeBody } from './tee.ts';

/** Limits of mirrors. */
export const mirrorLimits = {
  /** Copies under way in the process; more are not made. */
  copiesMax: 1024,
  /** Longest that a copy may take where its rule sets no time-out for requests, in milliseconds. */
  timeoutMs: 60_000,
  /** Bytes of an answer that are read, so that its connection can be used again; a longer answer's connection is closed. */
  answerBytesMax: 1024 * 1024,
  /** Longest body that a policy of the mirror's backend may read, in bytes. */
  bodyBytesMax: 1024 * 1024,
} as const;

/** Copies under way. */
const underway = { count: 0 };

/** A mirror as its route's resource has it; one object per version of the route. */
export interface MirrorPart {
  readonly message: Mirror;
  /** Whether the next request is among those that are copied: exact over time. */
  readonly take: () => boolean;
  readonly environment: BackendEnvironment;
}

/** Compiles a mirror. */
export function compileMirror(message: Mirror, environment: BackendEnvironment): MirrorPart {
  const { numerator, denominator } = message;
  let sum = 0;
  const take = (): boolean => {
    sum += numerator;
    if (sum < denominator || denominator === 0) return false;
    sum -= denominator;
    return true;
  };
  return { message, take, environment };
}

/** A mirror with what is attached to its backend. */
export function planMirror(
  { message, take, environment }: MirrorPart,
  plan: StepPlan,
  settings: RuleSettings,
): MirrorPlan {
  const { backend, port, protocol, numerator, denominator } = message;
  const call: CallPlan = {
    // A copy goes to one endpoint, once.
    settings: { ...settings, retry: undefined },
    port,
    protocol: protocol === UpstreamProtocol.HTTP2 ? 'http2' : 'http1',
  };
  return {
    key: backend,
    port,
    numerator,
    denominator,
    take,
    start: (exchange) => start(exchange, backend, call, { plan, environment }),
  };
}

/** The step that makes the copies of a rule or of one of its backends. */
export function mirrorStep(mirrors: readonly MirrorPlan[]): Step {
  return {
    request(exchange) {
      for (const mirror of mirrors) if (mirror.take()) mirror.start(exchange);
      return undefined;
    },
  };
}

interface CopyInputs {
  readonly plan: StepPlan;
  readonly environment: BackendEnvironment;
}

function start(exchange: Exchange, backend: string, call: CallPlan, inputs: CopyInputs): void {
  const { environment } = inputs;
  if (underway.count >= mirrorLimits.copiesMax) {
    environment.log.debug(
      { request: exchange.id, backend },
      'a request is not mirrored: too many copies are under way',
    );
    return;
  }
  exchange.notes.push(`a copy goes to ${backend}`);
  const copy = copyOf(exchange, environment);
  const { use } = exchange.snapshot as Snapshot;
  const { requestMs } = call.settings.timeouts;
  const deadline = environment.transport.timers.start(requestMs || mirrorLimits.timeoutMs, () =>
    copy.cancel('exchange-timeout'),
  );
  underway.count++;
  use?.enter();
  void send(copy, backend, call, inputs)
    .catch((error: unknown) => {
      const { reason, message } = GatewayError.from(error);
      environment.log.debug({ request: exchange.id, backend, reason }, `the copy of a request failed: ${message}`);
      copy.body.cancel(error);
    })
    .finally(() => {
      deadline.stop();
      copy.release();
      underway.count--;
      use?.leave();
    });
}

/** The request as it is now, with a body of its own. */
function copyOf(exchange: Exchange, environment: BackendEnvironment): Exchange {
  const { method, path, query, scheme, authority, placement, dialect, principal } = exchange;
  const head = {
    ...exchange.head,
    method,
    path,
    query,
    headers: exchange.headers.clone(),
    body: teeBody(exchange.body),
    // A copy leads nowhere: nobody would speak at its other end.
    upgrade: undefined,
    startMs: environment.monotonicMs(),
    startEpochMs: environment.now(),
  };
  return Object.assign(new Exchange(head, exchange.snapshot), { scheme, authority, placement, dialect, principal });
}

async function send(copy: Exchange, backend: string, call: CallPlan, { plan }: CopyInputs): Promise<void> {
  for (const { step } of plan.steps) {
    if (step.readsRequestBody && copy.body.kind === 'source') await collectRequest(copy, mirrorLimits.bodyBytesMax);
    // What the backend's own policies turn away is not sent to it.
    if (await step.request?.(copy)) return;
  }
  const target = copy.snapshot.backend(backend);
  if (!target) throw new GatewayError('backend-invalid', `backend ${backend} does not exist`);
  await drop(await target.call(copy, call));
}

/** Reads what is answered, so far as that is worth its connection. */
async function drop({ body }: Reply): Promise<void> {
  let bytes = 0;
  await body.pipe({
    write(chunk) {
      bytes += chunk.byteLength;
      if (bytes > mirrorLimits.answerBytesMax) body.cancel(new Error('the answer to a copy is not read further'));
      return true;
    },
  });
}
