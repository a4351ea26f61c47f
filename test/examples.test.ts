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

async function callingOf(url: string) {
  const { snapshot } = await openOffline(uniteViews(translate(loadExample('endpoints.yaml')).views));
  return explain(snapshot, { method: 'GET', url, headers: [], model: undefined }).backends[0]!.calling!;
}

describe('endpoints.yaml explains its calls', () => {
  test('by whose word an endpoint is chosen and called', async () => {
    const { facts, endpoints } = await callingOf('http://localhost:8080/');
    expect(facts.map(({ kind, policies }) => [kind, policies])).toEqual([
      ['protocol', []],
      ['picker', []],
      ['sessionAffinity', ['policy/default/sessions/sessionAffinity']],
      ['health', ['policy/default/shop/health']],
      ['hostRewrite', ['policy/default/shop/hostRewrite']],
      ['retry', ['policy/default/shop/retry']],
    ]);
    expect(facts.map(({ says }) => says)).toEqual([
      'HTTP/1.1',
      'the endpoint whose turn it is by weight, or another by chance if that has less to do',
      'a sealed cookie shop-session keeps a client at its endpoint',
      'left alone after 3 failures in a row for 10000 ms, doubling to 300000 ms, at most 34 %; asked GET /healthz every 5000 ms; all are asked while fewer than 50 % are well',
      'the backend is told shop.internal',
      '2 more on failures to connect, time-outs, 502, 503, 50 ms apart or more, while retries are no more than 10 % of the requests of 10000 ms',
    ]);
    expect(endpoints.map(({ address, state }) => [address, state])).toEqual(
      [9001, 9002, 9003].map((port) => [`127.0.0.1:${port}`, 'healthy']),
    );
  });

  test('gRPC checks and keys too', async () => {
    const { facts } = await callingOf('http://localhost:8080/search.v1');
    expect(facts.map(({ says }) => says).slice(2)).toEqual([
      'equal values of x-user-id go to the same endpoint',
      'asked grpc.health.v1 for search.v1.Search every 10000 ms; all are asked while fewer than 50 % are well',
    ]);
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
