// World → views, statuses, issues and wants: pure, total, deterministic, silent, and remembered per object (contracts 5, 6, 17).
import type { EncodedResource } from '@agentgateway/api/keys.ts';
import { translateBackendTLSPolicy } from '../kinds/backend-tls-policy/translate.ts';
import type { BackendTranslated } from '../kinds/backend.ts';
import { findSharedConflicts, withConflicts } from '../kinds/gateway/shared-binds.ts';
import { type GatewayTranslated, translateGateway } from '../kinds/gateway/translate.ts';
import { translateGrpcRoute } from '../kinds/grpc-route/translate.ts';
import { translateHttpBackend } from '../kinds/http-backend/translate.ts';
import { translateHttpRoute } from '../kinds/http-route/translate.ts';
import type { RouteTranslated } from '../kinds/route/translate.ts';
import { translateL4Route } from '../kinds/l4-route/translate.ts';
import { translateListenerSet } from '../kinds/listener-set/translate.ts';
import { translateLlmBackend } from '../kinds/llm-backend/translate.ts';
import { type BackendKind, type PolicyKind as KindOfPolicy, type RouteKind, kindNamed } from '../kinds/registry.ts';
import type { PolicySpecOutput } from '../kinds/policy/schema.ts';
import { type PolicyPart, type PolicyTranslated, findConflicts, translatePolicy } from '../kinds/policy/translate.ts';
import { translateSecret } from '../kinds/secret/translate.ts';
import { translateService } from '../kinds/service/translate.ts';
import type { Issue, Manifest, ObjectStatus, Translation, Want, World } from '../world.ts';
import { toPlace } from './issue.ts';
import { parseObject } from './parse.ts';
import { policyStatus } from './policy-status.ts';
import { feedbackIssues } from './programmed.ts';
import { settleRoutes } from './route-conflicts.ts';
import { type Fault, type Scope, type Translated, TranslationMemo } from './scope.ts';
import { gatewayClassStatus, gatewayStatus, listenerSetStatus } from './gateway-status.ts';
import { type RouteInputs, backendStatus, countAttached, routeStatus } from './status.ts';
import { PolicyEncodings, type TranslatedWorld, type View, assembleView } from './view.ts';
import { WorldIndex, nameOf } from './world-index.ts';

/** Translates worlds, remembering of each what the next has in common with it. */
export interface Translator {
  translate(world: World): Translation;
}

/** What a translator tells while it works. */
export interface TranslatorOptions {
  /** Hears the key of each object that is translated anew. */
  readonly onTranslate?: (key: string) => void;
}

/** Makes a translator. Its results depend on nothing but the world given. */
export function createTranslator({ onTranslate = () => {} }: TranslatorOptions = {}): Translator {
  const memo = new TranslationMemo(onTranslate);
  const encodings = new PolicyEncodings();
  let previous: WorldIndex | undefined;
  return {
    translate(world) {
      const index = new WorldIndex(world, previous);
      previous = index;
      const objects = shareBinds(world, translateObjects(index, memo));
      memo.sweep();
      return assemble(world, index, objects, encodings);
    },
  };
}

type Translate<T> = (object: Manifest, scope: Scope) => T;

/** What translates the kinds of a role; a kind of the table of kinds that has nothing here does not compile. */
const routeTranslators: Readonly<Record<RouteKind, Translate<RouteTranslated>>> = {
  HTTPRoute: translateHttpRoute,
  GRPCRoute: translateGrpcRoute,
  TLSRoute: translateL4Route,
  TCPRoute: translateL4Route,
  UDPRoute: translateL4Route,
};
const backendTranslators: Readonly<Record<BackendKind, Translate<BackendTranslated>>> = {
  Service: translateService,
  LLMBackend: translateLlmBackend,
  HTTPBackend: translateHttpBackend,
};

const policyTranslators: Readonly<Record<KindOfPolicy, Translate<PolicyTranslated>>> = {
  BackendTLSPolicy: translateBackendTLSPolicy,
  Policy: translatePolicy,
};

/** The translations of all objects, by role, sorted by kind and key. */
interface Objects {
  readonly gateways: readonly Translated<GatewayTranslated>[];
  /** Whether each is ours. */
  readonly listenerSets: readonly Translated<boolean>[];
  readonly routes: readonly Translated<RouteTranslated>[];
  readonly backends: readonly Translated<BackendTranslated>[];
  readonly secrets: readonly Translated<EncodedResource>[];
  readonly policies: readonly Translated<PolicyTranslated>[];
}

