// What translating one object may read, remembered, so that its result holds until something it read changes (contract 17).
import type { Issue, Manifest, Want } from '../world.ts';
import { keyOf, type WorldIndex } from './world-index.ts';

/** A mistake of the object being translated. */
export type Fault = Pick<Issue, 'path' | 'condition' | 'reason' | 'message'>;

/** The door from an object's translation to the rest of the world. Everything read through it is a dependency of the result. */
export interface Scope {
  readonly controllerName: string;
  find(kind: string, namespace: string, name: string): Manifest | undefined;
  /** The EndpointSlices of a Service. */
  slices(namespace: string, service: string): readonly Manifest[];
  /** The ReferenceGrants of a namespace. */
  grantsIn(namespace: string): readonly Manifest[];
  /** The ListenerSets that name a Gateway as their parent. */
  listenerSetsOf(namespace: string, gateway: string): readonly Manifest[];
  /** The Gateways that ask for routes which name no parent (`defaultScope`). */
  defaultGateways(): readonly Manifest[];
  /** Every Namespace; the same list as long as none has changed. */
  namespaces(): readonly Manifest[];
  /** Reports a mistake. */
  fault(fault: Fault): void;
  /** Asks for something that the world does not hold. */
  want(want: Want): void;
}

/** An object of a kind without namespaces; files give those the default one. */
export function findGlobal(scope: Pick<Scope, 'find'>, kind: string, name: string): Manifest | undefined {
  return scope.find(kind, '', name) ?? scope.find(kind, 'default', name);
}

/** A result with the mistakes and wants on the way to it. */
export interface Translated<T> {
  readonly object: Manifest;
  readonly key: string;
  readonly value: T;
  readonly faults: readonly Fault[];
  readonly wants: readonly Want[];
}

type Read = (index: WorldIndex) => readonly (Manifest | undefined)[];

interface Remembered {
  readonly translated: Translated<unknown>;
  readonly controllerName: string;
  readonly reads: readonly { readonly read: Read; readonly seen: readonly (Manifest | undefined)[] }[];
}

/** Remembers the translation of each object. */
export class TranslationMemo {
  #held = new Map<string, Remembered>();
  #next = new Map<string, Remembered>();
  readonly #onTranslate: (key: string) => void;

  /** `onTranslate` hears the key of each object that is translated anew. */
  constructor(onTranslate: (key: string) => void) {
    this.#onTranslate = onTranslate;
  }

  /** The result for an object, from before where nothing that it read has changed. */
  run<T>(object: Manifest, index: WorldIndex, translate: (object: Manifest, scope: Scope) => T): Translated<T> {
    const key = keyOf(object);
    const held = this.#held.get(key);
    if (held && held.translated.object === object && isCurrent(held, index)) {
      this.#next.set(key, held);
      return held.translated as Translated<T>;
    }
    this.#onTranslate(key);
    const reads: Remembered['reads'][number][] = [];
    const note = (read: Read): readonly (Manifest | undefined)[] => {
      const seen = read(index);
      reads.push({ read, seen });
      return seen;
    };
    const faults: Fault[] = [];
    const wants: Want[] = [];
    const value = translate(object, {
      controllerName: index.controllerName,
      find: (kind, namespace, name) => note((world) => [world.get(`${kind.toLowerCase()}/${namespace}/${name}`)])[0],
      slices: (namespace, service) => note((world) => world.slicesOf(namespace, service)) as readonly Manifest[],
      grantsIn: (namespace) => note((world) => world.grantsIn(namespace)) as readonly Manifest[],
      listenerSetsOf: (namespace, gateway) =>
        note((world) => world.listenerSetsOf(namespace, gateway)) as readonly Manifest[],
      namespaces: () => note((world) => world.namespaces()) as readonly Manifest[],
      defaultGateways: () => note((world) => world.defaultGateways()) as readonly Manifest[],
      fault: (fault) => faults.push(fault),
      want: (want) => wants.push(want),
    });
    const translated = { object, key, value, faults, wants };
    this.#next.set(key, { translated, reads, controllerName: index.controllerName });
    return translated;
  }

  /** Forgets what was not asked for since the last call. */
  sweep(): void {
    this.#held = this.#next;
    this.#next = new Map();
  }
}

function isCurrent({ reads, controllerName }: Remembered, index: WorldIndex): boolean {
  if (controllerName !== index.controllerName) return false;
  return reads.every(({ read, seen }) => {
    const now = read(index);
    return now === seen || (now.length === seen.length && now.every((object, i) => object === seen[i]));
  });
}
