// `agentgateway run` as a process: what it says first, how it refuses to start, and how it ends.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startFakeProvider } from '../../fakes/provider.ts';
import { freePort } from '../../kit/gateway.ts';
import { type Running, runCommand, startCommand, writeFolder } from './command.ts';

const ports = ['--admin-port', '0', '--metrics-port', '0', '--readiness-port', '0'];

/** A process with one provider; ready. */
async function startRun(
  url: string,
  more: readonly string[] = [],
  extra = '',
): Promise<{ run: Running; port: number }> {
  const port = await freePort();
  const folder = writeFolder({
    'config.yaml': `
gateways: [{ name: default, listeners: [{ name: http, port: ${port} }] }]
llmBackends:
- name: models
  providers: [{ name: openai, openai: { baseUrl: "${url}/v1" }, auth: { key: "\${KEY}" } }]
  models: [{ name: "gpt-*", targets: [{ provider: openai }] }, { name: smart, targets: [{ provider: openai, model: gpt-4o }] }]
${extra}`,
  });
  const run = startCommand(['run', '-f', join(folder, 'config.yaml'), ...ports, ...more], { KEY: 'sk-canary' });
  await run.until(/ready on \S+/);
  return { run, port };
}

function post(port: number, stream: boolean, text = 'hi'): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'smart', stream, messages: [{ role: 'user', content: text }] }),
  });
}

