// The systems that are compared: this gateway, nginx and haproxy in front of the same upstreams, and the upstreams alone.
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LoadRequest } from './load.ts';
import type { System, SystemName } from './rows.ts';
import { type Running, findProgram, freePort, start, untilServing } from './processes.ts';

/** Names of rows. */
export const rowNames = ['plain-1k', 'llm-chat-1k', 'llm-stream-50'] as const;
/** A row's name. */
export type RowName = (typeof rowNames)[number];

const repository = join(import.meta.dirname, '../..');
/** The program of this gateway: the bundle, which is what `make run` and the image run, unless BENCH_MAIN names another. */
export const gatewayMain = process.env['BENCH_MAIN'] ?? join(repository, 'dist/main.js');

/** Keys that the gateway knows; one of them is used. */
const keyCount = 1000;
const clientKey = 'bench-key-500';

/** The body of rows with 1 KB of JSON. */
export const oneKilobyte = JSON.stringify({
  items: Array.from({ length: 20 }, (_, index) => `item ${index} `.padEnd(44, 'x')),
});
const completion = JSON.stringify({
  id: 'chatcmpl-bench',
  object: 'chat.completion',
  created: 1_700_000_000,
  model: 'upstream-chat',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: 'The quick brown fox jumps over the lazy dog. '.repeat(16).trim() },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage: { prompt_tokens: 120, completion_tokens: 180, total_tokens: 300 },
});

