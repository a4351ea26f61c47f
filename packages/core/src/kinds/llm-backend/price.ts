// Prices in configuration → integer rates (contract 11).
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ModelPriceSchema, RatesSchema } from '@agentgateway/api/gen/agentgateway/v1/backend_pb.ts';
import { toPicoDollars, toPicoDollarsPerUnit } from '../../schema/dialect.ts';
import type { LlmBackendSpec } from './schema.ts';

type PriceSpec = LlmBackendSpec['providers'][number]['prices'][number];

const perMillion = [
  'input',
  'output',
  'cacheRead',
  'cacheWrite5m',
  'cacheWrite1h',
  'reasoning',
  'inputAudio',
  'outputAudio',
] as const;

/** A price as it travels: pico-dollars, tiers sorted by threshold. */
export function toModelPrice(price: PriceSpec): MessageInitShape<typeof ModelPriceSchema> {
  return {
    model: price.model,
    rates: toRates(price),
    tiers: price.tiers
      .map((tier) => ({ aboveInputTokens: BigInt(tier.aboveInputTokens), rates: toRates(tier) }))
      .sort((a, b) => Number(a.aboveInputTokens - b.aboveInputTokens)),
  };
}

/** Only the rates that were written: absent is not zero. */
function toRates(
  rates: Partial<Pick<PriceSpec, (typeof perMillion)[number] | 'request'>>,
): MessageInitShape<typeof RatesSchema> {
  const written = perMillion.flatMap((name) => {
    const rate = rates[name];
    return rate === undefined ? [] : [[name, toPicoDollarsPerUnit(rate)] as const];
  });
  return {
    ...Object.fromEntries(written),
    ...(rates.request !== undefined && { request: toPicoDollars(rates.request) }),
  };
}
