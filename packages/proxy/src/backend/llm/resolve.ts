// From the name a client asks for to the targets that may serve it (contract 12).
import type { LLMBackend, LLMProvider, LLMTarget } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';

/** A provider and the model name to send it. */
export interface ResolvedTarget {
  readonly provider: LLMProvider;
  /** Key of the LLMBackend that owns the provider. */
  readonly backend: string;
  readonly model: string;
  readonly weight: number;
  readonly priority: number;
}

/** What a name resolved to. */
export interface Resolution {
  /** The configured name that matched, for labels; undefined for `provider/model`. */
  readonly name: string | undefined;
  readonly targets: readonly ResolvedTarget[];
}

/** Finds another LLMBackend by key. */
export type FindBackend = (key: string) => LLMBackend | undefined;

/** How deep references among LLMBackends may go. */
const depthMax = 8;

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
  depth = 0,
): Resolution | undefined {
  if (depth > depthMax) return undefined;
  const listed = [...ownAndIncluded(key, backend, find)];
  const exact = listed.find(({ model }) => model.name === asked);
  const found =
    exact ??
    listed
      .filter(({ model }) => model.name.includes('*') && isCovered(model.name, asked))
      .sort((a, b) => b.model.name.length - a.model.name.length)[0];
  if (found) {
    const targets = found.model.targets.flatMap((target) =>
      toTargets(found.key, found.backend, target, { asked, find, depth }),
    );
    return { name: found.model.name, targets };
  }
  const slash = asked.indexOf('/');
  if (slash <= 0) return undefined;
  for (const { key: owner, backend: holder } of withIncluded(key, backend, find)) {
    const provider = holder.exposeAll ? holder.providers.find(({ name }) => name === asked.slice(0, slash)) : undefined;
    if (provider)
      return {
        name: undefined,
        targets: [{ provider, backend: owner, model: asked.slice(slash + 1), weight: 1, priority: 0 }],
      };
  }
  return undefined;
}

/** Every configured name, in order, the first of a name only. */
export function listModels(key: string, backend: LLMBackend, find: FindBackend): string[] {
  return [...new Set([...ownAndIncluded(key, backend, find)].map(({ model }) => model.name))];
}

/** Configured names near to what was asked, best first, for a helpful 404. */
export function nearModels(names: readonly string[], asked: string): string[] {
  const countMax = 3;
  return names
    .map((name) => ({ name, distance: distanceOf(name.toLowerCase(), asked.toLowerCase()) }))
    .filter(({ distance }) => distance <= Math.max(2, asked.length / 3))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, countMax)
    .map(({ name }) => name);
}

interface Asked {
  readonly asked: string;
  readonly find: FindBackend;
  readonly depth: number;
}

function toTargets(
  key: string,
  backend: LLMBackend,
  target: LLMTarget,
  { asked, find, depth }: Asked,
): ResolvedTarget[] {
  const model = target.model || asked;
  const { weight, priority } = target;
  if (target.to.case === 'provider') {
    const name = target.to.value;
    const provider = backend.providers.find((candidate) => candidate.name === name);
    return provider ? [{ provider, backend: key, model, weight, priority }] : [];
  }
  if (target.to.case !== 'backend') return [];
  const other = find(target.to.value);
  const resolved = other && resolveModel(target.to.value, other, model, find, depth + 1);
  return (resolved?.targets ?? []).map((inner) => ({ ...inner, weight, priority }));
}

/** The backend and those it includes, in order, each once. */
export function* withIncluded(
  key: string,
  backend: LLMBackend,
  find: FindBackend,
  seen = new Set<string>(),
): Generator<{ key: string; backend: LLMBackend }> {
  if (seen.has(key)) return;
  seen.add(key);
  yield { key, backend };
  for (const included of backend.includes) {
    const other = find(included);
    if (other) yield* withIncluded(included, other, find, seen);
  }
}

function* ownAndIncluded(
  key: string,
  backend: LLMBackend,
  find: FindBackend,
): Generator<{ key: string; backend: LLMBackend; model: LLMBackend['models'][number] }> {
  for (const holder of withIncluded(key, backend, find))
    for (const model of holder.backend.models) yield { ...holder, model };
}

/** Levenshtein's distance, for short names. */
function distanceOf(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      current[j] = Math.min(previous[j]! + 1, current[j - 1]! + 1, previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}
