// The image says what a cluster demands of it: no root, no shell, the ports, and paths that the build makes.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runHelp } from '@agentgateway/proxy/settings.ts';

const root = join(import.meta.dirname, '..');

interface Instruction {
  readonly word: string;
  readonly rest: string;
}

/** Stages in order, each with its instructions; comments dropped, continued lines joined (Dockerfile reference, Format). */
function parseDockerfile(text: string): Instruction[][] {
  const lines = text
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n');
  const stages: Instruction[][] = [[]];
  for (const line of lines) {
    const [, word, rest] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    if (word === undefined || rest === undefined) throw new Error(`not an instruction: ${line}`);
    if (word === 'FROM') stages.push([]);
    stages.at(-1)!.push({ word, rest: rest.trim() });
  }
  return stages.slice(1);
}

const stages = parseDockerfile(readFileSync(join(root, 'Dockerfile'), 'utf8'));
const [build = [], final = []] = stages;
const all = (stage: Instruction[], word: string): string[] =>
  stage.filter((instruction) => instruction.word === word).map(({ rest }) => rest);

test('there is a build stage and a final one', () => {
  expect(stages).toHaveLength(2);
  expect(all(build, 'FROM')[0]).toMatch(/ AS build$/);
});

describe('the final stage', () => {
  test('runs as a numeric user who is not root', () => {
    expect(all(final, 'USER')).toEqual([expect.stringMatching(/^[1-9]\d*:[1-9]\d*$/)]);
  });

  test('needs no shell', () => {
    expect(all(final, 'RUN')).toEqual([]);
    expect(all(final, 'SHELL')).toEqual([]);
    expect(all(final, 'HEALTHCHECK')).toEqual(['NONE']);
    for (const command of [...all(final, 'ENTRYPOINT'), ...all(final, 'CMD')])
      expect(JSON.parse(command)).toBeInstanceOf(Array);
  });

  test('takes the build alone, and starts what it copied', () => {
    const copies = all(final, 'COPY');
    expect(copies).toHaveLength(1);
    const [, source, target] = /^--from=build (\S+) (\S+)$/.exec(copies[0]!) ?? [];
    expect(source).toBe(`${all(build, 'WORKDIR')[0]}/dist`);
    const [program, script] = JSON.parse(all(final, 'ENTRYPOINT')[0]!) as string[];
    expect(program).toBe('node');
    expect(script).toBe(`${target}/main.js`);
    expect(readFileSync(join(root, 'scripts/build.ts'), 'utf8')).toContain("main: 'packages/cli/src/main.ts'");
  });

  test('listens on all addresses, on the ports it names', () => {
    expect(all(final, 'ENV').join(' ')).toContain('AGENTGATEWAY_BIND=0.0.0.0');
    expect(runHelp).toContain('AGENTGATEWAY_BIND');
    expect(all(final, 'EXPOSE')).toEqual(['3000 15000 15020 15021']);
    expect(all(final, 'STOPSIGNAL')).toEqual(['SIGTERM']);
  });
});

test('the build stage runs scripts that exist', () => {
  const scripts = all(build, 'RUN').flatMap((command) =>
    [...command.matchAll(/scripts\/[\w-]+/g)].map(([path]) => path),
  );
  expect(scripts.length).toBeGreaterThan(0);
  for (const path of scripts) expect(existsSync(join(root, path)), path).toBe(true);
  const { scripts: named } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  expect(named['build']).toContain('scripts/build.ts');
});

test('what is installed or built on the machine stays out of the image', () => {
  const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n');
  for (const path of ['.git', '**/node_modules', 'dist']) expect(ignored).toContain(path);
});
