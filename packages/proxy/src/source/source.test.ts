// The worker and its files: what is noticed, what is refused and said, and that only one update is on its way (contract 17).
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as workers from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ResourceChanges, typeUrls } from '@agentgateway/api/keys.ts';
import { type Applied, ConfigRefused, type Source, formatProblem, startSource } from './source.ts';

const spawned: workers.Worker[] = [];
vi.mock('node:worker_threads', async (load) => {
  const real = await load<typeof workers>();
  return {
    ...real,
    Worker: class extends real.Worker {
      constructor(...args: ConstructorParameters<typeof workers.Worker>) {
        super(...args);
        spawned.push(this);
      }
    },
  };
});

let folder = '';
let config = '';
let running: Rig | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'agentgateway-source-'));
  config = join(folder, 'config.yaml');
});
afterEach(async () => {
  await running?.source[Symbol.asyncDispose]();
  running = undefined;
  rmSync(folder, { recursive: true });
});

const echo = (name: string): string => `llmBackends:\n- name: ${name}\n  providers: [{ name: echo, echo: {} }]\n`;
const write = (text: string): void => writeFileSync(config, text);
const replace = (text: string): void => {
  writeFileSync(`${config}.new`, text);
  renameSync(`${config}.new`, config);
};

/** A source, and what it did. */
interface Rig {
  readonly source: Source;
  readonly updates: ResourceChanges[];
  readonly logs: string[];
  refusals: number;
  /** Keys held after all updates. */
  readonly held: Set<string>;
  apply: (changes: ResourceChanges) => Promise<Applied>;
  /** Waits until something holds; looked at whenever anything happens. */
  until(holds: () => boolean): Promise<void>;
}

function start(path: string | null = config): Rig {
  let wake = Promise.withResolvers<void>();
  const happened = (): void => {
    wake.resolve();
    wake = Promise.withResolvers();
  };
  const note = (_fields: object, message: string): void => {
    rig.logs.push(message);
    happened();
  };
  const rig: Rig = {
    updates: [],
    logs: [],
    refusals: 0,
    held: new Set(),
    apply: async () => ({ rejections: [], bindErrors: new Map(), addresses: [] }),
    async until(holds) {
      while (!holds()) await wake.promise;
    },
    source: startSource({
      input: { config: path ?? undefined, env: {} },
      log: { debug() {}, info: note, warn: note, error: note },
      now: () => 1,
      refused: () => rig.refusals++,
      async apply(changes) {
        const applied = await rig.apply(changes);
        rig.updates.push(changes);
        for (const { key } of changes.set) rig.held.add(key);
        for (const { key } of changes.removed) rig.held.delete(key);
        happened();
        return applied;
      },
    }),
  };
  running = rig;
  return rig;
}

const holds = (rig: Rig, name: string) => (): boolean => rig.held.has(`llmbackend/default/${name}`);
const says = (rig: Rig, text: string) => (): boolean => rig.logs.some((line) => line.includes(text));

const refused = async (rig: Rig): Promise<string> => {
  const error = await rig.source.ready.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ConfigRefused);
  return (error as Error).message;
};

const gateway = (rig: Rig): string =>
  JSON.stringify(rig.source.state.statuses.find(({ kind }) => kind === 'Gateway')?.status ?? {});

const target = (name: string): string => {
  mkdirSync(join(folder, name));
  writeFileSync(join(folder, name, 'config.yaml'), echo(name));
  return join(folder, name, 'config.yaml');
};

const manifest = (name: string): string =>
  JSON.stringify({
    apiVersion: 'agentgateway.dev/v1alpha1',
    kind: 'LLMBackend',
    metadata: { name },
    spec: { providers: [{ name: 'echo', echo: {} }] },
  });

