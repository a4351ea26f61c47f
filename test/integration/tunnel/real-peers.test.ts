// Real peers: openssl through TLS passthrough, haproxy and nginx speaking the PROXY protocol before and behind the gateway.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { makeCertificate } from '../../kit/certificate.ts';
import { type TestGateway, freePort, startTestGateway } from '../../kit/gateway.ts';
import { skipAloud } from '../../skip.ts';
import { dial, readAll, serveEcho, serveTcp } from './peers.ts';

const paths = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin'].join(':');

function hasProgram(name: string, flag: string): boolean {
  return spawnSync(name, [flag], { env: { PATH: paths }, stdio: 'ignore' }).error === undefined;
}

/** Starts a program that is ended with the test, and waits until somebody listens. */
async function run(command: readonly string[], port: number): Promise<ChildProcess> {
  const [program, ...args] = command;
  const child = spawn(program!, args, { env: { PATH: paths }, stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  onTestFinished(() => void child.kill('SIGKILL'));
  await expect
    .poll(() => probe(port), { timeout: 10_000, message: `${program} does not listen: ${output}` })
    .toBe(true);
  return child;
}

function probe(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = dial(port);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'agentgateway-tunnel-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

interface Shape {
  readonly port: number;
  readonly backendPort: number;
  readonly policies?: string;
}

async function startTcp({ port, backendPort, policies = '' }: Shape): Promise<TestGateway> {
  const gateway = await startTestGateway(`gateways:
- { name: edge, listeners: [{ name: l4, port: ${port}, protocol: TCP }] }
tcpRoutes:
- { name: a, parentRefs: [{ name: edge }], rules: [{ backendRefs: [{ name: a, port: 9 }] }] }
services:
- { name: a, ports: [{ port: 9 }], endpoints: [{ address: 127.0.0.1, port: ${backendPort} }] }
${policies}`);
  onTestFinished(() => gateway[Symbol.asyncDispose]());
  return gateway;
}

async function startTls(backendPort: number): Promise<{ gateway: TestGateway; port: number }> {
  const port = await freePort();
  const gateway = await startTestGateway(`gateways:
- name: edge
  listeners:
  - { name: tls, port: ${port}, protocol: TLS, hostname: "*.example", tls: { mode: Passthrough } }
tlsRoutes:
- { name: a, parentRefs: [{ name: edge }], hostnames: [a.example], rules: [{ backendRefs: [{ name: a, port: 9 }] }] }
- { name: broken, parentRefs: [{ name: edge }], hostnames: [broken.example], rules: [{ backendRefs: [{ name: none, port: 9 }] }] }
services:
- { name: a, ports: [{ port: 9 }], endpoints: [{ address: 127.0.0.1, port: ${backendPort} }] }
`);
  onTestFinished(() => gateway[Symbol.asyncDispose]());
  return { gateway, port };
}

/** What s_client says, with what it was sent, until the end. */
function client(port: number, name: string): Promise<string> {
  const child = spawn(
    'openssl',
    ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', name, '-quiet', '-ign_eof'],
    {
      stdio: ['pipe', 'pipe', 'pipe'],
    },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  child.stdin.write('GET / HTTP/1.0\r\n\r\n');
  onTestFinished(() => void child.kill('SIGKILL'));
  return new Promise((resolve) => child.on('close', () => resolve(output)));
}

const certificate = makeCertificate('a.example');
if (!certificate) skipAloud('TLS passthrough with openssl: it is missing');

describe.runIf(certificate)('openssl', () => {
  test('s_client reaches s_server, whose certificate it sees', async () => {
    const [backendPort, path] = [await freePort(), folder()];
    writeFileSync(join(path, 'cert.pem'), certificate!.cert);
    writeFileSync(join(path, 'key.pem'), certificate!.key);
    const files = ['-cert', join(path, 'cert.pem'), '-key', join(path, 'key.pem')];
    await run(['openssl', 's_server', '-accept', String(backendPort), '-www', '-quiet', ...files], backendPort);
    const { gateway, port } = await startTls(backendPort);
    const output = await client(port, 'a.example');
    expect(output).toContain('200 ok');
    expect(output).toContain('CN = a.example');
    await expect
      .poll(() => gateway.lines)
      .toMatchObject([{ protocol: 'tls', 'tls.sni': 'a.example', route: 'tlsroute/default/a' }]);
  });

  test.each([
    ['TLSRouteSimpleSameNamespace: a name without a route', 'other.example', 'route-not-found'],
    ['a name outside the listener', 'other.org', 'listener-not-found'],
    ['TLSRouteInvalidBackendRefNonexistent', 'broken.example', 'backend-invalid'],
  ])('%s: no alert, the connection is closed', async (_, name, reason) => {
    const { gateway, port } = await startTls(await serveEcho('unused'));
    const output = await client(port, name);
    expect(output).not.toContain('alert');
    await expect.poll(() => gateway.lines).toMatchObject([{ reason, 'tls.sni': name }]);
  });

  test('a handshake in TLS 1.2 and one in TLS 1.3, with ALPN, end at the backend', async () => {
    const { cert, key } = certificate!;
    const server = createServer({ cert, key, ALPNProtocols: ['http/1.1'] }, (_, response) => response.end('served'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = await startTls((server.address() as { port: number }).port);
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const options = {
        minVersion: version,
        maxVersion: version,
        ALPNProtocols: ['http/1.1'],
        rejectUnauthorized: false,
      };
      const socket = connectTls({ port, host: '127.0.0.1', servername: 'a.example', ...options });
      socket.write('GET / HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n\r\n');
      expect(await readAll(socket)).toContain('served');
      expect([socket.getProtocol(), socket.alpnProtocol]).toEqual([version, 'http/1.1']);
      socket.destroy();
    }
  });
});

const hasHaproxy = hasProgram('haproxy', '-v');
if (!hasHaproxy) skipAloud('the PROXY protocol with haproxy: it is missing');
const hasNginx = hasProgram('nginx', '-v');
if (!hasNginx) skipAloud('the PROXY protocol with nginx: it is missing');

function haproxy(text: string, port: number): Promise<ChildProcess> {
  const file = join(folder(), 'haproxy.cfg');
  const defaults = 'defaults\n  mode tcp\n  timeout client 5s\n  timeout server 5s\n  timeout connect 5s\n';
  writeFileSync(file, `${defaults}${text}\n`);
  return run(['haproxy', '-db', '-f', file], port);
}

describe.runIf(hasHaproxy)('haproxy', () => {
  test.each([
    ['V1', 'send-proxy'],
    ['V2', 'send-proxy-v2'],
    ['V2 with type-length-values', 'send-proxy-v2 proxy-v2-options unique-id,crc32c'],
  ])('before the gateway says whose connection it is: %s', async (_, option) => {
    const [port, front] = [await freePort(), await freePort()];
    const policies =
      'policies:\n- { name: p, targetRefs: [{ kind: Gateway, name: edge }], proxyProtocol: { client: Required, trusted: [127.0.0.0/8] } }';
    const gateway = await startTcp({ port, backendPort: await serveEcho('a'), policies });
    await haproxy(
      `listen front\n  bind 127.0.0.1:${front}\n  unique-id-format %pid\n  server s 127.0.0.1:${port} ${option}`,
      front,
    );
    gateway.lines.splice(0);
    const client = dial(front);
    await new Promise((resolve) => client.on('connect', resolve));
    const { localPort } = client;
    client.end('hello');
    expect(await readAll(client)).toBe('a hello');
    await expect.poll(() => gateway.lines.map((line) => line['src.addr'])).toContain(`127.0.0.1:${localPort}`);
  });

  test.each(['V1', 'V2'])('behind the gateway is told whose connection it is: %s', async (version) => {
    const [port, behind] = [await freePort(), await freePort()];
    await haproxy(
      `listen behind\n  bind 127.0.0.1:${behind} accept-proxy\n  tcp-request content reject unless { src 127.0.0.1 }\n  server s 127.0.0.1:${await serveEcho('a')} send-proxy`,
      behind,
    );
    const policies = `policies:\n- { name: p, targetRefs: [{ group: "", kind: Service, name: a }], proxyProtocol: { backend: ${version} } }`;
    await startTcp({ port, backendPort: behind, policies });
    const client = dial(port);
    await new Promise((resolve) => client.on('connect', resolve));
    const { localPort } = client;
    client.end('hello');
    // What haproxy believed is what it says to its own backend, which sends it back.
    expect(await readAll(client)).toBe(`a PROXY TCP4 127.0.0.1 127.0.0.1 ${localPort} ${port}\r\nhello`);
  });
});

describe.runIf(hasNginx)('nginx', () => {
  test.each(['V1', 'V2'])('behind the gateway sees the client: %s', async (version) => {
    const [port, behind, path] = [await freePort(), await freePort(), folder()];
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${path};`);
    writeFileSync(
      join(path, 'nginx.conf'),
      `daemon off; master_process off; pid ${path}/nginx.pid; error_log stderr; events {}
http { access_log off; ${temporary.join(' ')}
  server { listen 127.0.0.1:${behind} proxy_protocol; return 200 "$proxy_protocol_addr:$proxy_protocol_port $proxy_protocol_server_port"; } }`,
    );
    await run(['nginx', '-p', path, '-e', 'stderr', '-c', join(path, 'nginx.conf')], behind);
    const policies = `policies:\n- { name: p, targetRefs: [{ kind: TCPRoute, name: a }], proxyProtocol: { backend: ${version} } }`;
    await startTcp({ port, backendPort: behind, policies });
    const client = dial(port);
    await new Promise((resolve) => client.on('connect', resolve));
    const { localPort } = client;
    client.write('GET / HTTP/1.0\r\n\r\n');
    expect(await readAll(client)).toContain(`127.0.0.1:${localPort} ${port}`);
  });
});

test('a header that is demanded and does not come closes the connection', async () => {
  const port = await freePort();
  const policies =
    'policies:\n- { name: p, targetRefs: [{ kind: Gateway, name: edge }], proxyProtocol: { client: Required } }';
  const gateway = await startTcp({ port, backendPort: await serveTcp(() => {}), policies });
  const client = dial(port);
  client.write('hello, I am no proxy');
  expect(await readAll(client)).toBe('error ECONNRESET');
  expect(gateway.lines).toMatchObject([{ reason: 'bad-framing' }]);
});
