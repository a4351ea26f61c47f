// `status` against a running gateway, against one that is not well, and against what is no gateway.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { startTestGateway } from '../../../../test/kit/gateway.ts';
import { run } from './status.ts';

async function status(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  let [stdout, stderr] = ['', ''];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((stdout += String(text)), true));
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((stderr += String(text)), true));
  const code = await run(args);
  vi.restoreAllMocks();
  return { code, stdout, stderr };
}

afterEach(() => vi.restoreAllMocks());

const backends =
  'llmBackends: [{ name: e, providers: [{ name: echo, echo: {} }], models: [{ name: echo, targets: [{ provider: echo }] }] }]\n';

test('all well, then something that does not resolve, then a refused edit', async () => {
  await using gateway = await startTestGateway(backends);
  // What the proxy thinks of the configuration arrives a moment after it is served.
  const well = await vi.waitFor(
    async () => {
      const answer = await status('--admin', `${gateway.adminUrl}/`);
      expect(answer).toMatchObject({ code: 0, stderr: '' });
      return answer;
    },
    { timeout: 10_000 },
  );
  expect(well.stdout).toMatch(/^ready; listening on 127\.0\.0\.1:\d+; configuration 1\n/);
  expect(well.stdout).toMatch(/ {2}ok {2}Gateway default\/default\n/);
  expect(well.stdout).not.toContain('NOT');
  // A port alone is enough.
  const json = await status('--admin', new URL(gateway.adminUrl).port, '-o', 'json');
  expect(JSON.parse(json.stdout)).toMatchObject({ ready: true, issues: [] });

  const { port } = new URL(gateway.url);
  const gateways = `gateways:\n- { name: default, listeners: [{ name: http, port: ${port} }] }\n`;
  const routes = 'httpRoutes: [{ name: lost, rules: [{ backendRefs: [{ name: nowhere, port: 80 }] }] }]\n';
  writeFileSync(gateway.file, gateways + routes + backends);
  await vi.waitFor(() => expect(gateway.messages).toContain('configuration applied'), { timeout: 10_000 });
  const ill = await status('--admin', gateway.adminUrl);
  expect(ill.code).toBe(1);
  expect(ill.stdout).toMatch(/ {2}NOT HTTPRoute default\/lost\n.*ResolvedRefs=False BackendNotFound/);
  expect(ill.stdout).toMatch(/1 problem\n {2}\S*config\.yaml:3: httpRoutes\[0\]\.rules\[0\]\.backendRefs\[0\]/);

  writeFileSync(gateway.file, `${gateways}llmBackend: []\n`);
  await vi.waitFor(() => expect(gateway.messages.join()).toContain('configuration refused'), { timeout: 10_000 });
  const refused = await status('--admin', gateway.adminUrl);
  expect(refused.code).toBe(1);
  expect(refused.stdout).toMatch(
    /the last edit was refused \(1 problem\).*\n {2}\S*config\.yaml:3: llmBackend: .*\n {2}hint: did you mean/i,
  );
});

test('nothing answers, or something else does', async () => {
  const other = createServer((_request, response) => response.end('{"hello":"world"}')).listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const wrong = await status('--admin', `127.0.0.1:${port}`);
  expect(wrong.code).toBe(1);
  expect(wrong.stderr).toContain(`what answers at http://127.0.0.1:${port} is no gateway's admin port (status 200)`);
  other.close();
  other.closeAllConnections();
  await once(other, 'close');
  const nobody = await status('--admin', `http://127.0.0.1:${port}`);
  expect(nobody).toMatchObject({ code: 1, stdout: '' });
  expect(nobody.stderr).toMatch(/no gateway answers at .* \(.*ECONNREFUSED.*\); start one with `agentgateway run`/);
});
