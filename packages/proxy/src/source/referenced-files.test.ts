// Certificates in files that the configuration names: read beside it, watched, and replaced only as a pair.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ResourceChanges, typeUrls } from '@agentgateway/api/keys.ts';
import { readReferenced } from './referenced-files.ts';
import { type Source, startSource } from './source.ts';

let folder = '';
let source: Source | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'agentgateway-files-'));
});
afterEach(async () => {
  await source?.[Symbol.asyncDispose]();
  source = undefined;
  rmSync(folder, { recursive: true });
});

const pem = (name: string): string => readFileSync(join(import.meta.dirname, 'testdata', name), 'utf8');
const put = (name: string, text: string): void => writeFileSync(join(folder, name), text);
const secretIn = (changes: ResourceChanges | undefined): string | undefined =>
  changes?.set.find(({ typeUrl }) => typeUrl === typeUrls.secret)?.version;
const listener = (tls: string): string => `gateways:\n- name: g\n  listeners:\n  - { name: s, port: 1, tls: ${tls} }\n`;

/** Starts a source; `until` waits until something holds, looked at whenever anything happens. */
function start(): { updates: ResourceChanges[]; logs: string[]; until: (holds: () => boolean) => Promise<void> } {
  let wake = Promise.withResolvers<void>();
  const happened = (): void => {
    wake.resolve();
    wake = Promise.withResolvers();
  };
  const updates: ResourceChanges[] = [];
  const logs: string[] = [];
  const note = (_fields: object, message: string): void => {
    logs.push(message);
    happened();
  };
  source = startSource({
    input: { config: join(folder, 'config.yaml'), env: {} },
    log: { debug() {}, info: note, warn: note, error: note },
    now: () => 1,
    async apply(changes) {
      updates.push(changes);
      happened();
      return { rejections: [], bindErrors: new Map(), addresses: [] };
    },
  });
  return {
    updates,
    logs,
    until: async (holds) => {
      while (!holds()) await wake.promise;
    },
  };
}

test('a certificate is replaced once its key fits, and nothing changes before', async () => {
  mkdirSync(join(folder, 'certs'));
  put('certs/tls.crt', pem('a.crt'));
  put('certs/tls.key', pem('a.key'));
  put('config.yaml', listener('{ certificateFile: certs/tls.crt, keyFile: certs/tls.key }'));
  const { updates, logs, until } = start();
  await source!.ready;
  const before = secretIn(updates[0]);
  expect(before).toBeDefined();
  put('certs/tls.crt', pem('wild.crt'));
  await until(() => logs.some((line) => line.includes('keyFile: does not belong to the first certificate')));
  expect(updates).toHaveLength(1);
  put('certs/tls.key', pem('wild.key'));
  await until(() => updates.length === 2);
  expect(secretIn(updates[1])).not.toBe(before);
  // The listener names the Secret, and so stays what it is.
  expect(updates[1]!.set).toHaveLength(1);
});

test('an absent file refuses the configuration, at the place that names it', async () => {
  put('config.yaml', listener('{ certificateFile: no.crt, keyFile: no.key }'));
  start();
  await expect(source!.ready).rejects.toThrow(
    'config.yaml:4: gateways[0].listeners[0].tls.certificateFile: no.crt cannot be read: there is no such file',
  );
});

test('what is no text, or too long for one, is not read', () => {
  put('binary', '');
  writeFileSync(join(folder, 'binary'), Buffer.from([0xff, 0xfe]));
  put('long', 'x'.repeat(1024 * 1024 + 1));
  const config = join(folder, 'config.yaml');
  expect(readReferenced('binary', config)).toEqual({ problem: 'it is not UTF-8 text' });
  expect(readReferenced('long', config)).toEqual({ problem: 'it has 1048577 bytes; at most 1048576 are read' });
  put('fits', 'x');
  expect(readReferenced('fits', config)).toEqual({ text: 'x' });
  expect(readReferenced(join(folder, 'fits'), '/elsewhere/config.yaml')).toEqual({ text: 'x' });
});
