// The group for sizes: 10 and 10,000 routes, and 1,000 listeners on one port that are told apart by host name, beside nginx.
import { join } from 'node:path';
import type { Bench } from './bench.ts';
import { type Target, loadTargets } from './load.ts';
import { type Running, freePort, untilServing } from './processes.ts';
import { type BenchRow, type Row, type System, type SystemName, measureRows, startSystems } from './rows.ts';
import { startGateway, startNginx, startUpstreams } from './systems.ts';

/** How many routes, and of how many listeners, a process has. */
interface Size {
  readonly routes: number;
  readonly listeners: number;
}

const sizes = {
  few: { routes: 10, listeners: 1 },
  many: { routes: 10_000, listeners: 1 },
  listeners: { routes: 1000, listeners: 1000 },
} as const;
type SizeName = keyof typeof sizes;
const sizeNames = Object.keys(sizes) as SizeName[];

/**
 * Which size each row is about, and how many of its routes are asked for: as many of many as of few, so that the sizes of
 * tables compare, and then all in turn, which adds what memory costs that no cache holds.
 */
const rowSizes: Readonly<Record<string, { readonly size: SizeName; readonly asked: number }>> = {
  'routes-10': { size: 'few', asked: 10 },
  'routes-10000': { size: 'many', asked: 10 },
  'routes-10000-all': { size: 'many', asked: 10_000 },
  'listeners-1000': { size: 'listeners', asked: 1000 },
};
/** A Gateway holds so many listeners; several share the port. */
const listenersOfGateway = 64;
/** Hosts that routes are spread over where a listener has all of them. */
const hosts = 100;
/** Targets are asked for in an order that no cache foresees; a prime that divides none of the counts. */
const stride = 7919;

/** The host and the path of a route. */
export function targetOf(index: number, { listeners }: { readonly listeners: number }): Target {
  const host = listeners > 1 ? `listener-${index % listeners}` : `host-${index % hosts}`;
  return { host: `${host}.example.com`, path: `/service-${index}` };
}

function targetsOf(size: Size, length = size.routes): Target[] {
  return Array.from({ length }, (_, index) => targetOf((index * stride) % size.routes, size));
}

function parentOf(listener: number): object {
  return { name: `bench-${Math.floor(listener / listenersOfGateway)}`, sectionName: `listener-${listener}` };
}

/** A configuration with a route for each target; a change of `edition` changes the route in the middle. */
export function routesConfig(port: number, size: Size, upstreamPort: number, edition = 0): object {
  const isSplit = size.listeners > 1;
  const listener = (index: number): object => ({
    name: `listener-${index}`,
    port,
    ...(isSplit && { hostname: targetOf(index, size).host }),
  });
  const gateways = Array.from({ length: Math.ceil(size.listeners / listenersOfGateway) }, (_, gateway) => {
    const first = gateway * listenersOfGateway;
    const length = Math.min(listenersOfGateway, size.listeners - first);
    return { name: `bench-${gateway}`, listeners: Array.from({ length }, (_, index) => listener(first + index)) };
  });
  const middle = size.routes / 2;
  return {
    gateways,
    httpBackends: [{ name: 'static', host: '127.0.0.1', port: upstreamPort }],
    httpRoutes: Array.from({ length: size.routes }, (_, index) => {
      const { host, path } = targetOf(index, size);
      const value = index === middle && edition > 0 ? `${path}-${edition}` : path;
      return {
        name: `route-${index}`,
        ...(isSplit ? { parentRefs: [parentOf(index % size.listeners)] } : { hostnames: [host] }),
        rules: [
          {
            matches: [{ path: { value } }],
            backendRefs: [{ group: 'agentgateway.dev', kind: 'HTTPBackend', name: 'static' }],
          },
        ],
      };
    }),
  };
}

/** A process and a port for each size. */
async function startSizes(name: SystemName, begin: (size: SizeName, port: number) => Running): Promise<System> {
  const started = new Map<string, { readonly running: Running; readonly port: number }>();
  for (const size of sizeNames) {
    const port = await freePort();
    const running = begin(size, port);
    const { host, path } = targetOf(0, sizes[size]);
    await untilServing(`http://127.0.0.1:${port}${path}`, running, { host });
    started.set(size, { running, port });
  }
  return {
    name,
    process: (row) => started.get(rowSizes[row]!.size)!.running,
    base: (row) => `http://127.0.0.1:${started.get(rowSizes[row]!.size)!.port}`,
  };
}

function startOurs(folder: string, upstreamPort: number): Promise<System> {
  return startSizes('agentgateway', (size, port) => {
    const config = routesConfig(port, sizes[size], upstreamPort);
    return startGateway({ folder: join(folder, `agentgateway-${size}`), config }).running;
  });
}

function startNginxProxy(folder: string, upstreamPort: number): Promise<System> {
  return startSizes('nginx', (size, port) => {
    const servers = Map.groupBy(targetsOf(sizes[size]), ({ host }) => host);
    const pass = 'proxy_pass http://static; proxy_http_version 1.1; proxy_set_header Connection "";';
    const http = [
      '  server_names_hash_max_size 8192;',
      `  upstream static { server 127.0.0.1:${upstreamPort}; keepalive 64; keepalive_requests 1000000000; }`,
      ...[...servers].map(([host, targets]) => {
        const locations = targets.map(({ path }) => `location ${path} { ${pass} }`).join('\n    ');
        return `  server {\n    listen 127.0.0.1:${port};\n    server_name ${host};\n    ${locations}\n  }`;
      }),
    ].join('\n');
    return startNginx('measured', join(folder, `nginx-${size}`), http);
  });
}

function toRow(name: string): Row {
  const { size, asked } = rowSizes[name]!;
  const targets = targetsOf(sizes[size], asked);
  return { name, load: (base, seconds, folder) => loadTargets(base, targets, seconds, folder) };
}

/** Few and many routes, many listeners. */
export async function benchRoutes(bench: Bench): Promise<BenchRow[]> {
  const { staticPort } = await startUpstreams(bench.folder);
  const systems = await startSystems(bench, {
    agentgateway: () => startOurs(bench.folder, staticPort),
    nginx: () => startNginxProxy(bench.folder, staticPort),
  });
  const { rows, ratio } = await measureRows(bench, Object.keys(rowSizes).map(toRow), systems);
  const measured = ratio('routes-10000', 'routes-10');
  if (measured !== undefined) bench.goal({ what: '10,000 routes, CPU × 10 routes', measured, limit: 1.05, unit: ' ×' });
  return rows;
}
