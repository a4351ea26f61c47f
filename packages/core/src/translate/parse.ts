// Manifest → the fields of its kind, once per object; what a cluster holds beyond what is understood is left aside (contract 14).
import type { z } from 'zod';
import { validateFields } from '../config/validate.ts';
import { toPath } from '../config/problem.ts';
import { type KindRow, kinds } from '../kinds/registry.ts';
import { inspect } from '../schema/walk.ts';
import type { Manifest } from '../world.ts';
import type { Fault } from './scope.ts';

/** The fields with their defaults, or what is wrong with them. */
export type Parsed<T> =
  | { readonly ok: true; readonly fields: T }
  | { readonly ok: false; readonly faults: readonly Fault[] };

const parsed = new WeakMap<Manifest, Parsed<unknown>>();
const rows = new Map<string, KindRow>(kinds.map((row) => [row.kind, row]));

/** Parses an object of a known kind; the caller names the type that the kind's schema gives. */
export function parseObject<T>(object: Manifest): Parsed<T> {
  const known = parsed.get(object);
  if (known) return known as Parsed<T>;
  const fresh = parse(object);
  parsed.set(object, fresh);
  return fresh as Parsed<T>;
}

function parse(object: Manifest): Parsed<unknown> {
  const row = rows.get(object.kind)!;
  const {
    apiVersion: _apiVersion,
    kind: _kind,
    metadata: _metadata,
    status: _status,
    origin: _origin,
    ...rest
  } = object;
  const written = row.place === 'spec' ? (object.spec ?? {}) : rest;
  const { value, problems } = validateFields(row.schema, row.crd ? written : prune(row.schema, written));
  if (problems.length === 0) return { ok: true, fields: value };
  const faults = problems.map(({ path, message }) => ({
    path: toPath(row.place === 'spec' ? ['spec', ...path] : path),
    condition: 'Accepted',
    reason: 'Invalid',
    message,
  }));
  return { ok: false, faults };
}

/** Drops fields that the schema does not know. */
function prune(schema: z.ZodType, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const node = inspect(schema, '');
  if (Array.isArray(value)) return node.kind === 'list' ? value.map((item) => prune(node.element, item)) : value;
  if (node.kind !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([field]) => Object.hasOwn(node.shape, field))
      .map(([field, inner]) => [field, prune(node.shape[field]!, inner)]),
  );
}
