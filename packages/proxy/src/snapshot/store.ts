// Holds the parts and the current snapshot: compiles changes off to the side, links what they touch, swaps one reference.
import type { EncodedResource, Rejection, ResourceChanges } from '@agentgateway/api/keys.ts';
import { typeUrls } from '@agentgateway/api/keys.ts';
import type { BackendEnvironment } from '../backend/registry.ts';
import { type Part, compile } from './compile.ts';
import { Linker } from './link.ts';
import { type Snapshot, emptySnapshot } from './snapshot.ts';

/** A part and the version it was compiled from. */
export interface HeldPart {
  readonly key: string;
  readonly version: string;
  readonly part: Part;
}

/** Called after the link and before the swap; what it returns turned away is fed back as bind errors. */
export type BeforeSwap = (next: Snapshot, previous: Snapshot) => Promise<void>;

/** The configuration of a running proxy. Updates are applied one after the other. */
export class Store {
  /** What new requests begin with. */
  current: Snapshot = emptySnapshot;
  readonly #environment: BackendEnvironment;
  readonly #parts = new Map<string, HeldPart>();
  readonly #linker: Linker;
  readonly #beforeSwap: BeforeSwap;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(environment: BackendEnvironment, beforeSwap: BeforeSwap = async () => {}) {
    this.#environment = environment;
    this.#linker = new Linker(environment);
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

  /** Keys and versions of all that is held, for dumps and reconnects. */
  *held(): Generator<{ readonly key: string; readonly version: string; readonly kind: Part['kind'] }> {
    for (const { key, version, part } of this.#parts.values()) yield { key, version, kind: part.kind };
  }

  async #apply(changes: ResourceChanges): Promise<Rejection[]> {
    const rejections: Rejection[] = [];
    const touched = new Set<string>();
    for (const resource of changes.set) {
      const held = this.#compile(resource, rejections);
      if (!held) continue;
      this.#parts.set(resource.key, held);
      touched.add(resource.key);
    }
    for (const { key } of changes.removed) if (this.#parts.delete(key)) touched.add(key);
    if (touched.size === 0) return rejections;
    const next = this.#linker.link(this.#parts, touched, this.current);
    await this.#beforeSwap(next, this.current);
    this.current = next;
    return rejections;
  }

  /** The new part; on failure the last good one stays, and a policy without one is held as invalid: nothing restricting is dropped. */
  #compile(resource: EncodedResource, rejections: Rejection[]): HeldPart | undefined {
    const { key, version, typeUrl } = resource;
    const before = this.#parts.get(key);
    if (before?.version === version) return undefined;
    try {
      return { key, version, part: compile(resource, this.#environment) };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      rejections.push({ typeUrl, key, version, reason });
      if (before || typeUrl !== typeUrls.resource) return undefined;
      return this.#linker.invalidPart(resource, reason);
    }
  }
}
