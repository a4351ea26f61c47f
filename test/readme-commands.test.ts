// The README's commands work: each section's curl commands are run against a gateway with that section's configuration.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { startFakeProvider } from './fakes/provider.ts';
import { startTestGateway } from './kit/gateway.ts';
import { skipAloud } from './skip.ts';

interface Section {
  readonly title: string;
  readonly config: string;
  /** Each with its continued lines. */
  readonly commands: readonly string[];
}

const execute = promisify(execFile);
const models = ['gpt-6', 'gpt-5-nano', 'claude-opus-5'];

function blocks(language: string, text: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(([, block]) => block!);
}

const sections: Section[] = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8')
  .split(/^## /m)
  .slice(1)
  .map((text) => ({
    title: text.slice(0, text.indexOf('\n')),
    config: blocks('yaml', text).join('\n'),
    commands: blocks('sh', text)
      .join('\n')
      .split(/\n(?! )/)
      .filter((command) => command.startsWith('curl ')),
  }))
  .filter(({ commands }) => commands.length > 0);

/** A value for each variable that a text names. */
function environmentOf(text: string): Record<string, string> {
  const names = [...text.matchAll(/\$\{?([A-Z_]+)\}?/g)].map(([, name]) => name!);
  return Object.fromEntries(names.map((name) => [name, `key-${name.toLowerCase()}`]));
}

const hasCurl = await execute('curl', ['--version']).then(
  () => true,
  () => false,
);
if (!hasCurl) skipAloud('the README’s commands: curl is missing');

async function runSection({ config, commands }: Section): Promise<void> {
  await using openai = await startFakeProvider({ kind: 'openai', models });
  await using anthropic = await startFakeProvider({ kind: 'anthropic', models });
  const env = environmentOf(`${config}\n${commands.join('\n')}`);
  const served = config
    .replaceAll('openai: {}', `openai: { baseUrl: "${openai.url}/v1" }`)
    .replaceAll('anthropic: {}', `anthropic: { baseUrl: "${anthropic.url}/v1" }`);
  await using gateway = await startTestGateway(served, env);
  const run = (command: string, variables: Record<string, string>): Promise<{ stdout: string }> => {
    const line = command
      .replace(/^curl /, 'curl -sS --fail-with-body --max-time 15 ')
      .replaceAll('localhost:3000', gateway.url.slice('http://'.length));
    return execute('sh', ['-c', line], { env: { ...process.env, ...variables } });
  };
  for (const command of commands) {
    const { stdout } = await run(command, env);
    if (command.includes('/v1/models')) expect(stdout, command).toMatch(/"object":\s*"list"/);
    else if (command.includes('"stream":true')) expect(stdout, command).toContain('event: message_stop');
    else expect(JSON.parse(stdout), command).toMatchObject({ id: expect.any(String), model: expect.any(String) });
    if (!command.includes('authorization')) continue;
    const wrong = Object.fromEntries(Object.keys(env).map((name) => [name, 'wrong']));
    await expect(run(command, wrong), command).rejects.toThrow('401');
  }
}

test('sections with commands are found', () => {
  expect(sections.length).toBeGreaterThan(2);
  expect(sections.flatMap(({ commands }) => commands).length).toBeGreaterThan(4);
});

describe.skipIf(!hasCurl)('the README’s commands', () => {
  test.each(sections)('$title', (section) => runSection(section), 60_000);
});
