// Holds the parts and the current snapshot: compiles changes off to the side, links what they touch, swaps one reference.
import type { EncodedResource, Rejection, ResourceChanges } from '@agentgateway/api/keys.ts';
import type { BackendEnvironment } from '../backend/registry.ts';
import { type Part, compile, compileRejected } from './compile.ts';
import { Lifetimes, type Scope } from './lifetimes.ts';
import { Linker } from './link.ts';
import { type Snapshot, emptySnapshot } from './snapshot.ts';

/** A part and the version it was compiled from. */
export interface HeldPart {
  readonly key: string;
  readonly version: string;
  readonly part: Part;
  /** What it was compiled from. */
  readonly resource: EncodedResource;
  /** What it holds of the state that outlives snapshots. */
  readonly scope: Scope;
}

/** A fresh environment for something to be compiled, and what it will hold. */
export type ScopedEnvironment = () => { readonly environment: BackendEnvironment; readonly scope: Scope };

/** Called after the link and before the swap; what it returns turned away is fed back as bind errors. */
export type BeforeSwap = (next: Snapshot, previous: Snapshot) => Promise<void>;

/** The configuration of a running proxy. Updates are applied one after the other. */
export class Store {
  /** What new requests begin with. */
  current: Snapshot = emptySnapshot();
  readonly #lifetimes = new Lifetimes();
  readonly #environment: ScopedEnvironment;
  readonly #parts = new Map<string, HeldPart>();
  readonly #linker: Linker;
  readonly #beforeSwap: BeforeSwap;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(environment: BackendEnvironment, beforeSwap: BeforeSwap = async () => {}) {
    this.#environment = () => {
      const scope = this.#lifetimes.scope();
      const state: BackendEnvironment['state'] = (identity, open) => scope.open(identity, open);
      return { environment: Object.assign(Object.create(environment) as BackendEnvironment, { state }), scope };
    };
    this.#linker = new Linker(this.#environment);
    this.#beforeSwap = beforeSwap;
  }

  /** Applies changes as a whole; resolves with what could not be used, once new requests see the rest. */
  update(changes: ResourceChanges): Promise<Rejection[]> {
    const applied = this.#queue.then(() => this.#apply(changes));
    this.#queue = applied.catch(() => undefined);
    return applied;
  }

  /** The value of a secret's entry as it is now. */
  secret(key: string, entry: string): string | undefined {
    const held = this.#parts.get(key);
    return held?.part.kind === 'secret' ? held.part.entries.get(entry) : undefined;
  }

  /** Identities of state that is open. */
  get stateCount(): number {
    return this.#lifetimes.size;
  }

  /** Everything that is held, for dumps and reconnects. */
  held(): IterableIterator<HeldPart> {
    return this.#parts.values();
  }

  async #apply(changes: ResourceChanges): Promise<Rejection[]> {
    const rejections: Rejection[] = [];
    const touched = new Set<string>();
    const replaced: Scope[] = [];
    const replace = (key: string, held: HeldPart | undefined): void => {
      const before = this.#parts.get(key);
      if (before) replaced.push(before.scope);
      if (held) this.#parts.set(key, held);
      else this.#parts.delete(key);
      if (before || held) touched.add(key);
    };
    for (const resource of changes.set) {
      const held = this.#compile(resource, rejections);
      if (held) replace(resource.key, held);
    }
    for (const { key } of changes.removed) replace(key, undefined);
    if (touched.size === 0) return rejections;
    const previous = this.current;
    const { snapshot, replaced: merged } = this.#linker.link(this.#parts, touched, previous);
    await this.#beforeSwap(snapshot, previous);
    this.current = snapshot;
    previous.use.supersede(snapshot.use, [...replaced, ...merged]);
    return rejections;
  }

  /** The new part; on failure the last good one stays, and a policy without one closes what it targets: nothing restricting is dropped. */
  #compile(resource: EncodedResource, rejections: Rejection[]): HeldPart | undefined {
    const { key, version, typeUrl } = resource;
    const before = this.#parts.get(key);
    if (before?.version === version) return undefined;
    const { environment, scope } = this.#environment();
    try {
      return { key, version, part: compile(resource, environment), resource, scope };
    } catch (error) {
      scope.release();
      const reason = error instanceof Error ? error.message : String(error);
      rejections.push({ typeUrl, key, version, reason });
      const part = before ? undefined : compileRejected(resource, reason);
      return part && { key, version, part, resource, scope };
    }
  }
}
