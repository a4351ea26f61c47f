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

/** What the source needs. */
export interface SourceParts {
  readonly input: SourceInput;
  readonly log: Log;
  readonly now: () => number;
  /** Counts a refused edit. */
  readonly refused?: () => void;
  /** Applies changes; resolves with what could not be used and which listeners could not be bound. */
  readonly apply: (
    changes: ResourceChanges,
  ) => Promise<{ readonly rejections: readonly Rejection[]; readonly bindErrors: ReadonlyMap<string, string> }>;
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

/** Starts the worker. */
export function startSource({ input, log, now, apply, refused }: SourceParts): Source {
  const worker = new Worker(
    new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './sources-worker.js', import.meta.url),
    { workerData: input },
  );
  const state: SourceState = { statuses: [], issues: [], refused: [], refusals: 0, acceptedEpochMs: 0 };
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
  let isReady = false;

  const refuse = (problems: readonly ConfigProblem[]): void => {
    state.refused = problems;
    state.refusals++;
    refused?.();
    if (!isReady) reject(new ConfigRefused(problems));
    for (const problem of problems)
      log.error({ ...problem }, `configuration refused, the running one stays: ${formatProblem(problem)}`);
  };

  const receive = async (message: FromSource): Promise<void> => {
    switch (message.type) {
      case 'update': {
        const { rejections, bindErrors } = await apply(message.changes);
        Object.assign(state, {
          statuses: message.statuses,
          issues: message.issues,
          refused: [],
          acceptedEpochMs: now(),
        });
        for (const rejection of rejections)
          log.error({ ...rejection }, `resource rejected: ${rejection.key}: ${rejection.reason}`);
        for (const [listener, reason] of bindErrors)
          log.error({ listener, reason }, `listener not served: ${listener}: ${reason}`);
        for (const issue of message.issues) log.warn({ ...issue }, `${issue.object}: ${issue.path}: ${issue.message}`);
        if (isReady)
          log.info(
            { set: message.changes.set.length, removed: message.changes.removed.length },
            'configuration applied',
          );
        worker.postMessage({ type: 'feedback', rejections, bindErrors: [...bindErrors] } satisfies ToSource);
        isReady = true;
        resolve();
        return;
      }
      case 'status':
        Object.assign(state, { statuses: message.statuses, issues: message.issues });
        return;
      case 'refused':
        refuse(message.problems);
        return;
      case 'unreadable':
        refuse([
          {
            file: message.file,
            path: '',
            message: `cannot be read: ${message.message}`,
            hint: 'the running configuration stays; the file is read again when it is back',
          },
        ]);
    }
  };

  let queue: Promise<void> = Promise.resolve();
  worker.on('message', (message: FromSource) => {
    queue = queue
      .then(() => receive(message))
      .catch((error: unknown) => log.error({ err: error }, 'applying the configuration failed'));
  });
  worker.on('error', (error) => {
    log.error({ err: error }, 'the configuration worker failed; the running configuration stays');
    reject(error);
  });
  return {
    ready,
    state,
    async [Symbol.asyncDispose]() {
      await worker.terminate();
    },
  };
}
