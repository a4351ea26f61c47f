// What holds of every translation: remembering, order, totality, secrets.
import { Buffer } from 'node:buffer';
import { EndpointsSchema } from '@agentgateway/api/gen/agentgateway/v1/endpoint_pb.ts';
import { ResourceSchema } from '@agentgateway/api/gen/agentgateway/v1/resource_pb.ts';
import { SecretSchema } from '@agentgateway/api/gen/agentgateway/v1/secret_pb.ts';
import { type DescMessage, ScalarType } from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../config/load.ts';
import { kinds } from '../kinds/registry.ts';
import { inspect } from '../schema/walk.ts';
import type { z } from 'zod';
import type { Manifest, World } from '../world.ts';
import { type CaseInput, controllerName, describeTranslation, toWorld } from './fixture.ts';
import { formatIssue } from './issue.ts';
import { createTranslator } from './translate.ts';
import { uniteViews } from './unite.ts';

// Worlds by the hundred are slow on a busy machine; how slow is no matter here.
vi.setConfig({ testTimeout: 120_000 });

const folder = join(import.meta.dirname, 'testdata');
const inputs = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.in.yaml'))
  .map((path) => parse(readFileSync(join(folder, path), 'utf8')) as CaseInput);
const worlds = inputs.map((input) => toWorld(input));
const worldOf = (config: string, env: Record<string, string> = {}): World => toWorld({ config, env });

describe('remembering', () => {
  const routeCount = 1000;
  const configOf = (path: (index: number) => string): string =>
    JSON.stringify({
      httpBackends: [{ name: 'api', host: 'api.example.com' }],
      httpRoutes: Array.from({ length: routeCount }, (_, index) => ({
        name: `r${index}`,
        rules: [
          {
            matches: [{ path: { value: path(index) } }],
            backendRefs: [{ group: 'agentgateway.dev', kind: 'HTTPBackend', name: 'api' }],
          },
        ],
      })),
    });

  test('of 1,000 routes loaded anew, only the changed one is translated again', () => {
    const translated: string[] = [];
    const translator = createTranslator({ onTranslate: (key) => translated.push(key) });
    const before = translator.translate(worldOf(configOf((index) => `/${index}`)));
    expect(translated).toHaveLength(routeCount + 2);
    translated.length = 0;
    const after = translator.translate(worldOf(configOf((index) => (index === 500 ? '/changed' : `/${index}`))));
    expect(translated).toEqual(['httproute/default/r500']);
    const [old, fresh] = [before, after].map(({ views }) => views.get('gateway/default/default')!);
    const changed = fresh!.filter(({ version }, index) => version !== old![index]!.version).map(({ key }) => key);
    expect(changed).toEqual(['httproute/default/r500']);
    // What was not translated again is the very same resource, not an equal one.
    expect(fresh!.filter((resource, index) => resource === old![index])).toHaveLength(fresh!.length - 1);
  });

  test('what an object read is a part of what it depends on', () => {
    const translated: string[] = [];
    const translator = createTranslator({ onTranslate: (key) => translated.push(key) });
    const service = { name: 'web', ports: [{ port: 80 }], endpoints: [{ address: '10.0.0.1' }] };
    const first = translator.translate(routeTo({}));
    expect(first.issues.map(({ reason }) => reason)).toEqual(['BackendNotFound']);
    translated.length = 0;
    expect(translator.translate(routeTo({ services: [service] })).issues).toEqual([]);
    expect(translated).toContain('httproute/default/r');
    translated.length = 0;
    const moved = { ...service, endpoints: [{ address: '10.0.0.2' }] };
    translator.translate(routeTo({ services: [moved] }));
    expect(translated).toEqual(['service/default/web']);
  });

  test('a long history changes nothing: what is remembered equals what is computed anew', () => {
    const translator = createTranslator();
    fc.assert(
      fc.property(fc.constantFrom(...worlds), fc.nat(), (world, seed) => {
        const objects = world.objects.filter((_, index) => ((seed >> (index % 30)) & 1) === 0);
        const part = { ...world, objects };
        expect(translator.translate(part)).toEqual(createTranslator().translate(part));
      }),
      { numRuns: 100 },
    );
  });

  test('another controllerName is another world', () => {
    const translator = createTranslator();
    const world = worlds.find(({ objects }) => objects.some(({ kind }) => kind === 'GatewayClass'))!;
    expect([...translator.translate(world).views.keys()]).toContain('gateway/default/a');
    expect([...translator.translate({ ...world, controllerName: 'x.dev/y' }).views.keys()]).not.toContain(
      'gateway/default/a',
    );
  });
});

