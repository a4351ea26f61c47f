// The objects of a world by name, in an order of their own, keeping the identity of what did not change.
import { isDeepStrictEqual } from 'node:util';
import { serviceNameLabel } from '../kinds/service/schema.ts';
import type { Manifest, ObjectOrigin, World } from '../world.ts';

/** An object's key: `<kind in lower case>/<namespace>/<name>`, the same as that of its resource. */
export function keyOf({ kind, metadata }: Manifest): string {
  return `${kind.toLowerCase()}/${metadata.namespace}/${metadata.name}`;
}

/** How issues name an object. */
export function nameOf({ kind, metadata }: Manifest): string {
  return `${kind} ${metadata.namespace}/${metadata.name}`;
}

/** A world that can be looked things up in. */
export class WorldIndex {
  readonly controllerName: string;
  /** Sorted by key; of objects with the same key only one. */
  readonly objects: readonly Manifest[];
  readonly #byKey: ReadonlyMap<string, Manifest>;
  readonly #origins: ReadonlyMap<string, ObjectOrigin>;
  readonly #byKind: ReadonlyMap<string, readonly Manifest[]>;
  readonly #slices: ReadonlyMap<string, readonly Manifest[]>;

  /** An object equal to its predecessor, apart from its place in a file, is replaced by it. */
  constructor({ objects, controllerName }: World, previous?: WorldIndex) {
    this.controllerName = controllerName;
    const byKey = new Map<string, Manifest>();
    const origins = new Map<string, ObjectOrigin>();
    for (const object of objects) {
      const key = keyOf(object);
      if (byKey.has(key)) continue;
      const before = previous?.get(key);
      byKey.set(key, before && isSame(before, object) ? before : object);
      if (object.origin) origins.set(key, object.origin);
    }
    this.#byKey = byKey;
    this.#origins = origins;
    this.objects = [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
    this.#byKind = Map.groupBy(this.objects, ({ kind }) => kind);
    this.#slices = Map.groupBy(
      this.ofKind('EndpointSlice'),
      ({ metadata }) => `${metadata.namespace}/${metadata.labels?.[serviceNameLabel]}`,
    );
  }

  /** The object of a key. */
  get(key: string): Manifest | undefined {
    return this.#byKey.get(key);
  }

  /** Every object of a kind, sorted by key. */
  ofKind(kind: string): readonly Manifest[] {
    return this.#byKind.get(kind) ?? [];
  }

  /** The EndpointSlices of a Service, sorted by key. */
  slicesOf(namespace: string, service: string): readonly Manifest[] {
    return this.#slices.get(`${namespace}/${service}`) ?? [];
  }

  /** Where the object of a key stands now. */
  originOf(key: string): ObjectOrigin | undefined {
    return this.#origins.get(key);
  }
}

function isSame(before: Manifest, after: Manifest): boolean {
  if (before === after) return true;
  const { origin: _before, ...a } = before;
  const { origin: _after, ...b } = after;
  return isDeepStrictEqual(a, b);
}
