// Every golden of the language: what files load to, and what worlds translate to. UPDATE_GOLDENS=1 writes them anew.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { loadConfig } from '../config/load.ts';
import { eject } from '../config/eject.ts';
import { type CaseInput, controllerName, describeTranslation, loadCase, toWorld } from './fixture.ts';
import { createTranslator } from './translate.ts';

const isUpdating = process.env['UPDATE_GOLDENS'] === '1';

function casesOf(folder: string): { name: string; input: CaseInput; file: string }[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.in.yaml'))
    .sort()
    .map((path) => ({
      name: path.slice(0, -'.in.yaml'.length),
      input: parse(readFileSync(join(folder, path), 'utf8')) as CaseInput,
      file: join(folder, path.replace(/\.in\.yaml$/, '.out.yaml')),
    }));
}

function expectGolden(file: string, outcome: unknown): void {
  const text = stringify(JSON.parse(JSON.stringify(outcome)), { lineWidth: 0, aliasDuplicateObjects: false });
  if (isUpdating) writeFileSync(file, text);
  expect(existsSync(file), `${file} is missing; write it with UPDATE_GOLDENS=1`).toBe(true);
  expect(text).toBe(readFileSync(file, 'utf8'));
}

const loads = casesOf(join(import.meta.dirname, '../config/testdata'));
const translations = casesOf(join(import.meta.dirname, 'testdata'));

describe('loading', () => {
  test.each(loads)('$name', ({ input, file }) => {
    const { manifests, problems } = loadCase(input);
    expectGolden(file, {
      problems,
      manifests: manifests.map(({ origin, stringData, ...manifest }) => ({
        ...manifest,
        ...(stringData !== undefined && { stringData: Object.keys(stringData as object) }),
        ...(origin && { origin: `${origin.file}:${origin.line} ${origin.pathPrefix}` }),
      })),
    });
  });
});

describe('translating', () => {
  test('there are goldens', () => expect(translations.length).toBeGreaterThan(20));

  test.each(translations)('$name', ({ input, file }) => {
    if (input.config !== undefined || input.manifests !== undefined) expect(loadCase(input).problems).toEqual([]);
    expectGolden(file, describeTranslation(createTranslator().translate(toWorld(input))));
  });

  const ejectable = translations.filter(({ input }) => input.config !== undefined && input.objects === undefined);
  test.each(ejectable)('$name ejects to manifests of equal resources', ({ input }) => {
    const { manifests } = loadCase(input);
    const ejected = eject(manifests, { withSecrets: true });
    const again = loadConfig({ files: [{ name: 'ejected.yaml', text: ejected, role: 'manifests' }], env: {} });
    expect(again.problems).toEqual([]);
    const translate = (objects: typeof manifests) =>
      createTranslator().translate({ objects, feedback: new Map(), controllerName });
    expect(translate(again.manifests).views).toEqual(translate(manifests).views);
  });

  test.each(ejectable)('$name ejects nothing secret unless asked', ({ input }) => {
    const values = Object.entries(input.env ?? {}).filter(([name]) => name.endsWith('_KEY'));
    const text = eject(loadCase(input).manifests, { withSecrets: false });
    for (const [, value] of values) expect(text).not.toContain(value);
  });
});
