// The house's rules: which package may import which, and what no module may do; they fail on planted violations.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, posix } from 'node:path';
import { parseSync } from 'oxc-parser';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');

/** Package → the packages that it may import. A package that is not here may not exist. */
const edges: Readonly<Record<string, readonly string[]>> = {
  api: [],
  cel: [],
  llm: [],
  mcp: [],
  a2a: [],
  inference: ['llm'],
  quota: [],
  core: ['api', 'cel', 'llm', 'mcp', 'a2a', 'inference', 'quota'],
  proxy: ['api', 'cel', 'llm', 'mcp', 'a2a', 'inference', 'quota', 'core'],
  controller: ['api', 'cel', 'llm', 'mcp', 'a2a', 'inference', 'quota', 'core'],
  cli: ['core', 'proxy', 'controller'],
  ui: ['core'],
};

/** Packages without sockets, files and timers. */
const pure = ['api', 'cel', 'llm', 'mcp', 'a2a', 'inference', 'quota', 'core'];
/** Files of pure packages that are not: the stores of quota. */
const impure = /^packages\/quota\/src\/(sqlite|redis)(\/|\.ts$)/;
const doors =
  /^(node:)?(net|tls|http|https|http2|dgram|dns|fs|timers|worker_threads|child_process|cluster|readline|repl|inspector|sqlite|test)(\/|$)|^(undici|ioredis|hono|pino)(\/|$)|^@(grpc|hono|connectrpc|opentelemetry)\//;
const globalDoors = new Set(['setTimeout', 'setInterval', 'setImmediate', 'fetch', 'WebSocket', 'EventSource']);

/** A name that only some modules may import. */
const owned: readonly { readonly name: RegExp; readonly by: RegExp; readonly why: string }[] = [
  {
    name: /^(cel-js|@marcbachmann\/cel-js)(\/|$)/,
    by: /^packages\/cel\//,
    why: 'only packages/cel names the CEL library',
  },
  {
    name: /^@agentgateway\/quota\/(memory|sqlite|redis)(\.ts)?$/,
    by: /^(packages\/(proxy|quota)|test)\//,
    why: 'only the proxy imports the stores of quota',
  },
  { name: /^zod(\/|$)/, by: /^(packages\/(core|ui)|test)\//, why: 'schemas are written in core' },
];

interface Module {
  /** Path from the root of the repository. */
  readonly path: string;
  readonly text: string;
}
interface PackageFacts {
  readonly exports?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}
type SyntaxNode = Readonly<Record<string, unknown>> & { readonly type: string };

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string';
}

/** Every node of a tree, parents first. */
function* walk(node: SyntaxNode): Generator<SyntaxNode> {
  yield node;
  for (const value of Object.values(node))
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) yield* walk(child);
}

function named(source: unknown): string | null {
  return isNode(source) && typeof source['value'] === 'string' ? source['value'] : null;
}

/** What a node imports: the text, `undefined` when the node imports nothing, `null` when it cannot be told. */
function importOf(node: SyntaxNode): string | null | undefined {
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ExportAllDeclaration':
    case 'ImportExpression':
    case 'TSImportType':
      return named(node['source'] ?? node['argument']);
    case 'ExportNamedDeclaration':
      return isNode(node['source']) ? named(node['source']) : undefined;
    case 'TSExternalModuleReference':
      return named(node['expression']);
    case 'CallExpression': {
      const { callee, arguments: args } = node as SyntaxNode & { callee?: SyntaxNode; arguments?: unknown[] };
      return callee?.type === 'Identifier' && callee['name'] === 'require' ? named(args?.[0]) : undefined;
    }
    default:
      return undefined;
  }
}

/** `@scope/name/sub` → `@scope/name`. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** What is wrong with an import. */
function importProblems(path: string, specifier: string, facts: PackageFacts, tools: PackageFacts): string[] {
  const problems = owned
    .filter(({ name, by }) => name.test(specifier) && !by.test(path))
    .map(({ why }) => `imports ${specifier}: ${why}`);
  const [, own] = /^packages\/([^/]+)\//.exec(path) ?? [];
  const home = own === undefined ? 'test' : `packages/${own}`;
  const isTest = own === undefined || /\.test\.ts$|\/testdata\//.test(path);
  if (own !== undefined && !isTest && pure.includes(own) && !impure.test(path) && doors.test(specifier))
    problems.push(`imports ${specifier}: ${own} has no sockets, files or timers`);
  if (specifier.startsWith('node:')) return problems;
  if (specifier.startsWith('.')) {
    const target = posix.normalize(posix.join(posix.dirname(path), specifier));
    // Tests may use what all tests share, and those of the repository reach its scripts by path; nothing else leaves its package.
    const isShared = isTest && target.startsWith(own === undefined ? 'scripts/' : 'test/');
    const isInside = target.startsWith(`${home}/`) || isShared;
    return isInside ? problems : [...problems, `imports ${specifier}, which leaves its package`];
  }
  const name = packageOf(specifier);
  const [, ours] = /^@agentgateway\/(.+)$/.exec(name) ?? [];
  if (ours !== undefined && own !== undefined && !edges[own]?.includes(ours))
    problems.push(`imports ${specifier}: ${own} may import ${edges[own]?.join(', ') || 'no package of ours'}`);
  const listed = { ...facts.dependencies, ...(isTest && { ...facts.devDependencies, ...tools.devDependencies }) };
  if (!Object.hasOwn(listed, name)) problems.push(`imports ${specifier}, which ${home}/package.json does not list`);
  return problems;
}

