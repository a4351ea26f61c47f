// The examples work: each loads, translates without an issue, compiles in the proxy, and is ejected as manifests of equal resources.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { controllerNameDefault } from '@agentgateway/core/controller.ts';
import { eject } from '@agentgateway/core/config/eject.ts';
import { type ConfigInput, loadConfig } from '@agentgateway/core/config/load.ts';
import { createTranslator } from '@agentgateway/core/translate/translate.ts';
import { uniteViews } from '@agentgateway/core/translate/unite.ts';
import type { Manifest, Translation } from '@agentgateway/core/world.ts';
import { explain } from '@agentgateway/proxy/admin/explain.ts';
import { openOffline } from '@agentgateway/proxy/offline.ts';
import { toConfigSchema } from '../scripts/steps/json-schema.ts';

const folder = join(import.meta.dirname, '../manifests/examples');
const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.yaml'))
  .sort();
const configs = names.filter((name) => !name.includes('/'));

function read(name: string): string {
  return readFileSync(join(folder, name), 'utf8');
}

/** A value for each variable that a text names without a default. */
function environmentOf(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g)].map(([, name]) => [name!, `value-of-${name!.toLowerCase()}`]),
  );
}

function load(files: ConfigInput['files']): readonly Manifest[] {
  const { manifests, problems } = loadConfig({ files, env: environmentOf(files[0]!.text) });
  expect(problems).toEqual([]);
  return manifests;
}

function loadExample(name: string): readonly Manifest[] {
  return load([{ name, text: read(name), role: name.includes('/') ? 'manifests' : 'config' }]);
}

function translate(objects: readonly Manifest[]): Translation {
  return createTranslator().translate({ objects, feedback: new Map(), controllerName: controllerNameDefault });
}

test('there are examples of both forms', () => {
  expect(configs.length).toBeGreaterThan(7);
  expect(names.length).toBeGreaterThan(configs.length);
});

describe.each(names)('%s', (name) => {
  test('translates without an issue, and every object of it is served', async () => {
    const { issues, views, statuses } = translate(loadExample(name));
    expect(issues).toEqual([]);
    expect(views.size).toBe(1);
    expect(statuses.length).toBeGreaterThan(0);
    const { snapshot, rejections } = await openOffline(uniteViews(views));
    expect(rejections).toEqual([]);
    expect(snapshot.binds.size).toBeGreaterThan(0);
  });

  test('is ejected as manifests of equal resources', () => {
    const manifests = loadExample(name);
    const text = eject(manifests, { withSecrets: true });
    const again = load([{ name: 'ejected.yaml', text, role: 'manifests' }]);
    expect(uniteViews(translate(again).views)).toEqual(uniteViews(translate(manifests).views));
  });
});

const validate = new Ajv({ strict: false, allErrors: true }).compile(toConfigSchema());

test.each(configs)('%s is valid by the JSON schema that its first line names', (name) => {
  const text = read(name);
  expect(text.split('\n', 1)[0]).toBe('# yaml-language-server: $schema=../../docs/reference/config.schema.json');
  validate(parse(text));
  expect(validate.errors ?? []).toEqual([]);
});

describe('http-routing.yaml says what its comments do', () => {
  test.each([
    ['GET', 'http://api.example.com:8080/healthz', [], 'health'],
    ['POST', 'http://api.example.com:8080/v2/things', [], 'v2'],
    ['GET', 'http://eu.api.example.com:8080/v2/things', [['x-preview', 'yes']], 'preview'],
    ['GET', 'http://api.example.com:8080/v2/things?preview=12', [], 'preview'],
    ['GET', 'http://api.example.com:8080/v1/things', [], 'old'],
  ] as const)('%s %s', async (method, url, headers, rule) => {
    const { snapshot } = await openOffline(uniteViews(translate(loadExample('http-routing.yaml')).views));
    const { refusal, rule: found } = explain(snapshot, { method, url, headers, model: undefined });
    expect(refusal).toBeUndefined();
    expect(found).toBe(rule);
  });
});

const ask = async (example: string, method: string, url: string, headers: readonly [string, string][] = []) => {
  const { snapshot } = await openOffline(uniteViews(translate(loadExample(example)).views));
  return explain(snapshot, { method, url, headers, model: undefined });
};

describe('http-mirror.yaml and grpc.yaml say what their comments do', () => {
  test('copies are told with their share, and come before a rewrite', async () => {
    const { mirrors, steps, refusal } = await ask('http-mirror.yaml', 'GET', 'http://localhost:8080/');
    expect(refusal).toBeUndefined();
    expect(mirrors).toEqual([
      { key: 'service/default/api-next', port: 80, share: 'every request' },
      { key: 'service/default/debugger', port: 80, share: '1 of 100 requests' },
    ]);
    expect(steps.map((step) => step.split(' ')[0])).toEqual(['headerModifiers', 'requestMirror']);
  });

  test.each([
    ['/acme.orders.v1.Orders/List', [], 'list'],
    ['/acme.orders.v1.Orders/List', [['x-preview', 'yes']], 'list'],
    ['/acme.orders.v1.Orders/Get', [['x-preview', 'yes']], 'preview'],
    ['/acme.orders.v1.Orders/Get', [], 'orders'],
  ] as [string, [string, string][], string][])('%s %j', async (path, headers, rule) => {
    const url = `http://grpc.example.com:8080${path}`;
    expect((await ask('grpc.yaml', 'POST', url, headers)).rule).toBe(rule);
  });

  test('TLS that a policy asks for is told', async () => {
    const { backends } = await ask('backend-tls.yaml', 'GET', 'http://localhost:8080/web');
    expect(backends[0]?.settings.backendTLS).toMatchObject({ serverName: 'web.internal.example.com', isSpoken: true });
  });
});
