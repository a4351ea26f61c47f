// No secret in any output (contract 4): a canary in every `secret()` field of a running gateway, and every output searched for it.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { type ServerHttp2Stream, createServer } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { kinds } from '@agentgateway/core/kinds/registry.ts';
import { secret, strict } from '@agentgateway/core/schema/dialect.ts';
import { inspect, liftSecrets } from '@agentgateway/core/schema/walk.ts';
import { type FakeProvider, startFakeProvider } from './fakes/provider.ts';
import { freePort } from './kit/gateway.ts';

type Schema = Parameters<typeof inspect>[0];
type Items = Readonly<Record<string, readonly Record<string, unknown>[]>>;

const main = join(import.meta.dirname, '../packages/cli/src/main.ts');

/** Secrets of one run, by what they are for. */
class Canaries {
  readonly known = new Map<string, string>();

  /** The canary of a label, made when it is first asked for. */
  of(label: string): string {
    const value = this.known.get(label) ?? `sk-${randomBytes(16).toString('hex')}`;
    this.known.set(label, value);
    return value;
  }
}

/** Every way in which a canary could stand in a text. */
function formsOf(canary: string): string[] {
  const core = canary.slice('sk-'.length);
  const hash = createHash('sha256').update(canary).digest();
  // Base64 of a text that holds it, at each of the three places where it can begin.
  const encoded = [0, 1, 2].flatMap((offset) => {
    const inner = Buffer.from(`${'x'.repeat(offset)}${canary}`)
      .toString('base64')
      .slice(4, -4);
    return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')];
  });
  const bytes = Buffer.from(canary).toString('hex');
  return [core, core.toUpperCase(), bytes, ...encoded, hash.toString('hex'), hash.toString('base64').slice(0, -1)];
}

/** Where a canary shows: `output: label`. */
function leaksIn(outputs: ReadonlyMap<string, string>, { known }: Canaries): string[] {
  return [...outputs].flatMap(([output, text]) =>
    [...known]
      .filter(([, canary]) => formsOf(canary).some((form) => text.includes(form)))
      .map(([label]) => `${output}: ${label}`),
  );
}

/** Paths of the `secret()` fields of a schema. */
function secretFields(schema: Schema, path: string): string[] {
  const node = inspect(schema, path);
  if (node.marks.isSecret) return [path];
  if (node.kind === 'list') return secretFields(node.element, `${path}[]`);
  if (node.kind === 'map') return secretFields(node.value, `${path}.*`);
  if (node.kind !== 'object') return [];
  return Object.entries(node.shape).flatMap(([field, child]) => secretFields(child, `${path}.${field}`));
}

interface Row {
  readonly kind: string;
  readonly plural: string | undefined;
  readonly schema: Schema;
  readonly shortSchema?: Schema;
}

/** The `secret()` fields of the kinds at which a configuration holds no text. */
function uncovered(rows: readonly Row[], items: Items): string[] {
  const planted = new Set<string>();
  for (const { kind, plural, schema, shortSchema } of rows)
    for (const { name: _name, ...fields } of items[plural ?? ''] ?? [])
      liftSecrets(shortSchema ?? schema, fields, '', (_text, path) => {
        planted.add(`${kind}.${path.replaceAll(/\[[0-9]+\]/g, '[]')}`);
        return undefined;
      });
  return rows
    .flatMap(({ kind, schema, shortSchema }) => secretFields(shortSchema ?? schema, kind))
    .filter((path) => !planted.has(path));
}

interface Upstreams {
  readonly openai: string;
  readonly anthropic: string;
  readonly compatible: string;
  readonly nowhere: string;
}

function reference(name: string, key: string): object {
  return { auth: { key: { secretRef: { name, key } } } };
}

