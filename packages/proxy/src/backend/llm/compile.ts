// An LLMBackend as a target: reads what is asked, resolves names, and lists models.
import { type LLMBackend, LLMBackend_ClientGone } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import { nearestFew } from '@agentgateway/core/config/suggest.ts';
import { GatewayError } from '@agentgateway/core/errors.ts';
import type { Exchange, Reply, SnapshotView } from '@agentgateway/core/exchange.ts';
import type { EjectionLimits } from '@agentgateway/core/settings.ts';
import type { CallPlan, Target } from '@agentgateway/core/target.ts';
import { formats, type FormatName } from '@agentgateway/llm/format.ts';
import { listCatalogueModels } from '@agentgateway/llm/price/catalogue.ts';
import type { BackendEnvironment } from '../registry.ts';
import { readAsk } from './ask.ts';
import { Books } from './books.ts';
import { generate, priceOf, toBound } from './generate.ts';
import { healthDefaults } from './health.ts';
import { answerModel, answerModels, isAllowed } from './models.ts';
import { type LlmRequest, toRequest } from './operation.ts';
import { readPassAsk, tryPass } from './pass.ts';
import { type Owner, type Provider, compileProvider } from './profile.ts';
import {
  type FindBackend,
  type Resolution,
  isCovered,
  listModels,
  reachable,
  resolveModel,
  withIncluded,
} from './resolve.ts';
import { serve } from './serve.ts';
import { type ModelRoute, type ModelTarget, toRoute } from './targets.ts';

/** Longest request body where the configuration gives no limit. */
const requestBytesMaxDefault = 32 * 1024 * 1024;
/** Near names that an unknown one is answered with. */
const nearMax = 3;
/** Names whose resolution is remembered. */
const routesMax = 1000;

/** Compiles an LLMBackend. Throws where a provider cannot be used by this version. */
export function compileLlmBackend(key: string, message: LLMBackend, environment: BackendEnvironment): Target {
  return new LlmTarget(key, message, environment);
}

class LlmTarget implements Target {
  readonly key: string;
  readonly message: LLMBackend;
  readonly providers: ReadonlyMap<string, Provider>;
  readonly #environment: BackendEnvironment;
  readonly #requestBytesMax: number;
  readonly #routes = new Map<string, ModelRoute>();
  /** Snapshot the remembered routes were resolved in: another one may have other backends. */
  #generation = -1;

  constructor(key: string, message: LLMBackend, environment: BackendEnvironment) {
    this.key = key;
    this.message = message;
    this.#environment = environment;
    this.#requestBytesMax = Number(message.requestBytesMax) || requestBytesMaxDefault;
    const owner: Owner = {
      key,
      limits: toHealthLimits(message),
      whenGone: message.onClientGone === LLMBackend_ClientGone.DRAIN ? 'drain' : 'abort',
    };
    this.providers = new Map(message.providers.map((each) => [each.name, compileProvider(owner, each, environment)]));
  }

  holdsCredentials(snapshot: SnapshotView): boolean {
    return reachable(this.key, this.message, this.#finder(snapshot)).some(({ backend }) =>
      backend.providers.some(({ key }) => key !== undefined),
    );
  }

