// Measures TCP, TLS passthrough and UDP: CPU per MiB or datagram of this gateway beside haproxy, and nginx for UDP.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { makeCertificate } from '../kit/certificate.ts';
import type { Bench } from './bench.ts';
import { type Running, findProgram, freePort, pinned, start, untilListening } from './processes.ts';
import { showSpread, showTable, spreadOf } from './summary.ts';
import { startGateway } from './systems.ts';
import { type TunnelRow, tunnelHost, tunnelRows } from './tunnel-rows.ts';

/** A proxy that is measured, and where its rows are. */
interface TunnelSystem {
  readonly name: 'agentgateway' | 'haproxy' | 'nginx';
  readonly running: Running;
  readonly ports: { readonly [R in TunnelRow]?: number };
}

/** Ports of the upstream, and of a proxy before it. */
interface Ports {
  readonly tcp: number;
  readonly tls: number;
  readonly udp: number;
}

/** A row that was measured. */
export interface TunnelResult {
  readonly name: TunnelRow;
  readonly system: TunnelSystem['name'];
  /** CPU in microseconds per MiB, or per datagram there and back. */
  readonly cpuMicrosPerUnit: number;
  readonly unitsPerSecond: number;
  /** CPU as a multiple of that of the proxy it is compared with. */
  readonly ratio: number | null;
}

interface Sample {
  readonly cpuMicrosPerUnit: number;
  readonly unitsPerSecond: number;
}

/** Whom a row is compared with. */
const compared = {
  'tcp-download': 'haproxy',
  'tcp-upload': 'haproxy',
  'tls-passthrough': 'haproxy',
  'udp-256': 'nginx',
} as const;
const mebibyte = 1024 * 1024;
const run = promisify(execFile);

async function threePorts(): Promise<Ports> {
  return { tcp: await freePort(), tls: await freePort(), udp: await freePort() };
}

function toRows({ tcp, tls, udp }: Ports): TunnelSystem['ports'] {
  return { 'tcp-download': tcp, 'tcp-upload': tcp, 'tls-passthrough': tls, 'udp-256': udp };
}

async function startUpstream(folder: string): Promise<{ running: Running; ports: Ports }> {
  const certificate = makeCertificate(tunnelHost);
  if (!certificate) throw new Error('openssl is missing');
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  writeFileSync(cert, certificate.cert);
  writeFileSync(key, certificate.key);
  const ports = await threePorts();
  const script = join(import.meta.dirname, 'tunnel-upstream.ts');
  const args = [ports.tcp, ports.tls, ports.udp].map(String);
  const running = start('others', [process.execPath, script, ...args, cert, key], join(folder, 'upstream.log'));
  await untilListening(ports.tls, running);
  return { running, ports };
}

async function startOurs(folder: string, upstream: Ports): Promise<TunnelSystem> {
  const ports = await threePorts();
  const listener = (name: 'tcp' | 'tls' | 'udp'): object => ({ name, port: ports[name], protocol: name.toUpperCase() });
  const route = (name: 'tcp' | 'tls' | 'udp'): object => ({
    name,
    parentRefs: [{ name: 'bench', sectionName: name }],
    rules: [{ backendRefs: [{ name, port: upstream[name] }] }],
  });
  const service = (name: 'tcp' | 'tls' | 'udp'): object => ({
    name,
    ports: [{ port: upstream[name], ...(name === 'udp' && { protocol: 'UDP' }) }],
    endpoints: [{ address: '127.0.0.1' }],
  });
  const config = {
    gateways: [
      {
        name: 'bench',
        listeners: [
          listener('tcp'),
          { ...listener('tls'), hostname: tunnelHost, tls: { mode: 'Passthrough' } },
          listener('udp'),
        ],
      },
    ],
    tcpRoutes: [route('tcp')],
    tlsRoutes: [{ ...route('tls'), hostnames: [tunnelHost] }],
    udpRoutes: [route('udp')],
    services: [service('tcp'), service('tls'), service('udp')],
  };
  const { running } = startGateway({ folder: join(folder, 'agentgateway'), config });
  await untilListening(ports.tls, running);
  return { name: 'agentgateway', running, ports: toRows(ports) };
}

async function startHaproxy(folder: string, upstream: Ports): Promise<TunnelSystem> {
  const ports = await threePorts();
  mkdirSync(join(folder, 'haproxy'), { recursive: true });
  const configuration = join(folder, 'haproxy', 'haproxy.cfg');
  const text = `global
  nbthread 1
  maxconn 4000
defaults
  mode tcp
  timeout client 60s
  timeout server 60s
  timeout connect 5s
listen tcp
  bind 127.0.0.1:${ports.tcp}
  server upstream 127.0.0.1:${upstream.tcp}
frontend tls
  bind 127.0.0.1:${ports.tls}
  tcp-request inspect-delay 5s
  tcp-request content accept if { req_ssl_hello_type 1 }
  use_backend tls if { req_ssl_sni -i ${tunnelHost} }
backend tls
  server upstream 127.0.0.1:${upstream.tls}
`;
  writeFileSync(configuration, text);
  const command = [findProgram('haproxy')!, '-db', '-f', configuration];
  const running = start('measured', command, join(folder, 'haproxy', 'output.log'));
  await untilListening(ports.tls, running);
  const { 'udp-256': _, ...rows } = toRows(ports);
  return { name: 'haproxy', running, ports: rows };
}

