// What a call costs and what it may cost at most: overrides before the catalogue, the echo model free, an unknown price said.
import type { Usage } from '../usage.ts';
import { sumUsage, toNano } from './amount.ts';
import { findModel } from './catalogue.ts';
import { boundOf } from './bound.ts';
import type { BoundQuery, Price, PriceQuery, UnknownPrice } from './query.ts';
import { type PriceOverride, type PriceUnit, type RatePlan, type Rates, freeRates } from './rate.ts';
import { type ServiceTiers, choosePercent, toServiceTiers, worstPercent } from './service-tier.ts';

/** Looked-up models kept; names come from clients, so the memory of them is bounded. */
const modelsMax = 2048;
/** A reserved call ends within this time: prices that begin later do not bear on it. */
const callMsMax = 86_400_000;

/** The prices of a configuration. */
export interface Prices {
  /** What a finished call cost, rounded half-even. */
  priceOf(query: PriceQuery & { readonly usage: Usage }): Price;
  /** An upper bound for a call that is about to be sent, rounded up. */
  reserveBound(query: BoundQuery): Price;
}

/** What holds for one model. */
interface ModelPrice {
  planAt(nowMs: number): RatePlan | UnknownPrice;
  plansWithin(fromMs: number, toMs: number): readonly RatePlan[];
  readonly serviceTiers: ServiceTiers;
}

/** Compiles overrides over the catalogue, which is read at the first look-up of a provider. */
export function compilePrices(overrides: readonly PriceOverride[] = []): Prices {
  const ordered = [...overrides].sort(compareOverrides);
  const models = new Map<string, ModelPrice | UnknownPrice>();
  const lookUp = ({ provider, model }: PriceQuery): ModelPrice | UnknownPrice => {
    const key = `${provider}\n${model}`;
    let found = models.get(key);
    if (!found) {
      found = findPrice(ordered, provider, model);
      if (models.size >= modelsMax) models.clear();
      models.set(key, found);
    }
    return found;
  };
  return {
    priceOf(query) {
      const price = lookUp(query);
      if ('unknown' in price) return price;
      const plan = price.planAt(query.nowMs);
      return 'unknown' in plan ? plan : settle(plan, query.usage, price.serviceTiers);
    },
    reserveBound(query) {
      const price = lookUp(query);
      if ('unknown' in price) return price;
      const plan = price.planAt(query.nowMs);
      if ('unknown' in plan) return plan;
      const plans = price.plansWithin(query.nowMs, query.nowMs + callMsMax);
      const bound = boundOf(plans, query, worstPercent(price.serviceTiers, query.serviceTier));
      const { isKnown } = choosePercent(price.serviceTiers, query.serviceTier);
      return 'unknown' in bound || isKnown
        ? bound
        : { ...bound, notes: [...bound.notes, unknownTier(query.serviceTier)] };
    },
  };
}

function settle(plan: RatePlan, usage: Usage, serviceTiers: ServiceTiers): Price {
  const { percent, isKnown } = choosePercent(serviceTiers, usage.serviceTier);
  const amount = sumUsage(plan, usage, percent);
  const missing = findMissing(plan, usage);
  if (missing) return { unknown: missing };
  const token = amount.unpriced.find(({ isToken }) => isToken);
  if (token) return { unknown: `${plan.id} has no rate for ${token.unit} tokens` };
  // Pictures made of tokens are paid for as tokens.
  const pieces = amount.unpriced.filter(({ unit }) => unit !== 'image' || !amount.isPriced);
  if (pieces.length > 0 && !amount.isPriced) return { unknown: `${plan.id} has no rate for ${pieces[0]!.unit}` };
  const notes = pieces.map(({ unit }) => `${unit} has no rate and is left out`);
  if (!isKnown) notes.push(unknownTier(usage.serviceTier));
  const tier = amount.above >= 0 ? `>${amount.above}` : '';
  const share = percent === 100 ? '' : `*${percent}%`;
  return { costNano: toNano(amount.scaled, 'half-even'), rates: `${plan.id}${tier}${share}`, notes };
}

