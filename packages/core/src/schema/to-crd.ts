// zod kind → CustomResourceDefinition with a structural schema (apiextensions.k8s.io/v1).
import type { z } from 'zod';
import { type SchemaNode, inspect } from './walk.ts';

/** What a CRD says beside its schema. */
export interface CrdKind {
  readonly kind: string;
  readonly group: string;
  readonly version: string;
  /** Lower-case plural, the CRD's own. */
  readonly resource: string;
  readonly shortNames: readonly string[];
  readonly summary: string;
  readonly spec: z.ZodType;
  readonly columns: readonly {
    readonly name: string;
    readonly type: 'string' | 'date' | 'integer';
    readonly jsonPath: string;
  }[];
}

/** The CRD of a kind. Throws where its schema leaves the dialect. */
export function toCrd({ kind, group, version, resource, shortNames, summary, spec, columns }: CrdKind): object {
  const schema = {
    type: 'object',
    description: summary,
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: toStructural(spec, 'spec'),
      status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    },
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${resource}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: {
        kind,
        listKind: `${kind}List`,
        plural: resource,
        singular: kind.toLowerCase(),
        shortNames,
        categories: ['agentgateway'],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns,
          schema: { openAPIV3Schema: schema },
        },
      ],
    },
  };
}

/** The structural schema of a zod schema. Throws, with the path, where the schema leaves the dialect or holds itself. */
export function toStructural(
  schema: z.ZodType,
  path: string,
  ancestors: readonly SchemaNode[] = [],
): Record<string, unknown> {
  const node = inspect(schema, path);
  if (
    ancestors.some((ancestor) => ancestor.kind === 'object' && node.kind === 'object' && ancestor.shape === node.shape)
  )
    throw new Error(`${path}: a schema that holds itself is not part of the schema dialect`);
  return {
    ...toType(node, path, [...ancestors, node]),
    ...(node.description !== undefined && { description: node.description }),
    ...(node.fallback !== undefined && { default: node.fallback }),
    ...(node.marks.rules && { 'x-kubernetes-validations': node.marks.rules }),
  };
}

function toType(node: SchemaNode, path: string, ancestors: readonly SchemaNode[]): Record<string, unknown> {
  switch (node.kind) {
    case 'object': {
      const fields = Object.entries(node.shape);
      const required = fields
        .filter(([field, child]) => !inspect(child, `${path}.${field}`).isOptional)
        .map(([field]) => field);
      return {
        type: 'object',
        ...(required.length > 0 && { required }),
        properties: Object.fromEntries(
          fields.map(([field, child]) => [field, toStructural(child, `${path}.${field}`, ancestors)]),
        ),
      };
    }
    case 'list':
      return {
        type: 'array',
        ...(node.lengthMin !== undefined && { minItems: node.lengthMin }),
        ...(node.lengthMax !== undefined && { maxItems: node.lengthMax }),
        items: toStructural(node.element, `${path}[]`, ancestors),
      };
    case 'map':
      return { type: 'object', additionalProperties: toStructural(node.value, `${path}{}`, ancestors) };
    case 'words':
      return { type: 'string', enum: node.words };
    case 'text':
      if (node.marks.isIntOrString)
        return {
          anyOf: [{ type: 'integer' }, { type: 'string' }],
          ...(node.marks.pattern !== undefined && { pattern: node.marks.pattern }),
          'x-kubernetes-int-or-string': true,
        };
      return {
        type: 'string',
        ...(node.lengthMin !== undefined && { minLength: node.lengthMin }),
        ...(node.lengthMax !== undefined && { maxLength: node.lengthMax }),
        ...(node.marks.pattern !== undefined && { pattern: node.marks.pattern }),
      };
    case 'integer':
      return {
        type: 'integer',
        format: 'int64',
        ...(node.min !== undefined && { minimum: node.min }),
        ...(node.max !== undefined && { maximum: node.max }),
      };
    case 'boolean':
      return { type: 'boolean' };
  }
}
