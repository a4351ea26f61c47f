// How JavaScript values look to expressions: integral numbers as ints, objects as lazy maps that hide prototypes.
import { Duration, UnsignedInt } from 'cel-js/evaluator';
import { FunctionError } from './error.ts';
import { Cidr, IpAddress } from './ip.ts';

/**
 * A map that makes its values when they are asked for. It extends Map because the engine knows maps by that class: keys
 * are looked up by `get`, so neither prototypes nor a member called `constructor` are ever mistaken for something else.
 * A view lives for one evaluation and remembers the objects it has made.
 */
export abstract class View extends Map<unknown, unknown> {
  /** The JavaScript value of a key, or undefined where there is none. */
  protected abstract read(key: string): unknown;
  /** The keys there are, in order. */
  protected abstract names(): Iterable<string>;

  override get(key: unknown): unknown {
    if (typeof key !== 'string') return undefined;
    const made = super.get(key);
    if (made !== undefined) return made;
    const value = toCel(this.read(key));
    if (typeof value === 'object' && value !== null) super.set(key, value);
    return value;
  }

  override has(key: unknown): boolean {
    return this.get(key) !== undefined;
  }

  override get size(): number {
    let count = 0;
    for (const _ of this.keys()) count++;
    return count;
  }

  override *keys(): MapIterator<unknown> {
    for (const name of this.names()) if (this.get(name) !== undefined) yield name;
  }

  override *entries(): MapIterator<[unknown, unknown]> {
    for (const name of this.names()) {
      const value = this.get(name);
      if (value !== undefined) yield [name, value];
    }
  }

  override *values(): MapIterator<unknown> {
    for (const [, value] of this.entries()) yield value;
  }

  override forEach(visit: (value: unknown, key: unknown, map: Map<unknown, unknown>) => void): void {
    for (const [key, value] of this.entries()) visit(value, key, this);
  }

  override [Symbol.iterator](): MapIterator<[unknown, unknown]> {
    return this.entries();
  }
}

/** An object by its own enumerable members; the objects of JSON. */
class ObjectView extends View {
  readonly #source: Readonly<Record<string, unknown>>;

  constructor(source: object) {
    super();
    this.#source = source as Readonly<Record<string, unknown>>;
  }

  protected override read(key: string): unknown {
    return Object.hasOwn(this.#source, key) ? this.#source[key] : undefined;
  }

  protected override names(): Iterable<string> {
    return Object.keys(this.#source);
  }
}

/** A Map with text keys, such as one that a caller hands in. */
class MapView extends View {
  readonly #source: ReadonlyMap<unknown, unknown>;

  constructor(source: ReadonlyMap<unknown, unknown>) {
    super();
    this.#source = source;
  }

  protected override read(key: string): unknown {
    return this.#source.get(key);
  }

  protected override *names(): Iterable<string> {
    for (const key of this.#source.keys()) if (typeof key === 'string') yield key;
  }
}

/** An object by a fixed list of members, which may be getters of its class. */
class MemberView extends View {
  readonly #source: Readonly<Record<string, unknown>>;
  readonly #members: ReadonlySet<string>;

  constructor(source: object, members: ReadonlySet<string>) {
    super();
    this.#source = source as Readonly<Record<string, unknown>>;
    this.#members = members;
  }

  protected override read(key: string): unknown {
    return this.#members.has(key) ? this.#source[key] : undefined;
  }

  protected override names(): Iterable<string> {
    return this.#members;
  }
}

/** Headers: keys in any case, entries in lower case. */
class HeaderView extends View {
  readonly #lookup: (lowerName: string) => string | undefined;
  readonly #list: () => Iterable<readonly [string, string]>;

  constructor(lookup: (lowerName: string) => string | undefined, list: () => Iterable<readonly [string, string]>) {
    super();
    this.#lookup = lookup;
    this.#list = list;
  }

  protected override read(key: string): unknown {
    return this.#lookup(key.toLowerCase());
  }

  protected override names(): Iterable<string> {
    const names = new Set<string>();
    for (const [name] of this.#list()) names.add(name.toLowerCase());
    return names;
  }
}

/** A map without entries. */
class EmptyView extends View {
  protected override read(): unknown {
    return undefined;
  }

  protected override names(): Iterable<string> {
    return [];
  }
}

// The engine asks `value.constructor === Map`, which a subclass would fail.
for (const view of [ObjectView, MapView, MemberView, HeaderView, EmptyView]) {
  Object.defineProperty(view.prototype, 'constructor', { value: Map });
}

const empty = new EmptyView();

/**
 * Headers as expressions see them: `request.headers["X-Team"]` finds the field in any case, `"x-team" in request.headers`
 * and `request.headers.exists(name, …)` work on lower-case names. `lookup` gets a lower-case name and returns the field's
 * combined value; `entries` lists the fields, only when an expression walks over them.
 */
export function headerMap(
  lookup: (lowerName: string) => string | undefined,
  entries: () => Iterable<readonly [string, string]>,
): ReadonlyMap<unknown, unknown> {
  return new HeaderView(lookup, entries);
}

/** A root of the context: an object by its members where they are a fixed list; an absent root is an empty map. */
export function toRoot(value: unknown, members: ReadonlySet<string> | undefined): unknown {
  if (value === undefined || value === null) return empty;
  if (members && typeof value === 'object' && !isKnown(value)) return new MemberView(value, members);
  return toCel(value);
}

function isKnown(value: object): boolean {
  return Array.isArray(value) || value instanceof Map || value instanceof Set || isLeaf(value);
}

function isLeaf(value: object): boolean {
  return (
    value instanceof Uint8Array ||
    isTimestamp(value) ||
    value instanceof Duration ||
    value instanceof UnsignedInt ||
    value instanceof IpAddress ||
    value instanceof Cidr
  );
}

/**
 * A JavaScript value as an expression sees it. Integral numbers become ints as long as they are exact (JSON has one kind
 * of number, and `jwt.exp` must be usable as a time), other numbers are doubles; objects become lazy maps.
 */
export function toCel(value: unknown): unknown {
  switch (typeof value) {
    case 'number':
      return Number.isSafeInteger(value) ? BigInt(value) : value;
    case 'string':
    case 'boolean':
    case 'bigint':
    case 'undefined':
      return value;
    case 'object':
      return value === null ? null : fromObject(value);
    default:
      throw new FunctionError('value', 'the context holds a value that expressions cannot read');
  }
}

function fromObject(value: object): unknown {
  if (Array.isArray(value)) return fromArray(value);
  if (value instanceof View || isLeaf(value)) return value;
  if (value instanceof Map) return new MapView(value);
  if (value instanceof Set) return fromArray([...value]);
  return new ObjectView(value);
}

/** Lists are copied when they are first read, because the engine reads their elements directly; lists of text are not. */
function fromArray(list: readonly unknown[]): readonly unknown[] {
  return list.every((element) => typeof element === 'string')
    ? list
    : list.map((element) => (element === undefined ? null : toCel(element)));
}

/** Whether a value is a point in time. */
export function isTimestamp(value: unknown): value is Date {
  // oxlint-disable-next-line no-restricted-globals -- the class of CEL timestamps, not the clock
  return value instanceof Date;
}
