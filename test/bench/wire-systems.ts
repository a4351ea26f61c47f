// The systems of the rows for TLS, HTTP/2, gRPC and WebSocket: each serves every way of speaking on a port of its own, before the same upstreams.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeCertificate } from '../kit/certificate.ts';
import type { Bench } from './bench.ts';
import { type Running, findProgram, freePort, start, untilListening, untilServing } from './processes.ts';
import { type System, type SystemName, startSystems } from './rows.ts';
import { startGateway, startNginx, startUpstreams } from './systems.ts';
import { tunnelHost } from './tunnel-rows.ts';

const wires = ['plain', 'tls', 'h2', 'grpc', 'websocket'] as const;
type Wire = (typeof wires)[number];
type Ports = Readonly<Record<Wire, number>>;

/** How each row speaks. */
const wireOf: Readonly<Record<string, Wire>> = {
  'tls-plain-1k': 'plain',
  'tls-1k': 'tls',
  'tls-handshakes': 'tls',
  'h2-100-streams': 'h2',
  'grpc-unary': 'grpc',
  'websocket-echo': 'websocket',
};

/** Where the upstreams are, and the certificate of all systems. */
interface Surroundings {
  readonly folder: string;
  readonly staticPort: number;
  readonly grpcPort: number;
  readonly websocketPort: number;
  readonly certificateFile: string;
  readonly keyFile: string;
  /** Both in one file. */
  readonly bothFile: string;
}

async function freePorts(): Promise<Ports> {
  const ports: Partial<Record<Wire, number>> = {};
  for (const wire of wires) ports[wire] = await freePort();
  return ports as Ports;
}

function systemOf(name: SystemName, running: Running, ports: Ports): System {
  return {
    name,
    process: () => running,
    base(row) {
      const wire = wireOf[row]!;
      return `${wire === 'tls' ? 'https' : 'http'}://127.0.0.1:${ports[wire]}`;
    },
  };
}

async function surround(folder: string): Promise<Surroundings> {
  const { staticPort } = await startUpstreams(folder);
  const [grpcPort, websocketPort] = [await freePort(), await freePort()];
  const script = join(import.meta.dirname, 'echo-upstream.ts');
  const command = [process.execPath, script, String(grpcPort), String(websocketPort)];
  await untilListening(websocketPort, start('others', command, join(folder, 'echo-upstream.log')));
  const certificate = makeCertificate(tunnelHost);
  if (!certificate) throw new Error('openssl is missing');
  const files = {
    certificateFile: join(folder, 'cert.pem'),
    keyFile: join(folder, 'key.pem'),
    bothFile: join(folder, 'both.pem'),
  };
  writeFileSync(files.certificateFile, certificate.cert);
  writeFileSync(files.keyFile, certificate.key);
  writeFileSync(files.bothFile, certificate.cert + certificate.key);
  return { folder, staticPort, grpcPort, websocketPort, ...files };
}

function to(name: string): object[] {
  return [{ group: 'agentgateway.dev', kind: 'HTTPBackend', name }];
}

function backend(name: string, port: number): object {
  return { name, host: '127.0.0.1', port };
}

function at(sectionName: string): object[] {
  return [{ name: 'bench', sectionName }];
}

function exactly(value: string): object[] {
  return [{ path: { type: 'Exact', value } }];
}

/** This gateway: HTTP/1.1, HTTP/2 and WebSocket in plain text on one port, gRPC and TLS on others. */
async function startOurs(surroundings: Surroundings): Promise<System> {
  const { folder, staticPort, grpcPort, websocketPort, certificateFile, keyFile } = surroundings;
  const [port, tlsPort, callPort] = [await freePort(), await freePort(), await freePort()];
  const config = {
    gateways: [
      {
        name: 'bench',
        listeners: [
          { name: 'http', port },
          // Routes of HTTP and of gRPC cannot share a host of one listener.
          { name: 'grpc', port: callPort },
          { name: 'https', port: tlsPort, tls: { certificateFile, keyFile } },
        ],
      },
    ],
    httpBackends: [
      backend('static', staticPort),
      backend('websocket', websocketPort),
      { ...backend('grpc', grpcPort), protocol: 'HTTP2' },
    ],
    httpRoutes: [
      {
        name: 'plain',
        parentRefs: [...at('http'), ...at('https')],
        rules: [{ matches: exactly('/1k.json'), backendRefs: to('static') }],
      },
      { name: 'websocket', parentRefs: at('http'), rules: [{ matches: exactly('/ws'), backendRefs: to('websocket') }] },
    ],
    grpcRoutes: [
      {
        name: 'grpc',
        parentRefs: at('grpc'),
        rules: [{ matches: [{ method: { service: 'bench.Echo' } }], backendRefs: to('grpc') }],
      },
    ],
  };
  const { running } = startGateway({ folder: join(folder, 'agentgateway'), config });
  await untilServing(`http://127.0.0.1:${port}/1k.json`, running);
  await untilListening(tlsPort, running);
  return systemOf('agentgateway', running, { plain: port, tls: tlsPort, h2: port, grpc: callPort, websocket: port });
}

