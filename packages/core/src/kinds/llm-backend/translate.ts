// LLMBackend → backend: providers, model names and their targets, references to others (contract 12).
import {
  BackendSchema,
  LLMBackend_ClientGone,
  type LLMModelSchema,
  type LLMProviderSchema,
  type LLMTargetSchema,
} from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import { toKey } from '@agentgateway/api/keys.ts';
import { type ProviderDriver, providers as drivers, toProfile } from '@agentgateway/llm/provider/provider.ts';
import { type MessageInitShape, create } from '@bufbuild/protobuf';
import { nearest } from '../../config/suggest.ts';
import { toBytes, toMs } from '../../schema/dialect.ts';
import { encodeResource } from '../../translate/encode.ts';
import { parseObject } from '../../translate/parse.ts';
import type { Scope } from '../../translate/scope.ts';
import { keyOf } from '../../translate/world-index.ts';
import type { Manifest } from '../../world.ts';
import type { BackendTranslated } from '../backend.ts';
import { readSecret } from '../secret/translate.ts';
import { toModelPrice } from './price.ts';
import { findLlmBackend, takenNames } from './references.ts';
import { type LlmBackendSpec, formatNames } from './schema.ts';

type ProviderSpec = LlmBackendSpec['providers'][number];
type TargetSpec = LlmBackendSpec['models'][number]['targets'][number];

/** What the parts of one backend add to. */
interface Draft {
  readonly object: Manifest;
  readonly scope: Scope;
  readonly providerNames: ReadonlySet<string>;
  readonly backends: Set<string>;
  readonly secrets: Set<string>;
}

/** Translates an LLMBackend. What is wrong is reported and left out; the rest is served. */
export function translateLlmBackend(object: Manifest, scope: Scope): BackendTranslated {
  const parsed = parseObject<LlmBackendSpec>(object);
  if (!parsed.ok) {
    for (const fault of parsed.faults) scope.fault(fault);
    return { resources: [], backends: [], secrets: [], ports: undefined };
  }
  const spec = parsed.fields;
  const draft: Draft = {
    object,
    scope,
    providerNames: new Set(spec.providers.map(({ name }) => name)),
    backends: new Set(),
    secrets: new Set(),
  };
  const providers = spec.providers.flatMap((provider, index) => toProvider(draft, spec, provider, index));
  const models = toModels(draft, spec);
  const includes = spec.includes.flatMap((reference, index) => {
    const found = findLlmBackend(object, reference, `spec.includes[${index}]`, scope);
    if (found) draft.backends.add(keyOf(found));
    return found ? [keyOf(found)] : [];
  });
  const value = create(BackendSchema, {
    kind: {
      case: 'llm',
      value: {
        providers,
        models,
        includes,
        exposeAll: spec.expose === 'All',
        requestBytesMax: BigInt(toBytes(spec.requestBytesMax)),
        health: {
          failures: spec.health.failures,
          backoffMs: BigInt(toMs(spec.health.backoff)),
          backoffMaxMs: BigInt(toMs(spec.health.backoffMax)),
        },
        onClientGone: spec.onClientGone === 'Drain' ? LLMBackend_ClientGone.DRAIN : LLMBackend_ClientGone.ABORT,
      },
    },
  });
  return {
    resources: [encodeResource(keyOf(object), { case: 'backend', value })],
    backends: [...draft.backends].sort(),
    secrets: [...draft.secrets].sort(),
    ports: undefined,
    taken: spec.includes.length > 0 ? takenNames(object, scope) : [],
  };
}

/** What the drivers' own fields have, each where it means something. */
interface DriverSpec {
  readonly baseUrl?: string;
  readonly quirks?: string;
  readonly formats?: readonly (keyof typeof formatNames)[];
}

