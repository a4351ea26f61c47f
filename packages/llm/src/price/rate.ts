// The words of prices: units, rates in integer pico-dollars (10⁻¹² $) per unit, context tiers, and what configuration may override.

/** What has a price of its own. Tokens, but for calls of tools, whole requests, images, pages, and hours of sound. */
export const priceUnits = [
  'input',
  'cacheRead',
  'cacheWrite5m',
  'cacheWrite1h',
  'inputAudio',
  'cacheReadAudio',
  'inputImage',
  'cacheReadImage',
  'output',
  'reasoning',
  'outputAudio',
  'outputImage',
  'webSearch',
  'fileSearch',
  'codeExecution',
  'request',
  'image',
  'page',
  'annotatedPage',
  'audioHour',
] as const;

/** One of the units. */
export type PriceUnit = (typeof priceUnits)[number];

/** Pico-dollars per unit. A part without a rate of its own is charged at the rate of what it is a part of. */
export type Rates = { readonly [U in PriceUnit]?: bigint | undefined };

/** Rates of a model at one time: the tier with the highest start that the whole prompt exceeds holds for the whole request. */
export interface RatePlan {
  /** Names the rates: catalogue version, provider and model, or the override. */
  readonly id: string;
  /** Ascending; the first starts below every prompt. */
  readonly tiers: readonly { readonly aboveInputTokens: number; readonly rates: Rates }[];
  /** Pico-dollars per image by size, before `image`. */
  readonly imageSizes: ReadonlyMap<string, bigint>;
  /** Shorter sound is charged as this long. */
  readonly audioMsMin?: number;
}

/** A price from configuration, which wins over the catalogue's. */
export interface PriceOverride {
  /** A price provider (see toPriceProvider); unset means every one. */
  readonly provider?: string | undefined;
  /** The name sent upstream: exact, or with one *. Exact wins, then the longest. */
  readonly model: string;
  /**
   * With contextTiers and imageSizes this replaces the catalogue's price as a whole, so that a negotiated price never
   * mixes with a list price. An override that sets serviceTiers alone keeps the catalogue's rates.
   */
  readonly rates?: Rates | undefined;
  /** Rates that differ where the prompt is longer; what a tier leaves out is as below it. */
  readonly contextTiers?: readonly { readonly aboveInputTokens: number; readonly rates: Rates }[] | undefined;
  /** Prices of images by size, in pico-dollars. */
  readonly imageSizes?: readonly { readonly size: string; readonly rate: bigint }[] | undefined;
  /** Service tiers by name, in percent of the token rates. */
  readonly serviceTiers?: readonly { readonly name: string; readonly percent: number }[] | undefined;
}

/** Nothing is charged, and that is known. */
export const freeRates: Rates = Object.fromEntries(priceUnits.map((unit) => [unit, 0n]));

/** The rates that hold for a prompt of so many tokens, and where their tier starts. */
export function chooseTier(plan: RatePlan, inputTokens: number): { readonly rates: Rates; readonly above: number } {
  const tier = plan.tiers.findLast(({ aboveInputTokens }) => inputTokens > aboveInputTokens) ?? plan.tiers[0];
  return { rates: tier?.rates ?? {}, above: tier?.aboveInputTokens ?? -1 };
}
