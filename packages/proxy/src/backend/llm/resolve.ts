// From the name a client asks for to the targets that may serve it (contract 12).
import type { LLMBackend, LLMProvider, LLMTarget } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import { comparePriorities } from './targets.ts';

/** A provider and the model name to send it. */
export interface ResolvedTarget {
  readonly provider: LLMProvider;
  /** Key of the LLMBackend that owns the provider. */
  readonly backend: string;
  readonly model: string;
  /** A share within its priority; that of a backend is divided among its own targets. */
  readonly weight: number;
  /** Of the target, then, where it names another backend, of that one's; no zeros at the end. */
  readonly priorities: readonly number[];
}

/** What a name resolved to. */
export interface Resolution {
  /** The configured name that matched, for labels; undefined for `provider/model`. */
  readonly name: string | undefined;
  readonly targets: readonly ResolvedTarget[];
}

/** How many targets one name may lead to; backends that refer to each other many times over would multiply them. */
export const targetsMax = 256;

/** Finds another LLMBackend by key. */
export type FindBackend = (key: string) => LLMBackend | undefined;

/** Whether a name with at most one `*` covers a model; the `*` stands for any text. */
export function isCovered(pattern: string, model: string): boolean {
  const star = pattern.indexOf('*');
  if (star < 0) return pattern === model;
  const prefix = pattern.slice(0, star);
  const suffix = pattern.slice(star + 1);
  return model.length >= prefix.length + suffix.length && model.startsWith(prefix) && model.endsWith(suffix);
}

/** Resolves: exact name, then the longest wildcard, then `provider/model` where exposed. Undefined when nothing serves it. */
export function resolveModel(
  key: string,
  backend: LLMBackend,
  asked: string,
  find: FindBackend,
): Resolution | undefined {
  return resolveWithin(key, backend, asked, { find, known: new Map() });
}

/** A backend and its key. */
export interface Holder {
  readonly key: string;
  readonly backend: LLMBackend;
}

/** What one resolution has come by: each backend is asked for a name once, which ends cycles and bounds the work. */
interface Walk {
  readonly find: FindBackend;
  readonly known: Map<string, Resolution | undefined>;
}

function resolveWithin(key: string, backend: LLMBackend, asked: string, walk: Walk): Resolution | undefined {
  const identity = `${key} ${asked}`;
  if (walk.known.has(identity)) return walk.known.get(identity);
  walk.known.set(identity, undefined);
  const resolution = findListed(key, backend, asked, walk) ?? findExposed(key, backend, asked, walk.find);
  walk.known.set(identity, resolution);
  return resolution;
}

function findListed(key: string, backend: LLMBackend, asked: string, walk: Walk): Resolution | undefined {
  const listed = [...ownAndIncluded(key, backend, walk.find)];
  const found =
    listed.find(({ model }) => model.name === asked) ??
    listed
      .filter(({ model }) => model.name.includes('*') && isCovered(model.name, asked))
      .toSorted((a, b) => b.model.name.length - a.model.name.length)[0];
  if (!found) return undefined;
  const targets: ResolvedTarget[] = [];
  for (const target of found.model.targets) {
    if (targets.length >= targetsMax) break;
    targets.push(...toTargets(found, target, asked, walk));
  }
  return { name: found.model.name, targets: targets.slice(0, targetsMax) };
}

function findExposed(key: string, backend: LLMBackend, asked: string, find: FindBackend): Resolution | undefined {
  const slash = asked.indexOf('/');
  if (slash <= 0) return undefined;
  const name = asked.slice(0, slash);
  const model = asked.slice(slash + 1);
  if (model === '') return undefined;
  for (const { key: owner, backend: holder } of withIncluded(key, backend, find)) {
    const provider = holder.exposeAll ? holder.providers.find((candidate) => candidate.name === name) : undefined;
    if (provider) return { name: undefined, targets: [{ provider, backend: owner, model, weight: 1, priorities: [] }] };
  }
  return undefined;
}

/** Every configured name, in order, the first of a name only. */
export function listModels(key: string, backend: LLMBackend, find: FindBackend): string[] {
  return [...new Set([...ownAndIncluded(key, backend, find)].map(({ model }) => model.name))];
}

function toTargets(owner: Holder, target: LLMTarget, asked: string, walk: Walk): ResolvedTarget[] {
  const model = target.model || asked;
  const { weight, priority } = target;
  if (target.to.case === 'provider') {
    const name = target.to.value;
    const provider = owner.backend.providers.find((candidate) => candidate.name === name);
    return provider ? [{ provider, backend: owner.key, model, weight, priorities: trimZeros([priority]) }] : [];
  }
  if (target.to.case !== 'backend') return [];
  const other = walk.find(target.to.value);
  const inner = (other && resolveWithin(target.to.value, other, model, walk))?.targets ?? [];
  return inner.map((one) => {
    const among = inner.filter(({ priorities }) => comparePriorities(priorities, one.priorities) === 0);
    const total = among.reduce((sum, each) => sum + each.weight, 0);
    return {
      ...one,
      weight: total === 0 ? 0 : (weight * one.weight) / total,
      priorities: trimZeros([priority, ...one.priorities]),
    };
  });
}

function trimZeros(priorities: readonly number[]): readonly number[] {
  return priorities.slice(0, priorities.findLastIndex((priority) => priority !== 0) + 1);
}

/** The backend and those it includes, in order, each once. */
export function* withIncluded(
  key: string,
  backend: LLMBackend,
  find: FindBackend,
  seen = new Set<string>(),
): Generator<Holder> {
  if (seen.has(key)) return;
  seen.add(key);
  yield { key, backend };
  for (const included of backend.includes) {
    const other = find(included);
    if (other) yield* withIncluded(included, other, find, seen);
  }
}

/** The backend and all that it may send to, by inclusion or by name, each once. */
export function reachable(key: string, backend: LLMBackend, find: FindBackend): Holder[] {
  const found = new Map<string, Holder>([[key, { key, backend }]]);
  // A Map is walked along with what is added to it meanwhile.
  for (const holder of found.values()) {
    const named = holder.backend.models.flatMap(({ targets }) =>
      targets.flatMap(({ to }) => (to.case === 'backend' ? [to.value] : [])),
    );
    for (const next of [...holder.backend.includes, ...named]) {
      const other = found.has(next) ? undefined : find(next);
      if (other) found.set(next, { key: next, backend: other });
    }
  }
  return [...found.values()];
}

function* ownAndIncluded(
  key: string,
  backend: LLMBackend,
  find: FindBackend,
): Generator<Holder & { readonly model: LLMBackend['models'][number] }> {
  for (const holder of withIncluded(key, backend, find))
    for (const model of holder.backend.models) yield { ...holder, model };
}
