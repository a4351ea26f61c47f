// Flags and environment: what they come to, and that every mistake names the flag, what it was and what it may be.
import { tmpdir } from 'node:os';
import { describe, expect, test } from 'vitest';
import { SettingsError, parseSettings, runHelp, runOptions } from './settings.ts';

test('nothing said: loopback, the standard ports, and no prompts in logs', () => {
  expect(parseSettings([], {})).toMatchObject({
    config: undefined,
    bindAddress: '127.0.0.1',
    adminAddress: '127.0.0.1',
    adminPort: 15_000,
    metricsPort: 15_020,
    readinessPort: 15_021,
    logLevel: 'info',
    drainMs: 30_000,
    trustedHops: 0,
    logPrompts: false,
  });
});

test('flags win over the environment; an empty variable is none', () => {
  const env = { AGENTGATEWAY_ADMIN_PORT: '1', AGENTGATEWAY_BIND: '::1', AGENTGATEWAY_LOG_LEVEL: '' };
  const settings = parseSettings(['--admin-port', '2', '-f', tmpdir()], env);
  expect(settings).toMatchObject({ adminPort: 2, bindAddress: '::1', logLevel: 'info', config: tmpdir() });
  expect(settings.env).toEqual(env);
});

test('a port that is off', () => {
  expect(parseSettings(['--metrics-port', 'off'], {}).metricsPort).toBeUndefined();
});

test('the result cannot be changed', () => {
  const settings = parseSettings([], { A: '1' });
  expect(Object.isFrozen(settings)).toBe(true);
  expect(Object.isFrozen(settings.env)).toBe(true);
});

test('a key of sessions is long enough, or there is none', () => {
  expect(parseSettings([], { AGENTGATEWAY_SESSION_KEY: '0123456789abcdef' }).sessionKey).toBe('0123456789abcdef');
  expect(parseSettings([], {}).sessionKey).toBeUndefined();
  expect(() => parseSettings([], { AGENTGATEWAY_SESSION_KEY: 'short' })).toThrow('at least 16 characters');
});

test('prompts are logged when asked for', () => {
  expect(parseSettings(['--log-prompts'], {}).logPrompts).toBe(true);
  expect(parseSettings([], { AGENTGATEWAY_LOG_PROMPTS: 'true' }).logPrompts).toBe(true);
});

test('the help names every flag', () => {
  for (const flag of Object.keys(runOptions)) expect(runHelp).toContain(`--${flag}`);
});

describe('mistakes', () => {
  const mistakes: readonly (readonly [string[], Record<string, string>, string])[] = [
    [['--admin-port', '70000'], {}, "--admin-port (AGENTGATEWAY_ADMIN_PORT) is '70000'; it must be an integer from 0"],
    [['--admin-port='], {}, "is ''; it must be an integer"],
    [['--admin-port', '1e3'], {}, "is '1e3'; it must be an integer"],
    [[], { AGENTGATEWAY_METRICS_PORT: '-1' }, "--metrics-port (AGENTGATEWAY_METRICS_PORT) is '-1'"],
    [['--drain-timeout', '1.5'], {}, 'it must be an integer from 0 to 86400'],
    [['--log-level', 'loud'], {}, "--log-level (AGENTGATEWAY_LOG_LEVEL) is 'loud'; it must be one of trace, debug"],
    [['--log-format', 'xml'], {}, 'it must be one of json, pretty'],
    [['--bind', 'everywhere'], {}, "--bind (AGENTGATEWAY_BIND) is 'everywhere'; it must be an IP address"],
    [[], { AGENTGATEWAY_LOG_PROMPTS: 'yes' }, "(AGENTGATEWAY_LOG_PROMPTS) is 'yes'; it must be one of true, false"],
    [['-f', '/nowhere/config.yaml'], {}, "there is no file or folder '/nowhere/config.yaml'"],
    [['--colour'], {}, '--colour'],
    [['config.yaml'], {}, 'config.yaml'],
    [['--bind'], {}, '--bind'],
  ];
  test.each(mistakes)('%j %j', (args, env, message) => {
    expect(() => parseSettings(args, env)).toThrow(SettingsError);
    expect(() => parseSettings(args, env)).toThrow(message);
  });
});
