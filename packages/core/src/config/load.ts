// Files → manifests: parse, validate, expand variables, expand the short form, add what was left out (contract 13).
import { kinds, findKind, reservedPlurals, type KindRow } from '../kinds/registry.ts';
import { liftSecrets } from '../schema/walk.ts';
import type { Manifest, ObjectOrigin } from '../world.ts';
import { addDefaults, everyGateway } from './defaults.ts';
import { type ConfigDocument, parseDocuments } from './document.ts';
import type { ConfigProblem } from './problem.ts';
import { nearest } from './suggest.ts';
import { place, validateFields } from './validate.ts';
import { expandValue } from './variables.ts';

export type { ConfigProblem } from './problem.ts';

/** What to load. */
export interface ConfigInput {
  readonly files: readonly { readonly name: string; readonly text: string; readonly role: 'config' | 'manifests' }[];
  readonly env: Readonly<Record<string, string>>;
}

/** Manifests, or every problem; with any problem nothing is to be used. */
export interface LoadedConfig {
  readonly manifests: readonly Manifest[];
  readonly problems: readonly ConfigProblem[];
}

/** Loads a configuration. Pure. */
export function loadConfig({ files, env }: ConfigInput): LoadedConfig {
  const loader = new Loader(env);
  for (const { name, text, role } of files) {
    const { documents, problems } = parseDocuments(name, text);
    loader.problems.push(...problems);
    for (const document of documents) {
      const isManifest = isObject(document.value) && 'apiVersion' in document.value && 'kind' in document.value;
      if (isManifest) loader.addManifest(document);
      else if (role === 'config') loader.addShort(document);
    }
  }
  if (loader.problems.length > 0) return { manifests: [], problems: loader.problems };
  return { manifests: addDefaults(loader.manifests, env), problems: [] };
}

class Loader {
  readonly manifests: Manifest[] = [];
  readonly problems: ConfigProblem[] = [];
  readonly #env: Readonly<Record<string, string>>;

  constructor(env: Readonly<Record<string, string>>) {
    this.#env = env;
  }

