// Documents → manifests, one at a time, collecting every mistake in the user's own path and line.
import { type KindRow, findKind, groupOf, kinds, reservedKinds, reservedPlurals } from '../kinds/registry.ts';
import { name as nameSchema, texts } from '../schema/dialect.ts';
import { liftSecrets } from '../schema/walk.ts';
import type { Manifest, ObjectOrigin } from '../world.ts';
import type { LoadedItem } from './defaults.ts';
import type { ConfigDocument } from './document.ts';
import { type ConfigProblem, fromPath, toPath } from './problem.ts';
import { type ReadFile, expandGateway } from './gateways.ts';
import { expandService } from './services.ts';
import { nearest } from './suggest.ts';
import { type FieldProblem, place, validateFields } from './validate.ts';
import { expandText, expandValue, hasVariables } from './variables.ts';

type Path = readonly (string | number)[];

/** An object as it was written. */
interface WrittenItem {
  readonly row: KindRow;
  /** Path of its fields in the document. */
  readonly prefix: Path;
  readonly fields: unknown;
  readonly metadata: Omit<Manifest['metadata'], 'generation' | 'creationTimestamp'>;
  readonly isShort: boolean;
}

/** Reads a file that an object of the configuration file `from` names: its text, or why it cannot be read. */
export type ReferencedFile = (path: string, from: string) => ReturnType<ReadFile>;

/** Reads documents one after the other. */
export class Loader {
  readonly items: LoadedItem[] = [];
  readonly problems: ConfigProblem[] = [];
  /** Objects that are somebody else's, and so left out. */
  readonly skipped: ConfigProblem[] = [];
  readonly #env: Readonly<Record<string, string>>;
  readonly #readFile: ReferencedFile;
  readonly #places = new Map<string, ObjectOrigin>();

  constructor(env: Readonly<Record<string, string>>, readFile: ReferencedFile) {
    this.#env = env;
    this.#readFile = readFile;
  }

