// `make bench`: this gateway beside nginx and haproxy in front of the same upstreams, one core each, in groups of interleaved rounds.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { arch, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bench, type Findings, beginBench, say } from './bench.ts';
import { showGoal } from './goals.ts';
import { benchIdle, benchReload } from './idle.ts';
import { connections, loader } from './load.ts';
import { findProgram, isPinned, stopAll } from './processes.ts';
import { benchLlm, benchPlain } from './requests.ts';
import { benchRoutes } from './routes.ts';
import type { BenchRow } from './rows.ts';
import { type SwapRow, benchSwap } from './swap.ts';
import { type TunnelResult, benchTunnels } from './tunnels.ts';
import { benchHttp2, benchTls, benchWebSocket } from './wires.ts';

type AnyRow = BenchRow | TunnelResult | SwapRow;

/** What a group cannot do without. */
type Need = 'nginx' | 'load';

const groups: Readonly<Record<string, { readonly needs: readonly Need[]; run(bench: Bench): Promise<AnyRow[]> }>> = {
  plain: { needs: ['nginx', 'load'], run: benchPlain },
  llm: { needs: ['nginx', 'load'], run: benchLlm },
  tls: { needs: ['nginx', 'load'], run: benchTls },
  h2: { needs: ['nginx'], run: benchHttp2 },
  websocket: { needs: ['nginx'], run: benchWebSocket },
  routes: { needs: ['nginx', 'load'], run: benchRoutes },
  swap: { needs: ['nginx', 'load'], run: benchSwap },
  tunnels: { needs: [], run: benchTunnels },
  idle: { needs: [], run: benchIdle },
  reload: { needs: [], run: benchReload },
};

/** Names from the command line or BENCH_ONLY; all groups without. */
function chosen(): string[] {
  const names = [...process.argv.slice(2), ...(process.env['BENCH_ONLY'] ?? '').split(/[\s,]+/)].filter(Boolean);
  const unknown = names.find((name) => !Object.hasOwn(groups, name));
  if (unknown !== undefined)
    throw new Error(`there is no group '${unknown}'; the groups are ${Object.keys(groups).join(', ')}`);
  return names.length > 0 ? names : Object.keys(groups);
}

function missing(needs: readonly Need[]): string | undefined {
  if (needs.includes('nginx') && !findProgram('nginx'))
    return 'nginx is missing; it serves what is proxied (apt-get install nginx-light)';
  if (needs.includes('load') && !loader) return 'wrk and h2load are missing (apt-get install wrk nghttp2-client)';
  return undefined;
}

async function runGroup(name: string, folder: string, findings: Findings): Promise<AnyRow[]> {
  const { needs, run } = groups[name]!;
  say(`\n${name}`);
  mkdirSync(folder, { recursive: true });
  const bench = beginBench(folder, findings);
  const lack = missing(needs);
  try {
    if (lack === undefined) return await run(bench);
    bench.skip(name, lack);
  } catch (error) {
    bench.skip(name, error, true);
  } finally {
    await stopAll();
  }
  return [];
}

async function runAll(names: readonly string[], folder: string): Promise<void> {
  const findings: Findings = { goals: [], problems: [] };
  const rows: AnyRow[] = [];
  say(`${cpus()[0]?.model ?? 'unknown processor'}, ${arch()}, ${cpus().length} cores, node ${process.versions.node}`);
  say(
    `${connections} connections, ${loader ?? 'no load generator'}, ${isPinned ? 'one core for what is measured' : 'cores not pinned'}`,
  );
  for (const name of names) rows.push(...(await runGroup(name, join(folder, name), findings)));
  if (findings.goals.length > 0) say(`\nGoals\n${findings.goals.map((goal) => `  ${showGoal(goal)}`).join('\n')}`);
  const out = process.env['BENCH_OUT'];
  if (out) writeFileSync(out, `${JSON.stringify(rows, undefined, 2)}\n`);
  if (findings.problems.length > 0) process.exitCode = 1;
}

const names = chosen();
const folder = mkdtempSync(join(tmpdir(), 'agentgateway-bench-'));
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
await runAll(names, folder);
