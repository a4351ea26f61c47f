// Load on one URL: wrk, or h2load where wrk is missing; both keep their connections open.
import { execFile } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram, pinned } from './processes.ts';

/** What is asked. */
export interface LoadRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent as POST; without it GET. */
  readonly body: string | undefined;
}

/** A host and a path that are asked for in turn with others. */
export interface Target {
  readonly host: string;
  readonly path: string;
}

/** What came of it. */
export interface LoadResult {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly slowestMs: number;
}

/** What the load generator of this folder can do. */
export type OwnLoad = 'tls-handshakes' | 'websocket-echo';

/** Connections, each with one request at a time. */
export const connections = 32;

/** The load generator's name; undefined when Debian's wrk and nghttp2-client are both missing. */
export const loader = (['wrk', 'h2load'] as const).find((name) => findProgram(name) !== undefined);

const execute = promisify(execFile);

/** Asks for some seconds. Throws when an answer was not a success. */
export async function load(request: LoadRequest, seconds: number, folder: string): Promise<LoadResult> {
  return loader === 'wrk' ? loadWrk(request, seconds, folder) : loadH2load(request, seconds, folder);
}

async function loadWrk({ url, headers, body }: LoadRequest, seconds: number, folder: string): Promise<LoadResult> {
  const lines = Object.entries(headers).map(([name, value]) => `wrk.headers[${quote(name)}] = ${quote(value)}`);
  const post = body === undefined ? [] : [`wrk.method = "POST"`, `wrk.body = ${quote(body)}`];
  return runWrk(url, [...post, ...lines], seconds, folder);
}

/** Asks for many targets in turn. Throws when an answer was not a success, and without wrk. */
export async function loadTargets(
  url: string,
  targets: readonly Target[],
  seconds: number,
  folder: string,
): Promise<LoadResult> {
  if (loader !== 'wrk') throw new Error('wrk is missing (apt-get install wrk)');
  const lines = targets.map(({ host, path }) => `asked(${quote(host)}, ${quote(path)})`);
  const script = `local requests = {}
local last = 0
local function asked(host, path)
  requests[#requests + 1] = "GET " .. path .. " HTTP/1.1\\r\\nHost: " .. host .. "\\r\\n\\r\\n"
end
${lines.join('\n')}
function request()
  last = last % #requests + 1
  return requests[last]
end`;
  return runWrk(url, [script], seconds, folder);
}

async function runWrk(url: string, lines: readonly string[], seconds: number, folder: string): Promise<LoadResult> {
  const script = join(folder, 'request.lua');
  writeFileSync(script, lines.join('\n'));
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '--timeout', '10s', '-s', script, url];
  const [program, ...rest] = pinned('others', [findProgram('wrk')!, ...args]);
  const { stdout } = await execute(program!, rest);
  const failures = /Non-2xx or 3xx responses: (\d+)|Socket errors: (.+)/.exec(stdout);
  if (failures) throw new Error(`${url}: ${failures[0]}`);
  return {
    requests: Number(field(stdout, /(\d+) requests in/)),
    requestsPerSecond: Number(field(stdout, /Requests\/sec:\s+([\d.]+)/)),
    p50Ms: toMs(field(stdout, /50%\s+([\d.]+\w+)/)),
    p99Ms: toMs(field(stdout, /99%\s+([\d.]+\w+)/)),
    slowestMs: toMs(field(stdout, /Latency\s+\S+\s+\S+\s+([\d.]+\w+)/)),
  };
}

/** A text as a Lua string. */
function quote(text: string): string {
  return `"${text.replaceAll(/["\\\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`))}"`;
}

function field(output: string, pattern: RegExp): string {
  const found = pattern.exec(output)?.[1];
  if (found === undefined) throw new Error(`the load generator's output has no ${pattern.source}:\n${output}`);
  return found;
}

function toMs(text: string): number {
  const [, count, unit] = /^([\d.]+)(us|ms|s|m)$/.exec(text) ?? [];
  const factor = { us: 0.001, ms: 1, s: 1000, m: 60_000 }[unit ?? ''];
  if (factor === undefined) throw new Error(`'${text}' is no time`);
  return Number(count) * factor;
}

async function loadH2load(request: LoadRequest, seconds: number, folder: string): Promise<LoadResult> {
  return runH2load(request, ['--h1', `-c${connections}`], seconds, folder);
}

/** Asks over HTTP/2, with some streams at a time on each of some connections. Throws when an answer was not a success, and without h2load. */
export async function loadStreams(
  request: LoadRequest,
  { connections, streams }: { readonly connections: number; readonly streams: number },
  seconds: number,
  folder: string,
): Promise<LoadResult> {
  if (!findProgram('h2load')) throw new Error('h2load is missing (apt-get install nghttp2-client)');
  return runH2load(request, [`-c${connections}`, `-m${streams}`], seconds, folder);
}

async function runH2load(
  { url, headers, body }: LoadRequest,
  options: readonly string[],
  seconds: number,
  folder: string,
): Promise<LoadResult> {
  const log = join(folder, 'requests.tsv');
  const data = join(folder, 'request.body');
  rmSync(log, { force: true });
  if (body !== undefined) writeFileSync(data, body);
  const args = ['-t1', ...options, `-D${seconds}`, `--log-file=${log}`];
  for (const [name, value] of Object.entries(headers)) args.push('-H', `${name}: ${value}`);
  if (body !== undefined) args.push('-d', data);
  const [program, ...rest] = pinned('others', [findProgram('h2load')!, ...args, url]);
  await execute(program!, rest);
  // One line a request: start in µs since the epoch, status, duration in µs.
  const rows = readFileSync(log, 'utf8').trim().split('\n');
  const failed = rows.find((row) => !/^\d+\t2\d\d\t/.test(row));
  if (failed !== undefined) throw new Error(`${url}: a request was not answered with success: ${failed}`);
  return resultOf(
    rows.map((row) => Number(row.split('\t')[2]) / 1000),
    seconds,
  );
}

/** Summarises how long requests took, in milliseconds. */
export function resultOf(tookMs: readonly number[], seconds: number): LoadResult {
  const sorted = tookMs.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
  const { length } = sorted;
  if (length === 0) throw new Error('nothing was answered');
  return { requests: length, requestsPerSecond: length / seconds, p50Ms: at(0.5), p99Ms: at(0.99), slowestMs: at(1) };
}

/** Runs this folder's own load generator on a port. Throws when an answer was not a success. */
export async function loadOwn(kind: OwnLoad, base: string, seconds: number): Promise<LoadResult> {
  const script = join(import.meta.dirname, 'own-load.ts');
  const [program, ...rest] = pinned('others', [process.execPath, script, kind, new URL(base).port, String(seconds)]);
  const { stdout } = await execute(program!, rest, { timeout: (seconds + 30) * 1000 });
  return JSON.parse(stdout) as LoadResult;
}
