// The first words of a gateway: what it names is served, and what it tells to try works.
import { expect, test } from 'vitest';
import { startTestGateway } from '../../../../test/kit/gateway.ts';
import { toWelcome } from './welcome.ts';

/** The URL, headers and body of each command that is told. */
function readCommands(text: string): { url: string; headers: [string, string][]; body: string | undefined }[] {
  return [...text.replaceAll('\\\n', '').matchAll(/^ {4}curl .*$/gm)].map(([line]) => ({
    url: /http:\S+/.exec(line)![0],
    headers: [...line.matchAll(/-H '([^:]+): ([^']*)'/g)].map(([, name, value]) => [name!, value!]),
    body: /-d '([^']*)'/.exec(line)?.[1],
  }));
}

test('names what is served, and its three commands work', async () => {
  await using gateway = await startTestGateway(`
llmBackends:
- name: models
  providers: [{ name: openai, openai: {}, auth: { key: k } }, { name: echo, echo: {} }]
  models:
  - { name: "gpt-*", targets: [{ provider: openai }] }
  - { name: parrot, targets: [{ provider: echo }] }
`);
  const text = toWelcome(gateway.gateway, { config: 'mine.yaml' });
  expect(text).toMatch(/configuration +mine\.yaml/);
  expect(text).toMatch(/models +gpt-\*, parrot\n +any model of openai, echo, as openai\/MODEL\n/);
  expect(text).toMatch(new RegExp(`admin +${gateway.adminUrl}\n`));
  const commands = readCommands(text);
  expect(commands).toHaveLength(3);
  for (const { url, headers, body } of commands) {
    expect(url).toContain(gateway.url);
    const answer = await fetch(url, { method: body === undefined ? 'GET' : 'POST', headers, body: body ?? null });
    expect([url, answer.status]).toEqual([url, 200]);
    expect(await answer.text()).toContain('parrot');
  }
});

test('its commands carry a key where keys are wanted, and it hides none', async () => {
  await using gateway = await startTestGateway(`
llmBackends:
- { name: models, providers: [{ name: echo, echo: {} }], models: [{ name: parrot, targets: [{ provider: echo }] }], expose: Listed }
policies: [{ name: keys, apiKeyAuthentication: { keys: [{ key: sesame, subject: ada }] } }]
`);
  const text = toWelcome(gateway.gateway, { config: undefined });
  expect(text).not.toContain('any model of');
  expect(text).not.toContain('sesame');
  const commands = readCommands(text.replaceAll('YOUR-KEY', 'sesame'));
  for (const { url, headers, body } of commands) {
    const answer = await fetch(url, { method: body === undefined ? 'GET' : 'POST', headers, body: body ?? null });
    expect([url, answer.status]).toEqual([url, 200]);
    await answer.body?.cancel();
  }
});
