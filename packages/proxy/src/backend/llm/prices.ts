// A provider's prices: what configuration overrides, over the catalogue.
import type { LLMProvider, Rates as RatesMessage } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import { toPriceProvider } from '@agentgateway/llm/price/catalogue.ts';
import { type Prices, compilePrices } from '@agentgateway/llm/price/price.ts';
import type { PriceOverride, Rates } from '@agentgateway/llm/price/rate.ts';

/** Whose prices, and the prices. */
export interface ProviderPrices {
  /** The name the catalogue knows the provider by. */
  readonly provider: string;
  readonly prices: Prices;
}

/** Compiles the prices of a provider. */
export function compileProviderPrices({ driver, quirks, baseUrl, prices }: LLMProvider): ProviderPrices {
  const provider = toPriceProvider({ driver, quirks, ...(baseUrl !== '' && { baseUrl }) });
  const overrides = prices.map(({ model, rates, tiers }): PriceOverride => {
    const contextTiers = tiers.map((tier) => ({
      aboveInputTokens: Number(tier.aboveInputTokens),
      rates: toRates(tier.rates),
    }));
    return { model, ...(rates && { rates: toRates(rates) }), ...(contextTiers.length > 0 && { contextTiers }) };
  });
  return { provider, prices: compilePrices(overrides) };
}

function toRates(message: RatesMessage | undefined): Rates {
  if (!message) return {};
  const { input, output, cacheRead, cacheWrite5m, cacheWrite1h, reasoning, inputAudio, outputAudio, request } = message;
  return { input, output, cacheRead, cacheWrite5m, cacheWrite1h, reasoning, inputAudio, outputAudio, request };
}
