// `make bench`: this gateway beside nginx and haproxy in front of the same upstreams, one core each, in interleaved rounds.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { arch, cpus, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connections, load, loader } from './load.ts';
import { findProgram, freePort, isPinned, untilServing } from './processes.ts';
import { measureReloads } from './reload.ts';
import { measureStreams } from './stream-delay.ts';
import { type Spread, showSpread, showTable, spreadOf } from './summary.ts';
import { type TunnelResult, measureTunnels } from './tunnels.ts';
import {
  type RowName,
  type System,
  type SystemName,
  direct,
  gatewayMain,
  requestOf,
  rowNames,
  startAgentgateway,
  startGateway,
  startHaproxy,
  startNginxProxy,
  startUpstreams,
} from './systems.ts';

/** A row of BENCH_OUT. */
interface BenchRow {
  readonly name: RowName;
  readonly system: SystemName;
  readonly cpuMicrosPerRequest: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly rssMb: number;
  /** CPU per request as a multiple of nginx's in the same run. */
  readonly ratioToNginx: number | null;
}

interface Sample {
  readonly cpuMicrosPerRequest: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly rssMb: number;
}

const rounds = readCount('BENCH_ROUNDS', 5);
const seconds = readCount('BENCH_SECONDS', 3);
const streamsPerRound = 10;
/** How long a gateway rests before its idle memory is read. */
const idleMs = 3000;
const problems: string[] = [];

