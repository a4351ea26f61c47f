// The command `agentgateway run` as a process: what a broken start says, its exit codes, and how it ends.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freePort } from '../../kit/gateway.ts';
import { ask } from '../../kit/http.ts';

const main = join(import.meta.dirname, '../../../packages/cli/src/main.ts');
const ports = ['--admin-port', 'off', '--metrics-port', 'off', '--readiness-port', 'off'];
let folder = '';
let config = '';
let child: ChildProcess | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'agentgateway-run-'));
  config = join(folder, 'config.yaml');
});
afterEach(() => {
  child?.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** A process, and what it has written. */
interface Started {
  readonly child: ChildProcess;
  out: string;
  err: string;
  readonly code: Promise<number | null>;
  until(text: string): Promise<void>;
}

function start(...args: string[]): Started {
  const process_ = spawn(process.execPath, [main, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] },
  });
  child = process_;
  const started: Started = {
    child: process_,
    out: '',
    err: '',
    code: once(process_, 'close').then(([code]) => code as number | null),
    async until(text) {
      while (!started.out.includes(text)) await Promise.race([once(process_.stdout, 'data'), started.code]);
    },
  };
  process_.stdout.on('data', (chunk: Buffer) => {
    started.out += chunk.toString();
  });
  process_.stderr.on('data', (chunk: Buffer) => {
    started.err += chunk.toString();
  });
  return started;
}

test('a broken configuration: every problem with file and line, exit code 2, nothing else', async () => {
  writeFileSync(config, 'llmBackends:\n- name: one\n  providrs: []\npolicys: []\n');
  const started = start('run', '-f', config, ...ports);
  expect(await started.code).toBe(2);
  expect(started.err).toContain(`${config}:3: llmBackends[0].providrs: unknown field\n  hint: did you mean providers?`);
  expect(started.err).toContain(`${config}:4: policys`);
  // The problems, and no trace of where in the program they were found.
  expect(started.err).not.toContain('    at ');
});

test('wrong flags: the flag, what it was, what it may be, exit code 2', async () => {
  const started = start('run', '--admin-port', 'ninety');
  expect(await started.code).toBe(2);
  expect(started.err).toContain("--admin-port (AGENTGATEWAY_ADMIN_PORT) is 'ninety'; it must be an integer");
  expect(started.err).not.toContain('    at ');
});

test('a folder without configuration, a file that does not exist: exit code 2', async () => {
  const empty = start('run', '-f', folder, ...ports);
  expect(await empty.code).toBe(2);
  expect(empty.err).toContain('the folder holds no config.yaml');
  const absent = start('run', '-f', config, ...ports);
  expect(await absent.code).toBe(2);
  expect(absent.err).toContain(`there is no file or folder '${config}'`);
});

test('a good one is served, an edit is applied, and a signal ends it with 0', async () => {
  const port = await freePort();
  const text = (edition: number): string =>
    JSON.stringify({
      gateways: [{ name: 'g', listeners: [{ name: 'http', port }] }],
      llmBackends: [{ name: 'models', providers: [{ name: 'echo', echo: {} }] }],
      policies: [
        { name: 'p', headerModifiers: { response: { set: [{ name: 'x-edition', value: String(edition) }] } } },
      ],
    });
  writeFileSync(config, text(1));
  const started = start('run', '-f', config, ...ports);
  await started.until(`ready on 127.0.0.1:${port}`);
  const models = (): ReturnType<typeof ask> => ask(port, 'GET /v1/models HTTP/1.1');
  expect((await models()).header('x-edition')).toBe('1');
  writeFileSync(config, text(2));
  await started.until('configuration applied');
  expect((await models()).header('x-edition')).toBe('2');
  started.child.kill('SIGTERM');
  expect(await started.code).toBe(0);
  expect(started.out).toContain('shutting down');
});