  /** A plain manifest, as kubectl takes it. */
  addManifest(document: ConfigDocument): void {
    const object = document.value as Record<string, unknown>;
    const row = findKind(String(object['apiVersion']), String(object['kind']));
    if (!row) {
      this.problems.push({
        file: document.file,
        line: document.lineOf(['kind']),
        path: 'kind',
        message: `${String(object['apiVersion'])} ${String(object['kind'])} is not understood`,
        hint: `understood: ${kinds.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`).join(', ')}`,
      });
      return;
    }
    const metadata = isObject(object['metadata']) ? object['metadata'] : {};
    if (typeof metadata['name'] !== 'string') {
      this.problems.push({
        file: document.file,
        line: document.lineOf(['metadata', 'name']),
        path: 'metadata.name',
        message: 'is required',
      });
      return;
    }
    const prefix = row.place === 'spec' ? ['spec'] : [];
    const { apiVersion: _apiVersion, kind: _kind, metadata: _metadata, status: _status, ...rest } = object;
    this.#add(document, {
      row,
      prefix,
      fields: row.place === 'spec' ? object['spec'] : rest,
      name: metadata['name'],
      namespace: typeof metadata['namespace'] === 'string' ? metadata['namespace'] : 'default',
      labels: metadata['labels'],
      isShort: false,
    });
  }

  /** The short form: plurals at the top, items of name and spec. */
  addShort(document: ConfigDocument): void {
    const { file, value } = document;
    if (!isObject(value)) {
      this.problems.push({
        file,
        line: 1,
        path: '',
        message: 'must be a mapping',
        hint: `its keys: ${plurals().join(', ')}`,
      });
      return;
    }
    for (const [plural, items] of Object.entries(value)) {
      const row = kinds.find((candidate) => candidate.plural === plural);
      const line = document.lineOf([plural]);
      if (!row) {
        const near = nearest(plural, plurals());
        const isReserved = reservedPlurals.includes(plural);
        this.problems.push({
          file,
          line,
          path: plural,
          message: isReserved ? 'is not supported yet' : 'unknown field',
          ...(!isReserved && {
            hint: near === undefined ? `known fields: ${plurals().join(', ')}` : `did you mean ${near}?`,
          }),
        });
        continue;
      }
      if (!Array.isArray(items)) {
        this.problems.push({ file, line, path: plural, message: 'must be a list' });
        continue;
      }
      items.forEach((item: unknown, index) => this.#addItem(document, row, [plural, index], item));
    }
  }

  #addItem(document: ConfigDocument, row: KindRow, prefix: readonly (string | number)[], item: unknown): void {
    if (!isObject(item) || typeof item['name'] !== 'string') {
      this.problems.push(
        place(
          { path: isObject(item) ? ['name'] : [], message: isObject(item) ? 'is required' : 'must be a mapping' },
          { file: document.file, prefix, lineOf: document.lineOf },
        ),
      );
      return;
    }
    const { name, ...fields } = item;
    this.#add(document, {
      row,
      prefix,
      fields,
      name: name as string,
      namespace: 'default',
      labels: undefined,
      isShort: true,
    });
  }

  #add(document: ConfigDocument, item: Item): void {
    const { row, prefix, isShort } = item;
    const origin: ObjectOrigin = {
      file: document.file,
      line: document.lineOf(prefix),
      pathPrefix: isShort ? `${String(prefix[0])}[${String(prefix[1])}]` : 'spec',
    };
    const generated: Manifest[] = [];
    const lifted = isShort ? this.#liftSecrets(item, origin, generated) : item.fields;
    const withTargets =
      isShort && row.kind === 'Policy' && isObject(lifted) && lifted['targetRefs'] === undefined
        ? { ...lifted, targetRefs: [everyGateway] }
        : lifted;
    const checked = validateFields(row.schema, withTargets);
    for (const problem of checked.problems)
      this.problems.push(place(problem, { file: document.file, prefix, lineOf: document.lineOf }));
    if (checked.problems.length > 0) return;
    const fields = expandValue(checked.value, this.#env, (variable, path) =>
      this.problems.push(
        place(
          {
            path,
            message: `the environment variable ${variable} is not set`,
            hint: `set it, or write \${${variable}:-default}`,
          },
          { file: document.file, prefix, lineOf: document.lineOf },
        ),
      ),
    );
    const again = validateFields(row.schema, fields);
    for (const problem of again.problems)
      this.problems.push(place(problem, { file: document.file, prefix, lineOf: document.lineOf }));
    this.manifests.push(...generated, this.#manifest(item, again.value, origin));
  }

  /** Literals in secret fields become a Secret of their own, which the object then refers to. */
  #liftSecrets({ row, fields, name }: Item, origin: ObjectOrigin, generated: Manifest[]): unknown {
    const stringData: Record<string, string> = {};
    const secretName = `${row.kind.toLowerCase()}-${name}`;
    const lifted = liftSecrets(row.schema, fields, '', (text, path) => {
      const key = path.replaceAll(/[^A-Za-z0-9]+/g, '-').replaceAll(/^-|-$/g, '');
      const variables = expandValue(text, this.#env, (variable) =>
        this.problems.push({
          file: origin.file,
          line: origin.line,
          path: `${origin.pathPrefix}.${path}`,
          message: `the environment variable ${variable} is not set`,
          hint: `set it, or write \${${variable}:-default}`,
        }),
      );
      stringData[key] = variables as string;
      return { secretRef: { name: secretName, key } };
    });
    if (Object.keys(stringData).length > 0) {
      generated.push({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: this.#metadata(secretName, 'default'),
        stringData,
        origin,
      });
    }
    return lifted;
  }

  #manifest({ row, name, namespace, labels }: Item, fields: unknown, origin: ObjectOrigin): Manifest {
    const metadata = {
      ...this.#metadata(name, namespace),
      ...(isObject(labels) && { labels: labels as Record<string, string> }),
    };
    const head = { apiVersion: row.apiVersion, kind: row.kind, metadata, origin };
    return row.place === 'spec' ? { ...head, spec: fields } : { ...head, ...(fields as object) };
  }

  /** Age is the order in the files. */
  #metadata(name: string, namespace: string): Manifest['metadata'] {
    return { name, namespace, generation: 1, creationTimestamp: toTimestamp(this.manifests.length) };
  }
}

interface Item {
  readonly row: KindRow;
  readonly prefix: readonly (string | number)[];
  readonly fields: unknown;
  readonly name: string;
  readonly namespace: string;
  readonly labels: unknown;
  readonly isShort: boolean;
}

/** Milliseconds since the epoch, as a timestamp. */
export function toTimestamp(epochMs: number): string {
  const seconds = Math.floor(epochMs / 1000);
  const pad = (value: number, width: number): string => String(value).padStart(width, '0');
  return `1970-01-01T${pad(Math.floor(seconds / 3600), 2)}:${pad(Math.floor(seconds / 60) % 60, 2)}:${pad(seconds % 60, 2)}.${pad(epochMs % 1000, 3)}Z`;
}

function plurals(): string[] {
  return kinds.map(({ plural }) => plural).filter((plural) => plural !== undefined);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