function toProvider(
  { object, scope, secrets }: Draft,
  { providers }: LlmBackendSpec,
  provider: ProviderSpec,
  index: number,
): MessageInitShape<typeof LLMProviderSchema>[] {
  const path = `spec.providers[${index}]`;
  const invalid = (field: string, reason: string, message: string): [] => {
    scope.fault({ path: `${path}.${field}`, condition: 'Accepted', reason, message });
    return [];
  };
  if (providers.findIndex(({ name }) => name === provider.name) < index)
    return invalid('name', 'DuplicateName', `another provider is named ${provider.name}; this one is not served`);
  const driver = (Object.keys(drivers) as ProviderDriver[]).find((candidate) => provider[candidate] !== undefined)!;
  const { baseUrl = '', quirks = '', formats = [] } = provider[driver] as DriverSpec;
  if (driver !== 'echo' && baseUrl === '' && toProfile(driver, quirks).baseUrl === undefined)
    return invalid(`${driver}.baseUrl`, 'Invalid', `is required: nothing else says where ${provider.name} is`);
  const native: readonly string[] = toProfile(driver, quirks).formats;
  for (const format of driver === 'openai' ? formats : []) {
    if (!native.includes(formatNames[format]))
      return invalid(`${driver}.formats`, 'Invalid', `${provider.name} does not speak ${format}`);
  }
  if (baseUrl !== '' && !URL.canParse(baseUrl)) return invalid(`${driver}.baseUrl`, 'Invalid', 'is not a URL');
  const { namespace } = object.metadata;
  const reference = provider.auth?.key.secretRef;
  if (reference) {
    const lookup = { namespace, name: reference.name, entry: reference.key };
    readSecret(lookup, `${path}.auth.key`, scope);
    secrets.add(toKey('secret', namespace, reference.name));
  }
  return [
    {
      name: provider.name,
      driver,
      quirks,
      baseUrl,
      ...(reference && { key: { secret: toKey('secret', namespace, reference.name), entry: reference.key } }),
      maxTokensDefault: provider.maxTokensDefault ?? 0,
      maxTokens: distinct(provider.maxTokens, `${path}.maxTokens`, scope),
      prices: distinct(provider.prices, `${path}.prices`, scope).map(toModelPrice),
      formats: [...new Set(formats)].map((format) => formatNames[format]),
    },
  ];
}

/** Entries by model, sorted; a model that is there twice is a mistake. */
function distinct<T extends { readonly model: string }>(entries: readonly T[], path: string, scope: Scope): T[] {
  const kept = entries.filter(({ model }, index) => {
    const isFirst = entries.findIndex((other) => other.model === model) === index;
    if (!isFirst)
      scope.fault({
        path: `${path}[${index}].model`,
        condition: 'Accepted',
        reason: 'DuplicateName',
        message: `${model} is there already; this entry has no effect`,
      });
    return isFirst;
  });
  return kept.sort((a, b) => (a.model < b.model ? -1 : 1));
}

function toModels(draft: Draft, { models }: LlmBackendSpec): MessageInitShape<typeof LLMModelSchema>[] {
  return models.flatMap(({ name, targets }, index) => {
    const path = `spec.models[${index}]`;
    const first = models.findIndex((other) => other.name === name);
    if (first < index) {
      const message = `${name} is served by models[${first}] already; this one has no effect`;
      draft.scope.fault({ path: `${path}.name`, condition: 'Accepted', reason: 'DuplicateName', message });
      return [];
    }
    // A name that lost all its targets stays, so that a request for it is not answered by a wildcard instead.
    return [{ name, targets: targets.flatMap((target, i) => toTarget(draft, target, `${path}.targets[${i}]`)) }];
  });
}

function toTarget(draft: Draft, target: TargetSpec, path: string): MessageInitShape<typeof LLMTargetSchema>[] {
  const { object, scope, providerNames, backends } = draft;
  const rest = { model: target.model ?? '', weight: target.weight, priority: target.priority };
  if (target.backendRef) {
    const found = findLlmBackend(object, target.backendRef, `${path}.backendRef`, scope);
    if (!found) return [];
    backends.add(keyOf(found));
    return [{ to: { case: 'backend', value: keyOf(found) }, ...rest }];
  }
  const provider = target.provider!;
  if (!providerNames.has(provider)) {
    const near = nearest(provider, [...providerNames]);
    const known = [...providerNames].join(', ') || 'none';
    const hint = near === undefined ? `the backend's providers: ${known}` : `did you mean ${near}?`;
    const message = `no provider is named ${provider}; ${hint}`;
    scope.fault({ path: `${path}.provider`, condition: 'ResolvedRefs', reason: 'ProviderNotFound', message });
    return [];
  }
  return [{ to: { case: 'provider', value: provider }, ...rest }];
}
