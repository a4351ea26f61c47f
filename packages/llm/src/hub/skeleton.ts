// A stream's event as its format wrote it, without what the hub's events say: the same format fills it again and writes it as it was.
import { isDeepStrictEqual } from 'node:util';
import type { Extra, JsonObject } from './extra.ts';
import type { HubEvent } from './response.ts';

/** Where a value stands in a parsed event. */
export type JsonPath = readonly (string | number)[];

/** One hub event of the ones that an event of the format became; a path where it says something that was taken out. */
export interface Slot {
  readonly type: HubEvent['type'];
  readonly path?: JsonPath;
}

/** What an `opaque` event with the name {@link skeletonName} holds; the hub events follow at once, in the order of the slots. */
export interface Skeleton {
  readonly event?: string;
  readonly body: JsonObject;
  readonly slots: readonly Slot[];
  /** Members taken out because they repeat what the stream's start said. */
  readonly repeated: readonly JsonPath[];
}

/** Name of the opaque events that hold skeletons. */
export const skeletonName = 'skeleton';

/** Takes an event apart. */
export class SkeletonBuilder {
  readonly #body: JsonObject;
  readonly #slots: Slot[] = [];
  readonly #events: HubEvent[] = [];
  readonly #repeated: JsonPath[] = [];

  /** `body` is not changed. */
  constructor(body: JsonObject) {
    this.#body = cloneJson(body);
  }

  /** Adds a hub event; the values at its path leave the skeleton. */
  add(event: HubEvent, path?: JsonPath, leaves: readonly JsonPath[] = path ? [path] : []): void {
    this.#events.push(event);
    this.#slots.push({ type: event.type, ...(path && { path }) });
    for (const leaf of leaves) removeAt(this.#body, leaf);
  }

  /** Takes out a member that repeats what the start said. */
  takeRepeated(path: JsonPath, value: unknown): void {
    if (value === undefined || !isDeepStrictEqual(valueAt(this.#body, path), value)) return;
    removeAt(this.#body, path);
    this.#repeated.push(path);
  }

  /** The skeleton, then its events. */
  events(format: Extra['format'], event: string | undefined): HubEvent[] {
    const value: Skeleton = {
      ...(event !== undefined && { event }),
      body: this.#body,
      slots: this.#slots,
      repeated: this.#repeated,
    };
    return [{ type: 'opaque', format, name: skeletonName, value }, ...this.#events];
  }
}

/** Reads a value; undefined where the path leads nowhere. */
export function valueAt(body: unknown, path: JsonPath): unknown {
  let node = body;
  for (const step of path) {
    if (typeof node !== 'object' || node === null) return undefined;
    node = (node as Record<string | number, unknown>)[step];
  }
  return node;
}

/** Sets a value, making the objects on its way; arrays must be there. */
export function setAt(body: JsonObject, path: JsonPath, value: unknown): void {
  let node = body as Record<string | number, unknown>;
  for (const step of path.slice(0, -1)) {
    const inner = node[step];
    if (typeof inner === 'object' && inner !== null) node = inner as Record<string | number, unknown>;
    else {
      const made: Record<string | number, unknown> = {};
      node[step] = made;
      node = made;
    }
  }
  const last = path.at(-1);
  if (last !== undefined) node[last] = value;
}

/** A copy of parsed JSON; several times faster than structuredClone for a stream's small events. */
export function cloneJson<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(cloneJson) as T;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, cloneJson(inner)])) as T;
}

function removeAt(body: JsonObject, path: JsonPath): void {
  const holder = valueAt(body, path.slice(0, -1));
  const last = path.at(-1);
  if (typeof holder === 'object' && holder !== null && last !== undefined)
    delete (holder as Record<string | number, unknown>)[last];
}
