// The main thread's end of the file source: applies updates, says what was refused, feeds back what the proxy thinks.
import { Worker } from 'node:worker_threads';
import type { Rejection, ResourceChanges } from '@agentgateway/api/keys.ts';
import type { ConfigProblem } from '@agentgateway/core/config/load.ts';
import type { Log } from '@agentgateway/core/environment.ts';
import type { Issue, ObjectStatus } from '@agentgateway/core/world.ts';
import type { FromSource, SourceInput, ToSource } from './messages.ts';

/** What the admin side tells of the source. */
export interface SourceState {
  statuses: readonly ObjectStatus[];
  issues: readonly Issue[];
  /** Problems of the last edit, if it was refused. */
  refused: readonly ConfigProblem[];
  /** How many edits were refused since the start. */
  refusals: number;
  /** Milliseconds since the epoch of the last accepted edit. */
  acceptedEpochMs: number;
}

/** What became of an update. */
export interface Applied {
  /** Everything that is not in use, whichever update brought it. */
  readonly rejections: readonly Rejection[];
  /** Listener key → why it is not served. */
  readonly bindErrors: ReadonlyMap<string, string>;
  /** Addresses of listeners whose Gateway names none. */
  readonly addresses: readonly string[];
}

/** What the source needs. */
export interface SourceParts {
  readonly input: SourceInput;
  readonly log: Log;
  readonly now: () => number;
  /** Counts a refused edit. */
  readonly refused?: () => void;
  readonly apply: (changes: ResourceChanges) => Promise<Applied>;
}

/** A running source. `ready` resolves with the first applied update, and rejects when the first configuration is refused. */
export interface Source extends AsyncDisposable {
  readonly ready: Promise<void>;
  readonly state: SourceState;
}

/** A configuration that cannot be used at the start. */
export class ConfigRefused extends Error {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map((problem) => formatProblem(problem)).join('\n'));
    this.name = 'ConfigRefused';
    this.problems = problems;
  }
}

/** A problem on one line, with its hint on a second. */
export function formatProblem({ file, line, path, message, hint }: ConfigProblem): string {
  const place = line === undefined ? file : `${file}:${line}`;
  const subject = path === '' ? '' : `${path}: `;
  return `${place}: ${subject}${message}${hint === undefined ? '' : `\n  hint: ${hint}`}`;
}

/** Tells what an edit has added to a list, so that the log does not say again what still holds. */
class News {
  #known: ReadonlySet<string> = new Set();

  /** The texts that were not in the last list. */
  of(texts: readonly string[]): string[] {
    const fresh = texts.filter((text) => !this.#known.has(text));
    this.#known = new Set(texts);
    return fresh;
  }
}

/** The worker's room for new objects, in megabytes: what it read once must not leave a laptop without them (measured: 8 MB less at rest). */
const youngGenerationMbMax = 2;

/** Starts the worker. */
export function startSource(parts: SourceParts): Source {
  return new WorkerSource(parts);
}

class WorkerSource implements Source {
  readonly ready: Promise<void>;
  readonly state: SourceState = { statuses: [], issues: [], refused: [], refusals: 0, acceptedEpochMs: 0 };
  readonly #parts: SourceParts;
  readonly #worker: Worker;
  readonly #first = Promise.withResolvers<void>();
  #isReady = false;
  #isDisposed = false;
  #cause: unknown;
  /** Rejections and bind errors that were said and still hold. */
  #said: ReadonlySet<string> = new Set();
  readonly #newIssues = new News();
  readonly #newlySkipped = new News();
  #queue: Promise<void> = Promise.resolve();

