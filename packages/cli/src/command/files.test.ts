// The commands that look at files: validate, manifests, explain.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { startTestGateway } from '../../../../test/kit/gateway.ts';
import { SettingsError } from '@agentgateway/proxy/settings.ts';
import { run as explain } from './explain.ts';
import { run as manifests } from './manifests.ts';
import { run as start } from './run.ts';
import { run as status } from './status.ts';
import { run as validate } from './validate.ts';
import { run as version } from './version.ts';

const commands = { explain, manifests, run: start, status, validate, version };
type CommandName = keyof typeof commands;

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command in this process; what it throws is thrown. */
async function runCommand(
  [name, ...args]: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  let [stdout, stderr] = ['', ''];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((stdout += String(text)), true));
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((stderr += String(text)), true));
  for (const [variable, value] of Object.entries(env)) vi.stubEnv(variable, value);
  try {
    const code = await commands[name as CommandName](args);
    return { code, stdout, stderr };
  } finally {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  }
}

const folders: string[] = [];

function writeFolder(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'agentgateway-cli-'));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

afterEach(() => vi.restoreAllMocks());
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

const config = `
gateways:
- { name: edge, listeners: [{ name: http, port: PORT }, { name: shop, port: PORT, hostname: shop.example.com }] }
services:
- { name: api, ports: [{ port: 80 }], endpoints: [{ address: 127.0.0.1, port: 9 }] }
- { name: canary, ports: [{ port: 80 }], endpoints: [{ address: 127.0.0.1, port: 9 }] }
llmBackends:
- name: models
  providers:
  - { name: openai, openai: {}, auth: { key: "\${KEY}" } }
  - { name: claude, anthropic: {}, auth: { key: "\${KEY}" } }
  models:
  - { name: smart, targets: [{ provider: claude, model: claude-opus-5 }, { provider: openai, model: gpt-6, priority: 1 }] }
  - { name: "gpt-*", targets: [{ provider: openai }] }
httpRoutes:
- name: models
  rules:
  - matches: [{ path: { value: /v1 } }]
    backendRefs: [{ group: agentgateway.dev, kind: LLMBackend, name: models }]
- name: site
  rules:
  - name: beta
    matches: [{ path: { value: /api }, headers: [{ name: x-beta, value: "yes" }] }]
    backendRefs: [{ name: canary, port: 80 }]
  - name: search
    matches: [{ path: { value: /api }, queryParams: [{ name: q, value: cats }] }]
    backendRefs: [{ name: canary, port: 80 }]
  - name: write
    matches: [{ path: { value: /api }, method: POST }]
    backendRefs: [{ name: api, port: 80, weight: 3 }, { name: canary, port: 80, weight: 1 }]
    timeouts: { request: 7s }
  - name: read
    matches: [{ path: { value: /api } }]
    backendRefs: [{ name: api, port: 80 }]
  - name: lost
    matches: [{ path: { value: /lost } }]
    backendRefs: [{ name: nowhere, port: 80 }]
  - name: idle
    matches: [{ path: { value: /idle } }]
    backendRefs: [{ name: api, port: 80, weight: 0 }]
- name: shop
  hostnames: [shop.example.com]
  rules: [{ backendRefs: [{ name: api, port: 80 }] }]
policies:
- { name: keys, apiKeyAuthentication: { keys: [{ keyHash: "sha256:${createHash('sha256').update('k').digest('hex')}", subject: ada }] } }
- { name: slow, timeouts: { firstByte: 20s, idle: 20s } }
- name: quick
  targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: site }]
  timeouts: { firstByte: 3s }
`.replaceAll('PORT', '8123');
const env = { KEY: 'sk-canary-in-the-mine' };
const folder = writeFolder({ 'config.yaml': config });
const file = join(folder, 'config.yaml');

describe('validate', () => {
  test('lists every problem with file and line, the unresolved ones too', async () => {
    const { code, stdout, stderr } = await runCommand(['validate', file], env);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    const line = config.split('\n').findIndex((text) => text.includes('nowhere')) + 1;
    expect(stderr).toContain(`${file}:${line}: httpRoutes[1].rules[4].backendRefs[0]`);
    expect(stderr).toMatch(/\n1 problem\n$/);
  });

  test('lists all mistakes of form at once', async () => {
    const broken = join(
      writeFolder({ 'config.yaml': 'llmBackend: []\nhttpRoutes: 7\npolicies:\n- { name: x, cros: {} }\n' }),
      'config.yaml',
    );
    const { code, stderr } = await runCommand(['validate', '-f', broken]);
    expect(code).toBe(2);
    expect(stderr).toContain(`${broken}:1: `);
    expect(stderr).toContain(`${broken}:2: `);
    expect(stderr).toContain(`${broken}:4: `);
    expect(stderr).toMatch(/did you mean/i);
    expect(stderr).toMatch(/\n[3-9] problems\n$/);
  });

  test('says what was looked at where nothing is wrong', async () => {
    const good = config.replace('name: nowhere', 'name: api');
    const path = join(writeFolder({ 'config.yaml': good }), 'config.yaml');
    const { code, stdout, stderr } = await runCommand(['validate', path], env);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/config\.yaml: \d+ objects, no problems\n$/);
  });
});

