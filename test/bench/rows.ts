// Rows of requests: every system under the same load, in interleaved rounds, summarised as medians beside nginx.
import type { Bench } from './bench.ts';
import type { LoadResult } from './load.ts';
import { type Running, findProgram } from './processes.ts';
import { type Spread, showSpread, showTable, spreadOf } from './summary.ts';

/** A system's name. */
export type SystemName = 'agentgateway' | 'nginx' | 'haproxy' | 'direct';

/** A system that is being measured. */
export interface System {
  readonly name: SystemName;
  /** The process whose CPU and memory count; for `direct` that of the row's upstream. */
  process(row: string): Running;
  /** Scheme, host and port for a row; undefined where the system has no such row. */
  base(row: string): string | undefined;
}

/** A row: its name, and its load for some seconds on a system, which throws where an answer is no success. */
export interface Row {
  readonly name: string;
  load(base: string, seconds: number, folder: string): Promise<LoadResult>;
}

/** A row of BENCH_OUT. */
export interface BenchRow {
  readonly name: string;
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

type Samples = Map<string, Sample[]>;

/** What was measured. */
export interface Measured {
  readonly rows: BenchRow[];
  /** CPU per request of this gateway in a row as a multiple of another row's, the median of the rounds; undefined where one is missing. */
  ratio(row: string, other: string): number | undefined;
}

/** One sample, after warming up. */
async function measure(system: System, row: Row, bench: Bench, warmSeconds: number): Promise<Sample> {
  const base = system.base(row.name)!;
  await row.load(base, warmSeconds, bench.folder);
  const running = system.process(row.name);
  const cpuBefore = running.cpuMicros();
  const result = await row.load(base, bench.seconds, bench.folder);
  return {
    cpuMicrosPerRequest: (running.cpuMicros() - cpuBefore) / result.requests,
    requestsPerSecond: result.requestsPerSecond,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    rssMb: running.rssMb(),
  };
}

/** Rounds over all rows and systems, one after the other, so that a busy moment meets each alike. */
export async function measureRows(bench: Bench, rows: readonly Row[], systems: readonly System[]): Promise<Measured> {
  const samples: Samples = new Map();
  const broken = new Set<string>();
  await bench.eachRound(async (round) => {
    for (const row of rows)
      for (const system of systems) {
        const key = `${row.name} ${system.name}`;
        if (broken.has(key) || system.base(row.name) === undefined) continue;
        try {
          const sample = await measure(system, row, bench, round === 1 ? bench.seconds + 1 : 1);
          samples.set(key, [...(samples.get(key) ?? []), sample]);
        } catch (error) {
          broken.add(key);
          samples.delete(key);
          bench.skip(key, error, system.name === 'agentgateway');
        }
      }
  });
  return {
    rows: summarise(bench, samples),
    ratio(row, other) {
      const [above, below] = [samples.get(`${row} agentgateway`), samples.get(`${other} agentgateway`)];
      if (!above || above.length !== below?.length) return undefined;
      const ratios = above.map((sample, round) => sample.cpuMicrosPerRequest / below[round]!.cpuMicrosPerRequest);
      return spreadOf(ratios).median;
    },
  };
}

function summarise(bench: Bench, samples: Samples): BenchRow[] {
  const rows: BenchRow[] = [];
  const shown: string[][] = [];
  for (const [key, taken] of samples) {
    const [name, system] = key.split(' ') as [string, SystemName];
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
  if (rows.length > 0)
    bench.say(
      showTable(['row', 'system', 'CPU µs/request', 'requests/s', 'p50 ms', 'p99 ms', 'RSS MB', '× nginx'], shown),
    );
  return rows;
}

function round(figure: number): number {
  return Math.round(figure * 1000) / 1000;
}

/** Starts systems one by one; what is missing or does not start is said and left out. */
export async function startSystems(
  bench: Bench,
  begin: { readonly [S in SystemName]?: () => Promise<System> },
): Promise<System[]> {
  const systems: System[] = [];
  for (const [name, start] of Object.entries(begin))
    try {
      if (name === 'haproxy' && !findProgram(name)) throw new Error('it is missing (apt-get install haproxy)');
      systems.push(await start());
    } catch (error) {
      bench.skip(name, error, name === 'agentgateway');
    }
  return systems;
}
