// The generated JSON schema of config.yaml accepts what the loader accepts, and refuses what editors should underline.
import { Ajv, type ValidateFunction } from 'ajv';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { kinds } from '@agentgateway/core/kinds/registry.ts';
import { policies } from '@agentgateway/core/policy/registry.ts';
import { list, strict, text } from '@agentgateway/core/schema/dialect.ts';
import { inspect } from '@agentgateway/core/schema/walk.ts';
import { toConfigSchema } from '../scripts/steps/json-schema.ts';

const validate: ValidateFunction = new Ajv({ strict: false, allErrors: true }).compile(toConfigSchema());

function problemsOf(yaml: string): string[] {
  if (validate(parse(yaml))) return [];
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
  );
}

describe('accepts', () => {
  test('models, keys and failover', () => {
    expect(
      problemsOf(`
llmBackends:
- name: models
  providers:
  - { name: openai, openai: {}, auth: { key: "\${OPENAI_API_KEY}" } }
  - { name: claude, anthropic: {}, auth: { key: { secretRef: { name: keys, key: anthropic } } } }
  models:
  - name: smart
    targets: [{ provider: claude, model: claude-opus-5 }, { provider: openai, model: gpt-6, priority: 1 }]
policies:
- { name: keys, apiKeyAuthentication: { keys: [{ key: "\${MY_KEY}", subject: ada }] } }
`),
    ).toEqual([]);
  });

  test('a variable where a pattern holds', () => {
    expect(
      problemsOf(
        'llmBackends: [{ name: a, providers: [{ name: p, openaiCompatible: { baseUrl: "${URL:-http://127.0.0.1}" } }] }]',
      ),
    ).toEqual([]);
  });

  test('a policy without targets, and one with', () => {
    expect(
      problemsOf(`
policies:
- { name: a, timeouts: { request: 1m30s } }
- { name: b, targetRefs: [{ kind: HTTPRoute, name: llm }], timeouts: { request: 10s } }
`),
    ).toEqual([]);
  });

  test('a plain manifest, which other schemas check', () => {
    expect(problemsOf('{ apiVersion: v1, kind: Secret, metadata: { name: a }, stringData: { b: c } }')).toEqual([]);
  });
});

describe('refuses', () => {
  test.each([
    ['a key of the file', 'llmBackend: []', 'propertyName"'],
    ['a field', 'llmBackends: [{ name: a, provider: [] }]', 'additionalProperty":"provider"'],
    [
      'a nested field',
      'llmBackends: [{ name: a, providers: [{ name: p, echo: {}, key: x }] }]',
      'additionalProperty":"key"',
    ],
    ['an item without a name', 'llmBackends: [{ providers: [] }]', "required property 'name'"],
    ['no provider kind', 'llmBackends: [{ name: a, providers: [{ name: p }] }]', 'exactly one schema'],
    [
      'two provider kinds',
      'llmBackends: [{ name: a, providers: [{ name: p, echo: {}, openai: {} }] }]',
      'exactly one schema',
    ],
    ['a word', 'policies: [{ name: a, apiKeyAuthentication: { mode: strict, keys: [{ key: a }] } }]', 'allowed values'],
    ['a number out of range', 'gateways: [{ name: a, listeners: [{ name: b, port: 70000 }] }]', '<= 65535'],
    ['a text that should be a number', 'gateways: [{ name: a, listeners: [{ name: b, port: "80" }] }]', 'integer'],
    ['a duration', 'policies: [{ name: a, timeouts: { request: 10 seconds } }]', 'must match pattern'],
    ['a reserved key', 'budgets: []', 'propertyName"'],
    [
      'half a secret reference',
      'llmBackends: [{ name: a, providers: [{ name: p, openai: {}, auth: { key: { secretRef: { name: b } } } }] }]',
      "required property 'key'",
    ],
  ])('%s', (_what, yaml, problem) => {
    expect(problemsOf(yaml).join('\n')).toContain(problem);
  });
});

type Schema = Parameters<typeof inspect>[0];

/** Paths of fields that say nothing of themselves; what a secret is made of is told once for all of them. */
function undescribed(schema: Schema, path: string): string[] {
  const node = inspect(schema, path);
  if (node.kind === 'list') return undescribed(node.element, `${path}[]`);
  if (node.kind === 'map') return undescribed(node.value, `${path}.*`);
  if (node.kind !== 'object' || node.marks.isSecret) return [];
  return Object.entries(node.shape).flatMap(([field, child]) => {
    const inner = `${path}.${field}`;
    const own = inspect(child, inner).description === undefined ? [inner] : [];
    return [...own, ...undescribed(child, inner)];
  });
}

describe('every field is described', () => {
  test.each(
    kinds.flatMap(({ kind, schema, shortSchema }) =>
      [schema, ...(shortSchema ? [shortSchema] : [])].map((one) => ({ kind, one })),
    ),
  )('of $kind', ({ kind, one }) => {
    expect(undescribed(one, kind)).toEqual([]);
  });

  test.each(Object.values(policies))('of the policy $kind', ({ kind, schema, summary }) => {
    expect(summary).toMatch(/\.$/);
    expect(undescribed(schema, kind)).toEqual([]);
  });

  test('one that is not is found', () => {
    const schema = strict({ told: list(strict({ told: text().describe('Told.'), untold: text() })).describe('Told.') });
    expect(undescribed(schema, 'a')).toEqual(['a.told[].untold']);
  });
});
