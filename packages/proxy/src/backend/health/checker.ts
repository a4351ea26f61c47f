// Asks the endpoints of a backend how they are, over and over, for as long as a snapshot holds the policy that says so.
import type { ActiveHealthSettings, BackendTlsSettings } from '@agentgateway/core/settings.ts';
import type { Reach } from '@agentgateway/core/target.ts';
import type { Timer } from '../../upstream/timer-wheel.ts';
import { type EndpointState, type EndpointTable, checkId } from '../picker/endpoint-table.ts';
import type { BackendEnvironment } from '../registry.ts';
import { probe } from './probe.ts';

/** How much earlier or later than the interval a round begins, so that gateways do not ask in step. */
const jitterShare = 0.1;

/** Endpoints that are asked at the same time. */
const concurrentMax = 64;

/** What is asked, and of whom. */
export interface CheckerParts {
  readonly backend: string;
  readonly port: number;
  readonly settings: ActiveHealthSettings;
  /** What policies say of TLS to the backend. */
  readonly tls: BackendTlsSettings | undefined;
  readonly table: EndpointTable;
  readonly environment: BackendEnvironment;
}

/** Answers of an endpoint that speak against what is thought of it, in a row. */
interface Doubt {
  count: number;
}

/** A round of questions after the other, until it is disposed. An endpoint counts as well until it is known better. */
export class Checker implements Disposable {
  readonly #parts: CheckerParts;
  readonly #id: string;
  readonly #timer: Timer;
  readonly #doubts = new WeakMap<EndpointState, Doubt>();
  readonly #cancels = new Set<() => void>();
  #isDisposed = false;

  constructor(parts: CheckerParts) {
    this.#parts = parts;
    this.#id = checkId(parts.settings);
    const { environment, settings } = parts;
    const firstMs = environment.random() * settings.intervalMs * jitterShare;
    this.#timer = environment.transport.timers.start(firstMs, () => void this.#round());
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#timer.stop();
    for (const cancel of this.#cancels) cancel();
    this.#parts.table.forget(this.#id);
  }

  async #round(): Promise<void> {
    const { table, environment, settings } = this.#parts;
    const reach = this.#reach();
    if (reach) await this.#askAll([...table.all(reach.endpoints).states], reach);
    if (this.#isDisposed) return;
    const jitter = 1 + (environment.random() * 2 - 1) * jitterShare;
    this.#timer.restart(settings.intervalMs * jitter);
  }

  /** Undefined where nobody can be asked, also for want of what TLS needs. */
  #reach(): Reach | undefined {
    const { backend, port, tls, environment } = this.#parts;
    const snapshot = environment.current();
    try {
      return snapshot.backend(backend)?.reach?.(snapshot, port, tls);
    } catch (error) {
      environment.log.debug({ backend, err: error }, 'endpoints cannot be asked how they are');
      return undefined;
    }
  }

  async #askAll(waiting: EndpointState[], reach: Reach): Promise<void> {
    const { environment, settings } = this.#parts;
    const parts = { transport: environment.transport, reach, settings, onCancel: this.#onCancel };
    const askNext = async (): Promise<void> => {
      for (let state = waiting.shift(); state && !this.#isDisposed; state = waiting.shift()) {
        const isWell = await probe(state.endpoint, parts);
        if (!this.#isDisposed) this.#heard(state, isWell);
      }
    };
    await Promise.all(Array.from({ length: Math.min(concurrentMax, waiting.length) }, askNext));
  }

  readonly #onCancel = (fn: () => void): (() => void) => {
    this.#cancels.add(fn);
    return () => this.#cancels.delete(fn);
  };

  #heard(state: EndpointState, isWell: boolean): void {
    const { table, settings, environment, backend } = this.#parts;
    const wasWell = !state.unwellBy.has(this.#id);
    if (isWell === wasWell) {
      this.#doubts.delete(state);
      return;
    }
    const doubt = this.#doubts.get(state) ?? { count: 0 };
    this.#doubts.set(state, doubt);
    if (++doubt.count < (isWell ? settings.healthyThreshold : settings.unhealthyThreshold)) return;
    this.#doubts.delete(state);
    table.judge(state, this.#id, isWell);
    environment.log.warn(
      { backend, endpoint: state.name },
      isWell ? 'an endpoint is well again by its health check' : 'an endpoint is not well by its health check',
    );
  }
}

/** Opens the checks of a backend's port, one for equal settings, whichever rules ask for them. */
export function openChecker(
  environment: BackendEnvironment,
  table: EndpointTable,
  { backend, port, settings, tls }: Pick<CheckerParts, 'backend' | 'port' | 'settings' | 'tls'>,
): void {
  environment.state(
    `health-check ${backend} ${port} ${checkId(settings)} ${tls?.id ?? ''}`,
    () => new Checker({ backend, port, settings, tls, table, environment }),
  );
}