function nginxUpstream(name: string, port: number): string {
  return `  upstream ${name} { server 127.0.0.1:${port}; keepalive 256; keepalive_requests 1000000000; }`;
}

function nginxServer(listen: string, location: string): string {
  return `  server { listen 127.0.0.1:${listen} backlog=1024; location / { ${location} } }`;
}

async function startNginxProxy(surroundings: Surroundings): Promise<System> {
  const { folder, staticPort, grpcPort, websocketPort, certificateFile, keyFile } = surroundings;
  const ports = await freePorts();
  const pass = 'proxy_pass http://static; proxy_http_version 1.1; proxy_set_header Connection "";';
  const http = [
    `  ssl_certificate ${certificateFile};`,
    `  ssl_certificate_key ${keyFile};`,
    '  ssl_protocols TLSv1.2 TLSv1.3;',
    nginxUpstream('static', staticPort),
    nginxUpstream('echo', grpcPort),
    nginxServer(`${ports.plain}`, pass),
    nginxServer(`${ports.tls} ssl`, pass),
    nginxServer(`${ports.h2} http2`, pass),
    nginxServer(`${ports.grpc} http2`, 'grpc_pass grpc://echo;'),
    nginxServer(
      `${ports.websocket}`,
      `proxy_pass http://127.0.0.1:${websocketPort}; proxy_http_version 1.1; proxy_set_header Connection "Upgrade"; proxy_set_header Upgrade $http_upgrade;`,
    ),
  ].join('\n');
  const running = startNginx('measured', join(folder, 'nginx'), http);
  await untilServing(`http://127.0.0.1:${ports.plain}/1k.json`, running);
  return systemOf('nginx', running, ports);
}

async function startHaproxy(surroundings: Surroundings): Promise<System> {
  const { folder, staticPort, grpcPort, websocketPort, bothFile } = surroundings;
  const ports = await freePorts();
  mkdirSync(join(folder, 'haproxy'), { recursive: true });
  const configuration = join(folder, 'haproxy', 'haproxy.cfg');
  const listen = (wire: Wire, bind: string, server: string): string =>
    `listen ${wire}\n  bind 127.0.0.1:${ports[wire]} ${bind}\n  server upstream 127.0.0.1:${server}`;
  const text = `global
  nbthread 1
  maxconn 4000
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 5s
  http-reuse always
  option http-no-delay
${listen('plain', '', `${staticPort}`)}
${listen('tls', `ssl crt ${bothFile}`, `${staticPort}`)}
${listen('h2', 'proto h2', `${staticPort}`)}
${listen('grpc', 'proto h2', `${grpcPort} proto h2`)}
${listen('websocket', '', `${websocketPort}`)}
`;
  writeFileSync(configuration, text);
  const command = [findProgram('haproxy')!, '-db', '-f', configuration];
  const running = start('measured', command, join(folder, 'haproxy', 'output.log'));
  await untilServing(`http://127.0.0.1:${ports.plain}/1k.json`, running);
  return systemOf('haproxy', running, ports);
}

/** Starts all of them. */
export async function startWireSystems(bench: Bench): Promise<System[]> {
  const surroundings = await surround(bench.folder);
  return startSystems(bench, {
    agentgateway: () => startOurs(surroundings),
    nginx: () => startNginxProxy(surroundings),
    haproxy: () => startHaproxy(surroundings),
  });
}
