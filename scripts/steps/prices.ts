// Compiles the price catalogue: genai-prices' floats per million become integer pico-dollars per unit, a JSON text per provider.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** What is read of the catalogue package; anything else in it is refused. */
interface SourceProvider {
  readonly id: string;
  readonly api_pattern: string;
  readonly fallback_model_providers?: readonly string[];
  readonly models: readonly SourceModel[];
}
interface SourceModel {
  readonly id: string;
  readonly match: Readonly<Record<string, unknown>>;
  readonly prices: SourcePrice | readonly { readonly constraint?: SourceConstraint; readonly prices: SourcePrice }[];
}
type SourcePrice = Readonly<
  Record<string, number | { readonly base: number; readonly tiers: readonly { start: number; price: number }[] }>
>;
type SourceConstraint =
  | { readonly type: 'start_date'; readonly start_date: string }
  | { readonly type: 'time_of_date'; readonly start_time: string; readonly end_time: string };

const perToken = 1e6;
const perCall = 1e9;
const perHour = 1e12;

/** Source price key → our unit, and the factor from its dollars to pico-dollars per unit. */
const units: Readonly<Record<string, readonly [unit: string, factor: number]>> = {
  input_mtok: ['input', perToken],
  cache_read_mtok: ['cacheRead', perToken],
  cache_write_mtok: ['cacheWrite5m', perToken],
  cache_write_1h_mtok: ['cacheWrite1h', perToken],
  input_audio_mtok: ['inputAudio', perToken],
  cache_audio_read_mtok: ['cacheReadAudio', perToken],
  input_image_mtok: ['inputImage', perToken],
  cache_image_read_mtok: ['cacheReadImage', perToken],
  output_mtok: ['output', perToken],
  output_reasoning_mtok: ['reasoning', perToken],
  output_audio_mtok: ['outputAudio', perToken],
  output_image_mtok: ['outputImage', perToken],
  web_searches_kcount: ['webSearch', perCall],
  storage_searches_kcount: ['fileSearch', perCall],
  code_executions_kcount: ['codeExecution', perCall],
  requests_kcount: ['request', perCall],
  input_document_kpages: ['page', perCall],
  input_annotated_document_kpages: ['annotatedPage', perCall],
  audio_hours: ['audioHour', perHour],
  input_audio_hours: ['audioHour', perHour],
};

/** Writes packages/llm/src/gen/prices.ts. */
export async function generatePrices(): Promise<ReadonlyMap<string, string>> {
  const llm = join(import.meta.dirname, '../../packages/llm/package.json');
  const entry = createRequire(llm).resolve('@pydantic/genai-prices');
  const manifest = JSON.parse(readFileSync(join(dirname(entry), '../package.json'), 'utf8')) as { version: string };
  const source = (await import(pathToFileURL(entry).href)) as { waitForUpdate(): Promise<readonly SourceProvider[]> };
  const providers = [...(await source.waitForUpdate())].sort((a, b) => (a.id < b.id ? -1 : 1));
  const text = [
    '// Generated from the package @pydantic/genai-prices (MIT) by `make gen`; do not edit.',
    '',
    '/** The package whose prices these are. */',
    `export const catalogueVersion = ${quote(`genai-prices@${manifest.version}`)};`,
    '',
    '/** Provider, and the pattern that the start of its base URL matches. */',
    'export const catalogueHosts: readonly (readonly [provider: string, pattern: string])[] = [',
    ...providers.map(({ id, api_pattern: pattern }) => `  [${quote(id)}, ${quote(pattern)}],`),
    '];',
    '',
    '/** Provider → its table as JSON, parsed at the first look-up: rates in pico-dollars per unit. */',
    'export const catalogue: Readonly<Record<string, string>> = {',
    ...providers.map((provider) => `  ${quote(provider.id)}:\n    ${quote(JSON.stringify(toTable(provider)))},`),
    '};',
    '',
  ].join('\n');
  return new Map([['packages/llm/src/gen/prices.ts', text]]);
}