/** A configuration with a secret wherever one may stand; whoever adds a `secret()` field adds an item here. */
function configuration(port: number, at: Upstreams, secretOf: (label: string) => string): Items {
  const provider = (name: string, driver: object): object => ({ name, ...driver, auth: { key: secretOf(name) } });
  return {
    gateways: [{ name: 'edge', listeners: [{ name: 'http', port }] }],
    secrets: [{ name: 'written', stringData: { plain: secretOf('plain'), unused: secretOf('unused') } }],
    llmBackends: [
      {
        name: 'models',
        providers: [
          provider('openai', { openai: { baseUrl: `${at.openai}/v1` } }),
          provider('claude', { anthropic: { baseUrl: `${at.anthropic}/v1` } }),
          provider('groq', { openaiCompatible: { quirks: 'groq', baseUrl: `${at.compatible}/v1` } }),
          provider('nowhere', { openai: { baseUrl: `${at.nowhere}/v1` } }),
          { name: 'referring', openai: { baseUrl: `${at.openai}/v1` }, ...reference('written', 'plain') },
          { name: 'encoded', openai: { baseUrl: `${at.openai}/v1` }, ...reference('manifest', 'encoded') },
          // A key copied with the end of its line, as it often is.
          { name: 'two-lines', openai: { baseUrl: `${at.openai}/v1` }, ...reference('manifest', 'two-lines') },
        ],
      },
    ],
    policies: [
      {
        name: 'keys',
        apiKeyAuthentication: {
          keys: [
            { key: secretOf('ada'), name: 'ada', subject: 'ada' },
            { key: secretOf('nameless') },
            { key: secretOf('expired'), name: 'old', expires: '2020-01-01T00:00:00Z' },
          ],
        },
      },
      { name: 'sessions', sessionAffinity: { persistence: { key: secretOf('seal') } } },
    ],
  };
}

function oneProvider(auth: string): string {
  return `llmBackends: [{ name: models, providers: [{ name: openai, openai: {}, auth: ${auth} }] }]\n`;
}

/** Edits that are refused, each with a canary in what is wrong. */
function brokenEdits(canaries: Canaries): string[] {
  const word = (label: string): string => canaries.of(`broken ${label}`);
  return [
    `llmBackends:\n- name: models\n  providers:\n  - { name: a, openai: {}, auth: { key: ${word('brace')} }\n`,
    `llmBackends:\n- name: models\n  providers:\n  - name: a\n    auth:\n      key: ${word('twice')}\n      key: ${word('again')}\n`,
    `llmBackends:\n- name: "${word('quote')}\n`,
    `llmBackends:\n- name: models\n  providers:\n  - name: a\n    auth:\n      key: *${word('alias')}\n`,
    `llmBackends:\n- name: models\n  providers:\n  - name: a\n    auth:\n      key: |${word('block')}\n`,
    oneProvider(`{ key: [${word('list')}] }`),
    oneProvider(`{ key: { value: ${word('mapping')} } }`),
    oneProvider(`{ keyy: ${word('field')} }`),
    oneProvider(word('above')),
    oneProvider(`{ key: "${word('unset')}\${CANARY_THAT_IS_NOT_SET}" }`),
    `policies: [{ name: keys, apiKeyAuthentication: { keys: [{ keyHash: ${word('hash')}, name: a }] } }]\n`,
    `policies: [{ name: keys, apiKeyAuthentication: { keys: [{ key: ${word('time')}, expires: ${word('expires')} }] } }]\n`,
    `apiVersion: v1\nkind: Secret\nmetadata: { name: a }\nstringData: [${word('secret')}]\n`,
    `apiVersion: agentgateway.dev/v1alpha1\nkind: LLMBackend\nmetadata: { name: a }\nspec:\n  providers: [{ name: a, openai: {}, auth: { key: ${word('manifest')} } }]\n`,
  ];
}

/** A collector of traces that keeps the bytes it gets. */
async function startCollector(): Promise<{ url: string; text(): string; close(): void }> {
  const chunks: Buffer[] = [];
  const server = createServer();
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', () => undefined);
    stream.on('end', () => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.alloc(5));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    text: () => Buffer.concat(chunks).toString('latin1'),
    close: () => server.close(),
  };
}

