// Validates request bodies against the schemas generated from the vendors' SDK types, and finds the one error a vendor would name.
import { readFileSync } from 'node:fs';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { schemaUrl } from './generate-schemas.ts';
import type { SchemaName } from './request-types.ts';

/** One thing wrong with a body. */
export interface SchemaError {
  /** Steps from the root, such as `['messages', 0, 'role']`; of the missing or unknown field itself where it is one. */
  readonly path: readonly (string | number)[];
  readonly kind: 'unknown' | 'missing' | 'type' | 'value';
  /** What would have been right: type names or allowed values. */
  readonly expected: readonly string[];
  /** The value that stands there. */
  readonly actual: unknown;
}

type Schema = Record<string, unknown>;

const validators = new Map<string, ValidateFunction>();

/** What is wrong with a body, or undefined. `isOpen`: fields that the schema does not know are let pass, as compatible vendors add their own. */
export function findSchemaError(name: SchemaName, body: unknown, isOpen = false): SchemaError | undefined {
  const validate = compile(name, isOpen);
  if (validate(body)) return undefined;
  return toSchemaError(chooseError(validate.errors ?? []), body);
}

/** The enumerated strings of a definition, such as the model names that the SDK lists. */
export function listEnum(name: SchemaName, definition: string): string[] {
  const { definitions } = readSchema(name) as { definitions: Record<string, unknown> };
  const found: string[] = [];
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    for (const [key, value] of Object.entries(node)) {
      if (key === 'enum') found.push(...(value as string[]));
      else if (key === 'const') found.push(String(value));
      else if (key === '$ref') visit(definitions[decodeURIComponent(String(value).slice('#/definitions/'.length))]);
      else visit(value);
    }
  };
  visit(definitions[definition]);
  return found;
}

function readSchema(name: SchemaName): Schema {
  return JSON.parse(readFileSync(schemaUrl(name), 'utf8')) as Schema;
}

function compile(name: SchemaName, isOpen: boolean): ValidateFunction {
  const key = `${name} ${String(isOpen)}`;
  const known = validators.get(key);
  if (known !== undefined) return known;
  const schema = isOpen ? (open(readSchema(name)) as Schema) : readSchema(name);
  noteOwners(schema, undefined);
  const validate = new Ajv({ strict: false, allErrors: true, verbose: true }).compile(schema);
  validators.set(key, validate);
  return validate;
}

/** The schema without its refusals of unknown fields. */
function open(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(open);
  if (typeof node !== 'object' || node === null) return node;
  return Object.fromEntries(
    Object.entries(node)
      .filter(([key, value]) => !(key === 'additionalProperties' && value === false))
      .map(([key, value]) => [key, open(value)]),
  );
}

/** The object schema that a schema within it belongs to, as far as no `$ref` lies between. */
const owners = new WeakMap<object, object>();

function noteOwners(node: unknown, owner: object | undefined): void {
  if (typeof node !== 'object' || node === null) return;
  if (owner !== undefined) owners.set(node, owner);
  const next = 'properties' in node && !Array.isArray(node) ? node : owner;
  for (const child of Object.values(node)) noteOwners(child, next);
}

/** The object schema that found the error. */
function findOwner({ parentSchema }: ErrorObject): object | undefined {
  if (parentSchema === undefined) return undefined;
  return 'properties' in parentSchema ? parentSchema : owners.get(parentSchema);
}

/**
 * The error that tells most. In a union every branch fails; those whose `type` or `role` is another one's are put
 * aside, and of what is left the deepest counts; where nothing is left, the `type` or `role` itself is wrong.
 */
function chooseError(errors: readonly ErrorObject[]): ErrorObject {
  const tags = errors.filter(
    ({ keyword, instancePath }) =>
      ['const', 'enum', 'type'].includes(keyword) && /\/(?:type|role)$/u.test(instancePath),
  );
  const foreign = tags.map((error) => ({
    owner: findOwner(error),
    parent: error.instancePath.slice(0, error.instancePath.lastIndexOf('/')),
  }));
  const isForeign = (error: ErrorObject): boolean => {
    const own = findOwner(error);
    return foreign.some(({ owner, parent }) => owner === own && error.instancePath.startsWith(parent));
  };
  const leaves = errors.filter(({ keyword }) => keyword !== 'anyOf' && keyword !== 'not');
  const own = leaves.filter((error) => !isForeign(error));
  const inTagged = own.filter(({ instancePath }) => foreign.some(({ parent }) => instancePath.startsWith(parent)));
  const candidates = tags.length === 0 ? own : inTagged.length > 0 ? inTagged : tags;
  const [best] = (candidates.length > 0 ? candidates : leaves).toSorted((a, b) => rank(b) - rank(a));
  const error = best ?? errors[0];
  if (error === undefined) throw new Error('the validator refused and gave no error');
  return error;
}

/** Deeper tells more; an unknown field more than a missing one. */
function rank({ instancePath, keyword }: ErrorObject): number {
  const weight = keyword === 'additionalProperties' ? 2 : keyword === 'required' ? 1 : 0;
  return instancePath.split('/').length * 10 + weight;
}

function toSchemaError(error: ErrorObject, body: unknown): SchemaError {
  const params = error.params as Record<string, unknown>;
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map((step) => (/^\d+$/u.test(step) ? Number(step) : step.replaceAll('~1', '/').replaceAll('~0', '~')));
  const actual = path.reduce<unknown>((value, step) => (value as Record<string, unknown>)[String(step)], body);
  switch (error.keyword) {
    case 'additionalProperties':
      return { path: [...path, String(params['additionalProperty'])], kind: 'unknown', expected: [], actual };
    case 'required':
      return { path: [...path, String(params['missingProperty'])], kind: 'missing', expected: [], actual };
    case 'type':
      return { path, kind: 'type', expected: [params['type']].flat().map(String), actual };
    case 'enum':
      return { path, kind: 'value', expected: (params['allowedValues'] as unknown[]).map(String), actual };
    default:
      return {
        path,
        kind: 'value',
        expected: 'allowedValue' in params ? [String(params['allowedValue'])] : [],
        actual,
      };
  }
}