const streamModule = '/usr/lib/nginx/modules/ngx_stream_module.so';

async function startNginx(folder: string, upstream: Ports): Promise<TunnelSystem> {
  const ports = await threePorts();
  mkdirSync(join(folder, 'nginx'), { recursive: true });
  const configuration = join(folder, 'nginx', 'nginx.conf');
  const text = `load_module ${streamModule};
daemon off;
master_process off;
pid ${folder}/nginx/nginx.pid;
error_log stderr warn;
events { worker_connections 4096; }
stream {
  server { listen 127.0.0.1:${ports.tcp}; proxy_pass 127.0.0.1:${upstream.tcp}; }
  server { listen 127.0.0.1:${ports.udp} udp rcvbuf=4m sndbuf=4m; proxy_pass 127.0.0.1:${upstream.udp}; proxy_timeout 60s; }
}
`;
  writeFileSync(configuration, text);
  const command = [findProgram('nginx')!, '-p', join(folder, 'nginx'), '-e', 'stderr', '-c', configuration];
  const running = start('measured', command, join(folder, 'nginx', 'output.log'));
  await untilListening(ports.tcp, running);
  const { 'tls-passthrough': _, ...rows } = toRows(ports);
  return { name: 'nginx', running, ports: rows };
}

async function measure(row: TunnelRow, port: number, pid: number, seconds: number): Promise<Sample> {
  const script = join(import.meta.dirname, 'tunnel-load.ts');
  const args = [row, String(port), String(seconds), String(pid)];
  const [program, ...rest] = pinned('others', [process.execPath, script, ...args]);
  const { stdout } = await run(program!, rest, { timeout: (seconds + 30) * 1000 });
  const { units, cpuMicros, seconds: taken } = JSON.parse(stdout) as Record<'units' | 'cpuMicros' | 'seconds', number>;
  const amount = row === 'udp-256' ? units : units / mebibyte;
  if (amount === 0) throw new Error('nothing came through');
  return { cpuMicrosPerUnit: cpuMicros / amount, unitsPerSecond: amount / taken };
}

/** Measures every row in rounds and prints the table. */
export async function benchTunnels(bench: Bench): Promise<TunnelResult[]> {
  const { folder, seconds, skip } = bench;
  const upstream = await startUpstream(folder);
  const systems: TunnelSystem[] = [];
  const add = async (what: string, begin: () => Promise<TunnelSystem>): Promise<void> => {
    try {
      systems.push(await begin());
    } catch (error) {
      skip(`${what} for TCP, TLS and UDP`, error, what === 'agentgateway');
    }
  };
  await add('agentgateway', () => startOurs(folder, upstream.ports));
  if (findProgram('haproxy')) await add('haproxy', () => startHaproxy(folder, upstream.ports));
  else skip('haproxy for TCP and TLS', 'it is missing (apt-get install haproxy)');
  if (findProgram('nginx') && existsSync(streamModule)) await add('nginx', () => startNginx(folder, upstream.ports));
  else skip('nginx for UDP', 'it is missing (apt-get install nginx-light libnginx-mod-stream)');
  const samples = new Map<string, Sample[]>();
  await bench.eachRound(async (round) => {
    for (const row of tunnelRows)
      for (const { name, running, ports } of systems) {
        const port = ports[row];
        if (port === undefined) continue;
        try {
          const taken = samples.get(`${row} ${name}`) ?? [];
          samples.set(`${row} ${name}`, [...taken, await measure(row, port, running.pid, seconds)]);
        } catch (error) {
          if (round === 1) skip(`${row} ${name}`, error, name === 'agentgateway');
        }
      }
  });
  const results = summarise(bench, samples);
  for (const { name, system, ratio } of results)
    if (system === 'agentgateway' && ratio !== null && compared[name] === 'haproxy')
      bench.goal({ what: `${name}, CPU per byte × haproxy`, measured: ratio, limit: 2, unit: ' ×' });
  return results;
}

function summarise(bench: Bench, samples: ReadonlyMap<string, readonly Sample[]>): TunnelResult[] {
  const results: TunnelResult[] = [];
  const shown: string[][] = [];
  for (const [key, taken] of [...samples].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const [name, system] = key.split(' ') as [TunnelRow, TunnelSystem['name']];
    const cpu = spreadOf(taken.map(({ cpuMicrosPerUnit }) => cpuMicrosPerUnit));
    const speed = spreadOf(taken.map(({ unitsPerSecond }) => unitsPerSecond));
    const other = samples.get(`${name} ${compared[name]}`);
    const ratio = other ? cpu.median / spreadOf(other.map(({ cpuMicrosPerUnit }) => cpuMicrosPerUnit)).median : null;
    results.push({ name, system, cpuMicrosPerUnit: cpu.median, unitsPerSecond: speed.median, ratio });
    const unit = name === 'udp-256' ? 'datagram' : 'MiB';
    const ratioText = ratio === null ? '' : `${ratio.toFixed(2)} × ${compared[name]}`;
    shown.push([name, system, unit, showSpread(cpu, 1), showSpread(speed, 0), ratioText]);
  }
  bench.say(showTable(['row', 'system', 'unit', 'CPU µs/unit', 'units/s', 'ratio'], shown));
  return results;
}
