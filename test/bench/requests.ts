// The groups for plain requests and for LLM requests, streamed and not, and what each proxy adds to a paced stream.
import type { Bench } from './bench.ts';
import { load } from './load.ts';
import { type BenchRow, type Row, type System, type SystemName, measureRows, startSystems } from './rows.ts';
import { measureStreams } from './stream-delay.ts';
import { showSpread, showTable, spreadOf } from './summary.ts';
import {
  type RowName,
  direct,
  requestOf,
  startAgentgateway,
  startHaproxy,
  startNginxProxy,
  startUpstreams,
} from './systems.ts';

const streamsPerRound = 10;

async function startAll(bench: Bench): Promise<System[]> {
  const upstreams = await startUpstreams(bench.folder);
  return startSystems(bench, {
    agentgateway: () => startAgentgateway(bench.folder, upstreams),
    nginx: () => startNginxProxy(bench.folder, upstreams),
    haproxy: () => startHaproxy(bench.folder, upstreams),
    direct: async () => direct(upstreams),
  });
}

function rowOf(name: RowName): Row {
  return { name, load: (base, seconds, folder) => load(requestOf(name, base), seconds, folder) };
}

function ratioGoal(bench: Bench, rows: readonly BenchRow[], name: RowName, limit: number): void {
  const ratio = rows.find((row) => row.name === name && row.system === 'agentgateway')?.ratioToNginx;
  if (typeof ratio === 'number') bench.goal({ what: `${name}, CPU × nginx`, measured: ratio, limit, unit: ' ×' });
}

/** Plain requests. */
export async function benchPlain(bench: Bench): Promise<BenchRow[]> {
  const { rows } = await measureRows(bench, [rowOf('plain-1k')], await startAll(bench));
  ratioGoal(bench, rows, 'plain-1k', 5);
  return rows;
}

/** LLM requests, in one answer and in a stream. */
export async function benchLlm(bench: Bench): Promise<BenchRow[]> {
  const systems = await startAll(bench);
  const { rows } = await measureRows(bench, [rowOf('llm-chat-1k'), rowOf('llm-stream-50')], systems);
  // After the load: what has never run is slow for reasons that are none of a proxy's.
  await measureDelays(bench, systems);
  ratioGoal(bench, rows, 'llm-chat-1k', 6);
  return rows;
}

/** What each proxy adds to a paced stream, one stream at a time. */
async function measureDelays(bench: Bench, systems: readonly System[]): Promise<void> {
  const taken = new Map<SystemName, { firstByteMs: number[]; chunkMs: number[] }>();
  for (let round = 0; round < bench.rounds; round++)
    for (const system of systems) {
      try {
        const one = await measureStreams(
          requestOf('llm-stream-50', system.base('llm-stream-50')!, true),
          streamsPerRound,
        );
        const all = taken.get(system.name) ?? { firstByteMs: [], chunkMs: [] };
        all.firstByteMs.push(spreadOf(one.firstByteMs).median);
        all.chunkMs.push(spreadOf(one.chunkMs).median);
        taken.set(system.name, all);
      } catch (error) {
        if (round === 0) bench.skip(`the delays of ${system.name}`, error, system.name === 'agentgateway');
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
  const own = taken.get('agentgateway')?.firstByteMs;
  if (own && base?.firstByteMs.length === own.length) {
    const added = spreadOf(own.map((figure, round) => figure - base.firstByteMs[round]!)).median;
    bench.goal({ what: 'first byte of a stream, added', measured: added, limit: 1, unit: ' ms' });
  }
  bench.say(showTable(['row', 'system', 'first byte ms', 'added ms', 'chunk ms', 'added ms'], rows));
}

/** What the rounds of a system add to those of another, round by round. */
function showAdded(own: readonly number[], without: readonly number[] | undefined): string {
  if (without?.length !== own.length) return '';
  return spreadOf(own.map((figure, round) => figure - without[round]!)).median.toFixed(3);
}