test('on a terminal’s format a request is one line for people, and SIGTERM ends it with 0', async () => {
  const port = await freePort();
  const folder = writeFolder({
    'config.yaml': `gateways: [{ name: default, listeners: [{ name: http, port: ${port} }] }]\nllmBackends: [{ name: e, providers: [{ name: echo, echo: {} }], models: [{ name: echo, targets: [{ provider: echo }] }] }]\n`,
  });
  const run = startCommand(['-f', join(folder, 'config.yaml'), ...ports, '--log-format', 'pretty']);
  await run.until(/ready on/);
  expect(run.printed()).toContain(`127.0.0.1:${port}`);
  const asked = await fetch(`http://127.0.0.1:${port}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' },
    body: '{"model":"echo","max_tokens":100,"messages":[{"role":"user","content":"Hello"}]}',
  });
  expect(asked.status).toBe(200);
  // A line for people, with what they ask for, and no JSON.
  const [line] = await run.until(/POST \/v1\/messages.*/);
  expect(line).toMatch(/^POST \/v1\/messages 200 [\d.]+ ms echo → echo \d+ \+ \d+ tokens/);
  expect(line).not.toContain('{');
  run.child.kill('SIGTERM');
  expect(await run.ended).toMatchObject({ code: 0, signal: null, stderr: '' });
});

test('SIGTERM lets a stream end, readiness says so meanwhile, and the access log is whole', async () => {
  await using provider = await startFakeProvider({ kind: 'openai' });
  const log = join(writeFolder({}), 'logs', 'access.log');
  const readiness = await freePort();
  const { run, port } = await startRun(provider.url, ['--access-log', log, '--readiness-port', String(readiness)]);
  const ready = (): Promise<Response> => fetch(`http://127.0.0.1:${readiness}/healthz/ready`);
  expect((await ready()).status).toBe(200);
  expect((await post(port, false)).status).toBe(200);
  const gate = provider.hold();
  const streaming = post(port, true);
  await provider.waitForRequests(2);
  run.child.kill('SIGTERM');
  await run.until(/shutting down \(SIGTERM\)/);
  const refused = await ready();
  expect(refused.status).toBe(503);
  expect(await refused.json()).toEqual({ ready: false, waitingFor: ['draining'] });
  gate.open();
  const text = await (await streaming).text();
  expect(text).toMatch(/data: \[DONE\]\s*$/);
  expect(await run.ended).toMatchObject({ code: 0, signal: null });
  const lines = readFileSync(log, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.map((line) => [line['http.status'], line['gen_ai.request.model']])).toEqual([
    [200, 'smart'],
    [200, 'smart'],
  ]);
  expect((await run.ended).stdout).not.toContain('/v1/chat/completions');
});

test('a second SIGINT ends it at once', async () => {
  await using provider = await startFakeProvider({ kind: 'openai' });
  const { run, port } = await startRun(provider.url);
  provider.hold();
  const hanging = post(port, true).then(
    (answer) => answer.text(),
    () => 'broken',
  );
  await provider.waitForRequests();
  run.child.kill('SIGINT');
  await run.until(/shutting down \(SIGINT\)/);
  run.child.kill('SIGINT');
  expect(await run.ended).toMatchObject({ code: 130 });
  expect(await hanging).toBe('broken');
});

test('POST /drain on the admin port ends it like a signal', async () => {
  await using provider = await startFakeProvider({ kind: 'openai' });
  const admin = await freePort();
  const { run } = await startRun(provider.url, ['--admin-port', String(admin)]);
  expect((await fetch(`http://127.0.0.1:${admin}/drain`, { method: 'POST' })).status).toBe(202);
  expect(await run.ended).toMatchObject({ code: 0 });
  expect(run.printed()).toContain('POST /drain');
});

test('a refused configuration ends it with 2 and every problem', async () => {
  const folder = writeFolder({ 'config.yaml': 'llmBackend: []\npolicies:\n- { name: x, cros: {} }\n' });
  const { code, stderr } = await runCommand(['run', '-f', folder, ...ports]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/config\.yaml:1: .*llmBackend/);
  expect(stderr).toMatch(/config\.yaml:3: .*cros/);
  expect(stderr).not.toMatch(/\n {4}at /);
});

test('a taken port ends it with 1 and says which; a taken admin port does not', async () => {
  await using provider = await startFakeProvider({ kind: 'openai' });
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const folder = writeFolder({
    'config.yaml': `gateways: [{ name: default, listeners: [{ name: http, port: ${port} }] }]\nllmBackends: [{ name: e, providers: [{ name: echo, echo: {} }] }]\n`,
  });
  const { code, stderr } = await runCommand(['run', '-f', folder, ...ports]);
  expect(code).toBe(1);
  expect(stderr).toContain(`127.0.0.1:${port}`);
  expect(stderr).toContain('another port');
  const { run } = await startRun(provider.url, ['--admin-port', String(port)]);
  expect(run.printed()).toContain(`the admin port cannot listen on 127.0.0.1:${port}: another process uses it`);
  run.child.kill('SIGTERM');
  expect(await run.ended).toMatchObject({ code: 0 });
  other.close();
});

test('listening wide with credentials and nobody authenticated is said aloud, and not with keys', async () => {
  await using provider = await startFakeProvider({ kind: 'openai' });
  const open = await startRun(provider.url, ['--bind', '0.0.0.0']);
  expect(open.run.printed()).toMatch(/anybody who can connect spends your credentials: .*0\.0\.0\.0/);
  open.run.child.kill('SIGTERM');
  const keys = 'policies: [{ name: keys, apiKeyAuthentication: { keys: [{ key: k, subject: ada }] } }]';
  const closed = await startRun(provider.url, ['--bind', '0.0.0.0'], keys);
  expect(closed.run.printed()).not.toContain('spends your credentials');
  closed.run.child.kill('SIGTERM');
  const ended = await Promise.all([open.run.ended, closed.run.ended]);
  expect(ended.map(({ code }) => code)).toEqual([0, 0]);
  expect(ended.map(({ stdout, stderr }) => stdout + stderr).join('')).not.toContain('sk-canary');
});

test('an access log on a full disk is said once, and holds up neither requests nor the end', async () => {
  await using provider = await startFakeProvider({ kind: 'openai' });
  const { run, port } = await startRun(provider.url, ['--access-log', '/dev/full']);
  expect((await post(port, false)).status).toBe(200);
  await run.until(/the access log cannot be written: ENOSPC/);
  expect((await post(port, false)).status).toBe(200);
  run.child.kill('SIGTERM');
  const { code, stdout } = await run.ended;
  expect(code).toBe(0);
  expect(stdout.match(/cannot be written/g)).toHaveLength(1);
});