function translateObjects(index: WorldIndex, memo: TranslationMemo): Objects {
  const all = <T>(kind: string, translate: Translate<T>): Translated<T>[] =>
    index.ofKind(kind).map((object) => memo.run(object, index, translate));
  const every = <T>(translators: Readonly<Record<string, Translate<T>>>): Translated<T>[] =>
    Object.entries(translators).flatMap(([kind, translate]) => all(kind, translate));
  return {
    gateways: all('Gateway', translateGateway).filter(
      (translated): translated is Translated<GatewayTranslated> => translated.value !== undefined,
    ),
    listenerSets: all('ListenerSet', translateListenerSet),
    routes: every(routeTranslators),
    backends: every(backendTranslators),
    secrets: all('Secret', translateSecret),
    policies: every(policyTranslators),
  };
}

/** Where Gateways share sockets, what is left to each of its listeners. */
function shareBinds({ sharesBinds = false }: World, objects: Objects): Objects {
  if (!sharesBinds || objects.gateways.length < 2) return objects;
  const conflicts = findSharedConflicts(objects.gateways.map(({ value }) => value));
  if (conflicts.size === 0) return objects;
  const gateways = objects.gateways.map((translated) => {
    const value = withConflicts(translated.value, conflicts);
    // Faults of its sets are told with the sets.
    const own = value === translated.value ? [] : value.listeners.flatMap(({ faults }) => faults);
    const faults = [...new Set([...translated.faults, ...own])];
    return { ...translated, value, faults };
  });
  return { ...objects, gateways };
}

function assemble(world: World, index: WorldIndex, found: Objects, encodings: PolicyEncodings): Translation {
  const faults = collectFaults(found);
  const objects: Objects = { ...found, routes: settleRoutes(found.routes, faults) };
  const translated: TranslatedWorld = {
    gateways: byKey(objects.gateways),
    routes: byKey(objects.routes),
    backends: byKey(objects.backends),
    secrets: byKey(objects.secrets),
    policies: settlePolicies(objects.policies, faults),
  };
  const views = new Map<string, View>(
    objects.gateways.map(({ key }) => [key, assembleView(key, translated, encodings)]),
  );
  const issues = [
    ...toIssues(objects, faults),
    ...takenNameIssues(objects, faults),
    ...feedbackIssues(world.feedback, index),
  ].map((issue) => withPlace(issue, index));
  return {
    views: new Map([...views].map(([key, { resources }]) => [key, resources])),
    statuses: toStatuses(world, index, objects, { views, faults }),
    issues: issues.sort(byPlace),
    objects: [],
    wants: toWants(objects),
  };
}

/** Faults by object; passes over several objects add to them. */
type FaultsByObject = ReadonlyMap<Manifest, Fault[]>;

function collectFaults(objects: Objects): FaultsByObject {
  const every: readonly Translated<unknown>[] = Object.values(objects).flat();
  const faults = new Map(every.map((one) => [one.object, [...one.faults]]));
  // What is wrong with a set is known to its Gateway, which merges it.
  for (const { value } of objects.gateways)
    for (const { facts, listeners } of value.sets) {
      const own = faults.get(facts.set);
      if (facts.refusal && facts.refusal.reason !== 'Invalid')
        own?.push({ path: 'spec.parentRef', condition: 'Accepted', ...facts.refusal });
      else own?.push(...listeners.flatMap((listener) => listener.faults));
    }
  return faults;
}

/** The policies with the targets they keep; what an older one took from them is their fault. */
function settlePolicies(
  policies: readonly Translated<PolicyTranslated>[],
  faults: FaultsByObject,
): TranslatedWorld['policies'] {
  const owners = new Map<PolicyPart, Manifest>();
  for (const { object, value } of policies) for (const part of value.parts) owners.set(part, object);
  const conflicts = findConflicts([...owners.keys()]);
  return [...owners].map(([part, object]) => {
    const lost = conflicts.get(part);
    for (const [{ index }, winner] of lost ?? [])
      faults.get(object)!.push({
        path: `spec.targetRefs[${index}]`,
        condition: 'Accepted',
        reason: 'Conflicted',
        message: `${part.kind} of the older ${nameOf(owners.get(winner)!)} applies to this target`,
      });
    return { part, targets: lost ? part.targets.filter((target) => !lost.has(target)) : part.targets };
  });
}

