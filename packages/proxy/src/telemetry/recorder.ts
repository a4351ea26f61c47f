// The only place that logs, counts and ends the span of a request; it waits for the attempts' settlements and only reports (contract 11).
import { Body } from '@agentgateway/core/body.ts';
import { Exchange, type Reply } from '@agentgateway/core/exchange.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import type { Clock } from '../environment.ts';
import type { Refusal } from '../server/http-service.ts';
import type { ResponseEnd } from '../server/responder.ts';
import { emptySnapshot } from '../snapshot/snapshot.ts';
import type { TimerWheel } from '../upstream/timer-wheel.ts';
import { toAccessLine } from './access-line.ts';
import type { Logs } from './log.ts';
import type { Metrics } from './metrics.ts';
import { toOutcome } from './outcome.ts';
import { Prompts, type Texts } from './prompts.ts';
import type { Stories } from './stories.ts';
import type { Tracing } from './tracing.ts';

/** What the recorder writes to. */
export interface RecorderParts {
  readonly clock: Clock;
  readonly timers: TimerWheel;
  readonly logs: Pick<Logs, 'log' | 'access' | 'hasPrompts'>;
  readonly metrics: Metrics;
  readonly stories: Stories;
  readonly tracing: Tracing | undefined;
  /** How long a settlement may take before the record is written without it. */
  readonly settleTimeoutMs: number;
}

/** An exchange that is over. */
interface Ended {
  readonly exchange: Exchange;
  readonly reply: Reply;
  readonly end: ResponseEnd;
  readonly endMs: number;
  readonly texts: Texts | undefined;
}

/** Records exchanges. */
export class Recorder {
  readonly #parts: RecorderParts;
  /** Texts of exchanges under way; undefined unless they are asked for. */
  readonly #prompts: WeakMap<Exchange, Prompts> | undefined;

  constructor(parts: RecorderParts) {
    this.#parts = parts;
    this.#prompts = parts.logs.hasPrompts ? new WeakMap() : undefined;
    parts.tracing?.reportTo(parts.logs.log, () => parts.clock.monotonicMs());
  }

  /** An exchange begins; it costs nothing where traces are off. */
  begin(exchange: Exchange): void {
    this.#parts.tracing?.begin(exchange);
  }

  /** A reply is about to be written: the last moment to look into a stream, for those who log answers. */
  answer(exchange: Exchange, reply: Reply): void {
    this.#prompts?.set(exchange, new Prompts(exchange, reply).watch());
  }

  /** An exchange has ended. `done` is called once the record is written. */
  record(exchange: Exchange, reply: Reply, end: ResponseEnd, done: () => void): void {
    const endMs = this.#parts.clock.monotonicMs();
    const write = (texts?: Texts): void => {
      try {
        this.#write({ exchange, reply, end, endMs, texts });
      } catch (error) {
        this.#parts.logs.log.error({ err: error, requestId: exchange.id }, 'a request could not be recorded');
      } finally {
        done();
      }
    };
    const readAndWrite = (): void => {
      if (!this.#prompts) return write();
      const prompts = this.#prompts.get(exchange) ?? new Prompts(exchange, reply);
      prompts.read().then(write, () => write());
    };
    if (exchange.isSettled) {
      readAndWrite();
      return;
    }
    let isWritten = false;
    const settled = (): void => {
      if (isWritten) return;
      isWritten = true;
      late.stop();
      readAndWrite();
    };
    const late = this.#parts.timers.start(this.#parts.settleTimeoutMs, settled);
    exchange.whenSettled(settled);
  }

  /** A request was answered before it became an exchange; what little is known of it is told like any other's. */
  refused(bind: string, { id, reason, status, message, peer, method, httpVersion }: Refusal): void {
    const { clock, logs, metrics, stories } = this.#parts;
    const exchange = new Exchange(
      {
        id,
        method,
        scheme: 'http',
        authority: '',
        path: '',
        query: undefined,
        httpVersion,
        headers: new HeaderList(),
        body: Body.none(),
        client: peer,
        tls: undefined,
        startMs: clock.monotonicMs(),
        startEpochMs: clock.now(),
      },
      nothing,
    );
    exchange.placement = { bind, listener: '', gateway: '', route: '', rule: '', matchedPrefix: undefined };
    const outcome = { status, reason, message, durationMs: 0, bodyBytes: 0 };
    logs.access(toAccessLine(exchange, outcome));
    metrics.record(exchange, outcome);
    stories.add(exchange, outcome);
  }

  #write({ exchange, reply, end, endMs, texts }: Ended): void {
    const { logs, metrics, stories, tracing } = this.#parts;
    const outcome = toOutcome(exchange, reply, end, endMs);
    const line = toAccessLine(exchange, outcome);
    if (texts?.prompt !== undefined) line['gen_ai.prompt'] = texts.prompt;
    if (texts?.completion !== undefined) line['gen_ai.completion'] = texts.completion;
    logs.access(line);
    metrics.record(exchange, { ...outcome, reason: outcome.reason ?? '' });
    stories.add(exchange, outcome);
    tracing?.end(exchange, outcome);
    const failure = end.error ?? reply.error;
    if (outcome.reason === 'internal' && failure !== undefined) {
      const cause = failure instanceof Error && failure.cause !== undefined ? failure.cause : failure;
      logs.log.error({ err: cause, requestId: exchange.id }, 'the gateway failed to handle a request');
    }
  }
}

/** What a request is served from that was not served. */
const nothing = emptySnapshot();
