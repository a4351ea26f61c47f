// Loading without files, folders of manifests, and what is ejected.
import { describe, expect, test } from 'vitest';
import { eject } from './eject.ts';
import { loadConfig } from './load.ts';

const kindsOf = (manifests: readonly { kind: string; metadata: { name: string } }[]): string[] =>
  manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`);

function folder(text: string) {
  return loadConfig({ files: [{ name: 'a.yaml', text, role: 'manifests' }], env: {} });
}

describe('without files', () => {
  test('the echo model is served', () => {
    const { manifests, problems } = loadConfig({ files: [], env: {} });
    expect(problems).toEqual([]);
    expect(kindsOf(manifests)).toEqual(['Gateway default', 'LLMBackend embedded', 'HTTPRoute llm']);
  });

  test('echo is the first model, whatever the environment holds', () => {
    const { manifests } = loadConfig({
      files: [],
      env: { ANTHROPIC_API_KEY: 'a', OPENAI_API_KEY: 'b', GROQ_API_KEY: 'c' },
    });
    const spec = manifests.find(({ kind }) => kind === 'LLMBackend')!.spec as {
      providers: { name: string }[];
      models: { name: string }[];
    };
    expect(spec.providers.map(({ name }) => name)).toEqual(['echo', 'openai', 'anthropic', 'groq']);
    expect(spec.models[0]!.name).toBe('echo');
    expect(spec.models.map(({ name }) => name)).toEqual(expect.arrayContaining(['gpt-*', 'claude-*']));
  });

  test('an empty variable is no key', () =>
    expect(kindsOf(loadConfig({ files: [], env: { OPENAI_API_KEY: '' } }).manifests)).not.toContain(
      'Secret llmbackend-embedded',
    ));
});

/** What is said of an object in a folder, be it refused or left out. */
function told(apiVersion: string, kind: string): readonly string[] {
  const { problems, skipped } = folder(`apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: { name: x }\n`);
  return [...problems, ...skipped].map(({ message }) => message);
}

describe('a folder', () => {
  test('documents without apiVersion and kind are not ours', () => {
    expect(folder('services:\n- { name: x }\n---\n- a\n').problems).toEqual([]);
    expect(folder('').problems).toEqual([]);
  });

  test('objects of others are left out, and said; what may be meant for the gateway is not', () => {
    for (const [apiVersion, kind] of [
      ['v1', 'ServiceAccount'],
      ['apps/v1', 'Deployment'],
      ['v1', 'PersistentVolumeClaim'],
    ] as const)
      expect(told(apiVersion, kind)).toEqual([`${apiVersion} ${kind} is not for the gateway and left out`]);
    expect(told('agentgateway.dev/v1', 'LLMBackend')[0]).toContain('is not understood');
    expect(told('example.com/v1', 'HTTPRoute')[0]).toContain('is not understood');
    expect(told('agentgateway.dev/v1alpha1', 'Budget')).toEqual(['Budget is not supported yet']);
    const text = 'apiVersion: v1\nkind: ServiceAccount\nmetadata: { name: x }\n';
    expect(loadConfig({ files: [{ name: 'c.yaml', text, role: 'config' }], env: {} }).problems).toHaveLength(1);
  });

  test('JSON is read too', () => {
    const { manifests, problems } = folder(
      JSON.stringify({
        apiVersion: 'agentgateway.dev/v1alpha1',
        kind: 'HTTPBackend',
        metadata: { name: 'a' },
        spec: { host: 'a.example.com' },
        status: { conditions: [] },
      }),
    );
    expect(problems).toEqual([]);
    expect(kindsOf(manifests)).toContain('HTTPBackend a');
  });

  test('a document that explodes is refused', () => {
    const text = `a: &a [${'x,'.repeat(9)}]\nb: &b [${'*a,'.repeat(40)}]\nc: &c [${'*b,'.repeat(40)}]\nd: [${'*c,'.repeat(40)}]\n`;
    const { problems } = loadConfig({ files: [{ name: 'c.yaml', text, role: 'config' }], env: {} });
    expect(problems[0]?.message).toMatch(/alias/i);
  });
});

test('one slip in the YAML is one problem, whatever the parser makes of the rest', () => {
  const text = `services:\n- { name: a, ports: [{ port: \${X} }] }\n${'- { name: b, ports: [{ port: 80 }] }\n'.repeat(50)}`;
  const { problems } = loadConfig({ files: [{ name: 'c.yaml', text, role: 'config' }], env: {} });
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatchObject({ line: 2 });
  expect(problems[0]!.hint).toContain('quotes');
});

test('a Service that is said to have no endpoints is not looked up in DNS', () => {
  const text = 'services: [{ name: web, ports: [{ port: 80 }], endpoints: [] }]\n';
  const { manifests } = loadConfig({ files: [{ name: 'c.yaml', text, role: 'config' }], env: {} });
  const slices = manifests.filter(({ kind }) => kind === 'EndpointSlice');
  expect(slices).toMatchObject([{ endpoints: [] }]);
});

describe('what is left out', () => {
  test('names that are taken are not taken again', () => {
    const text = JSON.stringify({
      llmBackends: [
        { name: 'all', providers: [{ name: 'echo', echo: {} }] },
        { name: 'other', providers: [{ name: 'echo', echo: {} }] },
      ],
    });
    const { manifests, problems } = loadConfig({ files: [{ name: 'c.yaml', text, role: 'config' }], env: {} });
    expect(problems).toEqual([]);
    expect(kindsOf(manifests)).toContain('LLMBackend all-2');
  });

  test('a rule holds at most 64 matches', () => {
    const providers = Array.from({ length: 64 }, (_, index) => ({ name: `p${index}`, echo: {} }));
    const text = JSON.stringify({ llmBackends: [{ name: 'm', providers }] });
    const { manifests } = loadConfig({ files: [{ name: 'c.yaml', text, role: 'config' }], env: {} });
    const { rules } = manifests.find(({ kind }) => kind === 'HTTPRoute')!.spec as { rules: { matches: unknown[] }[] };
    expect(rules.map(({ matches }) => matches.length)).toEqual([64, 1]);
  });
});

describe('ejecting', () => {
  test('says what kubectl wants: no namespace for a class, no secrets, no look-ups in DNS', () => {
    const files = [
      {
        name: 'config.yaml',
        text: 'services: [{ name: web, ports: [{ port: 80 }] }]\nsecrets: [{ name: s, stringData: { a: hush } }]\n',
        role: 'config' as const,
      },
      {
        name: 'm.yaml',
        text: 'apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: { name: c }\nspec: { controllerName: x }\n',
        role: 'manifests' as const,
      },
    ];
    const { manifests, problems } = loadConfig({ files, env: {} });
    expect(problems).toEqual([]);
    const text = eject(manifests, { withSecrets: false });
    expect(text).not.toContain('hush');
    expect(text).toContain('a: ""');
    expect(text).not.toContain('EndpointSlice');
    expect(text).toMatch(/kind: GatewayClass\nmetadata:\n {2}name: c\nspec/);
    expect(eject(manifests, { withSecrets: true })).toContain('hush');
  });
});