function readCount(variable: string, fallback: number): number {
  const text = process.env[variable];
  if (!text) return fallback;
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new Error(`${variable} is '${text}'; it must be an integer from 1`);
  return count;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Something could not be measured: it is said, and the run ends with 1 where it is the gateway's fault. */
function skip(what: string, why: unknown, isFailure = false): void {
  say(`not measured: ${what}: ${why instanceof Error ? why.message : String(why)}`);
  if (isFailure) problems.push(what);
}

/** One sample, after warming up. */
async function measure(system: System, row: RowName, folder: string, warmSeconds: number): Promise<Sample> {
  const request = requestOf(row, system.base(row));
  await load(request, warmSeconds, folder);
  const running = system.process(row);
  const cpuBefore = running.cpuMicros();
  const result = await load(request, seconds, folder);
  return {
    cpuMicrosPerRequest: (running.cpuMicros() - cpuBefore) / result.requests,
    requestsPerSecond: result.requestsPerSecond,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    rssMb: running.rssMb(),
  };
}

/** Rounds over all rows and systems, one after the other, so that a busy moment meets each alike. */
async function measureRows(systems: readonly System[], folder: string): Promise<Map<string, Sample[]>> {
  const samples = new Map<string, Sample[]>();
  const broken = new Set<string>();
  for (let round = 1; round <= rounds; round++) {
    for (const row of rowNames)
      for (const system of systems) {
        const key = `${row} ${system.name}`;
        if (broken.has(key)) continue;
        try {
          const sample = await measure(system, row, folder, round === 1 ? seconds + 1 : 1);
          samples.set(key, [...(samples.get(key) ?? []), sample]);
        } catch (error) {
          broken.add(key);
          samples.delete(key);
          skip(key, error, system.name === 'agentgateway');
        }
      }
    say(`round ${round} of ${rounds} done`);
  }
  return samples;
}

function summarise(samples: ReadonlyMap<string, readonly Sample[]>, systems: readonly System[]): BenchRow[] {
  const rows: BenchRow[] = [];
  const shown: string[][] = [];
  for (const name of rowNames)
    for (const { name: system } of systems) {
      const taken = samples.get(`${name} ${system}`);
      if (!taken) continue;
      const spread = (field: keyof Sample): Spread => spreadOf(taken.map((sample) => sample[field]));
      const nginx = samples.get(`${name} nginx`);
      const cpu = spread('cpuMicrosPerRequest');
      const ratio = nginx ? cpu.median / spreadOf(nginx.map((sample) => sample.cpuMicrosPerRequest)).median : null;
      rows.push({
        name,
        system,
        cpuMicrosPerRequest: round(cpu.median),
        requestsPerSecond: round(spread('requestsPerSecond').median),
        p50Ms: round(spread('p50Ms').median),
        p99Ms: round(spread('p99Ms').median),
        rssMb: round(spread('rssMb').median),
        ratioToNginx: ratio === null ? null : round(ratio),
      });
      shown.push([
        name,
        system,
        showSpread(cpu, 1),
        showSpread(spread('requestsPerSecond'), 0),
        showSpread(spread('p50Ms'), 2),
        showSpread(spread('p99Ms'), 2),
        showSpread(spread('rssMb'), 0),
        ratio === null ? '' : ratio.toFixed(2),
      ]);
    }
  say('');
  say(showTable(['row', 'system', 'CPU µs/request', 'requests/s', 'p50 ms', 'p99 ms', 'RSS MB', '× nginx'], shown));
  return rows;
}

function round(figure: number): number {
  return Math.round(figure * 1000) / 1000;
}

/** What each proxy adds to a paced stream, one stream at a time. */
async function measureDelays(systems: readonly System[]): Promise<void> {
  const taken = new Map<SystemName, { firstByteMs: number[]; chunkMs: number[] }>();
  for (let round = 0; round < rounds; round++)
    for (const system of systems) {
      try {
        const one = await measureStreams(
          requestOf('llm-stream-50', system.base('llm-stream-50'), true),
          streamsPerRound,
        );
        const all = taken.get(system.name) ?? { firstByteMs: [], chunkMs: [] };
        all.firstByteMs.push(spreadOf(one.firstByteMs).median);
        all.chunkMs.push(spreadOf(one.chunkMs).median);
        taken.set(system.name, all);
      } catch (error) {
        if (round === 0) skip(`the delays of ${system.name}`, error, system.name === 'agentgateway');
      }
    }
  const base = taken.get('direct');
  const rows = [...taken].map(([system, { firstByteMs, chunkMs }]) => {
    return [
      'stream delay',
      system,
      showSpread(spreadOf(firstByteMs), 3),
      showAdded(firstByteMs, base?.firstByteMs),
      showSpread(spreadOf(chunkMs), 3),
      showAdded(chunkMs, base?.chunkMs),
    ];
  });
  say('');
  say(showTable(['row', 'system', 'first byte ms', 'added ms', 'chunk ms', 'added ms'], rows));
}

/** What the rounds of a system add to those of another, round by round. */
function showAdded(own: readonly number[], without: readonly number[] | undefined): string {
  if (without?.length !== own.length) return '';
  return spreadOf(own.map((figure, round) => figure - without[round]!)).median.toFixed(3);
}

/** Resident memory of a gateway that serves nothing yet: as on a laptop, and without the worker that reads files. */
async function measureIdle(folder: string): Promise<void> {
  const built = join(import.meta.dirname, '../../dist/main.js');
  const programs = new Map([[gatewayMain, relative(join(import.meta.dirname, '../..'), gatewayMain)]]);
  if (existsSync(built)) programs.set(built, 'dist/main.js, as it was last built');
  say('');
  for (const [main, what] of programs) {
    const update = join(folder, 'update');
    const variants = [
      ['idle RSS on a laptop', { BENCH_KEEP_UPDATE: update }],
      ['idle RSS without file sources', { BENCH_CANNED_UPDATE: update }],
    ] as const;
    // The second hands over what the first was handed, on the same port.
    const port = await freePort();
    for (const [row, env] of variants) {
      try {
        const config = {
          gateways: [{ name: 'idle', listeners: [{ name: 'http', port }] }],
          llmBackends: [{ name: 'models', providers: [{ name: 'echo', echo: {} }] }],
        };
        const preload = 'canned-source.ts';
        const started = startGateway({ folder: join(folder, 'idle'), config, main, preload, env });
        await using running = started.running;
        await untilServing(`http://127.0.0.1:${port}/v1/models`, running);
        await sleep(idleMs);
        say(`${row}: ${running.rssMb().toFixed(0)} MB (${what})`);
      } catch (error) {
        skip(`${row} (${what})`, error, true);
      }
    }
  }
}

async function measureReload(folder: string): Promise<void> {
  try {
    const { cpuMs, stopMs, quietStopMs } = await measureReloads(folder, rounds);
    say('');
    say('reload, one of 1,000 routes changed:');
    say(`  main-thread CPU from delta to swap    ${showSpread(cpuMs, 1)} ms`);
    say(`  longest stop of the event loop        ${showSpread(stopMs, 1)} ms (quiet ${showSpread(quietStopMs, 1)} ms)`);
  } catch (error) {
    skip('reload', error, true);
  }
}

async function measureL4(folder: string): Promise<TunnelResult[]> {
  try {
    return await measureTunnels(join(folder, 'tunnels'), { rounds, seconds, skip });
  } catch (error) {
    skip('TCP, TLS and UDP', error, true);
    return [];
  }
}

async function run(folder: string): Promise<(BenchRow | TunnelResult)[]> {
  say(`${cpus()[0]?.model ?? 'unknown processor'}, ${arch()}, ${cpus().length} cores, node ${process.versions.node}`);
  say(
    `${rounds} rounds of ${seconds} s, ${connections} connections, ${loader ?? 'no load generator'}, ${isPinned ? 'one core for what is measured' : 'cores not pinned'}`,
  );
  if (process.argv.includes('tunnels')) return measureL4(folder);
  let rows: BenchRow[] = [];
  if (!findProgram('nginx'))
    skip('all rows', 'nginx is missing; it serves what is proxied (apt-get install nginx-light)');
  else {
    const upstreams = await startUpstreams(folder);
    await using cleanup = new AsyncDisposableStack();
    cleanup.use(upstreams.static);
    cleanup.use(upstreams.stream);
    const systems: System[] = [];
    const add = async (what: SystemName, begin: () => Promise<System>): Promise<void> => {
      try {
        systems.push(await begin());
        cleanup.use(systems.at(-1)!.process('plain-1k'));
      } catch (error) {
        skip(what, error, what === 'agentgateway');
      }
    };
    await add('agentgateway', () => startAgentgateway(folder, upstreams));
    await add('nginx', () => startNginxProxy(folder, upstreams));
    if (findProgram('haproxy')) await add('haproxy', () => startHaproxy(folder, upstreams));
    else skip('haproxy', 'it is missing (apt-get install haproxy)');
    systems.push(direct(upstreams));
    if (loader) rows = summarise(await measureRows(systems, folder), systems);
    else skip('all rows', 'wrk and h2load are missing (apt-get install wrk nghttp2-client)');
    await measureDelays(systems);
  }
  await measureIdle(folder);
  await measureReload(folder);
  return [...rows, ...(await measureL4(folder))];
}

const folder = mkdtempSync(join(tmpdir(), 'agentgateway-bench-'));
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const rows = await run(folder);
const out = process.env['BENCH_OUT'];
if (out) writeFileSync(out, `${JSON.stringify(rows, undefined, 2)}\n`);
if (problems.length > 0) process.exitCode = 1;