/** The real program, with everything that it prints. */
class Program {
  readonly folder = mkdtempSync(join(tmpdir(), 'agentgateway-canary-'));
  readonly config = join(this.folder, 'conf');
  readonly printed = { stdout: '', stderr: '' };
  #process: ChildProcess | undefined;

  write(name: string, text: string): void {
    mkdirSync(this.config, { recursive: true });
    // By rename, so that nobody reads half a file.
    const draft = join(this.folder, 'draft');
    writeFileSync(draft, text);
    renameSync(draft, join(this.config, name));
  }

  start(flags: readonly string[], env: Readonly<Record<string, string>>): void {
    const child = spawn(process.execPath, [main, 'run', '-f', this.config, ...flags], {
      env: { ...process.env, ...env },
    });
    this.#process = child;
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream].on('data', (chunk: Buffer) => {
        this.printed[stream] += chunk.toString();
      });
  }

  /** A subcommand on the same files; what it prints, whatever its exit code. */
  async command(args: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
    const done = promisify(execFile)(process.execPath, [main, ...args], { env: { ...process.env, ...env } });
    const { stdout, stderr } = await done.catch((error: unknown) => error as { stdout: string; stderr: string });
    return stdout + stderr;
  }

  async end(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null) return;
    const exited = new Promise((resolve) => {
      child.once('exit', resolve);
    });
    child.kill('SIGTERM');
    await exited;
  }
}

function variableOf(label: string): string {
  return `CANARY_${label.replaceAll('-', '_').toUpperCase()}`;
}

/** Looks again until it holds; the test's own time limit ends it. */
async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await Promise.resolve(what()).catch(() => false))) await sleep(20);
}