/** What is wrong with a module beyond what it imports. */
function shapeProblems(path: string, nodes: readonly SyntaxNode[], facts: PackageFacts): string[] {
  const problems: string[] = [];
  if (nodes.some(({ type }) => type === 'ExportDefaultDeclaration')) problems.push('has a default export');
  const [, own] = /^packages\/([^/]+)\//.exec(path) ?? [];
  if (own === undefined || path.endsWith('.test.ts')) return problems;
  const isDoor = Object.values(facts.exports ?? {}).includes(path.replace(/^packages\/[^/]+/, '.'));
  const exports = isDoor
    ? []
    : nodes.filter(({ type }) => type === 'ExportNamedDeclaration' || type === 'ExportAllDeclaration');
  if (exports.some(({ type }) => type === 'ExportAllDeclaration'))
    problems.push('is a barrel: it exports * of another');
  else if (exports.length > 0 && exports.every((node) => isNode(node['source'])))
    problems.push('is a barrel: all it exports is from others');
  if (pure.includes(own) && !impure.test(path))
    for (const { type, callee } of nodes)
      if ((type === 'CallExpression' || type === 'NewExpression') && isNode(callee) && callee.type === 'Identifier') {
        const name = callee['name'] as string;
        if (globalDoors.has(name)) problems.push(`calls ${name}: ${own} has no sockets, files or timers`);
        if (name === 'createRequire') problems.push('calls createRequire, which hides what is imported');
      }
  return problems;
}

/** Every violation, as `path: what`. Throws where there is nothing to look at. */
function violationsOf(modules: readonly Module[], packages: ReadonlyMap<string, PackageFacts>): string[] {
  if (modules.length === 0) throw new Error('no modules were found');
  const tools = packages.get('.') ?? {};
  return modules.flatMap(({ path, text }) => {
    const [home] = /^(packages\/[^/]+|test)(?=\/)/.exec(path) ?? [''];
    const facts = packages.get(home);
    if (!facts) return [`${path}: belongs to no package`];
    const { program, errors } = parseSync(path, text);
    if (errors.length > 0) return [`${path}: cannot be parsed: ${errors[0]!.message}`];
    const nodes = [...walk(program as unknown as SyntaxNode)];
    const imports = nodes.map((node) => importOf(node)).filter((specifier) => specifier !== undefined);
    const problems = imports.flatMap((specifier) =>
      specifier === null ? ['imports something computed'] : importProblems(path, specifier, facts, tools),
    );
    return [...problems, ...shapeProblems(path, nodes, facts)].map((problem) => `${path}: ${problem}`);
  });
}

