// Reads the compiled catalogue: which provider and model a name means, and the rates that hold at a time.
import { catalogue, catalogueHosts, catalogueVersion } from '../gen/prices.ts';
import type { PriceUnit, RatePlan, Rates } from './rate.ts';

/** Longer model names are not looked for. */
const modelNameCharsMax = 256;
const msPerDay = 86_400_000;

/** Our names of providers where the catalogue has another. */
const catalogueNames: Readonly<Record<string, string>> = { xai: 'x-ai' };

/** The catalogue leaves least lengths to its own code. Source: https://console.groq.com/docs/speech-to-text */
const audioMsMins: Readonly<Record<string, number>> = {
  'groq/whisper-large-v3': 10_000,
  'groq/whisper-large-v3-turbo': 10_000,
};

/** A match as written by scripts/steps/prices.ts; 0 is the model's own name. */
type Match = 0 | string | readonly Match[] | { readonly all: readonly Match[] };
/** Unit → rate, or base and then pairs of start and rate. */
type TableRates = { readonly [U in PriceUnit]?: number | readonly number[] };
/** 0 where the catalogue has no price; text where it has one in a unit that the gateway does not count. */
type TablePrice = TableRates | string | 0;
interface TableCondition {
  readonly rates: TablePrice;
  readonly fromMs?: number;
  readonly dayMs?: readonly [from: number, to: number];
}
type TableModel = readonly [id: string, match: Match, prices: TablePrice | readonly TableCondition[]];
interface Table {
  readonly models: readonly TableModel[];
  readonly fallback?: readonly string[];
}

const tables = new Map<string, Table>();

/** A provider's table; the first call parses it. */
function openTable(provider: string): Table | undefined {
  const known = tables.get(provider);
  if (known || !Object.hasOwn(catalogue, provider)) return known;
  const table = JSON.parse(catalogue[provider]!) as Table;
  tables.set(provider, table);
  return table;
}

/** Under which name a provider's prices are kept: the driver, the quirk row, or what the address says; the driver's name where nothing is known. */
export function toPriceProvider(provider: { driver: string; quirks?: string; baseUrl?: string }): string {
  if (provider.driver !== 'openaiCompatible') return provider.driver;
  if (provider.quirks) return provider.quirks;
  const { baseUrl } = provider;
  const host = baseUrl && catalogueHosts.find(([, pattern]) => new RegExp(`^(?:${pattern})`).test(baseUrl));
  return host ? host[0] : provider.driver;
}

/** A model of the catalogue, with the prices that its conditions choose among. */
export interface CatalogueModel {
  readonly id: string;
  readonly provider: string;
  /** The rates at a time (ms since the epoch, UTC), or why there are none. */
  planAt(nowMs: number): RatePlan | { readonly unknown: string };
  /** Every plan that may hold between two times, for upper bounds. */
  plansWithin(fromMs: number, toMs: number): readonly RatePlan[];
}

/** Looks a model up; undefined where the catalogue has no such provider or model. */
export function findModel(provider: string, model: string): CatalogueModel | undefined {
  const name = model.trim().toLowerCase();
  if (name.length > modelNameCharsMax) return undefined;
  const key = catalogueNames[provider] ?? provider;
  return findIn(key, name) ?? findIn(key, withDashedDate(name));
}

/** Ids of a provider's models in the catalogue, in its order; empty where it has no such provider. */
export function listCatalogueModels(provider: string): string[] {
  return openTable(catalogueNames[provider] ?? provider)?.models.map(([id]) => id) ?? [];
}

function findIn(provider: string, name: string): CatalogueModel | undefined {
  const table = openTable(provider);
  const found = table?.models.find(([id, match]) => isMatch(match, id.toLowerCase(), name));
  if (found) return compileModel(provider, found);
  for (const other of table?.fallback ?? []) {
    const model = openTable(other)?.models.find(([id, match]) => isMatch(match, id.toLowerCase(), name));
    if (model) return compileModel(other, model);
  }
  return undefined;
}

/** Vendors write snapshots both as -20250929 and as -2025-09-29. */
function withDashedDate(name: string): string {
  return name.replaceAll(/-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)/g, '-$1-$2-$3');
}