describe('an edit is noticed', () => {
  test.each([
    ['written in place', write],
    ['replaced by rename', replace],
    [
      'deleted and written again',
      (text: string) => {
        unlinkSync(config);
        write(text);
      },
    ],
  ])('%s', async (_how, edit) => {
    write(echo('one'));
    const rig = start();
    await rig.source.ready;
    edit(echo('two'));
    await rig.until(holds(rig, 'two'));
    expect(holds(rig, 'one')()).toBe(false);
    edit(echo('three'));
    await rig.until(holds(rig, 'three'));
  });

  test('through a symbolic link that is swapped', async () => {
    symlinkSync(target('one'), config);
    const rig = start();
    await rig.source.ready;
    symlinkSync(target('two'), `${config}.new`);
    renameSync(`${config}.new`, config);
    await rig.until(holds(rig, 'two'));
  });

  test('in a folder that was itself replaced', async () => {
    const inner = join(folder, 'inner');
    mkdirSync(inner);
    writeFileSync(join(inner, 'config.yaml'), echo('one'));
    const rig = start(inner);
    await rig.source.ready;
    renameSync(inner, join(folder, 'old'));
    mkdirSync(inner);
    writeFileSync(join(inner, 'config.yaml'), echo('two'));
    await rig.until(holds(rig, 'two'));
    // The new folder is watched, and not only looked at.
    writeFileSync(join(inner, 'config.yaml'), echo('three'));
    await rig.until(holds(rig, 'three'));
  });

  test('a folder: config.yaml and manifests; those that go take their objects along', async () => {
    write(echo('one'));
    const rig = start(folder);
    await rig.source.ready;
    writeFileSync(join(folder, 'more.json'), manifest('two'));
    await rig.until(holds(rig, 'two'));
    unlinkSync(join(folder, 'more.json'));
    await rig.until(() => !holds(rig, 'two')());
    expect(holds(rig, 'one')()).toBe(true);
  });

  test('what is no configuration, and what says the same, is none', async () => {
    write(echo('one'));
    const rig = start(folder);
    await rig.source.ready;
    writeFileSync(join(folder, 'access.log'), 'a line');
    replace(echo('one'));
    writeFileSync(join(folder, '.hidden.yaml'), 'nothing: [');
    // Time to take it for an edit; on a slow machine the test says less, but it holds.
    await new Promise((done) => setTimeout(done, 300));
    write(echo('two'));
    await rig.until(holds(rig, 'two'));
    expect(rig.updates).toHaveLength(2);
    expect(rig.refusals).toBe(0);
  });

  test('edits during an update become one more update', async () => {
    write(echo('one'));
    const rig = start();
    await rig.source.ready;
    const { promise, resolve } = Promise.withResolvers<void>();
    const entered = Promise.withResolvers<void>();
    rig.apply = async () => {
      entered.resolve();
      await promise;
      return { rejections: [], bindErrors: new Map(), addresses: [] };
    };
    write(echo('two'));
    await entered.promise;
    // While the second update is held up, the worker reads on its own thread and must not post.
    for (const name of ['three', 'four', 'five']) replace(echo(name));
    await new Promise((done) => setTimeout(done, 300));
    replace(echo('six'));
    resolve();
    await rig.until(holds(rig, 'six'));
    expect(rig.updates).toHaveLength(3);
  });
});

describe('a broken edit changes nothing', () => {
  const good = echo('one');
  const breakages: readonly (readonly [string, () => void, string])[] = [
    [
      'a wrong field',
      () => replace('llmBackends:\n- name: one\n  providrs: []\n'),
      `config.yaml:3: llmBackends[0].providrs`,
    ],
    ['broken syntax', () => replace('llmBackends: [\n'), 'config.yaml:2: '],
    [
      'an unset variable',
      () => replace(`${good}policies:\n- { name: p, authorization: { rules: [{ require: '\${NOT_SET_HERE}' }] } }\n`),
      'NOT_SET_HERE',
    ],
    ['truncation', () => replace(''), 'config.yaml: is empty'],
    ['deletion', () => unlinkSync(config), 'cannot be read: ENOENT'],
    [
      'a folder in its place',
      () => {
        unlinkSync(config);
        mkdirSync(config);
      },
      'holds no config.yaml',
    ],
    ['bytes that are no text', () => writeFileSync(config, Buffer.from([0x61, 0xff, 0xfe])), 'it is not UTF-8 text'],
  ];
  test.each(breakages)('%s', async (_what, damage, said) => {
    write(good);
    const rig = start();
    await rig.source.ready;
    damage();
    await rig.until(says(rig, said));
    expect(rig.logs.find((line) => line.includes(said))).toContain('the running one stays');
    expect(rig.source.state.refused.map(formatProblem).join('\n')).toContain(said);
    expect(rig.updates).toHaveLength(1);
    expect(rig.refusals).toBeGreaterThan(0);
    expect(rig.source.state.refusals).toBe(rig.refusals);
    rmSync(config, { recursive: true, force: true });
    write(good);
    await rig.until(says(rig, 'configuration applied'));
    expect(rig.source.state.refused).toEqual([]);
    expect(holds(rig, 'one')()).toBe(true);
  });

  test('a folder whose config.yaml goes keeps all it had, though other files are left', async () => {
    write(good);
    writeFileSync(join(folder, 'other.yaml'), 'a: 1\n');
    const rig = start(folder);
    await rig.source.ready;
    unlinkSync(config);
    await rig.until(says(rig, 'cannot be read: the file is gone'));
    expect(holds(rig, 'one')()).toBe(true);
    write(echo('two'));
    await rig.until(holds(rig, 'two'));
  });

  test('thousands of problems are cut, and that is said', async () => {
    write(good);
    const rig = start();
    await rig.source.ready;
    write(`llmBackends:\n${'- { name: one, wrong: 1 }\n'.repeat(1500)}`);
    await rig.until(says(rig, 'more problems'));
    expect(rig.source.state.refused).toHaveLength(1001);
  });

  test('what could not be applied is offered again with the next edit', async () => {
    write(good);
    const rig = start();
    await rig.source.ready;
    const { apply } = rig;
    rig.apply = () => Promise.reject(new Error('a fault'));
    write(echo('two'));
    await rig.until(says(rig, 'could not be applied: a fault'));
    rig.apply = apply;
    write(`${echo('two')}# again\n`);
    await rig.until(holds(rig, 'two'));
    expect(holds(rig, 'one')()).toBe(false);
  });
});

