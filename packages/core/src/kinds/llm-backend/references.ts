// LLMBackends that name each other: what a reference comes to, cycles, and names that are served twice (contract 12).
import { parseObject } from '../../translate/parse.ts';
import type { Scope } from '../../translate/scope.ts';
import type { Manifest } from '../../world.ts';
import { type ReferencedObject, isPermitted } from '../permission.ts';
import type { LlmBackendSpec } from './schema.ts';

/** A reference to another LLMBackend, as users write it. */
export interface LlmBackendReference {
  readonly name: string;
  readonly namespace?: string | undefined;
}

/** How many LLMBackends a chain of references may pass. */
const depthMax = 8;

/** The backend behind a reference; where it cannot be used that is reported at the path. */
export function findLlmBackend(
  from: Manifest,
  reference: LlmBackendReference,
  path: string,
  scope: Scope,
): Manifest | undefined {
  const { name, namespace = from.metadata.namespace } = reference;
  const refuse = (condition: string, reason: string, message: string): undefined => {
    scope.fault({ path, condition, reason, message });
    return undefined;
  };
  if (!isPermitted(from, toReferenced(name, namespace), scope)) {
    const message = `LLMBackend ${namespace}/${name} is in another namespace, and nothing permits that`;
    return refuse('ResolvedRefs', 'RefNotPermitted', message);
  }
  const found = scope.find('LLMBackend', namespace, name);
  if (!found) return refuse('ResolvedRefs', 'BackendNotFound', `LLMBackend ${namespace}/${name} does not exist`);
  const way = wayBack(from, found, scope, new Set());
  if (way === undefined) return found;
  const names = [from, ...way].map((backend) => backend.metadata.name).join(' → ');
  return refuse('Accepted', 'ReferenceCycle', `the reference leads back here: ${names}`);
}

function toReferenced(name: string, namespace: string): ReferencedObject {
  return { group: 'agentgateway.dev', kind: 'LLMBackend', namespace, name };
}

/** The chain of backends from `at` to `home`; undefined where there is none. */
function wayBack(home: Manifest, at: Manifest, scope: Scope, seen: Set<Manifest>): Manifest[] | undefined {
  if (at === home) return [at];
  if (seen.has(at) || seen.size > depthMax * 32) return undefined;
  seen.add(at);
  for (const reference of referencesOf(at)) {
    const { namespace } = at.metadata;
    const next = scope.find('LLMBackend', reference.namespace ?? namespace, reference.name);
    const way = next && wayBack(home, next, scope, seen);
    if (way) return [at, ...way];
  }
  return undefined;
}

/** Every reference of a backend to others. */
function referencesOf(backend: Manifest): LlmBackendReference[] {
  const parsed = parseObject<LlmBackendSpec>(backend);
  if (!parsed.ok) return [];
  const { includes, models } = parsed.fields;
  const targets = models.flatMap(({ targets }) =>
    targets.flatMap(({ backendRef }) => (backendRef ? [backendRef] : [])),
  );
  return [...includes, ...targets];
}

/** A name that is served by an earlier backend of the same group, and thus never from here. */
export interface TakenName {
  /** The backend that serves it in vain. */
  readonly backend: Manifest;
  /** Its place in `spec.models`. */
  readonly index: number;
  readonly name: string;
  /** The backend that serves it. */
  readonly owner: Manifest;
}

/** Names that several of the backends which one LLMBackend unites serve: the first in the order of `includes` keeps them. */
export function takenNames(backend: Manifest, scope: Scope): TakenName[] {
  const owners = new Map<string, Manifest>();
  const taken: TakenName[] = [];
  for (const member of united(backend, scope, new Set())) {
    const parsed = parseObject<LlmBackendSpec>(member);
    if (!parsed.ok) continue;
    parsed.fields.models.forEach(({ name }, index) => {
      const owner = owners.get(name);
      if (!owner) owners.set(name, member);
      else if (owner !== member) taken.push({ backend: member, index, name, owner });
    });
  }
  return taken;
}

function* united(backend: Manifest, scope: Scope, seen: Set<Manifest>): Generator<Manifest> {
  if (seen.has(backend)) return;
  seen.add(backend);
  yield backend;
  const parsed = parseObject<LlmBackendSpec>(backend);
  if (!parsed.ok) return;
  for (const { name, namespace = backend.metadata.namespace } of parsed.fields.includes) {
    const next = isPermitted(backend, toReferenced(name, namespace), scope)
      ? scope.find('LLMBackend', namespace, name)
      : undefined;
    if (next) yield* united(next, scope, seen);
  }
}
