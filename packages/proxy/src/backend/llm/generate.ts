// An answer of a model: each try prepared for its provider, bounded, booked and priced.
import { Body } from '@agentgateway/core/body.ts';
import type { Exchange, Reply } from '@agentgateway/core/exchange.ts';
import { HeaderList } from '@agentgateway/core/header-list.ts';
import type { CallPlan } from '@agentgateway/core/target.ts';
import { boundInputTokens, estimateTokens } from '@agentgateway/llm/price/estimate.ts';
import type { Usage } from '@agentgateway/llm/usage.ts';
import type { Bound } from '@agentgateway/quota';
import type { BackendEnvironment } from '../registry.ts';
import type { Ask } from './ask.ts';
import { type Tried, tryTarget } from './attempt.ts';
import { Books, type Cost } from './books.ts';
import { decodeAsk, prepare } from './prepare.ts';
import { serve } from './serve.ts';
import type { ModelRoute, ModelTarget } from './targets.ts';

/** What an answer is made from. */
export interface GenerateParts {
  readonly exchange: Exchange;
  readonly plan: CallPlan;
  readonly environment: BackendEnvironment;
  readonly ask: Ask;
  readonly route: ModelRoute;
}

/** Answers, failing over until one target does. */
export function generate(parts: GenerateParts): Promise<Reply> {
  const { exchange, plan, environment, ask } = parts;
  return serve(parts, async (target) => {
    const { provider, model } = target;
    if (ask.isCount && !provider.formats.includes('messages')) return countHere(exchange, ask);
    const prepared = prepare(ask, provider, model, (text) => exchange.notes.push(text));
    const books = await Books.open({
      exchange,
      environment,
      provider,
      model,
      bound: toBound({ environment, target, sizeBytes: ask.bytes.byteLength, ...ask }),
      price: (usage) => priceOf(exchange, environment, target, usage),
    });
    return tryTarget({ exchange, plan, environment, ask, provider, model, prepared, books });
  });
}

/** What an upper bound is made from. */
export interface BoundParts {
  readonly environment: BackendEnvironment;
  readonly target: Pick<ModelTarget, 'provider' | 'model'>;
  readonly sizeBytes: number;
  /** Tokens of one choice; undefined where the client did not say. */
  readonly outputMax: number | undefined;
  readonly choices: number;
}

/** The most a call may cost: nothing counts more than one token for a byte of text. */
export function toBound({ environment, target, sizeBytes, outputMax, choices }: BoundParts): Bound {
  const { provider, model } = target;
  const inputTokensMax = boundInputTokens({ textBytes: sizeBytes, messages: 0 });
  const outputTokensMax = outputMax ?? provider.maxTokens(model).tokens;
  const { prices, provider: whose } = provider.prices;
  const nowMs = environment.now();
  const price = prices.reserveBound({ provider: whose, model, nowMs, inputTokensMax, outputTokensMax, choices });
  const tokens = inputTokensMax + outputTokensMax * choices;
  return { costNano: 'costNano' in price ? price.costNano : undefined, tokens };
}

/** What a usage costs; the price's remarks go to the request's story. */
export function priceOf(
  exchange: Exchange,
  environment: BackendEnvironment,
  { provider, model }: Pick<ModelTarget, 'provider' | 'model'>,
  usage: Usage,
): Cost {
  const { prices, provider: whose } = provider.prices;
  const price = prices.priceOf({ provider: whose, model, nowMs: environment.now(), usage });
  if ('unknown' in price) return { nano: undefined, unknown: price.unknown };
  for (const note of price.notes) exchange.notes.push(`price: ${note}`);
  return { nano: price.costNano };
}

/** Providers without an endpoint for it leave counting to the gateway, which can only estimate; the story says so. */
function countHere(exchange: Exchange, ask: Ask): Tried {
  decodeAsk(ask);
  const tokens = estimateTokens(ask.bytes.byteLength);
  exchange.notes.push(`the provider cannot count tokens; ${tokens} is an estimate from the length of the request`);
  const headers = HeaderList.from([['content-type', 'application/json']]);
  const body = Body.of(JSON.stringify({ input_tokens: tokens }));
  return { kind: 'answered', reply: { status: 200, headers, body, origin: 'gateway' } };
}
