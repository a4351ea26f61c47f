// The worker that turns files into resources beside the traffic: read, parse, validate, expand, translate, encode (contract 17).
import { constants, getPriority, platform, setPriority } from 'node:os';
import { join } from 'node:path';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import type { EncodedResource } from '@agentgateway/api/keys.ts';
import { type ConfigProblem, loadConfig } from '@agentgateway/core/config/load.ts';
import { controllerNameDefault } from '@agentgateway/core/controller.ts';
import { diffResources } from '@agentgateway/core/translate/diff.ts';
import { createTranslator } from '@agentgateway/core/translate/translate.ts';
import { uniteViews } from '@agentgateway/core/translate/unite.ts';
import type { Feedback, Manifest, Translation } from '@agentgateway/core/world.ts';
import { type ConfigFile, Unreadable, readFiles, watchFiles } from './files.ts';
import { ReferencedFiles } from './referenced-files.ts';
import type { FromSource, SourceInput, ToSource } from './messages.ts';

/**
 * Added to this thread's niceness: where there are fewer free cores than threads, requests go first and an edit waits. With
 * equal shares one edit of 1,000 routes under full load on one core added 27 ms to the slowest request.
 */
const niceness = 10;
/** How many problems of one edit are told. */
const problemsMax = 1000;

/** Reads, translates and posts. One update is on its way at a time; what changes meanwhile is read once it has arrived. */
class FileSource {
  readonly #input: SourceInput;
  readonly #post: (message: FromSource) => void;
  readonly #translator = createTranslator();
  readonly #referenced = new ReferencedFiles(() => this.load());
  #manifests: readonly Manifest[] = [];
  /** The Gateways that the manifests have views for. */
  #gateways: readonly string[] = [];
  #feedback: ReadonlyMap<string, Feedback> = new Map();
  /** What was read last; undefined before, and after the files could not be read. */
  #files: readonly ConfigFile[] | undefined;
  /** Whether the files that were read last had a config.yaml. */
  #hadConfig = false;
  /** What the main thread has acknowledged, and what is on its way to it. */
  #held: readonly EncodedResource[] = [];
  #sent: readonly EncodedResource[] | undefined;
  #isStale = false;
  #complaint = '';

  constructor(input: SourceInput, post: (message: FromSource) => void) {
    this.#input = input;
    this.#post = post;
  }

  /** Something may have changed. */
  load(): void {
    if (this.#sent) {
      this.#isStale = true;
      return;
    }
    const files = this.#read();
    if (!files || (isSame(files, this.#files) && !this.#referenced.hasChanged())) return;
    this.#files = files;
    this.#hadConfig = files.some(({ role }) => role === 'config');
    try {
      this.#translate(files);
    } catch (error) {
      // A fault of this program; the file that showed it may be edited again.
      const message = `it cannot be translated, which is a fault of this program: ${describe(error)}`;
      this.#refuse([{ file: this.#input.config ?? 'the embedded configuration', path: '', message }]);
    }
  }

  /** The main thread has answered an update. */
  receive(message: ToSource): void {
    const sent = this.#sent;
    this.#sent = undefined;
    if (message.type === 'failed') this.#files = undefined;
    else {
      this.#held = sent ?? this.#held;
      const bindErrors = new Map(message.bindErrors);
      const { rejections, addresses } = message;
      const said: Feedback = { rejections, bindErrors, addresses, isAcknowledged: true };
      this.#feedback = new Map(this.#gateways.map((gateway) => [gateway, said]));
      const { statuses, issues } = this.#translateWorld(this.#manifests);
      this.#post({ type: 'status', statuses, issues });
    }
    if (!this.#isStale) return;
    this.#isStale = false;
    this.load();
  }

  /** The files; undefined where there is nothing to be done. */
  #read(): ConfigFile[] | undefined {
    const { config } = this.#input;
    if (config === undefined) return [];
    try {
      const files = readFiles(config);
      if (files && this.#hadConfig && !files.some(({ role }) => role === 'config'))
        throw new Unreadable(join(config, 'config.yaml'), 'the file is gone');
      this.#complaint = '';
      return files;
    } catch (error) {
      const file = error instanceof Unreadable ? error.file : config;
      const complaint = `${file} ${describe(error)}`;
      // Said once, not at every look.
      if (complaint !== this.#complaint) this.#post({ type: 'unreadable', file, message: describe(error) });
      this.#complaint = complaint;
      this.#files = undefined;
      return undefined;
    }
  }

  #translate(files: readonly ConfigFile[]): void {
    const { env } = this.#input;
    const { manifests, problems, skipped } = this.#referenced.reading((readFile) =>
      loadConfig({ files, env, readFile }),
    );
    if (problems.length > 0) {
      this.#refuse(problems);
      return;
    }
    const { views, statuses, issues } = this.#translateWorld(manifests);
    this.#manifests = manifests;
    this.#gateways = [...views.keys()];
    this.#sent = uniteViews(views);
    this.#post({ type: 'update', changes: diffResources(this.#held, this.#sent), statuses, issues, skipped });
  }

  #translateWorld(objects: readonly Manifest[]): Translation {
    return this.#translator.translate({
      objects,
      feedback: this.#feedback,
      controllerName: controllerNameDefault,
      sharesBinds: true,
    });
  }

  #refuse(problems: readonly ConfigProblem[]): void {
    const rest = problems.length - problemsMax;
    const told = problems.slice(0, problemsMax);
    if (rest > 0) told.push({ file: told[0]!.file, path: '', message: `and ${rest} more problems` });
    this.#post({ type: 'refused', problems: told });
  }
}

function isSame(files: readonly ConfigFile[], before: readonly ConfigFile[] | undefined): boolean {
  return (
    before?.length === files.length &&
    files.every(({ name, text }, index) => before[index]!.name === name && before[index]!.text === text)
  );
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

if (!isMainThread && parentPort) {
  const port = parentPort;
  // On Linux it is the calling thread's own; elsewhere it would be that of the traffic, too.
  if (platform() === 'linux') setPriority(Math.min(constants.priority.PRIORITY_LOW, getPriority() + niceness));
  const input = workerData as SourceInput;
  const source = new FileSource(input, (message) => port.postMessage(message));
  // Before the first look, so that nothing is missed between.
  if (input.config !== undefined) watchFiles(input.config, () => source.load());
  port.on('message', (message: ToSource) => {
    source.receive(message);
    // Nothing can change any more, and an idle worker costs tens of megabytes.
    if (input.config === undefined) port.close();
  });
  source.load();
}