describe('order', () => {
  test('equal worlds in another order give equal bytes, statuses, issues and wants', () => {
    fc.assert(
      fc.property(
        fc
          .constantFrom(...worlds)
          .chain((world) =>
            fc.tuple(fc.constant(world), fc.shuffledSubarray([...world.objects], { minLength: world.objects.length })),
          ),
        ([world, objects]) => {
          const [one, other] = [world, { ...world, objects }].map((each) => createTranslator().translate(each));
          expect(other).toEqual(one);
          expect([...other!.views.keys()]).toEqual([...one!.views.keys()]);
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('totality', () => {
  const junk = fc.jsonValue({ maxDepth: 3 });

  test('whatever stands in an object, translate neither throws nor forgets it', () => {
    const rows = fc.constantFrom(...kinds);
    fc.assert(
      fc.property(rows, junk, fc.dictionary(fc.constantFrom('data', 'endpoints', 'ports'), junk), (row, spec, rest) => {
        const metadata = { name: 'x', namespace: 'default', generation: 1, creationTimestamp: 'nonsense' };
        const object: Manifest = { ...rest, apiVersion: row.apiVersion, kind: row.kind, metadata, spec };
        const feedback = new Map();
        createTranslator().translate({ objects: [object], feedback, controllerName });
        for (const world of worlds.slice(0, 3))
          createTranslator().translate({ ...world, objects: [...world.objects, object] });
      }),
      { numRuns: 300 },
    );
  });

  test('an object damaged anywhere is survived', () => {
    fc.assert(
      fc.property(fc.constantFrom(...worlds), fc.nat(), fc.nat(), junk, (world, at, which, value) => {
        if (world.objects.length === 0) return;
        const object = structuredClone({ ...world.objects[which % world.objects.length]!, origin: undefined });
        damage(object.spec ?? object, at, value);
        const objects = world.objects.map((other, index) =>
          index === which % world.objects.length ? (object as unknown as Manifest) : other,
        );
        createTranslator().translate({ ...world, objects });
      }),
      { numRuns: 400 },
    );
  });
});

/** Replaces one of the values below, the one that the number picks. */
function damage(root: unknown, at: number, value: unknown): void {
  const places: [Record<string, unknown>, string][] = [];
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    for (const key of Object.keys(node)) {
      if (['metadata', 'apiVersion', 'kind'].includes(key)) continue;
      places.push([node as Record<string, unknown>, key]);
      visit((node as Record<string, unknown>)[key]);
    }
  };
  visit(root);
  const place = places[at % Math.max(1, places.length)];
  if (place) place[0][place[1]] = value;
}

describe('secrets', () => {
  const fields = kinds.flatMap(({ plural, shortSchema, schema }) =>
    plural === undefined ? [] : secretPaths(shortSchema ?? schema).map((path) => [plural, ...path].join('.')),
  );
  /** An item for each field, so that a new secret field without one fails here. */
  const items: Readonly<Record<string, (secret: string) => object>> = {
    'llmBackends.providers.0.auth.key': (key) => ({
      llmBackends: [{ name: 'm', providers: [{ name: 'p', openai: {}, auth: { key } }] }],
    }),
    'policies.apiKeyAuthentication.keys.0.key': (key) => ({
      policies: [{ name: 'p', apiKeyAuthentication: { keys: [{ key }, { key }] } }],
    }),
    'policies.sessionAffinity.persistence.key': (key) => ({
      policies: [{ name: 'p', sessionAffinity: { persistence: { key } } }],
    }),
  };

  test('there is an example of every secret field', () => expect(Object.keys(items).sort()).toEqual(fields.sort()));

  test.each(fields)('nothing but the Secret resource holds what %s holds', (field) => {
    const canary = 'canary-7f3a9';
    const config = JSON.stringify(items[field]!('${CANARY}'));
    const loaded = loadConfig({
      files: [{ name: 'config.yaml', text: config, role: 'config' }],
      env: { CANARY: canary },
    });
    expect(loaded.problems).toEqual([]);
    const translation = createTranslator().translate({
      objects: loaded.manifests,
      feedback: new Map(),
      controllerName,
    });
    const { views, ...rest } = translation;
    expect(JSON.stringify(rest)).not.toContain(canary);
    expect(JSON.stringify(describeTranslation(translation))).not.toContain(canary);
    for (const { typeUrl, bytes } of [...views.values()].flat())
      if (!typeUrl.endsWith('Secret')) expect(Buffer.from(bytes).includes(canary)).toBe(false);
  });

  test.each(fields)('a refusal of a configuration does not tell what %s holds', (field) => {
    const config = JSON.stringify({ ...items[field]!('canary-7f3a9'), unknown: [] }).replace('"name":"', '"name":"_');
    const { problems } = loadConfig({ files: [{ name: 'config.yaml', text: config, role: 'config' }], env: {} });
    expect(problems.length).toBeGreaterThan(0);
    expect(JSON.stringify(problems)).not.toContain('canary-7f3a9');
  });

  test('no golden holds a canary', () => {
    for (const root of [folder, join(import.meta.dirname, '../config/testdata')])
      for (const path of readdirSync(root, { recursive: true, encoding: 'utf8' }))
        if (path.endsWith('.out.yaml')) expect(readFileSync(join(root, path), 'utf8')).not.toMatch(/canary|not-shown/);
  });

  test('a view holds only the secrets it reaches', () => {
    const world = worldOf(
      JSON.stringify({
        gateways: [
          { name: 'a', listeners: [{ name: 'http', port: 1 }] },
          { name: 'b', listeners: [{ name: 'http', port: 2 }] },
        ],
        llmBackends: [{ name: 'm', providers: [{ name: 'p', openai: {}, auth: { key: 'k' } }] }],
        httpRoutes: [
          {
            name: 'r',
            parentRefs: [{ name: 'a' }],
            rules: [{ backendRefs: [{ group: 'agentgateway.dev', kind: 'LLMBackend', name: 'm' }] }],
          },
        ],
      }),
    );
    const { views } = createTranslator().translate(world);
    const secretsOf = (gateway: string): string[] =>
      views
        .get(gateway)!
        .filter(({ typeUrl }) => typeUrl.endsWith('Secret'))
        .map(({ key }) => key);
    expect(secretsOf('gateway/default/a')).toEqual(['secret/default/llmbackend-m']);
    expect(secretsOf('gateway/default/b')).toEqual([]);
  });
});

describe('uniting views', () => {
  test('a route and a policy of several Gateways get back all their parents and targets', () => {
    const { views } = createTranslator().translate(
      worldOf(`
gateways:
- { name: a, listeners: [{ name: http, port: 1 }] }
- { name: b, listeners: [{ name: http, port: 2 }] }
policies:
- { name: p, timeouts: { idle: 1s } }
`),
    );
    const united = uniteViews(views);
    const described = describeTranslation({
      views: new Map([['all', united]]),
      statuses: [],
      issues: [],
      objects: [],
      wants: [],
    }) as {
      views: { all: Record<string, { route?: { parents: unknown[] }; policy?: { targets: unknown[] } }> };
    };
    expect(described.views.all['httproute/default/llm']?.route?.parents).toEqual([
      { listener: 'listener/default/a/http' },
      { listener: 'listener/default/b/http' },
    ]);
    expect(described.views.all['policy/default/p/timeouts']?.policy?.targets).toEqual([
      { key: 'gateway/default/a' },
      { key: 'gateway/default/b' },
    ]);
    const keys = united.map(({ typeUrl, key }) => `${typeUrl} ${key}`);
    expect(keys).toEqual([...new Set(keys)].sort());
  });

  test('one view is what it was', () => {
    for (const world of worlds) {
      const { views } = createTranslator().translate(world);
      for (const [gateway, view] of views) expect(uniteViews(new Map([[gateway, view]]))).toEqual(view);
    }
  });
});

describe('messages', () => {
  test('have nothing whose bytes depend on more than the content: no map, float or timestamp', () => {
    const seen = new Set<string>();
    const visit = (message: DescMessage): void => {
      if (seen.has(message.typeName)) return;
      seen.add(message.typeName);
      expect(message.typeName).toMatch(/^agentgateway\.v1\./);
      for (const field of message.fields) {
        expect(field.fieldKind, `${message.typeName}.${field.name}`).not.toBe('map');
        expect([ScalarType.FLOAT, ScalarType.DOUBLE], `${message.typeName}.${field.name}`).not.toContain(field.scalar);
        if (field.message) visit(field.message);
      }
    };
    for (const schema of [ResourceSchema, EndpointsSchema, SecretSchema]) visit(schema);
    expect(seen.size).toBeGreaterThan(20);
  });
});

describe('issues', () => {
  test('speak of the line where the path stands now, also of what was not translated again', () => {
    const translator = createTranslator();
    const text = `
llmBackends:
- name: models
  providers:
  - { name: echo, echo: {} }
  models:
  - name: smart
    targets:
    - provider: ehco
`;
    const told = (config: string): string[] =>
      translator.translate(worldOf(config)).issues.map((issue) => formatIssue(issue));
    expect(told(text)[0]).toMatch(
      /^config\.yaml:9: llmBackends\[0\]\.models\[0\]\.targets\[0\]\.provider: no provider/,
    );
    expect(told(`# a comment\n# another\n${text}`)[0]).toMatch(/^config\.yaml:11: /);
  });

  test('survive the way to another thread', () => {
    for (const world of worlds) {
      const { issues, statuses } = createTranslator().translate(world);
      expect(structuredClone({ issues, statuses })).toEqual({ issues, statuses });
    }
  });
});

/** A world of one route to a Service, and what else is given. */
function routeTo(extra: object): World {
  return worldOf(
    JSON.stringify({
      httpRoutes: [{ name: 'r', rules: [{ backendRefs: [{ name: 'web', port: 80 }] }] }],
      ...extra,
    }),
  );
}

/** Every path at which the schemas of short items mark a secret; list items are `0`. */
function secretPaths(schema: z.ZodType, path: readonly string[] = []): string[][] {
  const node = inspect(schema, '');
  if (node.marks.isSecret) return [[...path]];
  if (node.kind === 'list') return secretPaths(node.element, [...path, '0']);
  if (node.kind === 'map') return secretPaths(node.value, [...path, 'x']);
  if (node.kind !== 'object') return [];
  return Object.entries(node.shape).flatMap(([field, child]) => secretPaths(child, [...path, field]));
}
