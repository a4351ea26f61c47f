// Reads what a format keeps beside the hub on its own nodes.
import type { FormatName } from '../format.ts';
import type { Extra, JsonObject } from './extra.ts';

/** What a node may carry for its own format. */
interface Holder {
  readonly extra?: Extra | undefined;
}

/** Whether a node was decoded from this format. */
export function isOwn(holder: Holder, format: FormatName): boolean {
  return holder.extra?.format === format;
}

/** The fields to write back at the node; none of another format. */
export function ownFields(holder: Holder, format: FormatName): JsonObject {
  return holder.extra?.format === format ? holder.extra.fields : {};
}

/** How the node was written, where it was this format that wrote it. */
export function ownShape(holder: Holder, format: FormatName): string | undefined {
  return holder.extra?.format === format ? holder.extra.shape : undefined;
}

/** Members of an object beside the named ones. */
export function restOf(object: Readonly<JsonObject>, known: readonly string[]): JsonObject {
  const rest: JsonObject = {};
  for (const [name, value] of Object.entries(object)) if (!known.includes(name)) rest[name] = value;
  return rest;
}