function unknownTier(name: string | undefined): string {
  return `service tier ${name} has no known price and is charged as the ordinary one`;
}

/** Absent is not zero: tokens that have a rate and were not counted leave the price unknown. */
function findMissing(plan: RatePlan, usage: Usage): string | undefined {
  const rates = plan.tiers[0]?.rates ?? {};
  const isByPiece = [usage.images, usage.audioMs, usage.pages, usage.annotatedPages].some((count) => count);
  if (isByPiece) return undefined;
  if (usage.inputTotal === undefined && (rates.input ?? 0n) > 0n) return 'the provider did not report input tokens';
  if (usage.outputTotal === undefined && (rates.output ?? 0n) > 0n) return 'the provider did not report output tokens';
  return undefined;
}

function findPrice(ordered: readonly PriceOverride[], provider: string, model: string): ModelPrice | UnknownPrice {
  const own = ordered.filter((o) => (o.provider ?? provider) === provider && matchesModel(o.model, model));
  const serviceTiers = toServiceTiers(provider, model, own.find((o) => o.serviceTiers)?.serviceTiers ?? []);
  const rated = own.find((o) => o.rates || o.contextTiers || o.imageSizes);
  if (rated) {
    const plan = toPlan(rated);
    return { planAt: () => plan, plansWithin: () => [plan], serviceTiers };
  }
  if (provider === 'echo') {
    const plan = toPlan({ model: 'echo', rates: freeRates });
    const free = { ...plan, id: 'echo' };
    return { planAt: () => free, plansWithin: () => [free], serviceTiers };
  }
  const found = findModel(provider, model);
  if (!found) return { unknown: `no price is known for ${provider}/${model}; set one in the configuration` };
  return {
    planAt: (nowMs) => found.planAt(nowMs),
    plansWithin: (fromMs, toMs) => found.plansWithin(fromMs, toMs),
    serviceTiers,
  };
}

/** An exact name before a pattern, then the longer one, then the one that names a provider. */
function compareOverrides(a: PriceOverride, b: PriceOverride): number {
  return (
    Number(isExact(b)) - Number(isExact(a)) ||
    b.model.length - a.model.length ||
    (b.provider === undefined ? 0 : 1) - (a.provider === undefined ? 0 : 1)
  );
}

function isExact({ model }: PriceOverride): boolean {
  return !model.includes('*');
}

function matchesModel(pattern: string, model: string): boolean {
  const star = pattern.indexOf('*');
  if (star < 0) return pattern === model;
  const [before, after] = [pattern.slice(0, star), pattern.slice(star + 1)];
  return model.length >= before.length + after.length && model.startsWith(before) && model.endsWith(after);
}

function toPlan(override: PriceOverride): RatePlan {
  let rates: Rates = override.rates ?? {};
  const tiers: { aboveInputTokens: number; rates: Rates }[] = [{ aboveInputTokens: -1, rates }];
  const contextTiers = [...(override.contextTiers ?? [])].sort((a, b) => a.aboveInputTokens - b.aboveInputTokens);
  for (const tier of contextTiers) {
    rates = mergeRates(rates, tier.rates);
    tiers.push({ aboveInputTokens: tier.aboveInputTokens, rates });
  }
  const scope = override.provider === undefined ? '' : `${override.provider}/`;
  const imageSizes = new Map((override.imageSizes ?? []).map(({ size, rate }) => [size, rate]));
  return { id: `override/${scope}${override.model}`, tiers, imageSizes };
}

function mergeRates(below: Rates, above: Rates): Rates {
  const present = Object.entries(above).filter(([, rate]) => rate !== undefined) as [PriceUnit, bigint][];
  return { ...below, ...Object.fromEntries(present) };
}
