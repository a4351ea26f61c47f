// What the Anthropic Messages codec keeps of a node for its own format, and how it reads the members that nodes share.
import type { CacheMark } from '../../hub/content.ts';
import { CodecError, type Extra, type JsonObject } from '../../hub/extra.ts';
import { restOf } from '../../hub/notes.ts';
import { asObject } from '../../usage.ts';

/** The vendor whose values stand unwrapped in this format. */
export const nativeVendor = 'anthropic';

/** A mark of origin with the fields that the hub has no word for. */
export function own(fields: JsonObject, shape?: string): Extra {
  return { format: 'messages', fields, ...(shape !== undefined && { shape }) };
}

/** The cache mark of a block or tool, and its other members: a mark in an unknown form stays among these. */
export function takeCache(
  block: Readonly<JsonObject>,
  known: readonly string[],
): { readonly cache?: CacheMark; readonly rest: JsonObject } {
  const cache = toCache(block['cache_control']);
  return { ...(cache && { cache }), rest: restOf(block, cache ? [...known, 'cache_control'] : known) };
}

function toCache(value: unknown): CacheMark | undefined {
  const mark = asObject(value);
  if (mark?.['type'] !== 'ephemeral' || Object.keys(mark).length > ('ttl' in mark ? 2 : 1)) return undefined;
  const ttl = mark['ttl'];
  return ttl === undefined || ttl === '5m' || ttl === '1h' ? { ttl } : undefined;
}

/** The member for a cache mark, ready to be spread. */
export function cacheMember(cache: CacheMark | undefined): JsonObject {
  if (!cache) return {};
  return { cache_control: { type: 'ephemeral', ...(cache.ttl !== undefined && { ttl: cache.ttl }) } };
}

/** A string member that the format demands. Throws CodecError `invalid`. */
export function demandString(object: Readonly<JsonObject>, name: string, path: string): string {
  const value = object[name];
  if (typeof value !== 'string') throw new CodecError('invalid', pathOf(path, name), 'a string is required');
  return value;
}

/** An object. Throws CodecError `invalid`. */
export function demandObject(value: unknown, path: string): JsonObject {
  const object = asObject(value);
  if (!object) throw new CodecError('invalid', path, 'an object is required');
  return object;
}

/** A list. Throws CodecError `invalid`. */
export function demandArray(value: unknown, path: string): unknown[] {
  if (!Array.isArray(value)) throw new CodecError('invalid', path, 'a list is required');
  return value;
}

/** A path below a path. */
export function pathOf(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
