// What a schema is made of: the one place that looks inside zod, for the exporters and for lifting secrets.
import type { z } from 'zod';
import { type SchemaMarks, marksOf } from './dialect.ts';

/** A schema in the words of the dialect. */
export type SchemaNode = {
  readonly marks: SchemaMarks;
  readonly description: string | undefined;
  readonly isOptional: boolean;
  readonly fallback: unknown;
} & (
  | { readonly kind: 'object'; readonly shape: Readonly<Record<string, z.ZodType>> }
  | {
      readonly kind: 'list';
      readonly element: z.ZodType;
      readonly lengthMin: number | undefined;
      readonly lengthMax: number | undefined;
    }
  | { readonly kind: 'map'; readonly value: z.ZodType }
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'text'; readonly lengthMin: number | undefined; readonly lengthMax: number | undefined }
  | { readonly kind: 'integer'; readonly min: number | undefined; readonly max: number | undefined }
  | { readonly kind: 'boolean' }
);

interface Def {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly defaultValue?: unknown;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly entries?: Readonly<Record<string, string>>;
}

/** What zod keeps of `.min`, `.max` and `.int`. */
interface Check {
  readonly check: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly value?: number;
  readonly format?: string;
}

function checksOf(schema: z.ZodType): readonly Check[] {
  const { checks = [] } = schema.def as { checks?: readonly { readonly _zod: { readonly def: Check } }[] };
  return checks.map(({ _zod: { def } }) => def);
}

/** Looks at a schema. Throws, with the path, where it is not of the dialect. */
export function inspect(schema: z.ZodType, path: string): SchemaNode {
  const def = schema.def as unknown as Def;
  const checks = checksOf(schema);
  const limit = (check: string): number | undefined => {
    const found = checks.findLast((candidate) => candidate.check === check);
    return found?.minimum ?? found?.maximum ?? found?.value;
  };
  const base = { marks: marksOf(schema), description: schema.description, isOptional: false, fallback: undefined };
  switch (def.type) {
    case 'optional':
      return {
        ...inspect(def.innerType!, path),
        isOptional: true,
        ...(schema.description !== undefined && { description: schema.description }),
      };
    case 'default':
      return {
        ...inspect(def.innerType!, path),
        isOptional: true,
        fallback: def.defaultValue,
        ...(schema.description !== undefined && { description: schema.description }),
      };
    case 'object':
      return { ...base, kind: 'object', shape: def.shape! };
    case 'array':
      return {
        ...base,
        kind: 'list',
        element: def.element!,
        lengthMin: limit('min_length'),
        lengthMax: limit('max_length'),
      };
    case 'record':
      return { ...base, kind: 'map', value: def.valueType! };
    case 'enum':
      return { ...base, kind: 'words', words: Object.values(def.entries!) };
    case 'string':
      return { ...base, kind: 'text', lengthMin: limit('min_length'), lengthMax: limit('max_length') };
    case 'number':
      if (!checks.some(({ format }) => format === 'safeint'))
        throw new Error(`${path}: numbers must be integers; Kubernetes schemas carry no floats`);
      return { ...base, kind: 'integer', min: limit('greater_than'), max: limit('less_than') };
    case 'boolean':
      return { ...base, kind: 'boolean' };
    case 'union':
      // The only union of the dialect; its mark tells the exporters that an integer will do too.
      if (base.marks.isIntOrString) return { ...base, kind: 'text', lengthMin: undefined, lengthMax: undefined };
      throw new Error(`${path}: a union is not part of the schema dialect`);
    default:
      throw new Error(`${path}: '${def.type}' is not part of the schema dialect`);
  }
}

/** Replaces every literal at a `secret()` field by what `lift` gives for it; everything else is kept. */
export function liftSecrets(
  schema: z.ZodType,
  value: unknown,
  path: string,
  lift: (text: string, path: string) => unknown,
): unknown {
  const node = inspect(schema, path);
  if (node.marks.isSecret) return typeof value === 'string' ? lift(value, path) : value;
  if (node.kind === 'list' && Array.isArray(value))
    return value.map((item, index) => liftSecrets(node.element, item, `${path}[${index}]`, lift));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  if (node.kind !== 'object' && node.kind !== 'map') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const child = node.kind === 'map' ? node.value : node.shape[key];
      return [key, child ? liftSecrets(child, inner, path === '' ? key : `${path}.${key}`, lift) : inner];
    }),
  );
}
