// Writes `schemas/*.json`, JSON schemas of the vendors' request bodies, from the types of their SDKs: `node test/fakes/generate-schemas.ts && pnpm fmt`.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createGenerator } from 'ts-json-schema-generator';
import type { SchemaName } from './request-types.ts';

/** The package whose types each schema is made of. */
export const schemaSources: Readonly<Record<SchemaName, 'openai' | '@anthropic-ai/sdk'>> = {
  'chat-completions': 'openai',
  responses: 'openai',
  'responses-input-tokens': 'openai',
  embeddings: 'openai',
  moderations: 'openai',
  'images-generations': 'openai',
  messages: '@anthropic-ai/sdk',
  'count-tokens': '@anthropic-ai/sdk',
};

/** Fields of the Anthropic SDK's parameter types that travel as headers, so that the body may not hold them. */
const headerFields = ['betas', 'user_profile_id', 'workspace_id'];

/**
 * Fields of Anthropic's API before version 2026-10-21, which removed them; the SDK's types are those of that version.
 * `validate-messages.ts` refuses them by the version that a request names.
 */
const samplingFields = { temperature: { type: 'number' }, top_p: { type: 'number' }, top_k: { type: 'number' } };

/** What a committed schema says it was made from: package and version. */
export function schemaOrigin(name: SchemaName): string {
  const source = schemaSources[name];
  // Found by an exported file: neither package exports its package.json under every condition.
  const main = createRequire(import.meta.url).resolve(source);
  const manifest = JSON.parse(readFileSync(new URL('package.json', `file://${main}`), 'utf8')) as { version: string };
  return `${source} ${manifest.version}`;
}

/** Where a schema is committed. */
export function schemaUrl(name: SchemaName): URL {
  return new URL(`schemas/${name}.json`, import.meta.url);
}

type Json = Record<string, unknown>;

/** The definitions that `root` reaches, by name. */
function selectReachable(root: unknown, definitions: Record<string, unknown>): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(visit);
    if (typeof node !== 'object' || node === null) return;
    for (const [key, value] of Object.entries(node)) {
      if (key !== '$ref' || typeof value !== 'string') visit(value);
      else {
        const name = decodeURIComponent(value.slice('#/definitions/'.length));
        if (name in found) continue;
        found[name] = definitions[name];
        visit(found[name]);
      }
    }
  };
  visit(root);
  return Object.fromEntries(Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Without prose, which is most of the bytes and refuses nothing, and without fields that are headers. `isNames`: the node's keys are field or definition names. */
function strip(node: unknown, isNames = false): unknown {
  if (Array.isArray(node)) return node.map((item) => strip(item));
  if (typeof node !== 'object' || node === null) return node;
  const kept = Object.entries(node).filter(([key]) => (isNames ? !headerFields.includes(key) : key !== 'description'));
  return Object.fromEntries(
    kept.map(([key, value]) => [key, strip(value, !isNames && (key === 'properties' || key === 'definitions'))]),
  );
}

/** All schemas, as they would be committed. */
export function generateSchemas(): Record<string, Json> {
  const { definitions = {} } = createGenerator({
    path: new URL('request-types.ts', import.meta.url).pathname,
    tsconfig: new URL('../../tsconfig.json', import.meta.url).pathname,
    type: 'RequestTypes',
    skipTypeCheck: true,
    expose: 'all',
  }).createSchema('RequestTypes');
  for (const name of ['MessageCreateParamsNonStreaming', 'MessageCreateParamsStreaming']) {
    Object.assign((definitions[name] as { properties: Json }).properties, samplingFields);
  }
  const roots = (definitions['RequestTypes'] as { properties: Record<SchemaName, Json> }).properties;
  return Object.fromEntries(
    (Object.keys(schemaSources) as SchemaName[]).map((name) => {
      const root = { $schema: 'http://json-schema.org/draft-07/schema#', $comment: schemaOrigin(name), ...roots[name] };
      return [name, strip({ ...root, definitions: selectReachable(root, definitions) }) as Json];
    }),
  );
}

if (import.meta.main) {
  for (const [name, schema] of Object.entries(generateSchemas())) {
    writeFileSync(schemaUrl(name as SchemaName), `${JSON.stringify(schema)}\n`);
  }
}