  constructor(parts: SourceParts) {
    this.#parts = parts;
    this.ready = this.#first.promise;
    // Whoever starts the source waits for it, but perhaps not yet.
    this.ready.catch(() => undefined);
    const script = import.meta.url.endsWith('.ts') ? './worker.ts' : './sources-worker.js';
    this.#worker = new Worker(new URL(script, import.meta.url), {
      workerData: parts.input,
      resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMbMax },
    });
    this.#worker.on('message', (message: FromSource) => {
      this.#queue = this.#queue.then(() => this.#receive(message));
    });
    this.#worker.on('error', (error) => {
      this.#cause = error;
    });
    this.#worker.on('exit', (code) => this.#ended(code));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await this.#worker.terminate();
    // An update under way may still be opening sockets.
    await this.#queue;
  }

  async #receive(message: FromSource): Promise<void> {
    if (this.#isDisposed) return;
    switch (message.type) {
      case 'update':
        await this.#update(message);
        return;
      case 'status':
        Object.assign(this.state, { statuses: message.statuses, issues: message.issues });
        return;
      case 'refused':
        this.#refuse(message.problems);
        return;
      case 'unreadable': {
        const { file } = message;
        const hint = this.#isReady ? 'the file is read again when it is back' : undefined;
        this.#refuse([{ file, path: '', message: `cannot be read: ${message.message}`, ...(hint && { hint }) }]);
      }
    }
  }

  async #update({ changes, statuses, issues, skipped }: Extract<FromSource, { type: 'update' }>): Promise<void> {
    const { log, now, apply, input } = this.#parts;
    let applied: Applied;
    try {
      applied = await apply(changes);
    } catch (error) {
      log.error({ err: error }, 'the configuration could not be applied, which is a fault of this program');
      const message = `could not be applied: ${error instanceof Error ? error.message : String(error)}`;
      this.#refuse([{ file: input.config ?? 'the embedded configuration', path: '', message }]);
      this.#answer({ type: 'failed' });
      return;
    }
    const { rejections, bindErrors, addresses } = applied;
    Object.assign(this.state, { statuses, issues, refused: [], acceptedEpochMs: now() });
    this.#sayFailures(applied);
    for (const text of this.#newlySkipped.of(skipped.map((notice) => formatProblem(notice)))) log.info({}, text);
    const texts = new Map(issues.map((issue) => [`${issue.object}: ${issue.path}: ${issue.message}`, issue]));
    for (const text of this.#newIssues.of([...texts.keys()])) log.warn({ ...texts.get(text) }, text);
    if (this.#isReady) log.info({ set: changes.set.length, removed: changes.removed.length }, 'configuration applied');
    this.#answer({ type: 'feedback', rejections, bindErrors: [...bindErrors], addresses });
    this.#isReady = true;
    this.#first.resolve();
  }

  #answer(message: ToSource): void {
    this.#worker.postMessage(message);
  }

  /** Says what is new of what cannot be used. */
  #sayFailures({ rejections, bindErrors }: Applied): void {
    const { log } = this.#parts;
    const said = new Set<string>();
    const say = (fields: object, text: string, id = text): void => {
      said.add(id);
      if (!this.#said.has(id)) log.error(fields, text);
    };
    for (const rejection of rejections) {
      const text = `resource rejected: ${rejection.key}: ${rejection.reason}`;
      say({ ...rejection }, text, `${text} ${rejection.version}`);
    }
    for (const [listener, reason] of bindErrors)
      say({ listener, reason }, `listener not served: ${listener}: ${reason}`);
    this.#said = said;
  }

  #refuse(problems: readonly ConfigProblem[]): void {
    this.state.refused = problems;
    if (!this.#isReady) {
      // Whoever waits for the start says it.
      this.#first.reject(new ConfigRefused(problems));
      return;
    }
    this.state.refusals++;
    this.#parts.refused?.();
    for (const problem of problems)
      this.#parts.log.error({ ...problem }, `configuration refused, the running one stays: ${formatProblem(problem)}`);
  }

  #ended(code: number): void {
    const { input, log } = this.#parts;
    if (this.#isDisposed || (code === 0 && input.config === undefined)) return;
    const message =
      'the configuration worker has ended; the running configuration stays, edits are not noticed any more';
    log.error({ err: this.#cause, code }, `${message}; restart to read them`);
    this.state.refused = [{ file: input.config ?? 'the embedded configuration', path: '', message }];
    this.#first.reject(new Error('the configuration worker ended before it had read anything', { cause: this.#cause }));
  }
}