  async call(exchange: Exchange, plan: CallPlan): Promise<Reply> {
    const find = this.#finder(exchange.snapshot);
    const request = toRequest(
      exchange.method,
      exchange.path,
      (name) => this.#provider(exchange.snapshot, name) !== undefined,
    );
    const { operation } = request;
    switch (operation.kind) {
      case 'models': {
        if (operation.model === undefined) return answerModels(exchange, this.#listed(exchange.snapshot));
        const isServed = (name: string): boolean => resolveModel(this.key, this.message, name, find) !== undefined;
        return answerModel(exchange, operation.model, isServed);
      }
      case 'countTokens':
        return this.#generate(exchange, plan, request, 'messages');
      case 'generate':
        return this.#generate(exchange, plan, request, operation.format);
      case 'wrongMethod':
        throw new GatewayError('method-not-allowed', `${exchange.path} takes POST, not ${exchange.method}`, {
          headers: [['allow', 'POST']],
        });
      case 'pass':
        return this.#pass(exchange, plan, request);
    }
  }

  async #generate(exchange: Exchange, plan: CallPlan, request: LlmRequest, format: FormatName): Promise<Reply> {
    exchange.dialect = format;
    const isCount = request.operation.kind === 'countTokens';
    const ask = await readAsk(exchange, format, isCount, this.#requestBytesMax);
    exchange.llm = {
      operation: isCount ? 'count_tokens' : 'chat',
      format: formats[format].name,
      requestModel: ask.model,
      modelLabel: 'other',
      isStreaming: ask.isStreaming,
      params: ask.params,
    };
    const route =
      request.provider === undefined
        ? this.#resolve(exchange, ask.model)
        : this.#namedRoute(exchange, request.provider, ask.model);
    exchange.llm.modelLabel = route.label;
    return generate({ exchange, plan, environment: this.#environment, ask, route });
  }

  explain({ snapshot, model }: Parameters<NonNullable<Target['explain']>>[0]): object {
    const find = this.#finder(snapshot);
    const models = listModels(this.key, this.message, find);
    if (model === undefined) return { models };
    const resolution = resolveModel(this.key, this.message, model, find);
    if (!resolution) return { model, unknown: true, near: nearestFew(model, models, nearMax) };
    const nowMs = this.#environment.monotonicMs();
    const targets = this.#toTargets(snapshot, resolution).map(
      ({ provider, model: upstream, weight, priorities, health }) => ({
        provider: provider.name,
        model: upstream,
        weight,
        priority: priorities.length > 1 ? priorities : (priorities[0] ?? 0),
        restingMs: Math.round(health.waitMs(nowMs)),
      }),
    );
    return { model, name: resolution.name ?? '(provider/model)', targets };
  }

  /** Names that can be asked for; a wildcard stands for the catalogue's models that it covers and that its targets have. */
  #listed(snapshot: SnapshotView): string[] {
    const find = this.#finder(snapshot);
    const names = listModels(this.key, this.message, find);
    return [...new Set(names.flatMap((name) => (name.includes('*') ? this.#catalogued(snapshot, name) : [name])))];
  }

  #catalogued(snapshot: SnapshotView, pattern: string): string[] {
    const resolution = resolveModel(this.key, this.message, pattern, this.#finder(snapshot));
    const providers = new Set(
      this.#toTargets(snapshot, resolution ?? { name: pattern, targets: [] }).map(
        ({ provider }) => provider.prices.provider,
      ),
    );
    return [...providers].flatMap((provider) => listCatalogueModels(provider).filter((id) => isCovered(pattern, id)));
  }

  #resolve(exchange: Exchange, model: string): ModelRoute {
    if (!isAllowed(exchange, model)) throw forbidden(model);
    const { generation } = exchange.snapshot;
    if (generation !== this.#generation) {
      this.#routes.clear();
      this.#generation = generation;
    }
    const known = this.#routes.get(model);
    if (known) return known;
    const find = this.#finder(exchange.snapshot);
    const resolution = resolveModel(this.key, this.message, model, find);
    if (!resolution) {
      const names = listModels(this.key, this.message, find).filter((name) => isAllowed(exchange, name));
      const near = nearestFew(model, names, nearMax);
      const hint = near.length === 0 ? undefined : `Did you mean ${near.join(' or ')}?`;
      throw new GatewayError('model-not-found', `there is no model ${model} here`, hint === undefined ? {} : { hint });
    }
    const route = toRoute(resolution.name ?? 'other', this.#toTargets(exchange.snapshot, resolution));
    if (this.#routes.size >= routesMax) this.#routes.clear();
    this.#routes.set(model, route);
    return route;
  }

  /** Health is kept by names of the configuration alone: a client cannot make the gateway remember what it makes up. */
  #toTargets(snapshot: SnapshotView, { name, targets }: Resolution): ModelTarget[] {
    return targets.flatMap((target) => {
      const provider = this.#other(snapshot, target.backend)?.providers.get(target.provider.name);
      if (!provider) return [];
      const { model, weight, priorities } = target;
      const known = name === undefined ? '*' : name.includes('*') ? name : model;
      return [{ provider, model, weight, priorities, health: provider.health.of(known) }];
    });
  }

  #finder(snapshot: SnapshotView): FindBackend {
    return (key) => this.#other(snapshot, key)?.message;
  }

  #other(snapshot: SnapshotView, key: string): LlmTarget | undefined {
    if (key === this.key) return this;
    const target = snapshot.backend(key);
    return target instanceof LlmTarget ? target : undefined;
  }

  /** A provider of this backend or of one it includes, by name. */
  #provider(snapshot: SnapshotView, name: string): Provider | undefined {
    for (const { key } of this.#included(snapshot)) {
      const provider = this.#other(snapshot, key)?.providers.get(name);
      if (provider) return provider;
    }
    return undefined;
  }

  #included(snapshot: SnapshotView): Generator<{ key: string; backend: LLMBackend }> {
    return withIncluded(this.key, this.message, this.#finder(snapshot));
  }

  /** Any other path: to the provider that the path or the model names, else to the only one. */
  async #pass(exchange: Exchange, plan: CallPlan, request: LlmRequest): Promise<Reply> {
    // The path or a header may have told that the caller speaks Anthropic's words.
    if (exchange.dialect === 'json') exchange.dialect = 'chat';
    const environment = this.#environment;
    const ask = await readPassAsk(exchange, this.#requestBytesMax);
    const route = this.#passRoute(exchange, request, ask.model);
    exchange.llm = {
      operation: request.rest.split('/')[1] ?? '',
      format: 'pass',
      requestModel: ask.model ?? '',
      modelLabel: route.label,
      isStreaming: false,
      params: {},
    };
    return serve({ exchange, plan, environment, route }, async (target) => {
      const { provider, model } = target;
      const books = await Books.open({
        exchange,
        environment,
        provider,
        model,
        bound: toBound({ environment, target, sizeBytes: ask.sizeBytes, outputMax: 0, choices: 1 }),
        price: (usage) => priceOf(exchange, environment, target, usage),
      });
      const sent = ask.model === undefined ? undefined : model;
      return tryPass({ exchange, plan, environment, ask, provider, model: sent, rest: request.rest, books });
    });
  }

  #passRoute(exchange: Exchange, { provider: named }: LlmRequest, model: string | undefined): ModelRoute {
    const { snapshot } = exchange;
    if (model === undefined) requireAnyModel(exchange);
    else return named === undefined ? this.#resolve(exchange, model) : this.#namedRoute(exchange, named, model);
    const upstream = this.#included(snapshot)
      .flatMap(({ key }) => [...(this.#other(snapshot, key)?.providers.values() ?? [])])
      .filter(({ address }) => address !== undefined)
      .toArray();
    const provider =
      named === undefined ? (upstream.length === 1 ? upstream[0] : undefined) : this.#provider(snapshot, named);
    if (!provider) {
      const names = upstream.map(({ name }) => `/${name}/v1/…`).join(', ');
      const orPath = names === '' ? '' : `, or a provider in the path: ${names}`;
      throw new GatewayError('bad-request', `${exchange.path} names no model and no provider`, {
        hint: `Name a model in the body${orPath}`,
      });
    }
    return this.#only(provider, '');
  }

  /**
   * `/PROVIDER/v1/…` with a model asks for `PROVIDER/model`: the provider gets the name as it is, also where a configured
   * model has it. It is served where the backend exposes its providers, or where a configured name leads to the same.
   */
  #namedRoute(exchange: Exchange, name: string, model: string): ModelRoute {
    const { snapshot } = exchange;
    const provider = this.#provider(snapshot, name)!;
    const find = this.#finder(snapshot);
    const isConfigured = resolveModel(this.key, this.message, model, find)?.targets.some(
      (target) => target.model === model && target.provider.name === name && target.backend === provider.owner.key,
    );
    const full = `${name}/${model}`;
    if (!isConfigured && !find(provider.owner.key)?.exposeAll)
      throw new GatewayError('model-not-found', `there is no model ${full} here`);
    if (!isAllowed(exchange, full) && !(isConfigured && isAllowed(exchange, model))) throw forbidden(full);
    return this.#only(provider, model);
  }

  #only(provider: Provider, model: string): ModelRoute {
    return toRoute('other', [{ provider, model, weight: 1, priorities: [], health: provider.health.of('*') }]);
  }
}

/** What names no model (files, batches, stored answers) may hold or start any: a key for some models only may not use it. */
function requireAnyModel({ principal, path }: Exchange): void {
  if (!principal || principal.allowedModels.length === 0) return;
  throw new GatewayError('model-forbidden', `this key may use some models only, and the request to ${path} names none`);
}

function forbidden(model: string): GatewayError {
  return new GatewayError('model-forbidden', `this key may not use the model ${model}`);
}

/** What is not configured has its default; without the field passive health is off, which no number of failures reaches. */
function toHealthLimits({ health }: LLMBackend): EjectionLimits {
  if (!health) return { ...healthDefaults, failures: Number.POSITIVE_INFINITY };
  return {
    failures: health.failures || healthDefaults.failures,
    backoffMs: Number(health.backoffMs) || healthDefaults.backoffMs,
    backoffMaxMs: Number(health.backoffMaxMs) || healthDefaults.backoffMaxMs,
  };
}
