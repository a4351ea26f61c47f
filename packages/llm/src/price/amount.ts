// Exact money: splits a usage vector into parts that are charged once each, multiplies in integers, rounds once at the end.
import type { Usage } from '../usage.ts';
import type { PriceUnit, RatePlan, Rates } from './rate.ts';
import { chooseTier } from './rate.ts';

const msPerHour = 3_600_000n;
const percents = 100n;
const picoPerNano = 1000n;
/** Amounts are summed in pico-dollars over this, so that hours and percents stay whole numbers. */
const scale = msPerHour * percents;

/** A sum not yet rounded, and what it could not price. */
export interface Amount {
  /** Pico-dollars × `scale`. */
  readonly scaled: bigint;
  /** Start of the context tier that was used; -1 is the lowest. */
  readonly above: number;
  /** Parts with a count and without a rate. */
  readonly unpriced: readonly { readonly unit: PriceUnit; readonly isToken: boolean }[];
  /** Whether any part with a count had a rate. */
  readonly isPriced: boolean;
}

/** The units whose rate a count is charged at: the first that has one. */
type Units = readonly [PriceUnit, ...PriceUnit[]];

/** In the order of `tokenCounts`. */
const tokenUnits: readonly Units[] = [
  ['input'],
  ['cacheRead', 'input'],
  ['cacheWrite5m', 'input'],
  ['cacheWrite1h', 'cacheWrite5m', 'input'],
  ['inputAudio', 'input'],
  ['cacheReadAudio', 'inputAudio', 'input'],
  ['inputImage', 'input'],
  ['cacheReadImage', 'inputImage', 'input'],
  ['output'],
  ['reasoning', 'output'],
  ['outputAudio', 'output'],
  ['outputImage', 'output'],
];

/** In the order of `callCounts`. */
const callUnits: readonly Units[] = [
  ['webSearch'],
  ['fileSearch'],
  ['codeExecution'],
  ['page'],
  ['annotatedPage', 'page'],
  ['request'],
];
const audioUnits: Units = ['audioHour'];
const imageUnits: Units = ['image'];

/** Adds up what a call costs at a plan's rates. `tokenPercent` is the service tier's share of the token rates. */
export function sumUsage(plan: RatePlan, usage: Usage, tokenPercent: number): Amount {
  const { rates, above } = chooseTier(plan, usage.inputTotal ?? 0);
  const unpriced: { unit: PriceUnit; isToken: boolean }[] = [];
  let scaled = 0n;
  let isPriced = false;
  const add = (count: number, units: Units, factor: bigint, isToken: boolean): void => {
    if (count === 0) return;
    const unit = units.find((name) => rates[name] !== undefined);
    if (unit === undefined) {
      unpriced.push({ unit: units[0], isToken });
      return;
    }
    isPriced = true;
    scaled += BigInt(count) * rates[unit]! * factor;
  };
  const tokenFactor = msPerHour * BigInt(tokenPercent);
  const tokens = tokenCounts(usage);
  for (let i = 0; i < tokens.length; i++) add(tokens[i]!, tokenUnits[i]!, tokenFactor, true);
  const calls = callCounts(usage, rates);
  for (let i = 0; i < calls.length; i++) add(calls[i]!, callUnits[i]!, scale, false);
  add(usage.audioMs ? Math.max(usage.audioMs, plan.audioMsMin ?? 0) : 0, audioUnits, percents, false);
  const size = plan.imageSizes.get(usage.imageSize ?? '');
  if (size === undefined) add(usage.images ?? 0, imageUnits, scale, false);
  else {
    scaled += BigInt(usage.images ?? 0) * size * scale;
    isPriced = true;
  }
  return { scaled, above, unpriced, isPriced };
}

/**
 * Every token once. Where a provider does not tell how many cached tokens were sound or pictures, cached tokens are
 * taken to be text as far as there was text: text is the cheaper part, so the sum errs upwards.
 */
function tokenCounts(usage: Usage): readonly number[] {
  const cacheRead = usage.inputCacheRead ?? 0;
  const write5m = usage.inputCacheWrite5m ?? 0;
  const write1h = usage.inputCacheWrite1h ?? 0;
  const audio = usage.inputAudio ?? 0;
  const image = usage.inputImage ?? 0;
  const total = usage.inputTotal ?? cacheRead + write5m + write1h + audio + image;
  const text = Math.max(0, total - audio - image);
  const overlap = Math.max(0, cacheRead + write5m + write1h - text);
  const cachedAudio = Math.min(audio, cacheRead, usage.inputCacheReadAudio ?? overlap);
  const cachedImage = Math.min(image, cacheRead - cachedAudio, usage.inputCacheReadImage ?? overlap - cachedAudio);
  const cached = cachedAudio + Math.max(0, cachedImage);
  const cachedImages = cached - cachedAudio;
  const plain = total - (cacheRead - cached) - write5m - write1h - audio - image;
  const reasoning = usage.outputReasoning ?? 0;
  const outputAudio = usage.outputAudio ?? 0;
  const outputImage = usage.outputImage ?? 0;
  const output = (usage.outputTotal ?? 0) - reasoning - outputAudio - outputImage;
  return [
    Math.max(0, plain),
    cacheRead - cached,
    write5m,
    write1h,
    audio - cachedAudio,
    cachedAudio,
    image - cachedImages,
    cachedImages,
    Math.max(0, output),
    reasoning,
    outputAudio,
    outputImage,
  ];
}

function callCounts(usage: Usage, rates: Rates): readonly number[] {
  return [
    usage.webSearches ?? 0,
    usage.fileSearches ?? 0,
    usage.codeExecutions ?? 0,
    usage.pages ?? 0,
    usage.annotatedPages ?? 0,
    rates.request === undefined ? 0 : (usage.requests ?? 1),
  ];
}

/** Nano-dollars of an amount: half-even when it is settled, up when it is reserved. */
export function toNano(scaled: bigint, rounding: 'half-even' | 'up'): bigint {
  const divisor = scale * picoPerNano;
  const whole = scaled / divisor;
  const rest = scaled % divisor;
  if (rest === 0n) return whole;
  if (rounding === 'up') return whole + 1n;
  const twice = rest * 2n;
  return twice > divisor || (twice === divisor && whole % 2n === 1n) ? whole + 1n : whole;
}
