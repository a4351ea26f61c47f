// What is remembered of each endpoint of a backend's port: requests under way, health; it outlives edits of the backend.
import { createHash } from 'node:crypto';
import { toHostPort } from '@agentgateway/core/authority.ts';
import type { EndpointAddress } from '@agentgateway/core/exchange.ts';
import type { HealthSettings } from '@agentgateway/core/settings.ts';
import { TargetHealth } from '../ejection.ts';
import { hashText } from './hash.ts';

/** One endpoint. Requests that began with it keep it, also when it is gone from the table. */
export class EndpointState {
  readonly endpoint: EndpointAddress;
  /** `address:port`. */
  readonly name: string;
  readonly weight: number;
  /** 32 bits of its name. */
  readonly hash: number;
  /** Requests under way. */
  inFlight = 0;
  /** Of smooth weighted round robin. */
  credit = 0;
  readonly health = new TargetHealth();
  /** The active checks by which it is not well, by what they ask. */
  readonly unwellBy = new Set<string>();
  #mark: string | undefined;

  constructor(endpoint: EndpointAddress) {
    this.endpoint = endpoint;
    this.name = toHostPort(endpoint);
    this.weight = endpoint.weight ?? 1;
    this.hash = hashText(this.name);
  }

  /** 16 hexadecimal digits that stand for it in a session's mark. */
  get mark(): string {
    return (this.#mark ??= toMark(this.name));
  }
}

/** 64 bits of the SHA-256 of a name, in hexadecimal digits. */
export function toMark(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 16);
}

/** Endpoints that may be chosen. */
export interface Candidates {
  readonly states: readonly EndpointState[];
  /** Whether all have the same weight. */
  readonly isEven: boolean;
}

/** What people are told of an endpoint. */
export interface EndpointFacts {
  readonly address: string;
  readonly state: 'healthy' | 'ejected' | 'unhealthy';
  readonly inFlight: number;
  /** Milliseconds until one that is left alone is asked again. */
  readonly restingMs?: number;
}

/** The endpoints of one port of a backend. */
export class EndpointTable implements Disposable {
  readonly #states = new Map<string, EndpointState>();
  readonly #candidates = new WeakMap<readonly EndpointAddress[], Candidates>();
  /** The last two lists: while a snapshot takes over, requests of both are under way. */
  #recent: readonly (readonly EndpointState[])[] = [];
  /** Whether any endpoint may be left alone now; asked before all of them are. */
  #restingUntilMs = 0;
  #unwell = 0;

  /** All endpoints of a list, which is not to change. What was remembered of those that it does not name is forgotten. */
  all(endpoints: readonly EndpointAddress[]): Candidates {
    const before = this.#candidates.get(endpoints);
    if (before) return before;
    const states = endpoints.filter(({ weight = 1 }) => weight > 0).map((endpoint) => this.#stateOf(endpoint));
    const candidates = toCandidates(states);
    this.#candidates.set(endpoints, candidates);
    this.#recent = [states, ...this.#recent].slice(0, 2);
    const known = new Set(this.#recent.flat());
    for (const [name, state] of this.#states) {
      if (known.has(state)) continue;
      this.#states.delete(name);
      if (state.unwellBy.size > 0) this.#unwell--;
    }
    return candidates;
  }

  /** Those that are well. Too few of them are as good as none: then all are asked. */
  well(endpoints: readonly EndpointAddress[], health: HealthSettings | undefined, nowMs: number): Candidates {
    const all = this.all(endpoints);
    if (!health || (this.#unwell === 0 && nowMs >= this.#restingUntilMs)) return all;
    const check = health.active && checkId(health.active);
    const well = all.states.filter(
      (state) =>
        (!health.passive || state.health.isUsable(nowMs)) && (check === undefined || !state.unwellBy.has(check)),
    );
    if (well.length === all.states.length || well.length * 100 < health.panicPercent * all.states.length) return all;
    return toCandidates(well);
  }

  /** A request to an endpoint has ended, well or not. True where that takes the endpoint out. */
  report(state: EndpointState, isWell: boolean, health: HealthSettings | undefined, nowMs: number): boolean {
    const limits = health?.passive;
    if (!limits) return false;
    if (isWell) {
      state.health.succeeded();
      return false;
    }
    const before = state.health.waitMs(nowMs);
    state.health.failed(nowMs, limits, () => this.#mayEject(limits.ejectionPercentMax, state, nowMs));
    const restingMs = state.health.waitMs(nowMs);
    this.#restingUntilMs = Math.max(this.#restingUntilMs, nowMs + restingMs);
    return restingMs > before;
  }

  /** An active check has changed its mind on an endpoint. */
  judge(state: EndpointState, check: string, isWell: boolean): void {
    const before = state.unwellBy.size > 0;
    if (isWell) state.unwellBy.delete(check);
    else state.unwellBy.add(check);
    const after = state.unwellBy.size > 0;
    if (this.#states.get(state.name) === state && before !== after) this.#unwell += after ? 1 : -1;
  }

  /** A check is given up: what it found does not count any more. */
  forget(check: string): void {
    for (const state of this.#states.values()) this.judge(state, check, true);
  }

  /** How the endpoints of a list are. */
  describe(endpoints: readonly EndpointAddress[], nowMs: number): EndpointFacts[] {
    return this.all(endpoints).states.map(({ name, health, unwellBy, inFlight }) => {
      const restingMs = Math.round(health.waitMs(nowMs));
      const state = unwellBy.size > 0 ? 'unhealthy' : restingMs > 0 ? 'ejected' : 'healthy';
      return { address: name, state, inFlight, ...(restingMs > 0 && { restingMs }) };
    });
  }

  [Symbol.dispose](): void {
    this.#states.clear();
    this.#recent = [];
  }

  #stateOf(endpoint: EndpointAddress): EndpointState {
    const name = toHostPort(endpoint);
    const known = this.#states.get(name);
    if (known && known.weight === (endpoint.weight ?? 1)) return known;
    const state = new EndpointState(endpoint);
    this.#states.set(name, state);
    return state;
  }

  /** One may always be left alone; beyond that no more than the share. */
  #mayEject(percentMax: number, except: EndpointState, nowMs: number): boolean {
    const current = this.#recent[0] ?? [];
    const out = current.filter((state) => state !== except && !state.health.isUsable(nowMs)).length;
    return out < Math.max(1, Math.floor((current.length * percentMax) / 100));
  }
}

/** What active checks are known by: equal ones of several policies are one. */
export function checkId(active: NonNullable<HealthSettings['active']>): string {
  let id = checkIds.get(active);
  if (id === undefined) checkIds.set(active, (id = JSON.stringify(active)));
  return id;
}

const checkIds = new WeakMap<object, string>();

function toCandidates(states: readonly EndpointState[]): Candidates {
  return { states, isEven: states.every(({ weight }) => weight === states[0]!.weight) };
}
