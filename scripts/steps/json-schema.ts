// The JSON schema (draft-07) of config.yaml, for editors.
import { type KindRow, kinds } from '../../packages/core/src/kinds/registry.ts';
import { type SchemaNode, inspect } from '../../packages/core/src/schema/walk.ts';
import { exclusiveFields } from './exclusive-fields.ts';

type Schema = Parameters<typeof inspect>[0];
type JsonSchema = Record<string, unknown>;

/** A text that holds a variable is checked once the variable is known, not by the editor. */
const variable = { type: 'string', pattern: String.raw`\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}` };
const objectName = { type: 'string', pattern: '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$', maxLength: 253 };

/** Path → text. */
export function generateJsonSchema(): Map<string, string> {
  return new Map([['docs/reference/config.schema.json', `${JSON.stringify(toConfigSchema(), undefined, 2)}\n`]]);
}

/** The schema of a configuration file: lists of items by plural; documents that are manifests are left to kubectl's schemas. */
export function toConfigSchema(): JsonSchema {
  const written = kinds.filter((row): row is KindRow & { plural: string } => row.plural !== undefined);
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'agentgateway configuration',
    description: 'The file config.yaml: lists of objects, each a name beside what would stand in its spec.',
    type: 'object',
    properties: Object.fromEntries(
      written.map(({ kind, plural, crd }) => [
        plural,
        {
          type: 'array',
          description: crd?.summary ?? `${kind} objects.`,
          items: { $ref: `#/definitions/${kind}` },
        },
      ]),
    ),
    if: { required: ['apiVersion', 'kind'] },
    else: { propertyNames: { enum: written.map(({ plural }) => plural) } },
    definitions: Object.fromEntries(written.map((row) => [row.kind, toItem(row)])),
  };
}

/** One item of a list: its name and its fields. */
function toItem({ kind, schema, shortSchema }: KindRow): JsonSchema {
  const fields = toJsonSchema(shortSchema ?? schema, kind);
  return {
    ...fields,
    properties: {
      name: { ...objectName, description: 'Unique among objects of the kind.' },
      ...(fields['properties'] as object),
    },
    required: ['name', ...((fields['required'] ?? []) as string[])],
  };
}

function toJsonSchema(schema: Schema, path: string): JsonSchema {
  const node = inspect(schema, path);
  const facts = {
    ...(node.description !== undefined && { description: node.description }),
    ...(node.fallback !== undefined && { default: node.fallback }),
  };
  if (node.marks.isSecret)
    return {
      ...facts,
      anyOf: [
        { type: 'string', minLength: 1, description: 'The secret itself, best as a variable such as "${NAME}".' },
        toType(node, path),
      ],
    };
  return { ...toType(node, path), ...facts };
}

function toType(node: SchemaNode, path: string): JsonSchema {
  switch (node.kind) {
    case 'object': {
      const fields = Object.entries(node.shape);
      const required = fields
        .filter(([field, child]) => !inspect(child, `${path}.${field}`).isOptional)
        .map(([field]) => field);
      const exclusive = exclusiveFields(node.marks);
      return {
        type: 'object',
        additionalProperties: false,
        ...(required.length > 0 && { required }),
        ...(exclusive && { oneOf: exclusive.map((field) => ({ required: [field] })) }),
        properties: Object.fromEntries(
          fields.map(([field, child]) => [field, toJsonSchema(child, `${path}.${field}`)]),
        ),
      };
    }
    case 'list':
      return {
        type: 'array',
        ...(node.lengthMin !== undefined && { minItems: node.lengthMin }),
        ...(node.lengthMax !== undefined && { maxItems: node.lengthMax }),
        items: toJsonSchema(node.element, `${path}[]`),
      };
    case 'map':
      return { type: 'object', additionalProperties: toJsonSchema(node.value, `${path}{}`) };
    case 'words':
      return { anyOf: [{ type: 'string', enum: node.words }, variable] };
    case 'text':
      return toTextType(node);
    case 'integer': {
      const plain = {
        type: 'integer',
        ...(node.min !== undefined && { minimum: node.min }),
        ...(node.max !== undefined && { maximum: node.max }),
      };
      return { anyOf: [plain, variable] };
    }
    case 'boolean':
      return { anyOf: [{ type: 'boolean' }, variable] };
  }
}

function toTextType({ lengthMin, lengthMax, marks }: SchemaNode & { readonly kind: 'text' }): JsonSchema {
  const plain = {
    type: 'string',
    ...(lengthMin !== undefined && { minLength: lengthMin }),
    ...(lengthMax !== undefined && { maxLength: lengthMax }),
  };
  const alternatives = marks.isIntOrString ? [{ type: 'integer', minimum: 0 }] : [];
  if (marks.pattern === undefined && alternatives.length === 0) return plain;
  const written = marks.pattern === undefined ? plain : { ...plain, pattern: marks.pattern };
  return { anyOf: [written, ...alternatives, variable] };
}