/** The request of a row. `isPaced` asks for pauses between the chunks. */
export function requestOf(row: RowName, base: string, isPaced = false): LoadRequest {
  if (row === 'plain-1k') return { url: `${base}/1k.json`, headers: {}, body: undefined };
  const isStream = row === 'llm-stream-50';
  const body = JSON.stringify({
    model: isPaced ? 'paced' : isStream ? 'stream' : 'chat',
    ...(isStream && { stream: true }),
    messages: [
      { role: 'system', content: 'You answer briefly. '.repeat(20).trim() },
      { role: 'user', content: 'Tell me about foxes and dogs. '.repeat(15).trim() },
    ],
  });
  return {
    url: `${base}/v1/chat/completions`,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${clientKey}` },
    body,
  };
}

/** Both upstreams: nginx with 1 KB of JSON and a canned completion, and a Node server that streams. */
export interface Upstreams {
  readonly static: Running;
  readonly stream: Running;
  readonly staticPort: number;
  readonly streamPort: number;
}

function nginxHead(folder: string): string {
  mkdirSync(join(folder, 'tmp'), { recursive: true });
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `  ${kind}_temp_path ${folder}/tmp;`)
    .join('\n');
  return `daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr warn;
worker_rlimit_nofile 8192;
events { worker_connections 4096; }
http {
  access_log off;
${temporary}
  keepalive_requests 1000000000;
  keepalive_timeout 3600s;`;
}

/** Starts an nginx of one worker with the inside of its `http`. */
export function startNginx(role: 'measured' | 'others', folder: string, http: string): Running {
  mkdirSync(folder, { recursive: true });
  const configuration = join(folder, 'nginx.conf');
  writeFileSync(configuration, `${nginxHead(folder)}\n${http}\n}\n`);
  const command = [findProgram('nginx')!, '-p', folder, '-e', 'stderr', '-c', configuration];
  return start(role, command, join(folder, 'output.log'));
}

/** Starts the upstreams. */
export async function startUpstreams(folder: string): Promise<Upstreams> {
  const [staticPort, streamPort] = [await freePort(), await freePort()];
  const root = join(folder, 'upstream', 'root');
  mkdirSync(root, { recursive: true });
  writeFileSync(join(root, '1k.json'), oneKilobyte);
  const http = `  types { application/json json; }
  server {
    listen 127.0.0.1:${staticPort} backlog=1024;
    root ${root};
    location /service- { try_files /1k.json =404; }
    location = /v1/chat/completions { default_type application/json; return 200 '${completion}'; }
  }`;
  const upstream = startNginx('others', join(folder, 'upstream'), http);
  const stream = start(
    'others',
    [process.execPath, join(import.meta.dirname, 'stream-upstream.ts'), String(streamPort)],
    join(folder, 'stream-upstream.log'),
  );
  await untilServing(`http://127.0.0.1:${staticPort}/1k.json`, upstream);
  await untilServing(`http://127.0.0.1:${streamPort}/`, stream);
  return { static: upstream, stream, staticPort, streamPort };
}

/** The upstreams themselves, with nothing before them. */
export function direct(upstreams: Upstreams): System {
  return {
    name: 'direct',
    process: (row) => (row === 'llm-stream-50' ? upstreams.stream : upstreams.static),
    base: (row) => `http://127.0.0.1:${row === 'llm-stream-50' ? upstreams.streamPort : upstreams.staticPort}`,
  };
}

/** A reverse proxy with a port per upstream. */
function proxySystem(name: SystemName, running: Running, ports: readonly [number, number]): System {
  return {
    name,
    process: () => running,
    base: (row) => `http://127.0.0.1:${row === 'llm-stream-50' ? ports[1] : ports[0]}`,
  };
}

function nginxServer(port: number, upstream: string, options: string): string {
  return `  server {
    listen 127.0.0.1:${port} backlog=1024;
    location / { proxy_pass http://${upstream}; proxy_http_version 1.1; proxy_set_header Connection ""; ${options} }
  }`;
}

/** nginx as a reverse proxy, one worker. */
export async function startNginxProxy(folder: string, upstreams: Upstreams): Promise<System> {
  const ports = [await freePort(), await freePort()] as const;
  const http = `  upstream static { server 127.0.0.1:${upstreams.staticPort}; keepalive 64; keepalive_requests 1000000000; }
  upstream stream { server 127.0.0.1:${upstreams.streamPort}; keepalive 64; keepalive_requests 1000000000; }
${nginxServer(ports[0], 'static', '')}
${nginxServer(ports[1], 'stream', 'proxy_buffering off;')}`;
  const running = startNginx('measured', join(folder, 'nginx'), http);
  await untilServing(`http://127.0.0.1:${ports[0]}/1k.json`, running);
  return proxySystem('nginx', running, ports);
}

/** haproxy as a reverse proxy, one thread. */
export async function startHaproxy(folder: string, upstreams: Upstreams): Promise<System> {
  const ports = [await freePort(), await freePort()] as const;
  mkdirSync(join(folder, 'haproxy'), { recursive: true });
  const configuration = join(folder, 'haproxy', 'haproxy.cfg');
  writeFileSync(
    configuration,
    `global
  nbthread 1
  maxconn 4000
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 5s
  http-reuse always
  option http-no-delay
listen static
  bind 127.0.0.1:${ports[0]}
  server upstream 127.0.0.1:${upstreams.staticPort}
listen stream
  bind 127.0.0.1:${ports[1]}
  server upstream 127.0.0.1:${upstreams.streamPort}
`,
  );
  const command = [findProgram('haproxy')!, '-db', '-f', configuration];
  const running = start('measured', command, join(folder, 'haproxy', 'output.log'));
  await untilServing(`http://127.0.0.1:${ports[0]}/1k.json`, running);
  return proxySystem('haproxy', running, ports);
}

function provider(name: string, upstreamPort: number): object {
  const baseUrl = `http://127.0.0.1:${upstreamPort}/v1`;
  return { name, openaiCompatible: { baseUrl }, auth: { key: 'upstream-key' } };
}

function target(provider: string, model: string): object {
  return { targets: [{ provider, model }] };
}

function to(kind: string, name: string): object[] {
  return [{ group: 'agentgateway.dev', kind, name }];
}

/** The configuration of this gateway: a plain route, and models behind a check of 1,000 keys. */
function gatewayConfig(port: number, upstreams: Upstreams): object {
  const keys = Array.from({ length: keyCount }, (_, index) => ({
    keyHash: `sha256:${createHash('sha256').update(`bench-key-${index}`).digest('hex')}`,
    name: `key-${index}`,
    subject: `user-${index}`,
  }));
  return {
    gateways: [{ name: 'bench', listeners: [{ name: 'http', port }] }],
    httpBackends: [{ name: 'static', host: '127.0.0.1', port: upstreams.staticPort }],
    llmBackends: [
      {
        name: 'models',
        providers: [provider('buffered', upstreams.staticPort), provider('streamed', upstreams.streamPort)],
        models: [
          { name: 'chat', ...target('buffered', 'upstream-chat') },
          { name: 'stream', ...target('streamed', 'upstream-stream') },
          { name: 'paced', ...target('streamed', 'upstream-paced') },
        ],
      },
    ],
    httpRoutes: [
      {
        name: 'plain',
        rules: [
          { matches: [{ path: { type: 'Exact', value: '/1k.json' } }], backendRefs: to('HTTPBackend', 'static') },
        ],
      },
      { name: 'llm', rules: [{ matches: [{ path: { value: '/v1' } }], backendRefs: to('LLMBackend', 'models') }] },
    ],
    policies: [{ name: 'keys', targetRefs: [{ kind: 'HTTPRoute', name: 'llm' }], apiKeyAuthentication: { keys } }],
  };
}

/** How the gateway is started. */
export interface GatewayStart {
  readonly folder: string;
  /** What the configuration holds; JSON is YAML. */
  readonly config: object;
  readonly main?: string;
  /** A module that is loaded first. */
  readonly preload?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts this gateway, telemetry as by default, its access log in a file; returns its process and its file. */
export function startGateway({ folder, config, main = gatewayMain, preload, env = {} }: GatewayStart): {
  readonly running: Running;
  readonly file: string;
} {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'config.yaml');
  writeFileSync(file, JSON.stringify(config, undefined, 1));
  const flags = [
    'run',
    '-f',
    file,
    '--admin-port',
    '0',
    '--metrics-port',
    '0',
    '--readiness-port',
    '0',
    '--log-format',
    'json',
    '--access-log',
    join(folder, 'access.log'),
  ];
  const imports = preload === undefined ? [] : ['--import', join(import.meta.dirname, preload)];
  const command = [process.execPath, ...imports, main, ...flags];
  return { running: start('measured', command, join(folder, 'output.log'), env), file };
}

/** This gateway, one process. */
export async function startAgentgateway(folder: string, upstreams: Upstreams): Promise<System> {
  const port = await freePort();
  const { running } = startGateway({ folder: join(folder, 'agentgateway'), config: gatewayConfig(port, upstreams) });
  await untilServing(`http://127.0.0.1:${port}/1k.json`, running);
  return proxySystem('agentgateway', running, [port, port]);
}
