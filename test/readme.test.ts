// The examples work: every configuration in the documentation loads without a problem and translates without an issue, and every link and target exists.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '@agentgateway/core/config/load.ts';
import { reasons } from '@agentgateway/core/errors.ts';
import { createTranslator } from '@agentgateway/core/translate/translate.ts';
import { readCertificateFile } from './kit/certificates.ts';
import { toConfigSchema } from '../scripts/steps/json-schema.ts';

const root = join(import.meta.dirname, '..');

interface Example {
  /** File and line of the block's first line. */
  readonly place: string;
  readonly text: string;
}

/** Documentation that people write; what is generated has no examples but links. */
const pages = [
  'README.md',
  'AGENTS.md',
  'CHANGELOG.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
].map((path) => {
  const text = readFileSync(join(root, path), 'utf8');
  return { path, text, prose: text.replaceAll(/^```[\s\S]*?^```|`[^`\n]*`/gm, '``') };
});

function blocksOf(language: string, { path, text }: (typeof pages)[number]): Example[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map((match) => ({
    place: `${path}:${text.slice(0, match.index).split('\n').length + 1}`,
    text: match[1]!,
  }));
}

const configurations = pages.flatMap((page) => blocksOf('yaml', page)).filter(({ text }) => parse(text) !== null);

/** A value for each variable that a text names without a default. */
function environmentOf(text: string): Record<string, string> {
  const names = [...text.matchAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g)].map(([, name]) => name!);
  return Object.fromEntries(names.map((name) => [name, `value-of-${name.toLowerCase()}`]));
}

/** Names of the folders in a folder that people write. */
function folders(path: string): string[] {
  return readdirSync(join(root, path), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'gen' && entry.name !== 'node_modules')
    .map(({ name }) => name);
}

test('there are examples', () => {
  expect(configurations.filter(({ place }) => place.startsWith('README.md')).length).toBeGreaterThan(1);
  expect(configurations.length).toBeGreaterThan(6);
});

describe('a configuration in the documentation', () => {
  test.each(configurations)('at $place loads and translates', ({ text }) => {
    const files = [{ name: 'config.yaml', text, role: 'config' as const }];
    const { manifests, problems } = loadConfig({ files, env: environmentOf(text), readFile: readCertificateFile });
    expect(problems).toEqual([]);
    const { issues, views } = createTranslator().translate({
      objects: manifests,
      feedback: new Map(),
      controllerName: 'agentgateway.dev/controller',
    });
    expect(issues).toEqual([]);
    expect(views.size).toBeGreaterThan(0);
  });

  const validate = new Ajv({ strict: false, allErrors: true }).compile(toConfigSchema());
  test.each(configurations)('at $place is valid by the JSON schema', ({ text }) => {
    validate(parse(text));
    expect(validate.errors ?? []).toEqual([]);
  });
});

describe('what the documentation refers to exists', () => {
  test.each(pages)('$path', ({ path, prose }) => {
    const links = [...prose.matchAll(/\]\((?!https?:)([^)#]+)(#[^)]+)?\)/g)].map(([, target]) => target!);
    const missing = links.filter((target) => !existsSync(join(root, dirname(path), target)));
    expect(missing).toEqual([]);
  });

  test.each(pages)('anchors of $path', ({ path, prose }) => {
    const missing = [...prose.matchAll(/\]\((?!https?:)([^)#]*)#([^)]+)\)/g)].filter(([, target, anchor]) => {
      const file = target === '' ? join(root, path) : join(root, dirname(path), target!);
      const headings = [...readFileSync(file, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
        heading!
          .toLowerCase()
          .replaceAll(/[^\w\- ]/g, '')
          .replaceAll(' ', '-'),
      );
      return !headings.includes(anchor!);
    });
    expect(missing.map(([link]) => link)).toEqual([]);
  });

  test.each(pages)('schema hints of $path', ({ path, text }) => {
    for (const [, schema] of text.matchAll(/^# yaml-language-server: \$schema=(\S+)/gm)) {
      const found = [join(root, dirname(path), schema!), join(root, schema!)].map((file) => relative(root, file));
      expect(found).toContain('docs/reference/config.schema.json');
    }
  });

  test('make targets', () => {
    const makefile = readFileSync(join(root, 'Makefile'), 'utf8');
    for (const { path, text } of pages)
      for (const [, target] of text.matchAll(/`make ([a-z]+)/g))
        expect(makefile, `${path} names make ${target}`).toMatch(new RegExp(`^${target}:`, 'm'));
  });
});

describe('what the guides say agrees with the code', () => {
  test('the table of the access line has every key', () => {
    const told = readFileSync(join(root, 'docs/observability.md'), 'utf8');
    const folder = join(root, 'packages/proxy/src/telemetry');
    const source = ['access-line.ts', 'recorder.ts'].map((name) => readFileSync(join(folder, name), 'utf8')).join('\n');
    const keys = [...source.matchAll(/\bline\['([^']+)'\]/g)].map(([, key]) => key!);
    expect(keys.length).toBeGreaterThan(30);
    expect(keys.filter((key) => !told.includes(`\`${key}\``))).toEqual([]);
  });

  test('reasons of errors exist, with the status that is told', () => {
    const told = pages.flatMap(({ path, text }) =>
      [...text.matchAll(/\b([45][0-9]{2}) ((?:`[a-z-]+`(?:, )?)+)/g)].flatMap(([, status, names]) =>
        [...names!.matchAll(/`([a-z-]+)`/g)].map(([, reason]) => ({ path, status: Number(status), reason: reason! })),
      ),
    );
    expect(told.length).toBeGreaterThan(20);
    const wrong = told.filter(({ reason, status }) => reasons[reason as keyof typeof reasons]?.status !== status);
    expect(wrong).toEqual([]);
  });

  test('the tree of AGENTS.md has every package and every folder of the larger ones', () => {
    const { text } = pages.find(({ path }) => path === 'AGENTS.md')!;
    const tree = text.slice(text.indexOf('## The tree'), text.indexOf('## Conventions'));
    const wanted = [
      ...folders('packages'),
      ...['llm', 'core', 'proxy'].flatMap((name) => folders(`packages/${name}/src`)),
    ];
    expect(wanted.length).toBeGreaterThan(15);
    expect(wanted.filter((name) => !tree.includes(`${name}/`))).toEqual([]);
  });
});