describe('manifests', () => {
  test('prints what validate accepts again and explains alike, without secrets unless asked', async () => {
    const good = config.replace('name: nowhere', 'name: api');
    const path = join(writeFolder({ 'config.yaml': good }), 'config.yaml');
    const plain = await runCommand(['manifests', path], env);
    const full = await runCommand(['manifests', '-f', path, '--with-secrets'], env);
    expect(plain).toMatchObject({ code: 0, stderr: '' });
    expect(plain.stdout).not.toContain(env.KEY);
    expect(full.stdout).toContain(env.KEY);
    const ejected = writeFolder({ 'manifests.yaml': full.stdout });
    const checked = await runCommand(['validate', ejected]);
    expect(checked).toMatchObject({ code: 0, stderr: '' });
    const question = ['explain', 'POST', 'localhost:8123/v1/chat/completions', '-m', 'smart', '-o', 'json', '-f'];
    const before = await runCommand([...question, path], env);
    const after = await runCommand([...question, ejected]);
    expect(JSON.parse(after.stdout)).toEqual(JSON.parse(before.stdout));
  });
});

interface Told {
  readonly rule?: string;
  readonly listener?: string;
  readonly settings?: { readonly timeouts: Readonly<Record<string, number>> };
  readonly policies: readonly { readonly kind: string; readonly winners: Readonly<Record<string, string>> }[];
  readonly refusal?: { readonly reason: string; readonly message: string };
  readonly backends: readonly { readonly key: string; readonly detail?: { readonly targets?: readonly object[] } }[];
}

const questions: readonly (readonly [string, readonly string[], number, Partial<Record<keyof Told, unknown>>])[] = [
  ['by path', ['GET', 'localhost:8123/api/cats'], 0, { rule: expect.stringContaining('read') as unknown }],
  ['by method', ['POST', 'localhost:8123/api/cats'], 0, { rule: expect.stringContaining('write') as unknown }],
  [
    'by header',
    ['GET', 'localhost:8123/api', '-H', 'X-Beta: yes'],
    0,
    { rule: expect.stringContaining('beta') as unknown },
  ],
  ['by query', ['GET', 'localhost:8123/api?q=cats'], 0, { rule: expect.stringContaining('search') as unknown }],
  ['by host', ['GET', 'shop.example.com:8123/api'], 0, { listener: expect.stringContaining('shop') as unknown }],
  [
    'no bind',
    ['GET', 'localhost:9/'],
    1,
    { refusal: { reason: 'connection refused', message: expect.stringContaining(':8123') as unknown } },
  ],
  [
    'no route',
    ['GET', 'localhost:8123/nothing'],
    1,
    { refusal: expect.objectContaining({ reason: 'route-not-found' }) as unknown },
  ],
  [
    'no such backend',
    ['GET', 'localhost:8123/lost'],
    1,
    { refusal: expect.objectContaining({ reason: 'backend-invalid' }) as unknown },
  ],
  [
    'no weight',
    ['GET', 'localhost:8123/idle'],
    1,
    { refusal: expect.objectContaining({ reason: 'backend-invalid' }) as unknown },
  ],
  [
    'no such model',
    ['POST', 'localhost:8123/v1/messages', '-m', 'smurt'],
    1,
    { refusal: { reason: 'model-not-found', message: expect.stringContaining('did you mean smart?') as unknown } },
  ],
  [
    'no such model by a name that is near to none',
    ['POST', 'localhost:8123/v1/messages', '-m', 'llama'],
    1,
    { refusal: expect.objectContaining({ reason: 'model-not-found' }) as unknown },
  ],
];