/** A single-quoted string literal. */
function quote(text: string): string {
  return `'${JSON.stringify(text)
    .slice(1, -1)
    .replaceAll('\\"', '"')
    .replaceAll("'", String.raw`\'`)}'`;
}

function toTable(provider: SourceProvider): object {
  const models = provider.models.map((model) => {
    const match = toMatch(model.match);
    const isOwnName = match === `=${model.id}`;
    return [model.id, isOwnName ? 0 : match, toPrices(model)];
  });
  return { models, ...(provider.fallback_model_providers && { fallback: provider.fallback_model_providers }) };
}

/** `=x` equals, `^x` starts with, `$x` ends with, `*x` contains, `~x` regular expression; a list is or, `{all}` is and. */
function toMatch(match: Readonly<Record<string, unknown>>): unknown {
  const [operator, operand] = Object.entries(match)[0] ?? [];
  const signs: Readonly<Record<string, string>> = {
    equals: '=',
    starts_with: '^',
    ends_with: '$',
    contains: '*',
    regex: '~',
  };
  const parts = (): unknown[] => (operand as Readonly<Record<string, unknown>>[]).map((part) => toMatch(part));
  if (operator === 'or') return parts();
  if (operator === 'and') return { all: parts() };
  const sign = operator === undefined ? undefined : signs[operator];
  if (sign === undefined || typeof operand !== 'string')
    throw new Error(`unknown match ${JSON.stringify(match)}; teach scripts/steps/prices.ts about it`);
  return sign + (operator === 'regex' ? operand : operand.toLowerCase());
}

/** Rates, or a list of them with their conditions (the last that holds counts); 0 where there is no price, text where the gateway cannot count the unit. */
function toPrices(model: SourceModel): unknown {
  if (!Array.isArray(model.prices)) return toRates(model.id, model.prices as SourcePrice);
  const list = model.prices as Exclude<SourceModel['prices'], SourcePrice>;
  return list.map(({ constraint, prices }) => ({ rates: toRates(model.id, prices), ...toCondition(constraint) }));
}

function toCondition(constraint: SourceConstraint | undefined): object {
  if (!constraint) return {};
  if (constraint.type === 'start_date') return { fromMs: Date.parse(`${constraint.start_date}T00:00:00Z`) };
  return { dayMs: [toDayMs(constraint.start_time), toDayMs(constraint.end_time)] };
}

/** Milliseconds since midnight, UTC. */
function toDayMs(time: string): number {
  const ms = Date.parse(`2000-01-01T${time}`) - Date.parse('2000-01-01T00:00:00Z');
  if (Number.isNaN(ms)) throw new Error(`unknown time of day ${time}`);
  return (ms + 86_400_000) % 86_400_000;
}

function toRates(id: string, prices: SourcePrice): unknown {
  const entries = Object.entries(prices);
  // The catalogue writes "free" and "not known" alike, as no price at all; only a name that says free is.
  if (entries.length === 0) return id.endsWith(':free') ? { input: 0, output: 0 } : 0;
  const rates: Record<string, unknown> = {};
  for (const [key, price] of entries) {
    const [unit, factor] = units[key] ?? [];
    if (unit === undefined || factor === undefined) return key;
    const value =
      typeof price === 'number'
        ? toPico(price, factor)
        : [toPico(price.base, factor), ...sortTiers(price.tiers).flatMap((t) => [t.start, toPico(t.price, factor)])];
    if (rates[unit] !== undefined && JSON.stringify(rates[unit]) !== JSON.stringify(value))
      throw new Error(`${id}: ${key} disagrees with another price of the unit ${unit}`);
    rates[unit] = value;
  }
  return rates;
}

function sortTiers(tiers: readonly { start: number; price: number }[]): { start: number; price: number }[] {
  return [...tiers].sort((a, b) => a.start - b.start);
}

/** Floats carry noise (0.034999999999999996): the nearest pico-dollar is the price that was meant. */
function toPico(dollars: number, factor: number): number {
  const pico = Math.round(dollars * factor);
  if (!Number.isSafeInteger(pico) || pico < 0) throw new Error(`not a price: ${dollars}`);
  return pico;
}
