// `agentgateway explain` explains each feature of the data plane, on the examples that show them.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { readCertificateFile } from '../../../../test/kit/certificates.ts';
import { run } from './explain.ts';

const examples = join(import.meta.dirname, '../../../../manifests/examples');
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'agentgateway-explain-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** An example beside the certificates that it names. */
function place(example: string): string {
  const text = readFileSync(join(examples, example), 'utf8');
  const file = join(folder, example);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text.replaceAll(/\$\{[A-Z_]+\}/g, 'value'));
  for (const [path] of text.matchAll(/certs\/[a-z-]+\.(?:crt|key)/g)) {
    mkdirSync(join(dirname(file), 'certs'), { recursive: true });
    writeFileSync(join(dirname(file), path), readCertificateFile(path).text);
  }
  return file;
}

/** What the command says, and its exit code. */
async function explain(example: string, question: string): Promise<{ text: string; code: number }> {
  let text = '';
  const stdout = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  try {
    const code = await run([...question.split(' '), '-f', place(example)]);
    return { text, code };
  } finally {
    stdout.mockRestore();
  }
}

const shown: readonly (readonly [feature: string, example: string, question: string, ...said: string[]])[] = [
  ['listeners by address', 'gateways.yaml', 'GET http://127.0.0.2:8080/', 'internal', 'reports'],
  ['listener isolation', 'kubernetes/services.yaml', 'GET http://x.shop.example.com/', 'http', 'pages'],
  ['ListenerSets', 'kubernetes/listener-set.yaml', 'GET http://shop.example.com/', 'listenerset'],
  ['grants', 'kubernetes/grants.yaml', 'GET http://any.example.com/', 'service/team/web'],
  ['HTTPS by name', 'tls.yaml', 'GET https://shop.example.com:8443/', 'HTTPS, shop.example.com, 1 certificate'],
  ['TLS options', 'tls.yaml', 'GET https://a.example.org:8443/', 'from TLSv1.3'],
  ['client certificates', 'tls.yaml', 'GET https://x.test:8444/', 'client certificates required'],
  ['redirects', 'tls.yaml', 'GET http://shop.example.com:8080/', 'requestRedirect'],
  [
    'exact paths and time-outs',
    'http-routing.yaml',
    'GET http://api.example.com:8080/healthz',
    'health',
    'request 2000 ms',
    'backendRequest 1000 ms',
  ],
  [
    'header modifiers, rewrites and CORS',
    'http-routing.yaml',
    'GET http://api.example.com:8080/v2/x',
    'headerModifiers',
    'urlRewrite',
    'cors',
  ],
  ['weights and retries', 'http-routing.yaml', 'GET http://api.example.com:8080/v2/x', '(90 %)', '(10 %)', 'retry'],
  ['headers', 'http-routing.yaml', 'GET http://api.example.com:8080/v2/x -H x-preview:yes', 'preview'],
  ['queries', 'http-routing.yaml', 'GET http://api.example.com:8080/v2/x?preview=3', 'preview'],
  ['mirrors', 'http-mirror.yaml', 'GET http://localhost:8080/', 'service/default/api-next', '1 of 100 requests'],
  ['session persistence', 'http-mirror.yaml', 'GET http://localhost:8080/', 'a sealed cookie api-session'],
  [
    'session persistence by header',
    'kubernetes/services.yaml',
    'GET http://x.shop.example.com/',
    'a sealed header x-shop-session',
  ],
  ['external authorization', 'external-auth.yaml', 'GET http://localhost:8080/api', 'externalAuth'],
  ['gRPC', 'grpc.yaml', 'POST http://grpc.example.com:8080/acme.orders.v1.Orders/List', 'list', '(90 %)'],
  ['headless Services', 'kubernetes/services.yaml', 'GET http://x.shop.example.com/', '10.0.0.1:8080'],
  ['HTTP/2 by appProtocol', 'kubernetes/services.yaml', 'GET http://x.shop.example.com/api', 'protocol: HTTP/2'],
  ['HTTP/2 for gRPC', 'grpc.yaml', 'POST http://grpc.example.com:8080/acme.orders.v1.Orders/Get', 'protocol: HTTP/2'],
  [
    'endpoints by hand, and named rules with policies',
    'kubernetes/services.yaml',
    'GET http://x.shop.example.com/api',
    '192.0.2.7:9000',
    'backendRequest 2000 ms',
  ],
  ['WebSocket backends', 'websocket.yaml', 'GET http://localhost:8080/chat', 'service/default/chat', 'idle 3600000 ms'],
  [
    'TLS by appProtocol',
    'websocket.yaml',
    'GET http://localhost:8080/prices',
    'service/default/prices',
    'HTTP/1.1 over TLS with',
    'prices.default.svc',
  ],
  ['TLS to backends', 'backend-tls.yaml', 'GET http://localhost:8080/web', 'web.internal.example.com'],
  [
    'health, budgets and host rewrites',
    'endpoints.yaml',
    'GET http://localhost:8080/',
    'left alone after 3 failures',
    '10 % of the requests',
    'shop.internal',
  ],
  ['direct responses', 'admission-and-faults.yaml', 'GET http://localhost:8080/old', 'directResponse'],
  ['faults, delays and csrf', 'admission-and-faults.yaml', 'GET http://localhost:8080/', 'fault', 'delay', 'csrf'],
  ['ipAccess', 'admission-and-faults.yaml', 'GET http://localhost:8080/internal', 'ipAccess'],
  ['buffer', 'admission-and-faults.yaml', 'GET http://localhost:8080/upload', 'buffer'],
  ['TCP and the PROXY protocol', 'l4.yaml', 'tcp://:5432', 'tcproute/default/db', 'proxyProtocol'],
  ['UDP', 'l4.yaml', 'udp://:5353', 'udproute/default/dns'],
  [
    'TLS passthrough',
    'tls-routes.yaml',
    'tls://vault.pass.example.com:8443',
    'tlsroute/default/vault',
    '127.0.0.1:8200',
  ],
  [
    'TLS that ends here',
    'tls-routes.yaml',
    'tls://mail.ends.example.com:8443',
    'tlsroute/default/mail',
    '127.0.0.1:10143',
  ],
];

test.each(shown)('%s: %s, %s', async (...row) => {
  const [, example = '', question = '', ...said] = row;
  const { text, code } = await explain(example, question);
  for (const words of said) expect(text.toLowerCase()).toContain(words.toLowerCase());
  expect(code).toBe(0);
});

const refusals: readonly (readonly [feature: string, example: string, question: string, said: string])[] = [
  ['listener isolation', 'kubernetes/services.yaml', 'GET http://admin.shop.example.com/', 'route-not-found'],
  ['no listener', 'kubernetes/services.yaml', 'GET http://shop.example.com/', 'listener-not-found'],
  ['no route', 'http-routing.yaml', 'GET http://api.example.com:8080/v3', 'route-not-found'],
  ['no method of gRPC', 'grpc.yaml', 'POST http://grpc.example.com:8080/acme.Other/List', 'route-not-found'],
  ['no TLS', 'tls.yaml', 'GET http://shop.example.com:8443/', 'no-tls'],
  ['no name of TLS', 'tls-routes.yaml', 'tls://other.example.net:8443', 'listener-not-found'],
];

test.each(refusals)('%s refuses: %s, %s', async (_feature, example, question, said) => {
  const { text, code } = await explain(example, question);
  expect(text).toContain(said);
  expect(code).toBe(1);
});
