// Where lines go: every request's, whatever the level, and to a file whole.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SettingsError } from '../settings.ts';
import { createLogs } from './log.ts';

const quiet = { logLevel: 'silent', logFormat: 'json' } as const;

test('a file has every line as JSON, below the log’s level too, and its folder is made', () => {
  const folder = mkdtempSync(join(tmpdir(), 'agentgateway-log-'));
  const file = join(folder, 'deep', 'access.log');
  const logs = createLogs({ ...quiet, accessLogFile: file });
  for (let i = 0; i < 3; i++) logs.access({ 'request.id': `r${i}`, text: 'a\nb' });
  logs.flush();
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line) as object)).toEqual(
    [0, 1, 2].map((i) => ({
      level: 'info',
      time: expect.any(Number) as unknown,
      'request.id': `r${i}`,
      text: 'a\nb',
      msg: 'request',
    })),
  );
  rmSync(folder, { recursive: true });
});

test('a file that cannot be opened is a mistake of the settings', () => {
  expect(() => createLogs({ ...quiet, accessLogFile: tmpdir() })).toThrow(SettingsError);
  expect(() => createLogs({ ...quiet, accessLogFile: tmpdir() })).toThrow(/--access-log .*EISDIR/);
});

test('prompts are asked for, never assumed', () => {
  const settings = { ...quiet, accessLogFile: '/dev/null' };
  expect(createLogs(settings).hasPrompts).toBe(false);
  expect(createLogs({ ...settings, logPrompts: true }).hasPrompts).toBe(true);
});