function isMatch(match: Match, id: string, name: string): boolean {
  if (match === 0) return name === id;
  if (typeof match !== 'string')
    return 'all' in match
      ? match.all.every((part) => isMatch(part, id, name))
      : match.some((part) => isMatch(part, id, name));
  const operand = match.slice(1);
  switch (match[0]) {
    case '=':
      return name === operand;
    case '^':
      return name.startsWith(operand);
    case '$':
      return name.endsWith(operand);
    case '*':
      return name.includes(operand);
    case '~':
      return new RegExp(operand).test(name);
    default:
      throw new Error(`the compiled price catalogue holds the match ${match}, which is not known here`);
  }
}

function compileModel(provider: string, [id, , prices]: TableModel): CatalogueModel {
  const conditions: readonly TableCondition[] = isConditional(prices) ? prices : [{ rates: prices }];
  const audioMsMin = audioMsMins[`${provider}/${id}`];
  const plans = conditions
    .map(({ rates }, index) =>
      compilePlan(`${catalogueVersion}/${provider}/${id}${conditions.length > 1 ? `#${index}` : ''}`, rates),
    )
    .map((plan) => ('tiers' in plan && audioMsMin !== undefined ? { ...plan, audioMsMin } : plan));
  const always = conditions.every(({ fromMs, dayMs }) => fromMs === undefined && dayMs === undefined);
  const everyPlan = always ? plans.slice(-1).filter((plan): plan is RatePlan => 'tiers' in plan) : undefined;
  return {
    id,
    provider,
    planAt(nowMs) {
      const index = conditions.findLastIndex((condition) => holds(condition, nowMs));
      return plans[Math.max(index, 0)] ?? { unknown: `${id} has no price` };
    },
    plansWithin(fromMs, toMs) {
      if (everyPlan) return everyPlan;
      const times = [fromMs, toMs, ...conditions.flatMap((condition) => changes(condition, fromMs))];
      const within = times.filter((time) => time >= fromMs && time <= toMs).map((time) => this.planAt(time));
      return [...new Set(within)].filter((plan): plan is RatePlan => 'tiers' in plan);
    },
  };
}

function isConditional(prices: TableModel[2]): prices is readonly TableCondition[] {
  return Array.isArray(prices);
}

function holds({ fromMs, dayMs }: TableCondition, nowMs: number): boolean {
  if (fromMs !== undefined) return nowMs >= fromMs;
  if (dayMs === undefined) return true;
  const [from, to] = dayMs;
  const time = nowMs % msPerDay;
  return to < from ? time >= from || time < to : time >= from && time < to;
}

/** When a condition may begin or cease to hold, within a day of a time. */
function changes({ fromMs, dayMs }: TableCondition, aroundMs: number): readonly number[] {
  if (fromMs !== undefined) return [fromMs];
  const midnight = aroundMs - (aroundMs % msPerDay);
  return (dayMs ?? []).flatMap((time) => [midnight + time, midnight + msPerDay + time]);
}

function compilePlan(id: string, price: TablePrice): RatePlan | { readonly unknown: string } {
  if (price === 0) return { unknown: `${id} is listed without a price` };
  if (typeof price === 'string') return { unknown: `${id} is priced by ${price}, which is not counted` };
  const entries = Object.entries(price) as [PriceUnit, number | readonly number[]][];
  const starts = new Set([-1]);
  for (const [, rate] of entries) {
    if (typeof rate !== 'number') for (let at = 1; at < rate.length; at += 2) starts.add(rate[at]!);
  }
  const tiers = [...starts]
    .sort((a, b) => a - b)
    .map((aboveInputTokens) => ({ aboveInputTokens, rates: ratesAt(entries, aboveInputTokens) }));
  return { id, tiers, imageSizes: new Map() };
}

function ratesAt(entries: readonly [PriceUnit, number | readonly number[]][], start: number): Rates {
  return Object.fromEntries(
    entries.map(([unit, rate]) => {
      if (typeof rate === 'number') return [unit, BigInt(rate)];
      let chosen = rate[0]!;
      for (let at = 1; at < rate.length; at += 2) if (start >= rate[at]!) chosen = rate[at + 1]!;
      return [unit, BigInt(chosen)];
    }),
  );
}
