// Child processes of a benchmark: started pinned to a core, measured through /proc, and never left running.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, openSync, readFileSync } from 'node:fs';
import { get } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuMicrosOf } from './cpu.ts';

/** A process under measurement. */
export interface Running extends AsyncDisposable {
  readonly pid: number;
  /** File that collects its output. */
  readonly output: string;
  /** CPU that it has used so far, user and system, in microseconds. */
  cpuMicros(): number;
  /** Resident memory in MB (10^6 bytes). */
  rssMb(): number;
  hasEnded(): boolean;
  signal(name: NodeJS.Signals): void;
}

/** Longest wait for a process to serve, and for an edit to be applied. */
const servingMsMax = 30_000;
const applyMsMax = 30_000;
const started = new Map<ChildProcess, Running>();
process.once('exit', () => {
  for (const child of started.keys()) child.kill('SIGKILL');
});

/** Ends every process that was started and still runs. */
export async function stopAll(): Promise<void> {
  await Promise.all([...started.values()].map((running) => running[Symbol.asyncDispose]()));
}

/** The path of a program; Debian keeps some servers where a user's PATH does not look. */
export function findProgram(name: string): string | undefined {
  return [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin']
    .map((folder) => `${folder}/${name}`)
    .find((path) => existsSync(path));
}

/** Whether processes can be given a core each: taskset is there, and there are two cores. */
export const isPinned = findProgram('taskset') !== undefined && availableParallelism() > 1;
/** What is measured has the first core for itself; upstreams and load share the others. */
const cores = { measured: '0', others: `1-${availableParallelism() - 1}` };

/** A command on the core of its role. */
export function pinned(role: keyof typeof cores, command: readonly string[]): readonly string[] {
  return isPinned ? ['taskset', '-c', cores[role], ...command] : command;
}

/** Starts a process; its output goes to a file. */
export function start(
  role: keyof typeof cores,
  command: readonly string[],
  output: string,
  env: Readonly<Record<string, string>> = {},
): Running {
  const [program, ...args] = pinned(role, command);
  const log = openSync(output, 'a');
  const child = spawn(program!, args, { stdio: ['ignore', log, log], env: { ...process.env, ...env } });
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${program} could not be started`);
  const running: Running = {
    pid,
    output,
    cpuMicros: () => cpuMicrosOf(pid),
    rssMb: () =>
      (Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024) / 1e6,
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    signal: (name) => void child.kill(name),
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      const late = new AbortController();
      await Promise.race([ended, sleep(3000, undefined, { signal: late.signal, ref: false }).catch(() => undefined)]);
      late.abort();
      child.kill('SIGKILL');
      await ended;
      started.delete(child);
    },
  };
  started.set(child, running);
  return running;
}

/** A port of 127.0.0.1 that nobody uses now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Waits until a URL answers 200, to a host of its own where one is named. Throws, with the end of the process's output, when it ends or takes too long. */
export async function untilServing(url: string, running: Running, { host }: { host?: string } = {}): Promise<void> {
  const deadline = Date.now() + servingMsMax;
  while (Date.now() < deadline && !running.hasEnded()) {
    if ((await statusOf(url, host)) === 200) return;
    await sleep(50);
  }
  throw new Error(`${url} does not answer 200: ${readFileSync(running.output, 'utf8').trim().slice(-500)}`);
}

function statusOf(url: string, host: string | undefined): Promise<number> {
  return new Promise((resolve) => {
    const asked = get(url, { agent: false, ...(host !== undefined && { headers: { host } }) }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    asked.on('error', () => resolve(0));
  });
}

/** Waits until somebody listens. Throws when the process ends or takes too long. */
export async function untilListening(port: number, running: Running): Promise<void> {
  for (let i = 0; i < 300 && !running.hasEnded(); i++) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
    if (isOpen) return;
    await sleep(50);
  }
  throw new Error(`nobody listens on ${port}`);
}

/** Edits a gateway's configuration, and waits until it says that it is applied. Throws when it ends or takes too long. */
export async function untilApplied(running: Running, edit: () => void): Promise<void> {
  const applied = (): number => readFileSync(running.output, 'utf8').split('configuration applied').length;
  const before = applied();
  edit();
  for (let waitedMs = 0; applied() === before; waitedMs += 50) {
    if (waitedMs > applyMsMax || running.hasEnded())
      throw new Error(`an edit was not applied: ${readFileSync(running.output, 'utf8').trim().slice(-2000)}`);
    await sleep(50);
  }
}
