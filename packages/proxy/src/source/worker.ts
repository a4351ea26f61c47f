// The worker that turns files into resources beside the traffic: read, parse, validate, expand, translate, encode (contract 17).
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import type { EncodedResource } from '@agentgateway/api/keys.ts';
import { loadConfig } from '@agentgateway/core/config/load.ts';
import { diffResources } from '@agentgateway/core/translate/diff.ts';
import { createTranslator } from '@agentgateway/core/translate/translate.ts';
import type { Feedback, Manifest, Translation, World } from '@agentgateway/core/world.ts';
import { readFiles, watchFiles } from './files.ts';
import type { FromSource, SourceInput, ToSource } from './messages.ts';

/** Name under which statuses are written on a laptop too. */
const controllerName = 'agentgateway.dev/controller';

/** Reads, translates and posts until the worker is ended. */
function run(
  input: SourceInput,
  post: (message: FromSource) => void,
  onMessage: (listener: (message: ToSource) => void) => void,
): void {
  const translator = createTranslator();
  let manifests: readonly Manifest[] | undefined;
  let held: readonly EncodedResource[] = [];
  let feedback = new Map<string, Feedback>();
  let isFileMissing = false;

  const translate = (): Translation => {
    const world: World = { objects: manifests ?? [], feedback, controllerName };
    return translator.translate(world);
  };

  const load = (): void => {
    let files;
    try {
      files = input.config === undefined ? [] : readFiles(input.config);
      isFileMissing = false;
    } catch (error) {
      if (!isFileMissing)
        post({
          type: 'unreadable',
          file: input.config ?? '',
          message: error instanceof Error ? error.message : String(error),
        });
      isFileMissing = true;
      return;
    }
    const loaded = loadConfig({ files, env: input.env });
    if (loaded.problems.length > 0) {
      post({ type: 'refused', problems: loaded.problems });
      return;
    }
    manifests = loaded.manifests;
    const translation = translate();
    const resources = unite(translation);
    const changes = diffResources(held, resources);
    held = resources;
    post({ type: 'update', changes, statuses: translation.statuses, issues: translation.issues });
  };

  onMessage((message) => {
    const rejected = new Map<string, Feedback>();
    const bindErrors = new Map(message.bindErrors);
    for (const gateway of translate().views.keys())
      rejected.set(gateway, { rejections: message.rejections, bindErrors, isAcknowledged: true });
    feedback = rejected;
    const { statuses, issues } = translate();
    post({ type: 'status', statuses, issues });
  });

  load();
  if (input.config !== undefined) watchFiles(input.config, load);
}

/** A laptop's one process serves every Gateway: the union of the views. */
function unite(translation: Translation): EncodedResource[] {
  const united = new Map<string, EncodedResource>();
  for (const view of translation.views.values())
    for (const resource of view) united.set(`${resource.typeUrl} ${resource.key}`, resource);
  return [...united.values()];
}

if (!isMainThread && parentPort) {
  const port = parentPort;
  run(
    workerData as SourceInput,
    (message) => port.postMessage(message),
    (listener) => port.on('message', listener),
  );
}
