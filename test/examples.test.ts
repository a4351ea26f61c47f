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
import { readCertificateFile } from './kit/certificates.ts';
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
  const { manifests, problems } = loadConfig({
    files,
    env: environmentOf(files[0]!.text),
    readFile: readCertificateFile,
  });
  expect(problems).toEqual([]);
  return manifests;
}

function loadExample(name: string): readonly Manifest[] {
  return load([{ name, text: read(name), role: name.includes('/') ? 'manifests' : 'config' }]);
}

function translate(objects: readonly Manifest[]): Translation {
  return createTranslator().translate({
    objects,
    feedback: new Map(),
    controllerName: controllerNameDefault,
    sharesBinds: true,
  });
}

test('there are examples of both forms', () => {
  expect(configs.length).toBeGreaterThan(7);
  expect(names.length).toBeGreaterThan(configs.length);
});

describe.each(names)('%s', (name) => {
  test('translates without an issue, and every object of it is served', async () => {
    const { issues, views, statuses } = translate(loadExample(name));
    expect(issues).toEqual([]);
    expect(views.size).toBeGreaterThan(0);
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

describe.each([
  ['tls.yaml', 'http://shop.example.com:8080/', 'redirect', 'HTTP, every host'],
  ['tls.yaml', 'https://shop.example.com:8443/', 'shop', 'HTTPS, shop.example.com, 1 certificate'],
  ['tls.yaml', 'https://a.example.org:8443/', 'shop', 'HTTPS, *.example.org, 1 certificate, from TLSv1.3'],
  ['tls.yaml', 'https://x.test:8444/', 'shop', 'HTTPS, every host, 1 certificate, client certificates required'],
  ['gateways.yaml', 'http://www.example.com:8080/', 'site', 'HTTP, www.example.com'],
  ['gateways.yaml', 'http://127.0.0.2:8080/', 'reports', 'HTTP, every host'],
  ['kubernetes/listener-set.yaml', 'http://shop.example.com/', 'rules[0]', 'HTTP, shop.example.com'],
] as const)('%s explains %s', (name, url, rule, listenerDetail) => {
  test(`as ${rule} of ${listenerDetail}`, async () => {
    const { snapshot } = await openOffline(uniteViews(translate(loadExample(name)).views));
    const told = explain(snapshot, { method: 'GET', url, headers: [], model: undefined });
    expect(told).toMatchObject({ rule, listenerDetail, refusal: undefined });
  });
});

test.each([
  ['http://shop.example.com:8443/', 'no-tls'],
  ['https://unknown.test:8443/', 'listener-not-found'],
])('tls.yaml: %s is refused: %s', async (url, reason) => {
  const { snapshot } = await openOffline(uniteViews(translate(loadExample('tls.yaml')).views));
  const { refusal } = explain(snapshot, { method: 'GET', url, headers: [], model: undefined });
  expect(refusal?.reason).toBe(reason);
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
