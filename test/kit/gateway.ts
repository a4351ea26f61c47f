// Starts a whole gateway in process from the text of a config.yaml, on free ports, for behaviour tests.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Gateway, startGateway } from '@agentgateway/proxy/gateway.ts';
import { parseSettings } from '@agentgateway/proxy/settings.ts';
import type { Logs } from '@agentgateway/proxy/telemetry/log.ts';

/** A gateway under test. */
export interface TestGateway extends AsyncDisposable {
  readonly gateway: Gateway;
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** The admin port's. */
  readonly adminUrl: string;
  /** The file it reads; write to it to reload. */
  readonly file: string;
  /** Access lines so far. */
  readonly lines: Record<string, unknown>[];
  /** Log messages so far. */
  readonly messages: string[];
  /** Resolves with the access line of a request id, once it is written. */
  line(requestId: string): Promise<Record<string, unknown>>;
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts; `PORT` in the text stands for the port. Without a `gateways` key one is added. */
export async function startTestGateway(
  config: string,
  env: Readonly<Record<string, string>> = {},
): Promise<TestGateway> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'agentgateway-test-'));
  const file = join(folder, 'config.yaml');
  const hasGateways = /^gateways:/m.test(config);
  const text = hasGateways
    ? config.replaceAll('PORT', String(port))
    : `gateways:\n- { name: default, listeners: [{ name: http, port: ${port} }] }\n${config}`;
  writeFileSync(file, text);
  const lines: Record<string, unknown>[] = [];
  const messages: string[] = [];
  const waiting = new Map<string, (line: Record<string, unknown>) => void>();
  const note = (_fields: object, message: string): void => {
    messages.push(message);
  };
  const logs: Logs = {
    log: { level: 'info', debug: () => {}, info: note, warn: note, error: note },
    access(line) {
      const entry = line as Record<string, unknown>;
      lines.push(entry);
      waiting.get(String(entry['request.id']))?.(entry);
    },
    flush: () => {},
  };
  const args = ['-f', file, '--admin-port', '0', '--metrics-port', '0', '--readiness-port', '0'];
  const gateway = await startGateway(parseSettings(args, env), logs);
  return {
    gateway,
    url: `http://127.0.0.1:${port}`,
    adminUrl: `http://127.0.0.1:${gateway.ports.get('admin')!.port}`,
    file,
    lines,
    messages,
    line(requestId) {
      const known = lines.find((line) => line['request.id'] === requestId);
      if (known) return Promise.resolve(known);
      return new Promise((resolve) => waiting.set(requestId, resolve));
    },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}