/** A name that an earlier LLMBackend of the same group serves is an issue of the later (contract 12). */
function takenNameIssues({ backends }: Objects, faults: FaultsByObject): Issue[] {
  const seen = new Set<string>();
  return backends.flatMap(({ value: { taken = [] } }) =>
    taken.flatMap(({ backend, index, name, owner }): Issue[] => {
      const fault: Fault = {
        path: `spec.models[${index}].name`,
        condition: 'Accepted',
        reason: 'DuplicateName',
        message: `${name} is served by ${nameOf(owner)} already, which comes first`,
      };
      const id = `${nameOf(backend)} ${fault.path} ${fault.message}`;
      if (seen.has(id)) return [];
      seen.add(id);
      faults.get(backend)?.push(fault);
      return [{ object: nameOf(backend), ...fault }];
    }),
  );
}

function toIssues(objects: Objects, faults: FaultsByObject): Issue[] {
  const partial = new Set(objects.routes.filter(({ value }) => !value.isBroken).map(({ object }) => object));
  return [...faults].flatMap(([object, own]) =>
    own.map((fault): Issue => {
      const isPartial = partial.has(object) && fault.condition === 'Accepted' && fault.path.startsWith('spec.rules');
      return { object: nameOf(object), ...fault, ...(isPartial && { condition: 'PartiallyInvalid' }) };
    }),
  );
}

function withPlace(issue: Issue, index: WorldIndex): Issue {
  const [kind = '', name = ''] = issue.object.split(' ');
  const origin = index.originOf(`${kind.toLowerCase()}/${name}`);
  return origin ? { ...issue, origin: toPlace(origin, issue.path) } : issue;
}

function toStatuses(
  { feedback, controllerName }: World,
  index: WorldIndex,
  objects: Objects,
  { views, faults }: { readonly views: ReadonlyMap<string, View>; readonly faults: FaultsByObject },
): ObjectStatus[] {
  const sent = new Set(objects.gateways.flatMap(({ value }) => [...value.resources.keys()]));
  const inputs: RouteInputs = { controllerName, feedback, sent };
  const attachedInputs = { ...inputs, attached: countAttached(objects.routes) };
  const classes = index
    .ofKind('GatewayClass')
    .filter(({ spec }) => (spec as { controllerName?: unknown } | undefined)?.controllerName === controllerName);
  const holders = (key: string): string[] =>
    [...views].filter(([, { held }]) => held.has(key)).map(([gateway]) => gateway);
  const statuses = [
    ...classes.map(gatewayClassStatus),
    ...objects.gateways.map(({ object, value }) => gatewayStatus(object, value, attachedInputs)),
    ...objects.gateways.flatMap(({ value }) => value.sets.map((set) => listenerSetStatus(set, value, attachedInputs))),
    ...objects.routes.map((route) => routeStatus(route, inputs)),
    ...objects.backends
      .filter(({ object }) => kindNamed(object.kind)?.crd !== undefined)
      .map(({ object, key }) => backendStatus({ object, key, faults: faults.get(object) ?? [] }, holders(key), inputs)),
    ...objects.policies.map((policy) => {
      const parsed = parseObject<PolicySpecOutput>(policy.object);
      const refs = parsed.ok ? parsed.fields.targetRefs : policy.value.targets.map(({ ref }) => ref);
      return policyStatus(policy, { ...inputs, views, refs, faults: faults.get(policy.object) ?? [] });
    }),
  ];
  return statuses.sort((a, b) => compare(idOf(a), idOf(b)));
}

function toWants(objects: Objects): Want[] {
  const every: readonly Translated<unknown>[] = Object.values(objects).flat();
  const wants = every.flatMap(({ wants }) => wants);
  return [...new Map(wants.map((want) => [idOf(want), want]))]
    .sort(([a], [b]) => compare(a, b))
    .map(([, want]) => want);
}

function idOf({ kind, namespace = '', name }: ObjectStatus | Want): string {
  return `${kind} ${namespace}/${name}`;
}

/** In the order of the files, as far as they come from files; then by object and path. */
function byPlace(a: Issue, b: Issue): number {
  return (
    compare(a.origin?.file ?? '', b.origin?.file ?? '') ||
    (a.origin?.line ?? 0) - (b.origin?.line ?? 0) ||
    compare(a.object, b.object) ||
    compare(a.path, b.path) ||
    compare(a.message, b.message)
  );
}

function byKey<T>(translated: readonly Translated<T>[]): Map<string, T> {
  return new Map(translated.map(({ key, value }) => [key, value]));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
