// A whole gateway in process on free ports, whose configuration is edited while it runs, and whose log can be waited for.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Gateway, startGateway } from '@agentgateway/proxy/gateway.ts';
import { parseSettings } from '@agentgateway/proxy/settings.ts';
import type { Logs } from '@agentgateway/proxy/telemetry/log.ts';

/** A gateway whose file is edited. */
export interface Reloadable extends AsyncDisposable {
  readonly gateway: Gateway;
  readonly file: string;
  readonly messages: readonly string[];
  /** Replaces the file, and waits until the log has a line with the text that it had not before. */
  edit(config: object | string, said?: string): Promise<void>;
  /** Waits until the log has more than so many lines with a text. */
  logged(text: string, countBefore?: number): Promise<void>;
  /** The admin port's answer. */
  admin(path: string): Promise<string>;
}

const toText = (what: object | string): string => (typeof what === 'string' ? what : JSON.stringify(what));

/** Starts one. Objects are written as JSON, which is YAML too. */
export async function startReloadable(config: object | string, flags: readonly string[] = []): Promise<Reloadable> {
  const folder = mkdtempSync(join(tmpdir(), 'agentgateway-reload-'));
  const file = join(folder, 'config.yaml');
  writeFileSync(file, toText(config));
  const messages: string[] = [];
  let wake = Promise.withResolvers<void>();
  const note = (_fields: object, message: string): void => {
    messages.push(message);
    wake.resolve();
    wake = Promise.withResolvers();
  };
  const logs: Logs = {
    log: { level: 'info', debug: () => {}, info: note, warn: note, error: note },
    access: () => {},
    flush: () => {},
  };
  const args = ['-f', file, '--admin-port', '0', '--metrics-port', 'off', '--readiness-port', '0', ...flags];
  const gateway = await startGateway(parseSettings(args, {}), logs);
  const count = (text: string): number => messages.filter((line) => line.includes(text)).length;
  const logged = async (text: string, countBefore = 0): Promise<void> => {
    while (count(text) <= countBefore) await wake.promise;
  };
  return {
    gateway,
    file,
    messages,
    logged,
    async edit(next, said = 'configuration applied') {
      const before = count(said);
      writeFileSync(`${file}.new`, toText(next));
      renameSync(`${file}.new`, file);
      await logged(said, before);
    },
    async admin(path) {
      const response = await fetch(`http://127.0.0.1:${gateway.ports.get('admin')!.port}${path}`);
      return response.text();
    },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

/** The port of an address. */
export function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}

/** A gateway of listeners. */
export function gatewayOf(...listeners: readonly object[]): object {
  return { name: 'g', listeners };
}

/** A route to an HTTPBackend on this machine. */
export function routeTo(
  port: number,
  more: { name?: string; rule?: object; route?: object } = {},
): {
  readonly httpBackends: readonly object[];
  readonly httpRoutes: readonly object[];
} {
  const { name = 'all', rule = {}, route = {} } = more;
  const ref = { group: 'agentgateway.dev', kind: 'HTTPBackend', name };
  return {
    httpBackends: [{ name, host: '127.0.0.1', port }],
    httpRoutes: [{ name, rules: [{ backendRefs: [ref], ...rule }], ...route }],
  };
}

/** A policy for everything that sets a response field. */
export function answersWith(value: string): object {
  return { name: 'h', headerModifiers: { response: { set: [{ name: 'x-edition', value }] } } };
}