describe('at the start', () => {
  test('every problem is told, with file and line', async () => {
    write('llmBackends:\n- name: one\n  providrs: []\npolicys: []\n');
    const message = await refused(start());
    expect(message).toContain(`${config}:3: llmBackends[0].providrs`);
    expect(message).toContain(`${config}:4: policys`);
    expect(message).toContain('hint:');
  });

  test('no file, an empty folder', async () => {
    expect(await refused(start(join(folder, 'none.yaml')))).toContain('none.yaml: cannot be read: ENOENT');
    await running!.source[Symbol.asyncDispose]();
    expect(await refused(start(folder))).toContain('holds no config.yaml');
  });

  test('nobody need wait for it', async () => {
    write('llmBackends: [');
    const rig = start();
    let unhandled: unknown;
    const note = (reason: unknown): void => {
      unhandled = reason;
    };
    process.on('unhandledRejection', note);
    await new Promise<void>((resolve) => {
      const look = (): unknown => (rig.source.state.refused.length > 0 ? resolve() : setImmediate(look));
      look();
    });
    await new Promise((done) => setImmediate(done));
    process.off('unhandledRejection', note);
    expect(unhandled).toBeUndefined();
  });

  test('the embedded configuration: echo, and then the worker is not needed any more', async () => {
    const rig = start(null);
    const worker = spawned.at(-1)!;
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    await rig.source.ready;
    expect([...rig.held].some((key) => key.startsWith('llmbackend/'))).toBe(true);
    expect(await ended).toBe(0);
    expect(rig.logs).toEqual([]);
    expect(rig.source.state.statuses.length).toBeGreaterThan(0);
  });
});

describe('what the proxy says comes back as conditions', () => {
  const text = `gateways:\n- { name: g, listeners: [{ name: http, port: 3999 }] }\n${echo('one')}`;
  test('a port that is taken, said once, until it is free', async () => {
    write(text);
    const rig = start();
    rig.apply = async () => ({
      rejections: [],
      bindErrors: new Map([['listener/default/g/http', 'cannot listen on 127.0.0.1:3999: EADDRINUSE']]),
      addresses: [],
    });
    await rig.source.ready;
    write(`${text}# again\n`);
    await rig.until(says(rig, 'configuration applied'));
    while (!gateway(rig).includes('EADDRINUSE')) await new Promise((done) => setImmediate(done));
    expect(gateway(rig)).toContain('"reason":"PortUnavailable"');
    expect(rig.logs.filter((line) => line.includes('listener not served'))).toHaveLength(1);
    rig.apply = async () => ({ rejections: [], bindErrors: new Map(), addresses: [] });
    write(`${text}# and again\n`);
    while (gateway(rig).includes('EADDRINUSE')) await new Promise((done) => setImmediate(done));
  });

  test('a rejected policy, as long as it is rejected, whichever update it came with', async () => {
    const rejected = `${text}policies:\n- { name: p, authorization: { rules: [{ allow: 'true' }] } }\n`;
    write(rejected);
    const rig = start();
    const rejection = {
      typeUrl: typeUrls.resource,
      key: 'policy/default/p/authorization',
      version: '1',
      reason: 'too new',
    };
    rig.apply = async () => ({ rejections: [rejection], bindErrors: new Map(), addresses: [] });
    await rig.source.ready;
    const policy = (): string =>
      JSON.stringify(rig.source.state.statuses.find(({ kind }) => kind === 'Policy')?.status ?? {});
    while (!policy().includes('"reason":"Rejected"')) await new Promise((done) => setImmediate(done));
    expect(policy()).toContain('too new');
    expect(rig.source.state.issues.map(({ message }) => message)).toContain('too new');
    write(`${rejected}# again\n`);
    await rig.until(says(rig, 'configuration applied'));
    expect(rig.logs.filter((line) => line.includes('resource rejected'))).toHaveLength(1);
  });
});

describe('the worker ends', () => {
  test('by itself: it is said, and what runs stays', async () => {
    write(echo('one'));
    const rig = start();
    await rig.source.ready;
    await spawned.at(-1)!.terminate();
    await rig.until(says(rig, 'the configuration worker has ended'));
    expect(rig.source.state.refused[0]!.message).toContain('edits are not noticed');
    expect(holds(rig, 'one')()).toBe(true);
  });

  test('before it has read anything: the start fails', async () => {
    write(echo('one'));
    const rig = start();
    await spawned.at(-1)!.terminate();
    await expect(rig.source.ready).rejects.toThrow('ended before');
  });

  test('on purpose: nothing is said', async () => {
    write(echo('one'));
    const rig = start();
    await rig.source.ready;
    await rig.source[Symbol.asyncDispose]();
    expect(rig.logs).toEqual([]);
  });
});
