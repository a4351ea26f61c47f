// What a JSON node says beyond the hub: taken when decoding, so that the same format can write the node exactly as it was.
import { isDeepStrictEqual } from 'node:util';
import { asObject } from '../usage.ts';
import { CodecError, type Extra, type JsonObject, type TakeNote } from './extra.ts';

/** How a codec would write a node: `derived` comes from the hub and always wins, `defaults` are what a node of another format gets. */
export interface Form {
  readonly derived: JsonObject;
  readonly defaults?: JsonObject;
}

/** Where a node is written: by which format, from which path, and who takes notes. */
export interface Place {
  readonly format: Extra['format'];
  readonly path: string;
  readonly note: TakeNote;
}

/**
 * Compares a node as received with how the codec would write it. The result's `fields` are what the form lacks; its `shape` has a
 * token `-name` (dotted for nested ones) for each member that the form has and the node has not, beside the caller's own tokens.
 * Undefined where the form says all.
 */
export function takeResidue(
  format: Extra['format'],
  raw: JsonObject,
  form: Form,
  tokens: readonly string[] = [],
): Extra | undefined {
  const missing: string[] = [];
  const fields = residueOf(raw, form, '', missing);
  const shape = [...tokens, ...missing.map((path) => `-${path}`)].join(' ');
  if (shape === '' && Object.keys(fields).length === 0) return undefined;
  return { format, fields, ...(shape !== '' && { shape }) };
}

function residueOf(raw: JsonObject, form: Form, path: string, missing: string[]): JsonObject {
  const kept: [string, unknown][] = [];
  const defaults = form.defaults ?? {};
  for (const [name, value] of Object.entries(raw)) {
    const derived = form.derived[name];
    const fallback = defaults[name];
    if (derived === value) continue;
    const inner = asObject(value);
    if (derived !== undefined && (inner === undefined || asObject(derived) === undefined)) continue;
    if (inner && (asObject(derived) ?? asObject(fallback))) {
      const nested = residueOf(
        inner,
        { derived: objectOf(derived), defaults: objectOf(fallback) },
        `${path}${name}.`,
        missing,
      );
      if (Object.keys(nested).length > 0) kept.push([name, nested]);
    } else if (!isDeepStrictEqual(fallback, value)) kept.push([name, value]);
  }
  for (const name of new Set([...Object.keys(form.derived), ...Object.keys(defaults)])) {
    if (!Object.hasOwn(raw, name) && (form.derived[name] ?? defaults[name]) !== undefined)
      missing.push(`${path}${name}`);
  }
  return Object.fromEntries(kept);
}

/** Writes a node: defaults, over them what the same format said besides, over both what the hub says. Fields of another format are noted. */
export function writeNode(form: Form, extra: Extra | undefined, place: Place): JsonObject {
  const base = form.defaults ?? {};
  if (extra === undefined || extra.format !== place.format) {
    noteForeign(extra, place);
    return merge(base, form.derived);
  }
  const node = merge(merge(base, extra.fields), form.derived);
  for (const token of tokensOf(extra)) if (token.startsWith('-')) remove(node, token.slice(1).split('.'));
  return node;
}

/** The words of a node's shape. */
export function tokensOf(extra: Extra | undefined): string[] {
  return extra?.shape?.split(' ') ?? [];
}

/** Whether a node of this format has a word in its shape. */
export function hasToken(extra: Extra | undefined, format: Extra['format'], token: string): boolean {
  return extra?.format === format && tokensOf(extra).includes(token);
}

/** Members that change what is asked for: a request that has one is refused by other formats. */
const refusedMembers: { readonly [F in Extra['format']]?: readonly string[] } = {
  chat: ['audio', 'web_search_options', 'tool_choice'],
  responses: ['background', 'conversation', 'prompt', 'tool_choice'],
  messages: ['mcp_servers', 'container', 'tool_choice'],
};

/** Notes each field that another format does not carry. Throws CodecError `unsupported` for a field that changes what is asked for. */
export function noteForeign(extra: Extra | undefined, place: Place): void {
  if (!extra) return;
  for (const [name, value] of Object.entries(extra.fields)) {
    if (value === null || value === false) continue;
    const path = place.path === '' ? name : `${place.path}.${name}`;
    if (place.path === '' && refusedMembers[extra.format]?.includes(name))
      throw new CodecError('unsupported', path, `the model's provider speaks ${place.format}, which has no such thing`);
    if (isDeepStrictEqual(value, []) || isDeepStrictEqual(value, {})) continue;
    place.note({ path, message: `left out: it has no place in the format ${place.format}` });
  }
}

/** Deep union of objects; `over` wins. Members that are undefined count as absent. */
function merge(under: JsonObject, over: JsonObject): JsonObject {
  const merged = new Map(Object.entries(under).filter(([, value]) => value !== undefined));
  for (const [name, value] of Object.entries(over)) {
    if (value === undefined) continue;
    const before = asObject(merged.get(name));
    const inner = asObject(value);
    merged.set(name, before && inner ? merge(before, inner) : value);
  }
  return Object.fromEntries(merged);
}

function remove(node: JsonObject, [name, ...rest]: readonly string[]): void {
  if (name === undefined) return;
  if (rest.length === 0) {
    delete node[name];
    return;
  }
  const inner = asObject(node[name]);
  if (inner) remove(inner, rest);
}

function objectOf(value: unknown): JsonObject {
  return asObject(value) ?? {};
}
