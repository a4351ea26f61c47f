// Bundles the program into dist/: main.js, its subcommands in chunks, and the sources worker beside it.
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Plugin, build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const outdir = join(root, 'dist');

/** The OTLP exporter finds grpc-js by require at run time: its ES build, bundled, would start and export nothing. */
const otlpGrpc: Plugin = {
  name: 'otlp-grpc',
  setup(plugins) {
    plugins.onResolve(
      { filter: /^@opentelemetry\/exporter-trace-otlp-grpc$/ },
      ({ path, kind, resolveDir, importer }) =>
        kind === 'require-call' ? undefined : plugins.resolve(path, { kind: 'require-call', resolveDir, importer }),
    );
  },
};

rmSync(outdir, { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: root,
  // The worker lies beside main.js under the name that the proxy looks for (packages/proxy/src/source/source.ts).
  entryPoints: {
    main: 'packages/cli/src/main.ts',
    'sources-worker': 'packages/proxy/src/source/worker.ts',
  },
  outdir,
  bundle: true,
  splitting: true,
  // Chunks lie beside the entries, so that a URL relative to any module of the bundle is relative to dist/.
  chunkNames: 'chunk-[hash]',
  platform: 'node',
  format: 'esm',
  target: 'node24',
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'eof',
  metafile: true,
  logLevel: 'warning',
  banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
  plugins: [otlpGrpc],
});
writeFileSync(join(outdir, 'package.json'), '{"type":"module"}\n');
writeFileSync(join(outdir, 'LICENSE'), readFileSync(join(root, 'LICENSE')));
chmodSync(join(outdir, 'main.js'), 0o755);
const scripts = Object.entries(metafile.outputs).filter(([path]) => path.endsWith('.js'));
const kilobytes = scripts.reduce((sum, [, { bytes }]) => sum + bytes, 0) / 1000;
console.log(`dist/: ${scripts.length} scripts, ${Math.round(kilobytes)} kB`);