  /** A plain manifest, as kubectl takes it: nothing in it is expanded. In a folder it may be somebody else's. */
  addManifest(document: ConfigDocument, isInFolder: boolean): void {
    const object = document.value as Record<string, unknown>;
    const [apiVersion, kind] = [String(object['apiVersion']), String(object['kind'])];
    const row = findKind(apiVersion, kind);
    if (!row && isInFolder && isForeign(apiVersion, kind)) {
      const { file } = document;
      const message = `${apiVersion} ${kind} is not for the gateway and left out`;
      this.skipped.push({ file, line: document.lineOf(['kind']), path: 'kind', message });
      return;
    }
    if (!row) {
      const known = `understood: ${kinds.map((one) => `${one.apiVersion} ${one.kind}`).join(', ')}`;
      const problem = reservedKinds.includes(kind)
        ? { message: `${kind} is not supported yet` }
        : { message: `${apiVersion} ${kind} is not understood`, hint: known };
      this.#report(document, [], { path: ['kind'], ...problem });
      return;
    }
    const { metadata: written, status: _status, apiVersion: _apiVersion, kind: _kind, ...rest } = object;
    const metadata = isObject(written) ? written : {};
    const { namespace = 'default' } = metadata;
    const checks: FieldProblem[] = [
      ...nameProblems(metadata['name'], ['metadata', 'name']),
      ...nameProblems(namespace, ['metadata', 'namespace']),
      ...(['labels', 'annotations'] as const)
        .filter((field) => metadata[field] !== undefined && !texts(262_144).safeParse(metadata[field]).success)
        .map((field) => ({ path: ['metadata', field], message: 'must be a mapping of texts' })),
    ];
    for (const problem of checks) this.#report(document, [], problem);
    if (checks.length > 0) return;
    this.#add(document, {
      row,
      prefix: row.place === 'spec' ? ['spec'] : [],
      fields: row.place === 'spec' ? object['spec'] : rest,
      metadata: {
        name: metadata['name'] as string,
        namespace: namespace as string,
        ...(isObject(metadata['labels']) && { labels: metadata['labels'] as Record<string, string> }),
        ...(isObject(metadata['annotations']) && { annotations: metadata['annotations'] as Record<string, string> }),
      },
      isShort: false,
    });
  }

  /** The short form: plurals at the top, items of name and spec. */
  addShort(document: ConfigDocument): void {
    const { value } = document;
    if (!isObject(value)) {
      this.#report(document, [], { path: [], message: 'must be a mapping', hint: `its keys: ${plurals().join(', ')}` });
      return;
    }
    for (const [plural, items] of Object.entries(value)) {
      const row = kinds.find((candidate) => candidate.plural === plural);
      if (!row) this.#report(document, [], unknownPlural(plural));
      else if (!Array.isArray(items)) this.#report(document, [], { path: [plural], message: 'must be a list' });
      else items.forEach((item: unknown, index) => this.#addItem(document, row, [plural, index], item));
    }
  }

  #addItem(document: ConfigDocument, row: KindRow, prefix: Path, item: unknown): void {
    if (!isObject(item)) {
      this.#report(document, prefix, { path: [], message: 'must be a mapping' });
      return;
    }
    const { name, ...fields } = item;
    const problems = nameProblems(name, ['name']);
    for (const problem of problems) this.#report(document, prefix, problem);
    // The fields are judged even without a usable name, so that every problem is told at once.
    const metadata = { name: problems.length > 0 ? '' : (name as string), namespace: 'default' };
    this.#add(document, { row, prefix, fields, metadata, isShort: true });
  }

  #add(document: ConfigDocument, item: WrittenItem): void {
    const { row, prefix, isShort } = item;
    const origin: ObjectOrigin = {
      file: document.file,
      line: document.lineOf(prefix.length > 0 && isShort ? prefix : []),
      pathPrefix: toPath(prefix),
      lineOf: (path) => document.lineOf(fromPath(path)),
    };
    const report = (problem: FieldProblem): void => this.#report(document, prefix, problem);
    const before = this.problems.length;
    const stringData: Record<string, string> = {};
    const fields = isShort ? this.#expand(item, report, stringData) : this.#validate(row.schema, item.fields, report);
    if (fields === undefined || this.problems.length > before || item.metadata.name === '') return;
    if (Object.keys(stringData).length > 0) {
      const metadata = { name: secretNameOf(item), namespace: item.metadata.namespace };
      this.#keep({ ...toManifest({ ...item, row: secretRow, metadata }, { stringData }), origin }, isShort);
    }
    const manifest = { ...toManifest(item, fields), origin };
    const expanded = isShort ? this.#expandShort(manifest, document.file) : { manifests: [manifest], problems: [] };
    for (const problem of expanded.problems) report(problem);
    for (const part of expanded.manifests) this.#keep(part, isShort);
  }

  /** What an item of the short form stands for. */
  #expandShort(
    manifest: Manifest,
    file: string,
  ): { readonly manifests: readonly Manifest[]; readonly problems: readonly FieldProblem[] } {
    switch (manifest.kind) {
      case 'Service':
        return expandService(manifest);
      case 'Gateway':
      case 'ListenerSet':
        return expandGateway(manifest, (path) => this.#readFile(path, file));
      default:
        return { manifests: [manifest], problems: [] };
    }
  }

  /** The short form: secrets become Secrets, items are validated, variables expanded, and what they gave is validated too. */
  #expand(item: WrittenItem, report: (problem: FieldProblem) => void, stringData: Record<string, string>): unknown {
    const schema = item.row.shortSchema ?? item.row.schema;
    const onUnset = (variable: string, path: Path): void =>
      report({
        path,
        message: `the environment variable ${variable} is ${this.#env[variable] === undefined ? 'not set' : 'empty'}`,
        hint: `set it, or write \${${variable}:-default}`,
      });
    const lifted = liftSecrets(schema, item.fields, '', (text, path) => {
      const key = path.replaceAll(/[^A-Za-z0-9]+/g, '-').replaceAll(/^-|-$/g, '');
      stringData[key] = expandText(text, this.#env, (variable) => onUnset(variable, fromPath(path)));
      return { secretRef: { name: secretNameOf(item), key } };
    });
    const isLater = (path: Path): boolean => {
      const value = valueAt(lifted, path);
      return typeof value === 'string' && hasVariables(value);
    };
    // What a variable stands for is judged once it is known; everything else now, in the user's own words.
    const early = validateFields(schema, lifted).problems.filter(({ path }) => !isLater(path));
    for (const problem of early) report(problem);
    let unset = 0;
    const expanded = expandValue(schema, lifted, this.#env, (variable, path) => {
      unset++;
      onUnset(variable, path);
    });
    return early.length > 0 || unset > 0 ? undefined : this.#validate(schema, expanded, report);
  }

  #validate(schema: KindRow['schema'], fields: unknown, report: (problem: FieldProblem) => void): unknown {
    const { value, problems } = validateFields(schema, fields);
    for (const problem of problems) report(problem);
    return value;
  }

  #keep(manifest: Manifest, isShort: boolean): void {
    const { kind, metadata, origin } = manifest;
    const id = `${kind} ${metadata.namespace}/${metadata.name}`;
    const first = this.#places.get(id);
    if (first && origin)
      this.problems.push({
        file: origin.file,
        line: origin.line,
        path: isShort ? origin.pathPrefix : 'metadata.name',
        message: `${id} is there twice`,
        hint: `the first is at ${first.file}:${first.line}; give one of them another name`,
      });
    if (origin) this.#places.set(id, origin);
    this.items.push({ manifest, isShort });
  }

  #report(document: ConfigDocument, prefix: Path, problem: FieldProblem): void {
    this.problems.push(place(problem, { file: document.file, prefix, lineOf: (path) => document.lineOf(path) }));
  }
}

