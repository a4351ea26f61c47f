// The dialect our kinds are written in: zod that always exports to structural Kubernetes schemas (contract 14).
import { z } from 'zod';

/** Marks on schemas that JSON Schema has no word for. */
export interface SchemaMarks {
  /** Rules of `x-kubernetes-validations`. */
  readonly rules?: readonly { readonly rule: string; readonly message: string }[];
  /** The field holds a secret: a literal in config.yaml, a reference in manifests. */
  readonly isSecret?: boolean;
  readonly pattern?: string;
  /** An integer will do as well as a text. */
  readonly isIntOrString?: boolean;
}

/** Kept by definition, which survives `.describe` where the schema object does not. */
const marks = new WeakMap<object, SchemaMarks>();

/** The marks of a schema. */
export function marksOf(schema: z.ZodType): SchemaMarks {
  return marks.get(schema.def) ?? {};
}

function mark<S extends z.ZodType>(schema: S, own: SchemaMarks): S {
  marks.set(schema.def, own);
  return schema;
}

/** An object that refuses unknown fields. */
export function strict<Shape extends z.core.$ZodLooseShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape);
}

/** An object of which exactly one of the named fields must be set. */
export function exactlyOne<Shape extends z.core.$ZodLooseShape>(
  fields: readonly (keyof Shape & string)[],
  shape: Shape,
): z.ZodObject<Shape, z.core.$strict> {
  const message = `exactly one of ${fields.join(', ')} must be set`;
  const schema = z
    .strictObject(shape)
    .refine((value) => fields.filter((field) => (value as Record<string, unknown>)[field] !== undefined).length === 1, {
      message,
    });
  const rule = `[${fields.map((field) => `has(self.${field})`).join(', ')}].filter(x, x).size() == 1`;
  return mark(schema as unknown as z.ZodObject<Shape, z.core.$strict>, { rules: [{ rule, message }] });
}

/** A text of a bounded length, in characters; `.min` after it cannot lower the bound. */
export function text(lengthMax = 4096, lengthMin = 1): z.ZodString {
  return (lengthMin > 0 ? z.string().min(lengthMin) : z.string()).max(lengthMax);
}

/** A text of a pattern; the pattern must cover the whole text and be valid RE2. */
export function pattern(source: string, message: string, lengthMax = 253): z.ZodString {
  return mark(z.string().min(1).max(lengthMax).regex(new RegExp(source), { message }), { pattern: source });
}

/** A DNS label or subdomain, as Kubernetes names objects. */
export function name(): z.ZodString {
  return pattern('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$', 'must be lower-case letters, digits, - and .');
}

/** An integer in a range. */
export function integer(min: number, max: number): z.ZodNumber {
  return z.number().int().min(min).max(max);
}

/** A list of bounded length. */
export function list<S extends z.ZodType>(element: S, lengthMax = 64): z.ZodArray<S> {
  return z.array(element).max(lengthMax);
}

/** One of a few words. */
export function oneOf<const Words extends readonly [string, ...string[]]>(
  ...words: Words
): z.ZodEnum<{ [W in Words[number]]: W }> {
  return z.enum(words);
}

/** A map of texts. */
export function texts(lengthMax = 4096): z.ZodRecord<z.ZodString, z.ZodString> {
  return z.record(z.string(), z.string().max(lengthMax));
}

/** A time span (GEP-2257): up to four groups such as 1h30m or 500ms. */
export function duration(): z.ZodString {
  return pattern('^([0-9]{1,5}(h|m|s|ms)){1,4}$', 'must be a duration such as 10s, 1m30s or 500ms', 32);
}

const unitMs = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;

/** A duration in milliseconds. */
export function toMs(value: string): number {
  let total = 0;
  for (const [, count, unit] of value.matchAll(/([0-9]+)(ms|h|m|s)/g))
    total += Number(count) * unitMs[unit as keyof typeof unitMs];
  return total;
}

/** A size in bytes: a number, or one with a suffix such as 32Mi. */
export function quantity(): z.ZodString {
  return pattern('^[0-9]+(Ki|Mi|Gi|k|M|G)?$', 'must be a size such as 512Ki or 32Mi', 16);
}

const unitBytes = { Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3, k: 1000, M: 1000 ** 2, G: 1000 ** 3 } as const;

/** A size in bytes. */
export function toBytes(value: string): number {
  const [, count, unit] = /^([0-9]+)(.*)$/.exec(value)!;
  return Number(count) * (unit === '' ? 1 : unitBytes[unit as keyof typeof unitBytes]);
}

const picoDecimals = 12;

/** An amount in US dollars, exact: an integer, or a decimal in a string. At most `decimalsMax` digits after the point. */
export function money(decimalsMax = picoDecimals): z.ZodUnion<readonly [z.ZodString, z.ZodNumber]> {
  const message = `must be an amount such as "2.50", in quotes and with at most ${decimalsMax} decimals, or an integer`;
  const source = `^[0-9]{1,6}(\\.[0-9]{1,${decimalsMax}})?$`;
  const schema = z.union(
    [
      z.string().max(32).regex(new RegExp(source), { message }),
      z.number().int().min(0, { message }).max(999_999, { message }),
    ],
    {
      error: message,
    },
  );
  return mark(schema, { isIntOrString: true, pattern: source });
}

/** A port's number or its name, as Services write it. */
export function portOrName(): z.ZodUnion<readonly [z.ZodString, z.ZodNumber]> {
  return mark(z.union([z.string().min(1).max(63), z.number().int().min(1).max(65_535)]), { isIntOrString: true });
}

/** An amount in pico-dollars (10^-12 USD), exact. */
export function toPicoDollars(amount: string | number): bigint {
  const [whole = '0', fraction = ''] = String(amount).split('.');
  return BigInt(whole + fraction.padEnd(picoDecimals, '0'));
}

/** A rate in US dollars per million units as pico-dollars per unit; exact where the rate has at most six decimals. */
export function toPicoDollarsPerUnit(ratePerMillion: string | number): bigint {
  return toPicoDollars(ratePerMillion) / 1_000_000n;
}

/** A CEL expression; what it means is checked by whoever uses it. */
export function cel(): z.ZodString {
  return text(4096);
}

const secretShape = {
  secretRef: strict({ name: name(), key: pattern('^[-._a-zA-Z0-9]+$', 'must be letters, digits, -, _ and .') }),
};

/** A secret: in manifests a reference to an entry of a Secret of the same namespace, in config.yaml also a literal. */
export function secret(): z.ZodObject<typeof secretShape, z.core.$strict> {
  return mark(z.strictObject(secretShape), { isSecret: true });
}

/** True or false. */
export function boolean(): z.ZodBoolean {
  return z.boolean();
}
