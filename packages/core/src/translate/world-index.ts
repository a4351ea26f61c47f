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
  readonly #groups: {
    readonly slices: Groups;
    readonly grants: Groups;
    readonly listenerSets: Groups;
    readonly defaultGateways: Groups;
    readonly namespaces: Groups;
  };

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
    const before = previous === undefined ? undefined : previous.#groups;
    this.#groups = {
      slices: group(
        this.ofKind('EndpointSlice'),
        ({ metadata }) => `${metadata.namespace}/${metadata.labels?.[serviceNameLabel]}`,
        before?.slices,
      ),
      grants: group(this.ofKind('ReferenceGrant'), ({ metadata }) => metadata.namespace, before?.grants),
      listenerSets: group(this.ofKind('ListenerSet'), parentOf, before?.listenerSets),
      defaultGateways: group(this.ofKind('Gateway'), scopeOf, before?.defaultGateways),
      namespaces: group(this.ofKind('Namespace'), () => 'all', before?.namespaces),
    };
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
    return this.#groups.slices.get(`${namespace}/${service}`) ?? none;
  }

  /** The ReferenceGrants of a namespace, sorted by key. */
  grantsIn(namespace: string): readonly Manifest[] {
    return this.#groups.grants.get(namespace) ?? none;
  }

  /** The ListenerSets whose parent is a Gateway, sorted by key. */
  listenerSetsOf(namespace: string, gateway: string): readonly Manifest[] {
    return this.#groups.listenerSets.get(`${namespace}/${gateway}`) ?? none;
  }

  /** The Gateways of `defaultScope: All`, sorted by key. */
  defaultGateways(): readonly Manifest[] {
    return this.#groups.defaultGateways.get('All') ?? none;
  }

  /** Every Namespace, sorted by key. */
  namespaces(): readonly Manifest[] {
    return this.#groups.namespaces.get('all') ?? none;
  }

  /** Where the object of a key stands now. */
  originOf(key: string): ObjectOrigin | undefined {
    return this.#origins.get(key);
  }
}

const none: readonly Manifest[] = [];

type Groups = ReadonlyMap<unknown, readonly Manifest[]>;

/** Objects by what they have in common. A group of the same members is the same list as before, so that readers see at once that nothing has changed. */
function group(objects: readonly Manifest[], keyOfGroup: (object: Manifest) => unknown, previous?: Groups): Groups {
  const groups: Map<unknown, readonly Manifest[]> = Map.groupBy(objects, keyOfGroup);
  for (const [key, members] of groups) {
    const before = previous?.get(key);
    if (before?.length === members.length && members.every((member, index) => member === before[index]))
      groups.set(key, before);
  }
  return groups;
}

/** Which routes without parents a Gateway takes. */
function scopeOf({ spec }: Manifest): unknown {
  return (spec as { defaultScope?: unknown } | undefined)?.defaultScope;
}

/** `namespace/name` of the Gateway that a ListenerSet names; what cannot be read names none. */
function parentOf({ metadata, spec }: Manifest): string | undefined {
  const { parentRef } = (spec ?? {}) as { parentRef?: { name?: unknown; namespace?: unknown } };
  const { name, namespace = metadata.namespace } = parentRef ?? {};
  return typeof name === 'string' && typeof namespace === 'string' ? `${namespace}/${name}` : undefined;
}

function isSame(before: Manifest, after: Manifest): boolean {
  if (before === after) return true;
  const { origin: _before, ...a } = before;
  const { origin: _after, ...b } = after;
  return isDeepStrictEqual(a, b);
}
