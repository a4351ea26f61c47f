// Holds the parts and the current snapshot: compiles changes off to the side, links what they touch, swaps one reference.
import { type EncodedResource, type Rejection, type ResourceChanges, typeUrls } from '@agentgateway/api/keys.ts';
import type { BackendEnvironment } from '../backend/registry.ts';
import { type Part, compile, compileRejected } from './compile.ts';
import { Retirement } from './generation.ts';
import { Lifetimes, type Scope } from './lifetimes.ts';
import { Linker } from './link.ts';
import { nameOf } from './resource-name.ts';
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
  /** Whether it only closes what a rejected policy targets. */
  readonly isRejected: boolean;
}

/** A key whose part is another one than before. */
export interface PartChange {
  readonly key: string;
  readonly before: HeldPart | undefined;
  readonly after: HeldPart | undefined;
}

/** A fresh environment for something to be compiled, and what it will hold. */
export type ScopedEnvironment = () => { readonly environment: BackendEnvironment; readonly scope: Scope };

/** Called after the link and before the swap. It must not reject: what cannot be opened is told apart from the update. */
export type BeforeSwap = (next: Snapshot, previous: Snapshot) => Promise<void>;

/** The configuration of a running proxy. Updates are applied one after the other. */
export class Store {
  /** What new requests begin with. */
  current: Snapshot = emptySnapshot();
  readonly #lifetimes: Lifetimes;
  readonly #retirement = new Retirement();
  readonly #environment: ScopedEnvironment;
  /** By name. */
  readonly #parts = new Map<string, HeldPart>();
  /** What was last offered under a name and could not be used. */
  readonly #rejected = new Map<string, Rejection>();
  readonly #beforeSwap: BeforeSwap;
  #linker: Linker;
  /** What a linker that failed has left open. */
  #orphans: readonly Scope[] = [];
  #queue: Promise<unknown> = Promise.resolve();

  constructor(environment: BackendEnvironment, beforeSwap: BeforeSwap = async () => {}) {
    this.#lifetimes = new Lifetimes((identity, error) =>
      environment.log.error({ err: error, identity }, 'state could not be disposed'),
    );
    this.#environment = () => {
      const scope = this.#lifetimes.scope(this.current.generation + 1);
      const state: BackendEnvironment['state'] = (identity, open) => scope.open(identity, open);
      return { environment: Object.assign(Object.create(environment) as BackendEnvironment, { state }), scope };
    };
    this.#linker = new Linker(this.#environment);
    this.#beforeSwap = beforeSwap;
  }

  /**
   * Applies changes as a whole; resolves with what of them could not be used, once new requests see the rest. Rejects only
   * where this program is at fault; then nothing has changed.
   */
  update(changes: ResourceChanges): Promise<Rejection[]> {
    const applied = this.#queue.then(() => this.#apply(changes));
    this.#queue = applied.catch(() => undefined);
    return applied;
  }

  /** The value of a secret's entry as it is now. */
  secret(key: string, entry: string): string | undefined {
    const held = this.#parts.get(nameOf({ typeUrl: typeUrls.secret, key }));
    return held?.part.kind === 'secret' ? held.part.entries.get(entry) : undefined;
  }

  /** Everything that was offered last and is not in use, whichever update brought it. */
  get rejections(): Rejection[] {
    return [...this.#rejected.values()];
  }

  /** Identities of state that is open. */
  get stateCount(): number {
    return this.#lifetimes.size;
  }

  /** Everything that is held, for dumps and reconnects. */
  held(): IterableIterator<HeldPart> {
    return this.#parts.values();
  }

  async #apply({ set, removed }: ResourceChanges): Promise<Rejection[]> {
    const before = new Map<string, HeldPart | undefined>();
    const stale: Scope[] = [];
    const replace = (name: string, next: HeldPart | undefined): void => {
      const held = this.#parts.get(name);
      if (held && before.has(name)) stale.push(held.scope);
      if (!before.has(name)) before.set(name, held);
      if (next) this.#parts.set(name, next);
      else this.#parts.delete(name);
    };
    const rejections: Rejection[] = [];
    for (const resource of set) {
      const compiled = this.#compile(resource);
      const name = nameOf(resource);
      if (compiled.rejection) {
        rejections.push(compiled.rejection);
        this.#rejected.set(name, compiled.rejection);
      } else this.#rejected.delete(name);
      if (compiled.held) replace(name, compiled.held);
    }
    for (const resource of removed) {
      this.#rejected.delete(nameOf(resource));
      replace(nameOf(resource), undefined);
    }
    const changes = [...before].flatMap(([name, held]): PartChange[] => {
      const after = this.#parts.get(name);
      return held === after ? [] : [{ key: (after ?? held)!.key, before: held, after }];
    });
    if (changes.length > 0) await this.#swap(changes, stale);
    else for (const scope of stale) scope.release();
    return rejections;
  }

  async #swap(changes: readonly PartChange[], stale: readonly Scope[]): Promise<void> {
    const previous = this.current;
    let linked: ReturnType<Linker['link']>;
    try {
      linked = this.#linker.link(this.#parts, changes, previous);
    } catch (error) {
      this.#undo(changes, stale);
      throw error;
    }
    await this.#beforeSwap(linked.snapshot, previous);
    this.current = linked.snapshot;
    const replaced = changes.flatMap(({ before }) => (before ? [before.scope] : []));
    this.#retirement.supersede(previous.use, [...replaced, ...stale, ...linked.replaced, ...this.#orphans]);
    this.#orphans = [];
  }

  /** Takes changes back, and begins linking anew from what holds. */
  #undo(changes: readonly PartChange[], stale: readonly Scope[]): void {
    for (const scope of stale) scope.release();
    for (const { before, after } of changes) {
      after?.scope.release();
      if (before) this.#parts.set(nameOf(before.resource), before);
      else if (after) this.#parts.delete(nameOf(after.resource));
    }
    this.#orphans = [...this.#orphans, ...this.#linker.scopes()];
    this.#linker = new Linker(this.#environment);
    const all = [...this.#parts.values()].map((held): PartChange => ({
      key: held.key,
      before: undefined,
      after: held,
    }));
    this.#linker.link(this.#parts, all, this.current);
  }

  /** The new part; on failure the last good one stays, and a policy without one closes what it targets: nothing restricting is dropped. */
  #compile(resource: EncodedResource): { readonly held?: HeldPart | undefined; readonly rejection?: Rejection } {
    const { key, version, typeUrl } = resource;
    const before = this.#parts.get(nameOf(resource));
    if (before?.version === version && !before.isRejected) return {};
    const { environment, scope } = this.#environment();
    try {
      return { held: { key, version, part: compile(resource, environment), resource, scope, isRejected: false } };
    } catch (error) {
      scope.release();
      const reason = error instanceof Error ? error.message : String(error);
      const part = before && !before.isRejected ? undefined : compileRejected(resource, reason);
      const held = part && { key, version, part, resource, scope, isRejected: true };
      return { held, rejection: { typeUrl, key, version, reason } };
    }
  }
}