function modulesBelow(folder: string): Module[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => posix.join(entry.parentPath.slice(root.length + 1), entry.name))
    .filter((path) => !/(^|\/)(node_modules|dist|gen)\//.test(path))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}

const names = readdirSync(join(root, 'packages')).filter((name) => existsSync(join(root, 'packages', name, 'src')));
const packages = new Map<string, PackageFacts>(
  ['.', 'test', ...names.map((name) => `packages/${name}`)].map((home) => [
    home,
    JSON.parse(readFileSync(join(root, home, 'package.json'), 'utf8')) as PackageFacts,
  ]),
);

test('every module keeps to the rules', () => {
  const modules = [...names.flatMap((name) => modulesBelow(`packages/${name}/src`)), ...modulesBelow('test')];
  expect(modules.length).toBeGreaterThan(100);
  expect(violationsOf(modules, packages)).toEqual([]);
});

test('the packages are those of the table, and list no more than they may', () => {
  for (const name of names) {
    expect(Object.keys(edges), name).toContain(name);
    const listed = Object.keys(packages.get(`packages/${name}`)?.dependencies ?? {}).filter((dependency) =>
      dependency.startsWith('@agentgateway/'),
    );
    expect(
      edges[name]?.map((other) => `@agentgateway/${other}`),
      name,
    ).toEqual(expect.arrayContaining(listed));
  }
});

test('the root lists tools only', () => {
  expect(Object.keys(packages.get('.')?.dependencies ?? {})).toEqual([]);
});

test('no modules is a failure', () => {
  expect(() => violationsOf([], packages)).toThrow('no modules');
});

describe('a planted violation is found', () => {
  test.each([
    [
      'a leaf that imports core',
      'packages/llm/src/a.ts',
      "import { kinds } from '@agentgateway/core/kinds/registry.ts';",
      'llm may import no package of ours',
    ],
    [
      'a leaf that imports a leaf',
      'packages/cel/src/a.ts',
      "import { Usage } from '@agentgateway/llm/usage.ts';",
      'cel may import no package of ours',
    ],
    [
      'a type',
      'packages/core/src/a.ts',
      "import type { Store } from '@agentgateway/proxy/snapshot/store.ts';",
      'core may import',
    ],
    [
      'a type query',
      'packages/core/src/a.ts',
      "export type S = import('@agentgateway/proxy/gateway.ts').Gateway;",
      'core may import',
    ],
    [
      'a dynamic import',
      'packages/proxy/src/a.ts',
      "export const a = () => import('@agentgateway/cli/main');",
      'proxy may import',
    ],
    [
      'a re-export',
      'packages/proxy/src/a.ts',
      "export { a } from '@agentgateway/controller/a.ts'; export const b = 1;",
      'proxy may import',
    ],
    [
      'an import assignment',
      'packages/llm/src/a.ts',
      "import x = require('@agentgateway/quota'); export const y = x;",
      'llm may import',
    ],
    ['a require', 'packages/llm/src/a.ts', "export const x = require('undici');", 'does not list'],
    [
      'a computed import',
      'packages/cli/src/a.ts',
      'export const a = (name: string) => import(name);',
      'something computed',
    ],
    [
      'a way around the package',
      'packages/core/src/a.ts',
      "import { a } from '../../proxy/src/gateway.ts';",
      'leaves its package',
    ],
    [
      'a socket in core',
      'packages/core/src/a.ts',
      "import { connect } from 'node:net';",
      'node:net: core has no sockets',
    ],
    [
      'a socket without its scheme',
      'packages/core/src/a.ts',
      "import { connect } from 'net';",
      'net: core has no sockets',
    ],
    ['a file in a leaf', 'packages/llm/src/a.ts', "import { readFile } from 'node:fs/promises';", 'llm has no sockets'],
    [
      'a timer module',
      'packages/core/src/a.ts',
      "import { setTimeout } from 'node:timers/promises';",
      'core has no sockets',
    ],
    ['a worker', 'packages/core/src/a.ts', "import { Worker } from 'node:worker_threads';", 'core has no sockets'],
    ['a timer', 'packages/core/src/a.ts', 'export const a = () => setTimeout(() => 1, 1);', 'calls setTimeout'],
    ['a fetch', 'packages/llm/src/a.ts', "export const a = () => fetch('http://127.0.0.1');", 'calls fetch'],
    ['the CEL library elsewhere', 'packages/core/src/a.ts', "import { parse } from 'cel-js';", 'only packages/cel'],
    [
      'a store of quota elsewhere',
      'packages/core/src/a.ts',
      "import { open } from '@agentgateway/quota/sqlite';",
      'stores of quota',
    ],
    [
      'a dependency that is not listed',
      'packages/cli/src/a.ts',
      "import { Hono } from 'hono';",
      'cli/package.json does not list',
    ],
    [
      'a tool in a module',
      'packages/proxy/src/a.ts',
      "import { test } from 'vitest';",
      'proxy/package.json does not list',
    ],
    ['a default export', 'packages/proxy/src/a.ts', 'export default 1;', 'default export'],
    ['a star', 'packages/proxy/src/a.ts', "export * from './gateway.ts';", 'is a barrel'],
    [
      'a barrel',
      'packages/proxy/src/a.ts',
      "export { a } from './gateway.ts'; export type { B } from './settings.ts';",
      'is a barrel',
    ],
    ['a syntax error', 'packages/proxy/src/a.ts', 'export const = 1;', 'cannot be parsed'],
  ])('%s', (_what, path, text, problem) => {
    expect(violationsOf([{ path, text }], packages).join('\n')).toContain(problem);
  });
});

test('what is allowed passes', () => {
  const text = `import { create } from '@bufbuild/protobuf';
import type { Ledger } from '@agentgateway/quota';
import { compile } from '@agentgateway/cel';
import { timingSafeEqual } from 'node:crypto';
import { a } from './policy/registry.ts';
export type { B } from './errors.ts';
export const c = [create, compile, timingSafeEqual, a] satisfies unknown[];
export type D = Ledger;`;
  expect(violationsOf([{ path: 'packages/core/src/x.ts', text }], packages)).toEqual([]);
});
