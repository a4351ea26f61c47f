// Writes every generated file, or with --check says which of those committed are stale.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { generatePrices } from './steps/prices.ts';
import { generateSchemas } from './steps/schemas.ts';

/** A generator: which folder it owns whole (or undefined), and the files it writes, path → text. */
interface Step {
  readonly name: string;
  readonly owns: readonly string[];
  run(): Promise<ReadonlyMap<string, string>> | ReadonlyMap<string, string>;
}

const root = join(import.meta.dirname, '..');

const steps: readonly Step[] = [
  { name: 'protobuf', owns: ['packages/api/src/gen'], run: generateProtobuf },
  { name: 'schemas', owns: ['manifests/crds', 'docs/reference'], run: generateSchemas },
  { name: 'prices', owns: ['packages/llm/src/gen'], run: generatePrices },
];

/** Runs buf on a copy of the protobuf sources, so that a check leaves the tree alone. */
function generateProtobuf(): ReadonlyMap<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'agentgateway-gen-'));
  try {
    for (const name of ['proto', 'buf.yaml', 'buf.gen.yaml'])
      cpSync(join(root, name), join(folder, name), { recursive: true });
    const path = `${join(root, 'node_modules/.bin')}:${process.env['PATH']}`;
    execFileSync(join(root, 'node_modules/.bin/buf'), ['lint'], {
      cwd: folder,
      stdio: 'inherit',
      env: { ...process.env, PATH: path },
    });
    execFileSync(join(root, 'node_modules/.bin/buf'), ['generate'], {
      cwd: folder,
      stdio: 'inherit',
      env: { ...process.env, PATH: path },
    });
    return readTree(folder, 'packages/api/src/gen');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function readTree(base: string, folder: string): Map<string, string> {
  const files = new Map<string, string>();
  if (!existsSync(join(base, folder))) return files;
  for (const entry of readdirSync(join(base, folder), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(relative(base, path), readFileSync(path, 'utf8'));
  }
  return files;
}

const isCheck = process.argv.includes('--check');
const stale: string[] = [];
for (const step of steps) {
  const wanted = await step.run();
  const present = new Map(step.owns.flatMap((folder) => [...readTree(root, folder)]));
  for (const path of wanted.keys()) {
    if (!present.has(path) && existsSync(join(root, path))) present.set(path, readFileSync(join(root, path), 'utf8'));
  }
  for (const [path, text] of wanted) {
    if (present.get(path) === text) continue;
    stale.push(path);
    if (isCheck) continue;
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  for (const path of present.keys()) {
    if (wanted.has(path)) continue;
    stale.push(path);
    if (!isCheck) rmSync(join(root, path));
  }
}
if (isCheck && stale.length > 0) {
  console.error(`stale generated files; run \`make gen\`:\n${stale.map((path) => `  ${path}`).join('\n')}`);
  process.exit(1);
}
console.log(isCheck ? 'generated files are fresh' : `${stale.length} generated files written`);