const secretRow = kinds.find(({ kind }) => kind === 'Secret')!;

/** Name of the Secret that holds an item's literals. */
function secretNameOf({ row, metadata }: WrittenItem): string {
  return `${row.kind.toLowerCase()}-${metadata.name}`;
}

/** Whether an object is of no group whose kinds the gateway serves, now or later, nor called like one of them by mistake. */
function isForeign(apiVersion: string, kind: string): boolean {
  if (kinds.some((row) => row.kind === kind)) return false;
  const [group, version] = apiVersion.split('/');
  // Of the core's kinds the planned ones are read, not served: to leave them out changes nothing that is asked for.
  if (version === undefined) return true;
  return !reservedKinds.includes(kind) && !kinds.some((row) => groupOf(row) === group);
}

function toManifest({ row, metadata }: WrittenItem, fields: unknown): Manifest {
  const head = {
    apiVersion: row.apiVersion,
    kind: row.kind,
    metadata: { ...metadata, generation: 1, creationTimestamp: '' },
  };
  return row.place === 'spec' ? { ...head, spec: fields } : { ...head, ...(fields as object) };
}

function nameProblems(name: unknown, path: Path): FieldProblem[] {
  if (name === undefined || name === null) return [{ path, message: 'is required' }];
  if (typeof name !== 'string') return [{ path, message: 'must be a string (quote it)' }];
  const { success, error } = nameSchema().safeParse(name);
  return success ? [] : [{ path, message: error.issues[0]!.message }];
}

function unknownPlural(plural: string): FieldProblem {
  if (reservedPlurals.includes(plural)) return { path: [plural], message: 'is not supported yet' };
  const near = nearest(plural, plurals());
  const hint = near === undefined ? `known fields: ${plurals().join(', ')}` : `did you mean ${near}?`;
  return { path: [plural], message: 'unknown field', hint };
}

function valueAt(value: unknown, path: Path): unknown {
  let current = value;
  for (const part of path) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = (current as Record<string | number, unknown>)[part];
  }
  return current;
}

function plurals(): string[] {
  return kinds.map(({ plural }) => plural).filter((plural) => plural !== undefined);
}

/** Whether a value is a mapping. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
