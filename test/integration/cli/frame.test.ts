// The frame around all commands: help, unknown words, exit codes, in a process of its own.
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCommand } from './command.ts';

test('help tells the commands, and each command its flags', async () => {
  const { code, stdout } = await runCommand(['help']);
  expect(code).toBe(0);
  const names = [...stdout.matchAll(/^ {2}([a-z]+) +\S/gm)].map(([, name]) => name!);
  expect(names).toEqual(['run', 'validate', 'status', 'explain', 'manifests', 'version']);
  const told = await Promise.all(names.map((name) => runCommand([name, '--help'])));
  told.forEach((each, index) => {
    expect(each).toMatchObject({ code: 0, stderr: '' });
    expect(each.stdout).toMatch(new RegExp(`^agentgateway ${names[index]!} `));
  });
  const [byHelp, byFlag] = await Promise.all([runCommand(['help', 'explain']), runCommand(['explain', '-h'])]);
  expect(byHelp.stdout).toBe(byFlag.stdout);
});

test.each([
  [['statsu'], /no command 'statsu'; did you mean status\?/, /usage: agentgateway/],
  [['toString'], /no command 'toString'/, /usage: agentgateway/],
  [['run', '--amdin-port', '1'], /no flag --amdin-port; did you mean --admin-port\?/, /--log-level/],
  [['--prot', '1'], /no flag --prot/, /--log-level/],
  [['run', 'config.yaml'], /'config.yaml' is a word too many \(the configuration is named with -f\)/, /--file/],
  [['run', '--access-log', tmpdir()], /--access-log .* cannot be opened: EISDIR/, /AGENTGATEWAY_ACCESS_LOG/],
  [['validate', '/nowhere.yaml'], /\/nowhere\.yaml: cannot be read: there is no such file or folder/, /nowhere/],
  [['explain', 'G T', 'localhost/'], /the method is 'G T'/, /POST/],
  [['status', '--admin', 'http://['], /--admin is 'http:\/\/\['/, /15000/],
])('%j is refused with exit code 2 and what to do', async (args, what, advice) => {
  const { code, stdout, stderr } = await runCommand(args);
  expect(stderr).toMatch(what);
  expect(stderr).toMatch(advice);
  expect(stderr).not.toMatch(/\n {4}at /);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
});

test('version tells the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../../package.json'), 'utf8')) as {
    version: string;
  };
  const [text, json, flag] = await Promise.all([
    runCommand(['version']),
    runCommand(['version', '-o', 'json']),
    runCommand(['--version']),
  ]);
  expect(text.stdout).toBe(`agentgateway ${version} (node ${process.versions.node})\n`);
  expect(flag.stdout).toBe(text.stdout);
  expect(JSON.parse(json.stdout)).toEqual({ version, node: process.versions.node });
});
