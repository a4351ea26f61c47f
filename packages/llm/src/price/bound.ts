// Upper bounds: the worst of every rate that may hold for a call that has not been sent yet.
import type { Usage } from '../usage.ts';
import { type Amount, sumUsage, toNano } from './amount.ts';
import type { BoundQuery, Price } from './query.ts';
import type { PriceUnit, RatePlan, Rates } from './rate.ts';

const inputUnits = [
  'input',
  'cacheRead',
  'cacheWrite5m',
  'cacheWrite1h',
  'inputAudio',
  'cacheReadAudio',
  'inputImage',
  'cacheReadImage',
] as const satisfies readonly PriceUnit[];
const outputUnits = ['output', 'reasoning', 'outputAudio', 'outputImage'] as const satisfies readonly PriceUnit[];

/** The most that a call can cost at any of the plans: every token at its dearest rate, every piece counted, rounded up. */
export function boundOf(plans: readonly RatePlan[], query: BoundQuery, tokenPercent: number): Price {
  let worst: (Amount & { readonly id: string }) | undefined;
  for (const plan of plans) {
    for (const { aboveInputTokens, rates } of plan.tiers) {
      if (aboveInputTokens >= 0 && aboveInputTokens >= query.inputTokensMax) continue;
      const amount = sumUsage(toWorst(plan, rates, query), toUsageMax(query), tokenPercent);
      // Models that only read (embeddings) have no output rate, and no output that could be charged.
      const token = amount.unpriced.find(({ unit, isToken }) => isToken && unit !== 'output');
      if (token) return { unknown: `${plan.id} has no rate for ${token.unit} tokens` };
      if (!worst || amount.scaled > worst.scaled) worst = { ...amount, id: plan.id };
    }
  }
  if (!worst)
    return { unknown: `no price is known for ${query.provider}/${query.model}; set one in the configuration` };
  const pieces = worst.unpriced.filter(({ isToken, unit }) => !isToken && !(unit === 'image' && worst.isPriced));
  const notes = pieces.map(({ unit }) => `${unit} has no rate and is left out`);
  return { costNano: toNano(worst.scaled, 'up'), rates: `${worst.id}<=`, notes };
}

function toUsageMax({ pieces, inputTokensMax, outputTokensMax, choices = 1 }: BoundQuery): Usage {
  return { ...pieces, inputTotal: inputTokensMax, outputTotal: outputTokensMax * choices, source: 'estimated' };
}

/** One tier whose plain rates are the dearest of their direction; a picture of unknown size costs as the dearest size. */
function toWorst(plan: RatePlan, rates: Rates, { pieces }: BoundQuery): RatePlan {
  const known = pieces ? undefined : worstPlans.get(rates);
  if (known) return known;
  const isSizeKnown = plan.imageSizes.has(pieces?.imageSize ?? '');
  const sizes = isSizeKnown ? [] : [...plan.imageSizes.values()];
  const image = [rates.image, ...sizes].reduce(maxRate, undefined);
  const worst = { ...rates, input: worstOf(rates, inputUnits), output: worstOf(rates, outputUnits), image };
  const worstPlan: RatePlan = { ...plan, tiers: [{ aboveInputTokens: -1, rates: worst }] };
  if (!pieces) worstPlans.set(rates, worstPlan);
  return worstPlan;
}

/** By the rates of a tier: a call without pieces is bounded by the same plan every time. */
const worstPlans = new WeakMap<Rates, RatePlan>();

function worstOf(rates: Rates, units: readonly PriceUnit[]): bigint | undefined {
  return units.map((unit) => rates[unit]).reduce(maxRate, undefined);
}

function maxRate(a: bigint | undefined, b: bigint | undefined): bigint | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a > b ? a : b;
}