describe('explain', () => {
  test.each(questions)('%s', async (_what, args, code, wanted) => {
    const ended = await runCommand(['explain', ...args, '-f', file, '-o', 'json'], env);
    expect(ended.stderr).toBe('');
    expect(JSON.parse(ended.stdout)).toMatchObject(wanted);
    expect(ended.code).toBe(code);
  });

  test('tells which policy won each field, and where a model leads', async () => {
    const site = await runCommand(['explain', 'GET', 'localhost:8123/api', '-f', file, '-o', 'json'], env);
    const told = JSON.parse(site.stdout) as Told;
    expect(told.settings?.timeouts).toMatchObject({ firstByteMs: 3000, idleMs: 20_000 });
    const timeouts = told.policies.find(({ kind }) => kind === 'timeouts');
    const winners = Object.values(timeouts?.winners ?? {});
    expect(winners).toContain('policy/default/quick/timeouts');
    expect(winners).toContain('policy/default/slow/timeouts');
    const text = await runCommand(['explain', 'post', 'localhost:8123/v1/responses', '-f', file, '-m', 'smart'], env);
    expect(text.code).toBe(0);
    expect(text.stdout).toMatch(/→ claude\/claude-opus-5 \(.*priorit.*\)\n.*→ openai\/gpt-6/);
    expect(text.stdout).toMatch(/apiKeyAuthentication: policy\/default\/keys\//);
    expect(text.stdout).toMatch(/would be served/);
    expect(text.stdout).not.toContain(env.KEY);
    const share = await runCommand(['explain', 'POST', 'localhost:8123/api', '-f', file], env);
    expect(share.stdout).toMatch(/backend +service\/default\/api \(75 %\)/);
    expect(share.stdout).toMatch(/timeouts +request 7000 ms/);
  });

  test('a policy that cannot be applied refuses what it was to protect', async () => {
    const broken = `${config}- { name: rules, authorization: { rules: [{ deny: "nonsense(" }] } }\n`;
    const path = join(writeFolder({ 'config.yaml': broken }), 'config.yaml');
    const { code, stdout } = await runCommand(['explain', 'GET', 'localhost:8123/api', '-f', path, '-o', 'json'], env);
    expect((JSON.parse(stdout) as Told).refusal).toMatchObject({
      reason: 'policy-invalid',
      message: expect.stringContaining('policy/default/rules') as unknown,
    });
    expect(code).toBe(1);
  });

  test('offline tells what the admin side tells', async () => {
    await using gateway = await startTestGateway(config.replaceAll('8123', 'PORT'), env);
    const port = new URL(gateway.url).port;
    writeFileSync(join(folder, 'same.yaml'), config.replaceAll('8123', port));
    for (const [, args] of questions.filter(([, [, url]]) => !url!.includes(':9/'))) {
      const [method, url, flag, value] = args.map((each) => each.replace('8123', port)) as [
        string,
        string,
        string?,
        string?,
      ];
      const asked = new URLSearchParams({ method, url });
      if (flag === '-H') asked.set('header', value!);
      if (flag === '-m') asked.set('model', value!);
      const answer = await fetch(`${gateway.adminUrl}/explain?${String(asked)}`);
      const offline = await runCommand(
        ['explain', ...args.map((each) => each.replace('8123', port)), '-f', join(folder, 'same.yaml'), '-o', 'json'],
        env,
      );
      expect(await answer.json()).toEqual(JSON.parse(offline.stdout));
    }
  });
});

test.each([
  [['run', '--admin-port', 'many'], /--admin-port \(AGENTGATEWAY_ADMIN_PORT\) is 'many'/, /integer/],
  [['run', '-f', '/nowhere/config.yaml'], /no file or folder '\/nowhere\/config.yaml'/, /--file/],
  [['validate', '--secrets'], /no flag --secrets/, /agentgateway validate/],
  [['validate', 'a', 'b'], /'b' is a word too many/, /agentgateway validate/],
  [['validate', '-f', 'a', 'b'], /two configurations are given, 'a' and 'b'/, /one is wanted/],
  [['explain', 'GET'], /a method and a URL are required/, /agentgateway explain/],
  [['explain', 'GET', 'ftp://x/'], /the URL is 'ftp:\/\/x\/'/, /http:\/\/localhost/],
  [['explain', 'GET', 'localhost/', '-H', 'broken'], /the header is 'broken'; it must be NAME:VALUE/, /NAME/],
  [['explain', 'GET', 'localhost/', '-o', 'yaml'], /--output is 'yaml'; it must be text or json/, /json/],
  [['version', 'now'], /'now' is a word too many/, /agentgateway version/],
] as const)('%j is refused with what to do', async (args, what, advice) => {
  await expect(runCommand(args)).rejects.toThrow(what);
  await expect(runCommand(args)).rejects.toThrow(advice);
  await expect(runCommand(args)).rejects.toThrow(SettingsError);
});