/** What a caller shows. */
interface Credentials {
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const bodies: Readonly<Record<string, (model: string) => object>> = {
  '/v1/chat/completions': (model) => ({ model, messages: [{ role: 'user', content: 'hi' }] }),
  '/v1/responses': (model) => ({ model, input: 'hi' }),
  '/v1/messages': (model) => ({ model, max_tokens: 64, messages: [{ role: 'user', content: 'hi' }] }),
};

describe('what the search rests on', () => {
  test('every secret() field holds a canary', () => {
    const upstreams = { openai: '', anthropic: '', compatible: '', nowhere: '' };
    const items = configuration(1, upstreams, (label) => label);
    expect(kinds.flatMap(({ kind, schema }) => secretFields(schema, kind)).length).toBeGreaterThan(1);
    expect(uncovered(kinds, items)).toEqual([]);
  });

  test('a field that is new is missed', () => {
    const row = { kind: 'New', plural: 'news', schema: strict({ inner: strict({ token: secret() }) }) };
    expect(uncovered([...kinds, row], { news: [{ name: 'a', inner: {} }] })).toContain('New.inner.token');
  });

  test.each([
    ['as it is', (canary: string) => `{"key":"${canary}"}`],
    ['without its prefix', (canary: string) => canary.slice(3)],
    ['in base64, after something else', (canary: string) => Buffer.from(`Bearer ${canary} `).toString('base64')],
    ['in hexadecimal', (canary: string) => Buffer.from(canary).toString('hex')],
    ['as its hash', (canary: string) => createHash('sha256').update(canary).digest('hex')],
  ])('a canary is found %s', (_how, write) => {
    const canaries = new Canaries();
    expect(leaksIn(new Map([['dump', write(canaries.of('a'))]]), canaries)).toEqual(['dump: a']);
    expect(leaksIn(new Map([['dump', write('sk-0123456789')]]), canaries)).toEqual([]);
  });
});

describe('a running gateway', () => {
  const canaries = new Canaries();
  const outputs = new Map<string, string>();
  const program = new Program();
  let planted: string;
  let ejected: string;
  let fakes: readonly FakeProvider[] = [];
  /** Statuses by what was asked, so that the search is known to have had something to search. */
  const statuses = new Map<string, number>();

  beforeAll(async () => {
    const [openai, anthropic, compatible] = await Promise.all([
      startFakeProvider({ kind: 'openai' }),
      startFakeProvider({ kind: 'anthropic' }),
      startFakeProvider({ kind: 'openai-compatible' }),
    ]);
    fakes = [openai, anthropic, compatible];
    const collector = await startCollector();
    const ports = { http: await freePort(), admin: await freePort(), metrics: await freePort() };
    const url = `http://127.0.0.1:${ports.http}`;
    const admin = `http://127.0.0.1:${ports.admin}`;
    const accessLog = join(program.folder, 'access.log');
    const at = {
      openai: openai.url,
      anthropic: anthropic.url,
      compatible: compatible.url,
      nowhere: `http://127.0.0.1:${await freePort()}`,
    };
    // Once as literals and once as variables, with other secrets.
    const literals = configuration(ports.http, at, (label) => canaries.of(label));
    const env: Record<string, string> = {};
    const variables = configuration(ports.http, at, (label) => {
      env[variableOf(label)] = canaries.of(`${label} by variable`);
      return `\${${variableOf(label)}}`;
    });
    planted = `planted-${randomBytes(8).toString('hex')}`;
    const mark = { name: 'mark', headerModifiers: { response: { set: [{ name: 'x-mark', value: planted }] } } };
    const withMark = (items: Items): string => stringify({ ...items, policies: [...items['policies']!, mark] });
    const data = {
      encoded: Buffer.from(canaries.of('encoded')).toString('base64'),
      'two-lines': Buffer.from(`${canaries.of('two-lines')}\n`).toString('base64'),
    };
    program.write('secret.yaml', stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'manifest' }, data }));
    program.write('config.yaml', withMark(literals));

    let asked = 0;
    const ask = async (what: string, path: string, init: Omit<RequestInit, 'headers'> & Credentials): Promise<void> => {
      const { key, ...rest } = init;
      const headers = {
        'content-type': 'application/json',
        ...(key !== undefined && { authorization: `Bearer ${key}` }),
        ...rest.headers,
      };
      const answer = await fetch(`${url}${path}`, { ...rest, headers });
      const text = await answer.text().catch((error: unknown) => String(error));
      statuses.set(what, answer.status);
      outputs.set(`answer ${++asked} (${what})`, `${JSON.stringify([...answer.headers])}\n${text}`);
    };
    const post = (what: string, path: string, body: object | string, init: Credentials = {}): Promise<void> =>
      ask(what, path, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body), ...init });
    const models = ['openai/gpt-4o', 'claude/claude-sonnet-4-5', 'groq/llama', 'referring/gpt-4o', 'encoded/gpt-4o'];
    const talk = async (round: string, ada: string, expired: string): Promise<void> => {
      for (const model of models)
        for (const [path, body] of Object.entries(bodies)) {
          await post(`${round} ${model} ${path}`, path, body(model), { key: ada });
          await post(`${round} ${model} ${path} streamed`, path, { ...body(model), stream: true }, { key: ada });
        }
      const chat = bodies['/v1/chat/completions']!;
      const path = '/v1/chat/completions';
      const stranger = canaries.of(`${round} stranger`);
      await post(`${round} nowhere`, path, chat('nowhere/gpt-4o'), { key: ada });
      await post(`${round} two lines`, path, chat('two-lines/gpt-4o'), { key: ada });
      await post(`${round} unknown model`, path, chat('no-such-model'), { key: ada });
      await post(`${round} broken body`, path, '{"model":', { key: ada });
      await post(`${round} no key`, path, chat('openai/gpt-4o'));
      await post(`${round} expired`, path, chat('openai/gpt-4o'), { key: expired });
      await post(`${round} stranger`, path, chat('openai/gpt-4o'), { key: stranger });
      await post(
        `${round} stranger at Anthropic`,
        '/v1/messages',
        bodies['/v1/messages']!('claude/claude-sonnet-4-5'),
        { headers: { 'x-api-key': stranger, 'anthropic-version': '2023-06-01' } },
      );
      await post(`${round} two keys`, path, chat('openai/gpt-4o'), {
        key: stranger,
        headers: { 'x-api-key': ada },
      });
      await post(
        `${round} embeddings`,
        '/openai/v1/embeddings',
        { model: 'text-embedding-3-small', input: 'hi' },
        { key: ada },
      );
      const counted = { model: 'claude/claude-sonnet-4-5', messages: [{ role: 'user', content: 'hi' }] };
      await post(`${round} counted`, '/v1/messages/count_tokens', counted, { key: ada });
      await ask(`${round} models`, '/v1/models', { key: ada });
      await ask(`${round} no route`, '/nowhere', { key: ada });
      openai.failNext({ kind: 'status', status: 401 });
      await post(`${round} refused upstream`, path, chat('openai/gpt-4o'), { key: ada });
      openai.failNext({ kind: 'garbage' });
      await post(`${round} garbage`, path, chat('openai/gpt-4o'), { key: ada });
      openai.failNext({ kind: 'reset-mid-stream', afterBytes: 100 });
      await post(`${round} cut`, path, { ...chat('openai/gpt-4o'), stream: true }, { key: ada });
      outputs.set(
        `${round} raw`,
        await sendRaw(ports.http, `GET / HTTP/1.1\r\nauthorization: Bearer ${ada}\r\nbad header\r\n\r\n`),
      );
    };
    const look = async (round: string): Promise<void> => {
      const { requests } = (await (await fetch(`${admin}/requests?limit=500`)).json()) as {
        requests: { id: string }[];
      };
      const paths = [
        '/',
        '/config_dump',
        '/status',
        '/requests?limit=500',
        `/requests/${requests[0]!.id}`,
        '/metrics',
        '/logging',
        ...models.map((model) => `/explain?method=POST&url=${url}/v1/chat/completions&model=${model}`),
        '/explain?method=GET&url=nonsense',
      ];
      for (const path of paths) outputs.set(`${round} ${path}`, await (await fetch(`${admin}${path}`)).text());
      outputs.set(`${round} metrics port`, await (await fetch(`http://127.0.0.1:${ports.metrics}/metrics`)).text());
    };

    const flags = ['--admin-port', `${ports.admin}`, '--metrics-port', `${ports.metrics}`, '--readiness-port', 'off'];
    const telemetry = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_TRACES_SAMPLER: 'always_on' };
    program.start([...flags, '--log-level', 'trace', '--log-prompts', '--access-log', accessLog], {
      ...env,
      ...telemetry,
    });
    await until(() => program.printed.stdout.includes('ready on'));
    await talk('literal', canaries.of('ada'), canaries.of('expired'));
    await look('literal');
    outputs.set('manifests of literals', await program.command(['manifests', program.config], env));
    ejected = await program.command(['manifests', program.config, '--with-secrets'], env);

    program.write('config.yaml', withMark(variables));
    await until(() => program.printed.stdout.includes('configuration applied'));
    await talk('variable', canaries.of('ada by variable'), canaries.of('expired by variable'));
    await look('variable');
    for (const args of [['manifests'], ['validate'], ['explain', 'POST', `${url}/v1/messages`, '-m', 'openai/x', '-f']])
      outputs.set(`${args[0]} of variables`, await program.command([...args, program.config], env));

    const refusals = async (): Promise<number> =>
      ((await (await fetch(`${admin}/status`)).json()) as { refusals: number }).refusals;
    for (const [index, text] of brokenEdits(canaries).entries()) {
      program.write('config.yaml', text);
      await until(async () => (await refusals()) > index);
      outputs.set(`status after broken edit ${index}`, await (await fetch(`${admin}/status`)).text());
    }
    outputs.set('validate of a broken edit', await program.command(['validate', program.config], env));
    outputs.set('status command', await program.command(['status', '--admin', admin], env));
    // Served, with conditions: a key that is there twice, and an entry that is not base64.
    const twice = { keys: [{ key: canaries.of('twice') }, { key: canaries.of('twice') }] };
    program.write('config.yaml', stringify({ ...literals, policies: [{ name: 'keys', apiKeyAuthentication: twice }] }));
    program.write(
      'other.yaml',
      stringify({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'o' },
        data: { a: `${canaries.of('not base64')}!` },
      }),
    );
    await until(async () => {
      const { issues } = (await (await fetch(`${admin}/status`)).json()) as { issues: unknown[] };
      return issues.length > 0;
    });
    await post('invalid policy', '/v1/chat/completions', bodies['/v1/chat/completions']!('openai/gpt-4o'), {
      key: canaries.of('twice'),
    });
    await look('issues');
    outputs.set('validate with issues', await program.command(['validate', program.config], env));

    await program.end();
    outputs.set('standard output', program.printed.stdout);
    outputs.set('standard error', program.printed.stderr);
    outputs.set('access log', readFileSync(accessLog, 'utf8'));
    outputs.set('traces', collector.text());
    collector.close();
  }, 240_000);

  afterAll(async () => {
    await program.end();
    for (const fake of fakes) await fake.close();
    rmSync(program.folder, { recursive: true });
  });

  test('had something to say', () => {
    const plain = [...statuses].filter(([what]) =>
      /^(literal|variable) (openai|claude|groq|referring|encoded)\//.test(what),
    );
    expect(plain.length).toBe(60);
    expect(plain.filter(([, status]) => status !== 200)).toEqual([]);
    for (const round of ['literal', 'variable']) {
      expect(statuses.get(`${round} stranger`)).toBe(401);
      expect(statuses.get(`${round} expired`)).toBe(401);
      expect(statuses.get(`${round} nowhere`)).toBe(503);
      expect(statuses.get(`${round} unknown model`)).toBe(404);
      expect(statuses.get(`${round} counted`)).toBe(200);
      expect(statuses.get(`${round} embeddings`)).toBe(200);
    }
    expect(statuses.get('invalid policy')).toBe(500);
    for (const name of [
      'standard output',
      'access log',
      'traces',
      'variable /config_dump',
      'literal /requests?limit=500',
    ])
      expect(outputs.get(name)!.length, name).toBeGreaterThan(500);
    expect(outputs.get('standard output')).toContain('configuration refused');
    expect(outputs.get('traces')).toContain('gen_ai');
  });

  test('used its secrets: each provider was sent its own, and nobody the callers’', () => {
    const sent = fakes.flatMap(({ requests }) => requests.flatMap(({ headers }) => headers)).join('\n');
    for (const label of ['openai', 'claude', 'groq', 'plain', 'openai by variable', 'claude by variable', 'encoded'])
      expect(sent.includes(canaries.of(label)), label).toBe(true);
    const callers = ['ada', 'ada by variable', 'expired', 'literal stranger', 'variable stranger'];
    expect(callers.filter((label) => sent.includes(canaries.of(label)))).toEqual([]);
    expect(ejected).toContain(canaries.of('plain'));
  });

  test('shows none of them', () => {
    expect(outputs.size).toBeGreaterThan(100);
    expect(leaksIn(outputs, canaries)).toEqual([]);
  });

  test('shows what is no secret, so the search would have found one', () => {
    const plain = new Map([...outputs].filter(([, text]) => text.includes(planted)));
    expect([...plain.keys()]).toEqual(
      expect.arrayContaining(['literal /config_dump', 'variable /config_dump', 'manifests of literals']),
    );
  });
});

/** What a listener answers to bytes that are no request. */
function sendRaw(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.end(text));
    let answer = '';
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
  });
}
